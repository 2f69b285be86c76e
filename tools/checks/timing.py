"""Time what a learner waits for: the import, a clip, and the command from the shell to the mp4: make timing."""

import os
import statistics
import subprocess
import sys
import tempfile
import timeit

import torch

from t2v_helpers import generate, load_pipeline

PROMPT = "a red circle moving left"


def python(*arguments):
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


def row(what, repeat, function, *arguments, less=0.0):
    """Print the times in seconds of `repeat` calls, each reduced by `less`."""
    times = [seconds - less for seconds in timeit.repeat(lambda: function(*arguments), number=1, repeat=repeat)]
    spread = f"of {repeat}, {min(times):.2f} to {max(times):.2f} s"
    print(f"{what:45} median {statistics.median(times):6.2f} s   {spread}")


def main():
    os.environ["HF_HUB_OFFLINE"] = "1"
    empty = statistics.median(timeit.repeat(lambda: python("-c", "pass"), number=1, repeat=5))
    row("import t2v_helpers", 5, python, "-c", "import t2v_helpers", less=empty)
    with tempfile.TemporaryDirectory() as folder:
        command = ["-m", "t2v_helpers", PROMPT, "--output", f"{folder}/clip.mp4", "--overwrite", "--model", "tiny"]
        row("cold start, shell to mp4", 3, python, *command)
    pipeline = load_pipeline("tiny")
    generate(PROMPT, pipeline)
    row(f"a clip of 2 s, {torch.get_num_threads()} threads", 9, generate, PROMPT, pipeline)


if __name__ == "__main__":
    main()
