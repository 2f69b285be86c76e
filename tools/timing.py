"""Time what a learner waits for: the import, a clip, and the way from the shell to a written mp4: make timing."""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

PROMPT = "a red circle moving left"


def seconds(function):
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def shell(*arguments):
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


def row(what, times):
    print(
        f"{what:45} median {statistics.median(times):6.2f} s   of {len(times)}, {min(times):.2f} to {max(times):.2f} s"
    )


def main():
    os.environ["HF_HUB_OFFLINE"] = "1"
    empty = statistics.median(seconds(lambda: shell("-c", "pass")) for _ in range(5))
    row("import t2v_helpers", [seconds(lambda: shell("-c", "import t2v_helpers")) - empty for _ in range(5)])
    with tempfile.TemporaryDirectory() as folder:
        output = str(pathlib.Path(folder) / "clip.mp4")
        command = ["-m", "t2v_helpers", PROMPT, "--output", output, "--overwrite", "--model", "tiny"]
        row("cold start, shell to mp4", [seconds(lambda: shell(*command)) for _ in range(3)])

    import torch

    from t2v_helpers import generate, load_pipeline

    pipeline = load_pipeline("tiny")
    generate(PROMPT, pipeline)
    threads = f"{torch.get_num_threads()} threads"
    row(f"a clip of 2 s, {threads}", [seconds(lambda: generate(PROMPT, pipeline, seed=1)) for _ in range(9)])


if __name__ == "__main__":
    main()
