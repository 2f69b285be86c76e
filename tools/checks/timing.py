"""Time what a learner waits for: import, clip, shell to mp4, a film in the playground: make timing."""

import functools
import http.server
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import timeit

import torch

from t2v_helpers import generate, load_pipeline
from tools.course import ROOT

SITE = ROOT / "build" / "site"
PROMPT = "a red circle moving left"


def python(*arguments):
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


def row(what, repeat, function, *arguments, less=0.0):
    """Print the times in seconds of `repeat` calls, each reduced by `less`."""
    show(what, [seconds - less for seconds in timeit.repeat(lambda: function(*arguments), number=1, repeat=repeat)])


def show(what, times):
    spread = f"of {len(times)}, {min(times):.2f} to {max(times):.2f} s"
    print(f"{what:45} median {statistics.median(times):6.2f} s   {spread}")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def find_chromium():
    """The path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def playground(model, visits=3):
    """Time a model's films in the playground, each visit in a new browser: from opening the page, and the next."""
    from playwright.sync_api import sync_playwright

    chromium = find_chromium()
    if not chromium or not SITE.is_dir():
        print(f"the playground was not timed: {'make site first' if chromium else 'no chromium on the PATH'}")
        return
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    first, following = [], []
    with sync_playwright() as driver:
        for _ in range(visits):
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page, begun = browser.new_page(), time.perf_counter()
            page.set_default_timeout(120_000)
            address = f"http://127.0.0.1:{server.server_port}/playground.html#model={model}"
            page.goto(address, wait_until="domcontentloaded")
            for times in (first, following):
                page.wait_for_selector("#films[data-state=done]")
                times.append(time.perf_counter() - begun)
                begun = time.perf_counter()
                page.click("#go")
                page.wait_for_selector("#films[data-state=working]")
            browser.close()
    server.shutdown()
    show(f"playground, {model}: opening to the first film", first)
    show(f"playground, {model}: the next film", following)


def main():
    os.environ["HF_HUB_OFFLINE"] = "1"
    empty = statistics.median(timeit.repeat(lambda: python("-c", "pass"), number=1, repeat=5))
    row("import t2v_helpers", 5, python, "-c", "import t2v_helpers", less=empty)
    with tempfile.TemporaryDirectory() as folder:
        command = ["-m", "t2v_helpers", PROMPT, "--output", f"{folder}/clip.mp4", "--overwrite", "--model", "tiny"]
        row("cold start, shell to mp4", 3, python, *command)
    pipeline = load_pipeline("tiny")
    generate(PROMPT, pipeline)
    for model in ("tiny", "tiny-wan"):
        playground(model)
    row(f"a clip of 2 s, {torch.get_num_threads()} threads", 9, generate, PROMPT, pipeline)


if __name__ == "__main__":
    main()
