"""A file of prompts, the command that makes clips of it, and what is read back of its folder."""

import json
import os
import pathlib
import subprocess
import sys

import torch

from t2v_helpers.batch import cli

TEXT = """\
# moving shapes

a red circle moving left
a blue square growing
 \t
a red circle moving left
a green triangle falling
"""
NAMES = [
    "0003-a-red-circle-moving-left.mp4",
    "0004-a-blue-square-growing.mp4",
    "0006-a-red-circle-moving-left.mp4",
    "0007-a-green-triangle-falling.mp4",
]


def options(scale, prompts, folder, *more):
    return [str(x) for x in (prompts, "--output-dir", folder, "--model", scale, "--steps", 1, "--frames", 2, *more)]


def run(scale, prompts, folder, *more):
    return cli.main(options(scale, prompts, folder, *more))


def clips(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != "manifest.jsonl"}


def manifest(folder):
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def process(*arguments):
    root = pathlib.Path(cli.__file__).parents[2]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    threads = str(torch.get_num_threads())  # another number of threads may round otherwise
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": threads},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that it can be killed with what it has started
    )
