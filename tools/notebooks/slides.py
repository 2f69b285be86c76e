"""Make slides of the notebooks, for a class: make slides.

A section of a notebook becomes a stack of slides under its heading. They show figures, clips, printed numbers,
equations with the sentence that leads to them, predictions and exercises. Of the prose they show how a section begins,
what is set off in bold, and what follows a figure, each with its first sentences. Code is shown where it computes an
equation. All prose except the solutions is in the speaker's notes (press s).

reveal.js comes from npm, equations become MathML, and nothing is loaded from elsewhere when the slides are shown.
"""

import base64
import io
import itertools
import math
import pathlib
import re
import shutil
import string
import sys
from html import escape

from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from PIL import Image

from t2v_helpers._support.command import Parser, run
from t2v_helpers._support.files import whole_folder
from tools import course
from tools.notebooks.equations import mathml
from tools.site.build import SITE, install, math_font

REVEAL = ("reveal.js", "reveal.css", "plugin/notes.js", "theme/white.css")
CREDIT = "Text-to-video, from a toy GAN to ModelScope · text and figures CC BY 4.0, code MIT"
LEFT_OUT = ("Sources", "Where to go next")  # sections
PIECE = re.compile(r"(```.*?```|<details>.*?</details>|\$\$.*?\$\$)", re.S)  # what may contain empty lines
SENTENCE = re.compile(r"(?<=[.!?])\**\s+(?=[\"*A-Z$`(\[])")
LEAD = re.compile(r"\*\*[^*]*\*\*\s*")  # no sentence of its own, such as "**The answer.**"
HEIGHT, LINE, WIDE = 590, 41, 82  # of a slide's body and of a line in pixels; letters in a line
WORDS, LONG = 30, 75  # of a paragraph that is shortened, and of one that is shown in full
BODY = '<div class="body" tabindex="0">'
LINES = 12  # of code or of a table


class Renderer(IPythonRenderer):
    """Markdown to HTML, with equations as MathML."""

    def block_math(self, body):
        number = "".join(f'<span class="number">({tag})</span>' for tag in course.tags(body))
        shown = mathml(re.sub(r"\\tag\{.*?\}", "", body).strip(), display="block")
        return f'<div class="equation">{shown}{number}</div>'

    def inline_math(self, body):
        return mathml(body)


def html(markdown):
    """Markdown as HTML; a link is no more than its words."""
    markdown = re.sub(r"^\[!\[.*", "", markdown, flags=re.M)  # badges
    plain = re.sub(r"(?<!!)\[([^][]*)\]\([^()]*\)", r"\1", markdown)
    renderer = Renderer(escape=False, exclude_anchor_links=True)
    return MarkdownWithMath(renderer=renderer).render(re.sub(r"\]\(\.\./assets/figures/", "](figures/", plain))


def beginning(text):
    """The first sentence of a text, and those after it that fit beside it.

    >>> beginning("**The answer.** They bend. " + "Lines cross, and so on and on " * 9)
    '**The answer.** They bend.'
    """
    sentences, kept = [text[a:b] for a, b in spans(text)], ""
    for sentence in sentences:
        if kept and not LEAD.fullmatch(kept) and len((kept + sentence).split()) > WORDS:
            break
        kept += sentence
    return kept.strip()


def spans(text):
    """Where each sentence of a text begins and ends."""
    cuts = [0, *(found.end() for found in SENTENCE.finditer(text)), len(text)]
    return list(itertools.pairwise(cuts))


def lines(text):
    """About how many lines a paragraph takes."""
    return math.ceil(len(re.sub(r"\$[^$]*\$", "$x$", text)) / WIDE)


def of_markdown(source, after_output):
    """Yield (kind, Markdown, height in pixels) for what a cell of text puts on slides."""
    pieces = PIECE.split(source)
    blocks = [
        b.strip()
        for i, p in enumerate(pieces)
        for b in ([p] if i % 2 else re.split(r"\n\s*\n|\n(?=#+ )", p))
        if b.strip()
    ]
    first = after_output
    for block, following in zip(blocks, [*blocks[1:], ""], strict=True):
        if block.startswith("#"):
            heading, _, block = block.partition("\n")
            yield ("head" if heading.startswith("###") else "section"), heading, LINE
            first, block = True, block.strip()
            if not block:
                continue
        if block.startswith("$$"):
            yield "math", block, 95 + 45 * block.count(r"\\ ")
        elif block.startswith("```"):
            code = block.strip("`\n")
            if code.count("\n") < LINES and "python -m" not in code:
                yield "code", block, 30 + 28 * (1 + code.count("\n"))
        elif block.startswith("|"):
            rows = block.splitlines()
            if len(rows) <= LINES and not rows[0].startswith("| maths"):
                yield "table", block, 20 + sum(34 * math.ceil(len(row) / 125) for row in rows)
        elif re.match(r"[-*] |\d\. ", block):
            items = re.split(r"\n(?=[-*] |\d\. )", block)[:6]
            shown = "\n".join(beginning(item) for item in items)
            yield "list", shown, LINE * sum(map(lines, shown.splitlines()))
        elif block.startswith("!["):
            yield "picture", block, 420
        elif not block.startswith(("<", "[![", "**Time")):
            prediction, exercise = "**Your prediction" in block, re.match(r"\*\*\d+\.\d", block)
            if prediction or exercise:
                words = block if len(block.split()) <= LONG else beginning(block)
                yield ("ask" if prediction else "exercise"), words, LINE * (lines(words) + 1)
            elif following.startswith("$$") or first or block.startswith("**"):
                shown = beginning(block) if first or block.startswith("**") else block[slice(*spans(block)[-1])]
                yield ("lead" if following.startswith("$$") else "text"), shown, LINE * lines(shown) + 12
            first = False


