"""Export the notebooks as web pages that need no kernel and no network: make pages.

Each page is one file that contains its pictures and clips. Equations are MathML, which browsers render themselves, in a
mathematical font that the page contains too. Pages load no script; in place of an explorer they show its line of text.
Stored outputs are shown, nothing is run.
"""

import base64
import functools
import importlib.util
import io
import mimetypes
import pathlib
import re
import sys
from html import escape

import nbformat
from fontTools import subset
from fontTools.ttLib import TTFont
from jinja2 import pass_context
from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from t2v_helpers._support.command import Parser, run
from t2v_helpers._support.files import write_whole
from tools import course

# nbconvert's page in JupyterLab's look, without the parts that load require.js, MathJax, mermaid and widgets.
TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block html_head_css -%}<style>
  body.jp-Notebook { max-width: 62rem; margin: 0 auto; padding: 1rem; }
  @font-face { font-family: "STIX Two Math"; src: url(data:font/woff;base64,{{ resources.math_font }}); }
  math { font-family: "STIX Two Math", math; font-size: 1.1em; }
  .equation { display: flex; align-items: center; margin: 1em 0; overflow-x: auto; }
  .equation math { flex: 1; }
  .jp-InputArea .highlight pre { white-space: pre-wrap; }
  .jp-RenderedHTMLCommon table { display: block; overflow-x: auto; max-width: 100%; }
</style>{%- endblock -%}
"""


@functools.cache
def math_font():
    """The glyphs for equations from STIX Two Math (SIL Open Font License), as base64 of a WOFF file."""
    file = pathlib.Path(importlib.util.find_spec("ziamath").origin).parent / "fonts" / "STIXTwoMath-Regular.ttf"
    font, data = TTFont(file), io.BytesIO()
    part = subset.Subsetter(subset.Options(layout_features=["ssty"]))
    part.populate(
        unicodes=[*range(0x20, 0x400), *range(0x2010, 0x2400), *range(0x1D434, 0x1D56C), *range(0x1D6E2, 0x1D71C)]
    )
    part.subset(font)
    font.flavor = "woff"
    font.save(data)
    return base64.b64encode(data.getvalue()).decode()


class Renderer(IPythonRenderer):
    """nbconvert's renderer, except for equations, links between notebooks, and pictures from the network."""

    def block_math(self, body):
        number = re.search(r"\\tag\{([^}]*)\}", body)
        equation = convert(body.replace(number[0], "") if number else body, display="block")
        return f'<div class="equation">{equation}{f"<span>({escape(number[1])})</span>" if number else ""}</div>'

    def inline_math(self, body):
        return convert(body)

    def block_html(self, html):
        return html if "<img" not in html else super().block_html(html)  # which would close the <details> of a solution

    def link(self, text, url, title=None):
        return super().link(text, re.sub(r"^([\w/]+)\.ipynb\b", r"\1.html", url), title)

    def image(self, text, url, title=None):
        if re.match(r"https?:", url):
            return escape(text)
        file = pathlib.Path(self.path, url)  # nbconvert embeds none from outside of the notebook's folder
        if file.is_file():
            url = f"data:{mimetypes.guess_type(file)[0]};base64,{base64.b64encode(file.read_bytes()).decode()}"
        return super().image(text, url, title)


class PageExporter(HTMLExporter):
    """Exports a notebook as one file that loads nothing."""

    @pass_context
    def markdown2html(self, context, source):
        path = context["resources"]["metadata"]["path"]
        return MarkdownWithMath(Renderer(escape=False, embed_images=True, path=path)).render(source)


def page(path, theme="light"):
    """The HTML of the notebook at `path`; theme: light or dark."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    exporter = PageExporter(raw_template=TEMPLATE, theme=theme)
    title = re.match(r"# (.*)", notebook.cells[0].source)[1]
    resources = {"metadata": {"name": title, "path": str(path.parent)}, "math_font": math_font()}
    return exporter.from_notebook_node(notebook, resources)[0]


def write(args):
    args.folder.mkdir(parents=True, exist_ok=True)
    for path in args.notebooks or course.NOTEBOOKS:
        target = args.folder / f"{path.stem}.html"
        write_whole(target, page(path, args.theme).encode())
        print(target)


def main(arguments=None):
    parser = Parser("tools.notebooks.pages", "Export the notebooks as web pages that need no kernel and no network.")
    parser.add_argument("folder", type=pathlib.Path, help="target folder; created if it does not exist")
    parser.add_argument("notebooks", nargs="*", type=pathlib.Path, help="which notebooks; default: all")
    parser.add_argument("--theme", choices=("light", "dark"), default="light", help="default: light")
    return run(parser, write, arguments)


if __name__ == "__main__":
    sys.exit(main())
