"""What the reader asks for, checked before anything runs: the prompt's words, its language and length, the settings.

It is apart from pipelines.py because it needs no model: a tokenizer is enough, and for most of it not even that, so
that the command line can refuse a bad argument before torch is imported.
"""

import math
import numbers
import re
import unicodedata
import warnings

from .._support import command

# Words that say little and are said often. Those that English shares with a neighbour (die, in, an, no, do) are in
# neither list, but for those that hardly any English prompt goes without.
_ENGLISH = frozenset("a an the of in on at with and is are to from by over under into through his her its".split())
_FOREIGN = frozenset(
    "der das und ein eine einen einem ist auf mit im le la les un une des du est et dans avec sur el los las una y "
    "con en del il lo gli di che um uma com na het een".split()
)


def check_settings(*, seed=0, steps=None, guidance=None, num_frames=None, height=None, width=None):
    """Refuse a setting that no model can run with; None stands for the model's own value.

    seed: int in [0, 2**63); steps, num_frames: ints from 1; height, width: pixels, ints from 1.
    guidance: 0, or a finite number from 1. The guided prediction is eps_uncond + guidance (eps_text - eps_uncond)
    (Ho and Salimans 2022, eq. 6 with guidance = 1 + w); the pipeline class computes it for values over 1 only, and
    would run a value between 0 and 1 as if it were 1, in silence.
    Raises ValueError with one line that names the setting, what was got and what was expected.

    >>> check_settings(steps=20, guidance=4.0)
    """
    _whole("seed", seed, 0)
    for name, value in {"steps": steps, "num_frames": num_frames, "height": height, "width": width}.items():
        if value is not None:
            _whole(name, value, 1)
    if guidance is not None:
        good = isinstance(guidance, numbers.Real) and not isinstance(guidance, bool) and math.isfinite(guidance)
        if not good or not (guidance == 0 or guidance >= 1):
            raise ValueError(f"guidance {guidance!r}: expected 0 (the prompt is not used), 1 (not guided) or more")


def _whole(name, value, low):
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or not low <= value < 2**63:
        top = "" if low else " below 2**63"
        raise ValueError(f"{name} {value!r}: expected a whole number from {low}{top}")


def check_prompt(prompt, tokenizer=None, *, name="prompt", blank=False, limit=None, english=True):
    """Check a prompt against what a model's tokenizer can read, and return the text to give to the model.

    prompt: str. tokenizer: the model's; without one only the type and blankness are checked. name: what to call the
    text in a message. blank: whether it may be blank, as a negative prompt may. limit: the tokens that the model reads;
    None: as many as its tokenizer says. english: whether it was trained on English alone.
    The scale model's tokenizer carries its words (`init_kwargs["known_words"]`): a word outside them, or a prompt over
    its limit of tokens, is an error. For other models a prompt that does not look English, or whose end lies beyond
    the tokenizer's limit and is cut, is a warning.
    Raises ValueError with one line.

    >>> check_prompt("a red circle moving left")
    'a red circle moving left'
    """
    if not isinstance(prompt, str):
        raise ValueError(f"{name} {prompt!r}: expected a text, got {type(prompt).__name__}")
    known = known_words(tokenizer)
    if known:
        prompt = plain(prompt)
    if not prompt.strip():
        if blank:
            return ""
        raise ValueError(f"the {name} is empty: expected a text, such as 'a red circle moving left'")
    if tokenizer is None:
        return prompt
    limit = min(limit or math.inf, tokenizer.model_max_length)
    beyond = cut(prompt, tokenizer, limit)
    if known:
        unknown = [word for word in dict.fromkeys(prompt.replace(",", " ").split()) if word not in known]
        if unknown:
            says = ", ".join(map(repr, unknown))
            raise ValueError(
                f"the {name} says {says}, which the scale model does not know; it knows {', '.join(known)}"
            )
        if beyond:
            raise ValueError(
                f"the {name} is over the scale model's limit of {limit - 2} tokens: {beyond!r} would be cut"
            )
        return prompt
    if english and not looks_english(prompt):
        warnings.warn(f"the {name} does not look English, and this model was trained on English only", stacklevel=3)
    if beyond:
        warnings.warn(f"the {name} is cut at {limit} tokens; lost or cut: {beyond!r}", stacklevel=3)
    return prompt


def known_words(tokenizer):
    """The words that the scale model's tokenizer knows, sorted; an empty tuple for any other tokenizer."""
    return tuple(getattr(tokenizer, "init_kwargs", {}).get("known_words") or ())


def plain(prompt):
    """A prompt as the scale model's captions are written: lower case, one space, no mark at a word's end but commas.

    >>> plain("A red circle ,moving  left.")
    'a red circle, moving left'
    """
    clauses = ([word.rstrip(".!?") for word in clause.split()] for clause in prompt.lower().split(","))
    clauses = (" ".join(filter(None, words)) for words in clauses)
    return ", ".join(filter(None, clauses))


def cut(prompt, tokenizer, limit=None):
    """The words of `prompt` that lie beyond the tokenizer's limit, from the first that loses a token; "" if none.

    CLIP reads 77 tokens, of which the first and the last are marks: 75 are left for the text. T5 marks the end alone.
    limit: of tokens; None: as many as the tokenizer says.
    """
    limit = limit or tokenizer.model_max_length
    starts = [start for start, _ in tokenizer(prompt, return_offsets_mapping=True, verbose=False).offset_mapping]
    if len(starts) <= limit:
        return ""
    word = re.search(r"\S*$", prompt[: starts[limit - 1]])
    return prompt[word.start() :]


def looks_english(prompt):
    """Guess from script and small words whether a prompt is English.

    It can tell another script (more than a fifth of the letters are not Latin), and a sentence in German, French,
    Spanish, Italian, Portuguese or Dutch by its articles and prepositions, when they outnumber the English ones. It
    cannot tell a text without such words ("Hund rennt"), or a language that is not in the list.

    >>> looks_english("a panda eating bamboo on a rock"), looks_english("un panda sur un rocher")
    (True, False)
    """
    letters = [c for c in prompt if c.isalpha()]
    other = sum("LATIN" not in unicodedata.name(c, "") for c in letters)
    words = "".join(c if c.isalpha() else " " for c in prompt.lower()).split()
    foreign, english = (sum(word in known for word in words) for known in (_FOREIGN, _ENGLISH))
    return 5 * other <= len(letters) and foreign <= english


def add_options(parser) -> None:
    """Add the options that every command with a prompt takes: they become the fields of a request.

    Args:
        parser: an `argparse.ArgumentParser`.
    """
    add = parser.add_argument
    add("--seed", metavar="N", type=command.whole, default=0, help="random seed (default: %(default)s)")
    add("--steps", metavar="N", type=command.whole, help="denoising steps (default: the model's)")
    about = "guidance scale: 0 ignores the prompt, 1 follows it, more leans on it (default: the model's)"
    add("--guidance", metavar="W", type=command.number, help=about)
    add("--negative-prompt", metavar="TEXT", help="what to steer away from")
    add("--frames", metavar="N", type=command.whole, help="number of frames (default: the model's)")
    add("--size", metavar="WxH", type=command.size, help="width and height in pixels (default: the model's)")
    add("--fps", metavar="N", type=command.number, help="frames per second (default: the model's)")
