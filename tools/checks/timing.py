"""Time what a learner waits for: the import, a clip, and the command from the shell to the mp4: make timing."""

import os
import statistics
import subprocess
import sys
import tempfile
import timeit

PROMPT = "a red circle moving left"


def shell(*arguments):
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


def row(what, function, repeat, less=0.0):
    """Print the times in seconds of `repeat` calls, each reduced by `less`."""
    times = [seconds - less for seconds in timeit.repeat(function, number=1, repeat=repeat)]
    middle, spread = statistics.median(times), f"{min(times):.2f} to {max(times):.2f} s"
    print(f"{what:45} median {middle:6.2f} s   of {repeat}, {spread}")


def main():
    os.environ["HF_HUB_OFFLINE"] = "1"
    empty = statistics.median(timeit.repeat(lambda: shell("-c", "pass"), number=1, repeat=5))
    row("import t2v_helpers", lambda: shell("-c", "import t2v_helpers"), 5, less=empty)
    with tempfile.TemporaryDirectory() as folder:
        command = ["-m", "t2v_helpers", PROMPT, "--output", f"{folder}/clip.mp4", "--overwrite", "--model", "tiny"]
        row("cold start, shell to mp4", lambda: shell(*command), 3)

    import torch

    from t2v_helpers import generate, load_pipeline

    pipeline = load_pipeline("tiny")
    generate(PROMPT, pipeline)
    row(f"a clip of 2 s, {torch.get_num_threads()} threads", lambda: generate(PROMPT, pipeline, seed=1), 9)


if __name__ == "__main__":
    main()
