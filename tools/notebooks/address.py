"""Write the course's public address where a reader starts from: make address REPOSITORY=https://github.com/NAME/REPO.

The constant `tools.course.REPOSITORY` holds it; the site reads it there. This command writes it to the badges of
README and notebooks and to the set-up cells, which then ask for nothing in Colab. Colab and Binder open notebooks
from GitHub: with another address, or with none, the badges lead to a page that says what to do.
"""

import argparse
import os
import pathlib
import re
import sys
from urllib.parse import quote

import nbformat

from t2v_helpers._support.command import Parser, run
from t2v_helpers._support.files import write_whole
from tools import course

HELP = "docs/one_click.md"
COLAB = "![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)"
BINDER = "![Open in Binder](https://mybinder.org/badge_logo.svg)"
LINE = re.compile(r"^\[!\[Open in Colab\].*$", re.M)
NOTES = {"09_modelscope.ipynb": " *in Colab, choose a GPU first: Runtime → Change runtime type → T4 GPU*"}


def address(text):
    """An address as git takes it, without what people paste along; "" for "none".

    >>> address("https://github.com/NAME/REPO.git/")
    'https://github.com/NAME/REPO'
    """
    text = re.sub(r"(\.git)?/*$", "", text.strip())
    if text != "none" and not re.fullmatch(r"(https?|git|file)://[\w.:/~@%+-]+", text):  # it becomes part of a command
        raise argparse.ArgumentTypeError(f'got {text!r}, expected https://github.com/NAME/REPO, or "none"')
    return "" if text == "none" else text


def on_github(repository):
    """NAME/REPO of an address on GitHub, else None."""
    found = re.fullmatch(r"https?://github\.com/([\w.-]+/[\w.-]+)", repository)
    return found and found[1]


def badges(notebook, folder, repository):
    """The line of badges that opens a notebook.

    Args:
        notebook: Its path from the repository's root, such as "notebooks/00_first_video.ipynb".
        folder: The folder of the file that shows the line, likewise.
        repository: The course's address, or "".
    """
    github, note = on_github(repository), NOTES.get(pathlib.PurePosixPath(notebook).name, "")
    if not github:
        return f"[{COLAB}]({pathlib.PurePath(os.path.relpath(HELP, folder)).as_posix()}){note}"
    colab = f"https://colab.research.google.com/github/{github}/blob/{course.BRANCH}/{notebook}"
    binder = f"https://mybinder.org/v2/gh/{github}/{course.BRANCH}?labpath={quote(notebook, safe='')}"
    return f"[{COLAB}]({colab}) [{BINDER}]({binder}){note}"


def once(pattern, new, text, path):
    """Replace the one place of a text that a pattern matches."""
    text, found = re.subn(pattern, lambda _: new, text, flags=re.M)
    if found != 1:
        raise ValueError(f"{path}: got {found} places like {pattern!r}, expected one")
    return text


def addressed(root, repository):
    """The texts of all files that name the address, {path: text}; nothing is written."""
    texts = {}
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        title, setup = notebook.cells[0], next(cell for cell in notebook.cells if cell.cell_type == "code")
        line = badges(f"notebooks/{path.name}", "notebooks", repository)
        title.source = once(LINE.pattern, line, title.source, path)
        setup.source = once(r'REPOSITORY = "[^"]*"', f'REPOSITORY = "{repository}"', setup.source, path)
        texts[path] = nbformat.writes(notebook) + "\n"
    readme, constant = root / "README.md", root / "tools" / "course.py"
    text = readme.read_text(encoding="utf-8")
    text = once(LINE.pattern, badges("notebooks/00_first_video.ipynb", "", repository), text, readme)
    texts[readme] = once(r"pip install git\+[^\s`]+", f"pip install git+{repository or 'ADDRESS'}", text, readme)
    text = constant.read_text(encoding="utf-8")
    texts[constant] = once(r'^REPOSITORY = "[^"]*"', f'REPOSITORY = "{repository}"', text, constant)
    return texts


def write(args):
    texts = addressed(args.root, args.address)
    changed = {path: text for path, text in texts.items() if path.read_text(encoding="utf-8") != text}
    for path, text in changed.items():
        write_whole(path, text.encode())
    where = "badges open Colab and Binder" if on_github(args.address) else f"badges lead to {HELP}"
    print(f"{args.address or 'no address'}: {len(changed)} of {len(texts)} files changed; {where}")


def main(arguments=None):
    parser = Parser("tools.notebooks.address", "Write the course's public address into badges and set-up cells.")
    parser.add_argument("address", type=address, help='https://github.com/NAME/REPO; "none" takes it out again')
    parser.add_argument("--root", type=pathlib.Path, default=course.ROOT, help=argparse.SUPPRESS)
    return run(parser, write, arguments)


if __name__ == "__main__":
    sys.exit(main())
