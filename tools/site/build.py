"""Build the course's site: make site.

Sphinx makes pages of the notebooks' stored outputs, the documents and the model cards; nothing is run. The playground
gets the scale models' networks, exported to ONNX, and npm's packages. No page loads anything from elsewhere.
"""

import gzip
import hashlib
import importlib.util
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import nbformat
from fontTools import subset
from fontTools.ttLib import TTFont

from t2v_helpers import shapes, toys
from t2v_helpers._support.command import Parser, run
from t2v_helpers._support.files import whole_folder
from tools.course import NOTEBOOKS, ROOT
from tools.site import export
from tools.site.course_pages import TERM, slug

SITE = ROOT / "site"
VENDOR = {
    "ort.js": "onnxruntime-web/dist/ort.wasm.bundle.min.mjs",
    "gifenc.js": "gifenc/dist/gifenc.esm.js",
}
RUNTIME = "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm"
EXPLORER = re.compile(r"figures\.(\w+_explorer)\(")
PLACE = """<div class="explorer" data-explorer="{0}"></div>
<link rel="stylesheet" href="../_static/explorers/explorers.css">
<script type="module" src="../_static/explorers/{0}.js"></script>"""  # which hides the output before it
COPIED = ["LICENSE*", "notebooks/*.ipynb", "docs/*.md", "assets/*.md", "assets/*/README.md", "assets/figures/*"]


def install():
    """Install what package-lock.json names; npm checks each file against the hash that stands there."""
    if not shutil.which("npm"):
        raise FileNotFoundError("npm was not found; install Node.js 20 or newer, which has it")
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"], cwd=SITE, check=True)


