"""docs/glossary.md: sorted, each link leads to a section that uses the term, each letter stands in its notebook."""

import re

import pytest

from tools import course

PAGE = course.ROOT / "docs" / "glossary.md"
TEXT = PAGE.read_text(encoding="utf-8")
ENTRY = re.compile(r"- \*\*(.+?)\*\*: (.+\.\)?) \(\[(\d\d), (.+)\]\(\.\./notebooks/(\S+\.ipynb)\)\)")
LETTER = re.compile(r"\| \$`(.+)`\$ \| `(.+)` \| (.+) \| (.+) \| \[(\d\d)\]\(\.\./notebooks/(\S+\.ipynb)\) \|")
NEEDED = """ancestral sampling, autoencoder, batch, CLIP, classifier-free guidance, cosine schedule, cross-attention,
DDIM, DDPM, denoiser, DiffusionPipeline, discriminator, DPM-Solver++, energy distance, exact denoiser, FID-vid, flow
matching, forward diffusion, frame, FVD, GAN, generative model, generator, guidance, held out, judge, Kullback-Leibler
divergence, latents, linear schedule, logit, loss, Markov chain, meta device, mode, mode collapse, moving average,
negative prompt, noise schedule, non-saturating, order, posterior, precision, prompt, recall, reverse diffusion,
sampler, scale model, scheduler, score, seed, signal-to-noise ratio, simple loss, steps, text encoder, token,
tokenizer, UNet, zero terminal SNR, ε-prediction"""


def sections(path):
    """The headings of a notebook, as the glossary writes them, with the text under each; what is first: "beginning"."""
    text = "\n\n".join(cell.source for cell in course.cells(path, "markdown"))
    first, *rest = re.split(r"^##+ (.*)$", text, flags=re.M)
    headings = [re.sub(r"\$([^$]+)\$", r"$`\1`$", heading) for heading in rest[::2]]
    return {"beginning": first} | {head: f"{head}\n{body}" for head, body in zip(headings, rest[1::2], strict=True)}


SECTIONS = {path.name: sections(path) for path in course.NOTEBOOKS}
LINES = [line for line in TEXT.partition("\n## Terms\n")[2].partition("\n## Letters\n")[0].splitlines() if line]
ROWS = TEXT.partition("| --- |")[2].splitlines()[1:]
ENTRIES = [ENTRY.fullmatch(line) for line in LINES]
LETTERS = [LETTER.fullmatch(line) for line in ROWS]


def stands_in(term, text):
    """Whether a term is in a text, as words of their own; it may be a plural, or begin with a capital letter."""
    first = f"[{re.escape(term[0] + term[0].upper())}]"
    words = " ".join(re.sub("[*`]", "", text).split())
    return bool(re.search(rf"(?<!\w){first}{re.escape(term[1:])}(e?s)?(?!\w)", words))


def formulas(name):
    text = "\n".join(SECTIONS[name].values())
    return re.findall(r"\$\$.*?\$\$|\$[^$]+\$", text, re.S)


def test_every_line_is_an_entry_and_every_row_a_letter():
    assert [line for line, entry in zip(LINES, ENTRIES, strict=True) if not entry] == []
    assert [row for row, letter in zip(ROWS, LETTERS, strict=True) if not letter] == []
    assert len(ENTRIES) > 100 and len(LETTERS) > 40


def test_entries_are_sorted_and_unique():
    terms = [entry[1] for entry in ENTRIES]
    assert terms == sorted(terms, key=lambda term: (term.casefold(), term)) and len(terms) == len(set(terms))
    letters = [(letter[1], letter[3]) for letter in LETTERS]
    assert len(letters) == len(set(letters))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry[1])
def test_the_section_that_an_entry_leads_to_is_there_and_uses_its_term(entry):
    term, _, chapter, section, name = entry.groups()
    assert name.startswith(f"{chapter}_") and name in SECTIONS
    assert section in SECTIONS[name], f"{name} has no section {section!r}, expected one of {[*SECTIONS[name]]}"
    assert stands_in(term, SECTIONS[name][section])


@pytest.mark.parametrize("letter", LETTERS, ids=lambda letter: letter[1])
def test_a_letter_and_its_name_in_code_stand_in_its_notebook(letter):
    maths, code, _, _, chapter, name = letter.groups()
    assert name.startswith(f"{chapter}_")
    assert any(maths in formula for formula in formulas(name))
    assert stands_in(code, "\n".join(cell.source for cell in course.cells(course.ROOT / "notebooks" / name)))


def test_what_a_learner_will_look_for_is_there():
    assert {term.strip() for term in NEEDED.replace("\n", " ").split(",")} <= {entry[1] for entry in ENTRIES}


def test_every_letter_of_the_notebooks_tables_is_there():
    """The first column of the tables of symbols, less what stands after a colon or an equals sign."""
    known = {part.strip() for letter in LETTERS for part in letter[1].partition("(")[0].split(",")}
    missing = set()
    for name in SECTIONS:
        text = "\n".join(SECTIONS[name].values())
        for table in re.findall(r"^\| (?:maths|what) \| (?:in )?code \|.*\n\|[ -|]+\n((?:\|.*\n)+)", text, re.M):
            for row in table.splitlines():
                for formula in re.findall(r"\$([^$]+)\$", row.split(" | ")[0]):
                    letters = {part.strip() for part in re.split(r"[=(]", formula)[0].split(",")}
                    missing |= {(name[:2], letter) for letter in letters - known}
    assert not missing