def of_code(cell):
    """Yield (kind, HTML, height) for what a cell of code puts on slides."""
    if course.numbers(next((line for line in cell.source.splitlines() if "# Eq." in line), "")):
        count = cell.source.count("\n") + 1
        if count <= LINES and "assert" not in cell.source:
            yield "code", html(f"```python\n{cell.source}\n```"), 30 + 28 * count
    printed = "".join(output.text for output in cell.get("outputs", []) if output.output_type == "stream").rstrip()
    rows = printed.splitlines()
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "image/png" in data:
            width, height = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).size
            most = min(420, 1200 * height / width)
            picture = f'<img alt="" src="data:image/png;base64,{data["image/png"].strip()}"'
            yield "output", f'{picture} style="height: {most / 30:.1f}em">', most + 20
        elif "<video" in data.get("text/html", ""):
            film = data["text/html"].replace("<video ", "<video data-autoplay ")
            yield "output", f'<div class="films">{film}</div>', 360
    if 0 < len(rows) <= LINES and not printed.startswith("exercise "):
        yield "output", f"<pre>{escape(printed)}</pre>", 30 + 28 * len(rows)


def slides(path):
    """The slides of a notebook: [{"head", "body", "height", "notes"}], one list for each section."""
    sections, skip, ask, output = [[]], False, False, False

    def add(kind, shown, height):
        stack = sections[-1]
        own = (ask and kind != "head") or (kind == "exercise" and stack[-1]["body"])
        room = height + {"head": 250, "lead": 150}.get(kind, 0)  # they stay with what follows
        if own or stack[-1]["height"] + room > HEIGHT:
            stack.append(stack[0] | {"body": [], "height": 0, "notes": []})
        stack[-1]["body"].append(f'<div class="ask">{shown}</div>' if kind in ("ask", "exercise") else shown)
        stack[-1]["height"] += height

    for cell in course.cells(path):
        if "solution" in cell.metadata.get("tags", []):
            continue
        if cell.cell_type == "markdown":
            for kind, text, height in of_markdown(cell.source, output):
                if kind == "section":
                    skip = text.lstrip("# ") in LEFT_OUT
                    if not skip:
                        title = html(text)
                        sections.append([{"head": title, "body": [], "height": 0, "notes": []}])
                        ask = False
                elif not skip:
                    add(kind, html(text), height)
                    ask = kind == "ask"
            output = False
            if not skip:
                sections[-1][-1]["notes"].append(html(re.sub(r"^#+ (.*)", r"**\1**\n", cell.source, flags=re.M)))
        elif not skip:
            for kind, shown, height in of_code(cell):
                add(kind, shown, height)
                ask, output = False, output or kind == "output"
    return [stack for stack in sections if stack]


def page(path):
    """A notebook's slides as a web page."""
    made, decks = [], slides(path)
    decks[0][0]["body"].append(f'<p class="credit">{CREDIT}</p>')
    for stack in decks:
        inner = []
        for slide in stack:
            body, notes = "\n".join(slide["body"]), "\n".join(slide["notes"])
            aside = f'<aside class="notes">{notes}</aside>' if notes else ""
            inner.append(f"<section>{slide['head']}{BODY}{body}</div>{aside}</section>")
        made.append(f"<section>{''.join(inner)}</section>")
    title = re.search(r"^# (.*)", course.cells(path)[0].source, re.M)[1]
    template = string.Template((SITE / "slides" / "deck.html").read_text(encoding="utf-8"))
    return template.substitute(title=escape(title), slides="\n".join(made))


def write(args):
    known = {path.name: path for path in course.NOTEBOOKS}
    if unknown := [name for name in args.names if name not in known]:
        raise ValueError(f"got {unknown[0]!r}, expected one of {', '.join(known)}")
    install()
    args.folder.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(args.folder) as folder:
        parts = folder / "parts"
        parts.mkdir()
        for name in REVEAL:
            shutil.copy(SITE / "node_modules" / "reveal.js" / "dist" / name, parts)
        for path in (SITE / "slides" / "deck.js", SITE / "slides" / "deck.css", SITE / "_static" / "favicon.svg"):
            shutil.copy(path, parts)
        (parts / "stix-two-math.woff").write_bytes(math_font())
        for name in args.names or known:
            text = page(known[name])
            for picture in re.findall(r'src="figures/([^"]+)"', text):
                (folder / "figures").mkdir(exist_ok=True)
                shutil.copy(course.ROOT / "assets" / "figures" / picture, folder / "figures")
            (folder / known[name].with_suffix(".html").name).write_text(text, encoding="utf-8")
            print(f"{args.folder / known[name].stem}.html: {text.count(BODY)} slides")


def main(arguments=None):
    parser = Parser("tools.notebooks.slides", "Make slides of the notebooks.")
    parser.add_argument("folder", type=pathlib.Path, help="target folder; what is there is replaced")
    parser.add_argument("names", nargs="*", metavar="NOTEBOOK", help="file names; default: all")
    return run(parser, write, arguments)


if __name__ == "__main__":
    sys.exit(main())