def collect(source):
    """Copy what the site is made of to one folder, in the repository's own order, so that links between files hold."""
    shutil.copytree(
        SITE, source, ignore=shutil.ignore_patterns("node_modules", "package*", "slides"), dirs_exist_ok=True
    )
    for pattern in COPIED:
        for path in ROOT.glob(pattern):
            target = source / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def adapt(source):
    """Turn what is written for Jupyter and for GitHub into what Sphinx expects."""
    for path in source.glob("notebooks/*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        notebook.metadata.pop("widgets", None)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = without_badges(cell.source).replace("](../site/", "](../")  # whose pages are its root
            elif "google.colab" in cell.source:
                cell.metadata.setdefault("tags", []).append("remove-cell")
            for output in cell.get("outputs", []):
                output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
                if "image/png" in output.get("data", {}):  # MyST-NB reads an alternative text from the cell alone
                    alt = output.metadata.get("image/png", {}).get("alt", output.data.get("text/plain"))
                    cell.metadata["mystnb"] = {"image": {"alt": alt}}
            if (found := EXPLORER.search(cell.source)) and cell.get("outputs"):
                cell.outputs.append(nbformat.v4.new_output("display_data", {"text/html": PLACE.format(found[1])}))
        nbformat.write(notebook, path)
    for path in [*source.glob("docs/*.md"), *source.glob("assets/**/*.md")]:
        text = without_badges(path.read_text(encoding="utf-8")).replace("```math", "```{math}")
        if path.name == "glossary.md":
            text = TERM.sub(lambda found: f'- <span id="{slug(found[1])}"></span>**{found[1]}**:', text)
        for linked in set(re.findall(r"\]\(\.\./(t2v_helpers/[\w/]+\.py)\)", text)):
            listing = source / f"{linked}.md"
            listing.parent.mkdir(parents=True, exist_ok=True)
            title, code = linked.removeprefix("t2v_helpers/"), (ROOT / linked).read_text(encoding="utf-8")
            listing.write_text(f"# {title}\n\n```python\n{code}```\n", encoding="utf-8")
            text = text.replace(f"(../{linked})", f"(../{linked}.md)")
        path.write_text(text, encoding="utf-8")


def without_badges(text):
    """A badge is a picture from elsewhere: keep its link, with the picture's words."""
    return re.sub(r"\[!\[([^]]*)\]\(https?:[^)]*\)\]", r"[\1]", text)


def vendor(source):
    """Add what isn't in the repository: the font for equations, npm's packages, the exported networks."""
    (source / "_static" / "stix-two-math.woff").write_bytes(math_font())
    folder = source / "_static" / "playground"
    (folder / "vendor").mkdir()
    for name, path in VENDOR.items():
        shutil.copy(SITE / "node_modules" / path, folder / "vendor" / name)
    (source / "_static" / "explorers" / "pictures.json").write_text(json.dumps(pictures()), encoding="utf-8")
    packed = gzip.compress((SITE / "node_modules" / RUNTIME).read_bytes(), mtime=0)  # a quarter, on any host
    (folder / "vendor" / "ort.bin").write_bytes(packed)  # as .gz, some hosts would have it unpacked by the browser
    for name in ("tiny", "tiny-wan"):  # the choice in site/playground.md
        export.write(name, folder / "models" / name, runtime=len(packed))


def pictures():
    """The digit (8, 8) and the frame (64, 64, 3) that notebook 02's explorer shows, in [-1, 1], without their axes."""
    clip = shapes.render("a red circle moving left", seed=0).astype(float) * 2 - 1
    return {"digit": toys.digits()[0][3].tolist(), "frame": clip[len(clip) // 2].round(3).flatten().tolist()}


def stamp(site):
    """Tell the service worker what to keep, under a name that changes with the content."""
    files = sorted(path for path in (site / "_static" / "playground").rglob("*") if path.is_file())
    kept = [path for path in files if "models" not in path.parts]  # a model is kept when it was chosen
    pages = {path for path in site.rglob("*") if path.suffix in (".js", ".css", ".html")}
    digest = hashlib.sha256()
    for path in sorted({*files, *pages}):
        digest.update(path.read_bytes())
    version = digest.hexdigest()[:12]
    names = json.dumps([path.relative_to(site).as_posix() for path in kept])
    worker = site / "offline.js"
    text = (
        worker.read_text(encoding="utf-8")
        .replace("t2v-VERSION", f"t2v-{version}")
        .replace("FILES = []", f"FILES = {names}")
    )
    worker.write_text(text, encoding="utf-8")


def math_font():
    """The glyphs for equations from STIX Two Math (SIL Open Font License), as a WOFF file."""
    file = pathlib.Path(importlib.util.find_spec("ziamath").origin).parent / "fonts" / "STIXTwoMath-Regular.ttf"
    font, data = TTFont(file), io.BytesIO()
    part = subset.Subsetter(subset.Options(layout_features=["ssty"]))
    part.populate(
        unicodes=[*range(0x20, 0x400), *range(0x2010, 0x2400), *range(0x1D434, 0x1D56C), *range(0x1D6E2, 0x1D71C)]
    )
    part.subset(font)
    font.flavor = "woff"
    font.save(data)
    return data.getvalue()


def slim(site):
    """Empty the theme's largest script, which draws the icons once more that its font has drawn already."""
    script = site / "_static" / "scripts" / "fontawesome.js"
    script.write_text("// The icons come from the font that the theme's style sheet names.\n", encoding="utf-8")


def megabytes(paths):
    return sum(path.stat().st_size for path in paths) / 1e6


def build(args):
    install()
    source = args.folder.with_name(f"{args.folder.name}-source")
    shutil.rmtree(source, ignore_errors=True)
    collect(source)
    adapt(source)
    vendor(source)
    with whole_folder(args.folder) as folder:
        sphinx = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-j", "auto", source, folder]
        subprocess.run(sphinx, check=True, env=os.environ | {"T2V_ROOT": str(ROOT)})
        slim(folder)
        for path in NOTEBOOKS:  # as they are in the repository, to download
            shutil.copy(path, folder / "_sources" / "notebooks")
        stamp(folder)
    files = [path for path in args.folder.rglob("*") if path.is_file()]
    playground = [path for path in files if "playground" in path.relative_to(args.folder).as_posix()]
    loads = f"the playground loads {megabytes(playground):.1f} MB"
    print(f"{args.folder}: {len(files)} files, {megabytes(files):.1f} MB; {loads}")


def main(arguments=None):
    parser = Parser("tools.site.build", "Build the course's site.")
    parser.add_argument("folder", type=pathlib.Path, help="target folder; what is there is replaced")
    return run(parser, build, arguments)


if __name__ == "__main__":
    sys.exit(main())
