"""Write docs/equations.md, all numbered equations of the course on one page: make equations.

For each equation: its number, the heading of its section, the sentence that leads to it (the end of the paragraph
before it), the formula, and the statements marked with its number in its notebook and in t2v_helpers. Helpers are named
by file and function, not by line, so that the page changes only when its content does.
"""

import itertools
import re
import sys

from latex2mathml.converter import convert

from t2v_helpers._support.command import Parser, run
from t2v_helpers._support.files import write_whole
from tools import course

PAGE = course.ROOT / "docs" / "equations.md"
HEAD = """# All equations of the course

<!-- Written by `make equations` from the notebooks and t2v_helpers. Change those, not this page. -->

Above each formula you find the sentence that leads to it in its notebook, and below it the lines of code that compute
it. The notebook and the [glossary](glossary.md) explain the symbols. Tests compare the code with an independent
computation.
"""


def mathml(latex, **how):
    """An equation as MathML. The library draws a dash over what \\overline covers: take the bar that stretches."""
    return convert(latex, **how).replace('<mo accent="true">&#x02015;</mo>', '<mo stretchy="true">&#x0203E;</mo>')


def equations(path):
    """Yield (number, section, lead, formula) for the numbered equations of a notebook, in order.

    The section is its heading without the number, the lead the sentence that leads to the equation ("" right after
    another one), the formula TeX without the tag.
    """
    section = ""
    for cell in course.cells(path, "markdown"):
        before = ""
        for block in re.split(r"\n\s*\n", cell.source):
            heading = re.match(r"##+ (?:\d+ · )?(.*)", block)
            section = heading[1] if heading else section
            tags = course.tags(block)
            if tags:
                body = re.fullmatch(r"\$\$(.*)\$\$", block.strip(), re.S)
                if not body or len(tags) > 1:
                    raise ValueError(f"{path.name}: ({tags[0]}) is not alone between $$ and $$ and empty lines")
                formula = re.sub(r"\s*\\tag\{[^}]*\}", "", body[1]).strip()
                yield tags[0], section, last_sentence(before), formula
            before = block


def last_sentence(paragraph):
    """The end of a paragraph: its last sentence, or as many as have eight words; "" if the paragraph is a formula.

    Of a list, the last item alone; a sentence all in brackets is left out.

    >>> last_sentence("We mix. It adds the *sum* of Ho et al. (2020, eq. 4)\\nto both. As means over a batch:")
    'It adds the *sum* of Ho et al. (2020, eq. 4) to both. As means over a batch:'
    """
    if paragraph.startswith("$$"):
        return ""
    text = " ".join(re.split(r"^- ", paragraph, flags=re.M)[-1].split())
    sentences = re.split(r"(?<=[.?!:])\*{0,2} (?=\*{0,2}[A-Z\"]|\([A-Z])", text)
    taken = []
    for sentence in reversed(sentences):
        if len(" ".join(taken).split()) < 8 and not sentence.startswith("("):
            taken.insert(0, sentence)
    text = " ".join(taken)
    return text[:1].upper() + text[1:]


def for_github(text):
    """Inline formulas and links of a notebook as GitHub shows them in a page of docs/.

    Between $` and `$ Markdown takes no backslash or underscore for its own.
    """
    text = re.sub(r"\]\((?=\w+\.ipynb)", "](../notebooks/", text)
    return re.sub(r"\$([^$]+)\$", lambda found: f"$`{tex(found[1])}`$", text)


def tex(formula):
    """A formula in the macros that GitHub allows: it has forbidden `operatorname` (github/markup #1688)."""
    return re.sub(r"\\operatorname(\{\w+\})", r"\\mathop{\\mathrm\1}", formula)


def code(mark):
    if mark.statement is None:
        raise ValueError(f"the line with Eq. {mark.number} is in no assignment, return, assertion or call")
    return f"```python\n{mark.statement}\n```"


def page():
    """The text of the page. Raises ValueError for an equation that no statement of its notebook computes."""
    helpers = [
        (path, mark)
        for path in sorted((course.ROOT / "t2v_helpers").rglob("*.py"))
        for mark in course.marked(path.read_text(encoding="utf-8"))
    ]
    parts = [HEAD]
    for path in course.NOTEBOOKS:
        found = list(equations(path))
        if not found:
            continue
        title = course.cells(path)[0].source.splitlines()[0].removeprefix("# ")
        parts.append(f"## [{title}](../notebooks/{path.name})\n")
        marks = [mark for cell in course.cells(path, "code") for mark in course.marked(cell.source)]
        for previous, (number, section, lead, formula) in itertools.pairwise([None, *found]):
            here = [mark for mark in marks if mark.number == number]
            if not here:
                raise ValueError(f"{path.name}: no line bears the number of equation ({number})")
            lead = for_github(lead) or f"Together with ({previous[0]})."
            parts.append(f"### {number} · {for_github(section)}\n\n{lead}\n\n```math\n{tex(formula)}\n```\n")
            parts.append("In the notebook:\n\n" + "\n\n".join(dict.fromkeys(map(code, here))) + "\n")
            for file, mark in helpers:
                if mark.number == number:
                    below = file.relative_to(course.ROOT / "t2v_helpers").as_posix()
                    where = f"[`{below}`](../t2v_helpers/{below}), `{mark.name}`"
                    parts.append(f"In {where}:\n\n{code(mark)}\n")
    return "\n".join(parts)


def main(arguments=None):
    parser = Parser("tools.notebooks.equations", "Write docs/equations.md from the notebooks.")
    return run(parser, lambda args: write_whole(PAGE, page().encode()), arguments)


if __name__ == "__main__":
    sys.exit(main())
