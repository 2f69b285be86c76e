"""Loads ModelScope at its real size and prints the peak of memory: does it fit into Colab's 12 GB of RAM?

It writes a hub cache as the hub's client would, with ModelScope's half-precision files at their real sizes (3.67 GB,
of constant weights), into a folder that you name, loads it by its hub id in a process of its own, and removes it.

    python tools/colab_memory.py FOLDER [--device cpu] [--limit 12] [--keep]

On a GPU it is loaded in half precision; `--half` does the same on a CPU, where it would be single precision and twice
as large. Exit code 1 if the peak is over the limit. Not a test of CI: it takes minutes and 3.67 GB of disk.
"""

import argparse
import json
import pathlib
import shutil
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
LOAD = """
import json, sys, time, threading
from huggingface_hub import constants
from t2v_helpers.models import pipelines
import torch

def memory():  # what is this process's own (anonymous) and what is mapped from files, which the system can drop
    with open("/proc/self/status") as file:
        fields = dict(line.split(":", 1) for line in file)
    return [1024 * int(fields[name].split()[0]) for name in ("RssAnon", "RssFile", "VmHWM")]

peak = [0, 0, 0]
def watch():
    while True:
        peak[:] = map(max, peak, memory())
        time.sleep(0.02)

start = memory()
threading.Thread(target=watch, daemon=True).start()
device, half = sys.argv[1], sys.argv[2] == "half"
began = time.monotonic()
if half:  # as on a GPU, with the CPU in its place
    real = pipelines._assemble
    pipelines._assemble = lambda found, dtype, *rest: real(found, torch.float16, *rest)
pipe = pipelines.load_pipeline("modelscope", device=device)
took = time.monotonic() - began
parts = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
weights = sum(p.nbytes for part in parts for p in part.parameters())
for part in parts:
    for parameter in part.parameters():
        parameter.detach().clone()  # read once, as on the way to a GPU: until then a mapped file takes no memory
peak[:] = map(max, peak, memory())
print(json.dumps({"start": start, "peak": peak, "weights": weights, "seconds": took, "dtype": str(pipe.unet.dtype)}))
"""


def write_cache(cache):
    """The hub's cache with ModelScope's repository at the pinned commit; returns the bytes of weights written."""
    import fake_hub

    from t2v_helpers.models import skeleton

    snapshot, total = fake_hub.write_hub_cache(cache), 0
    for part, module in skeleton().items():
        stem = "model" if part == "text_encoder" else "diffusion_pytorch_model"
        tensors = fake_hub._old_names(part, module.state_dict())
        file = (snapshot / part / f"{stem}.fp16.safetensors").resolve()
        total += write_constant(file, {name: tuple(tensor.shape) for name, tensor in tensors.items()})
        config = json.loads(module.config.to_json_string() if part == "text_encoder" else module.to_json_string())
        config |= {"torch_dtype": "float16"} if part == "text_encoder" else {}
        link = snapshot / part / "config.json"
        link.unlink()
        link.write_text(json.dumps(config))
    return total


def write_constant(file, shapes):
    """A safetensors file of half-precision tensors, all numbers 2^-7, written piece by piece; returns its bytes."""
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        start, count = end, 1
        for side in shape:
            count *= side
        end += 2 * count
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    piece, left = struct.pack("<e", 2**-7) * (1 << 23), end
    with open(file, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        while left:
            left -= out.write(piece[:left])
    return 8 + len(text) + end


def main():
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], allow_abbrev=False)
    parser.add_argument("folder", type=pathlib.Path, metavar="FOLDER", help="where 3.67 GB may be written")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--half", action="store_true", help="half precision on the CPU, as it would be on a GPU")
    parser.add_argument("--limit", type=float, default=12, metavar="GB", help="of RAM (default: 12)")
    parser.add_argument("--keep", action="store_true", help="leave the files there, and take what is there")
    args = parser.parse_args()
    cache = args.folder / "colab-memory"
    try:
        if not cache.is_dir():
            print(f"writing {write_cache(cache) / 1e9:.2f} GB into {cache}")
        import os

        env = os.environ | {"HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", LOAD, args.device, "half" if args.half else "own"]
        made = subprocess.run(command, env=env, capture_output=True, text=True)
        if made.returncode:
            print(f"colab_memory: loading failed: {' '.join(made.stderr.split())[-300:]}", file=sys.stderr)
            return 1
        found = json.loads(made.stdout.splitlines()[-1])
    finally:
        if not args.keep:
            shutil.rmtree(cache, ignore_errors=True)
    anon, mapped, resident = (value / 1e9 for value in found["peak"])
    print(f"{found['weights'] / 1e9:.2f} GB of weights in {found['dtype']}, loaded in {found['seconds']:.0f} s")
    print(f"peak of resident memory {resident:.2f} GB (own {anon:.2f}, mapped from files {mapped:.2f})")
    print(f"{'within' if resident <= args.limit else 'over'} the limit of {args.limit:g} GB")
    return resident > args.limit


if __name__ == "__main__":
    sys.exit(main())
