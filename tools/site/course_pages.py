"""A Sphinx extension: equations as MathML, links to equations and to the glossary's terms."""

import re
from html import escape

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

from tools import course
from tools.notebooks.equations import mathml

TERM = re.compile(r"^- \*\*(.+?)\*\*:", re.M)
EQUATION = re.compile(r"\((\d{1,2}\.\d{1,2})\)")
GLOSSARY = "docs/glossary"
PLAIN = (nodes.reference, nodes.literal, nodes.title, nodes.math, nodes.literal_block, addnodes.pending_xref)


def anchor(number):
    return f"equation-{number.replace('.', '-')}"


def slug(term):
    return "term-" + re.sub(r"\W+", "-", term.lower()).strip("-")


def inline(writer, node):
    writer.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def block(writer, node):
    """A displayed equation, with the number of its tag at the right and an anchor of that name."""
    parts = re.split(r"\\tag\{([^}]*)\}", node.astext())
    number = parts[1] if len(parts) > 1 else None
    shown = mathml("".join([parts[0], *parts[2:]]).strip(), display="block")
    label = f'<a class="number" href="#{anchor(number)}">({escape(number)})</a>' if number else ""
    place = f' id="{anchor(number)}"' if number else ""
    writer.body.append(f'<div class="equation"{place}>{shown}{label}</div>')
    raise nodes.SkipNode


class Links(SphinxPostTransform):
    """Makes (3.2) a link to equation (3.2), and the first mention of a term in a notebook one to the glossary."""

    default_priority = 900

    def run(self):
        name = self.env.docname
        if not name.startswith(("notebooks/", "docs/")):
            return
        terms = self.config.course_terms if name.startswith("notebooks/") else []
        left = set(terms)
        pattern = re.compile("|".join([EQUATION.pattern, *(rf"\b({re.escape(term)})\b" for term in terms)]))
        for text in list(self.document.findall(nodes.Text)):
            if not any(isinstance(parent, nodes.paragraph) for parent in parents(text)):
                continue
            if any(isinstance(parent, PLAIN) for parent in parents(text)):
                continue
            new, at = [], 0
            for found in pattern.finditer(text):
                number, term = found[1], found[0]
                if number and number in self.config.course_equations:
                    page, place = self.config.course_equations[number], anchor(number)
                elif not number and term in left:
                    left.discard(term)
                    page, place = GLOSSARY, slug(term)
                else:
                    continue
                new.append(nodes.Text(text[at : found.start()]))
                new.append(make_refnode(self.app.builder, name, page, place, nodes.Text(found[0])))
                if not number:
                    new[-1]["classes"].append("term")
                at = found.end()
            if new:
                text.parent.replace(text, [*new, nodes.Text(text[at:])])


def parents(node):
    while node := node.parent:
        yield node


def setup(app):
    glossary = (course.ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = [term for term in TERM.findall(glossary) if len(term) > 3]
    equations = {}
    for path in course.NOTEBOOKS:
        for cell in course.cells(path, "markdown"):
            equations |= {number: f"notebooks/{path.stem}" for number in course.tags(cell.source)}
    app.add_config_value("course_terms", terms, "env")
    app.add_config_value("course_equations", equations, "env")
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    app.add_post_transform(Links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
