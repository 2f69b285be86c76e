"""Run notebooks from top to bottom in a fresh kernel and store their outputs: make notebooks [NOTEBOOKS="..."]."""

import os
import pathlib
import sys
import time

import nbformat
from nbclient import NotebookClient

ROOT = pathlib.Path(__file__).resolve().parent.parent
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def run(path):
    """Execute one notebook and replace it; a notebook that fails is left as it was."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", record_timing=False)
    client.resources = {"metadata": {"path": str(path.parent)}}
    client.execute()
    notebook.metadata["language_info"] = {"name": "python"}  # the kernel adds its version, which changes by machine
    nbformat.validate(notebook)
    temporary = path.with_suffix(".tmp")
    nbformat.write(notebook, temporary)
    os.replace(temporary, path)


def main(names):
    paths = [pathlib.Path(name) for name in names] or sorted((ROOT / "notebooks").glob("*.ipynb"))
    os.environ["HF_HUB_OFFLINE"] = "1"
    for path in paths:
        begin = time.perf_counter()
        run(path)
        print(f"{path.name}: {time.perf_counter() - begin:.0f} s, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
