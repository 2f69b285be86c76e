"""A request, which is a prompt with its settings, and what a model's tokenizer reads of a prompt.

Nothing here needs a model, and most of it no tokenizer, so that a bad argument is refused before torch is imported.
"""

import argparse
import dataclasses
import math
import numbers
import re
import typing
import unicodedata

from .._support import command
from .._support.texts import check_text
from .registry import DTYPES, Model, check_shape, describe

# Short words that are used often. Those that English shares with a neighbour (die, in, an, no, do) are in neither list,
# except for a few that hardly any English prompt does without.
_ENGLISH = frozenset("a an the of in on at with and is are to from by over under into through his her its".split())
_FOREIGN = frozenset(
    "der das und ein eine einen einem ist auf mit im le la les un une des du est et dans avec sur el los las una y "
    "con en del il lo gli di che um uma com na het een".split()
)


@dataclasses.dataclass(frozen=True)
class Request:
    """A clip that somebody asks for. The fields are those of `generate`; None stands for the model's own value.

    Raises:
        ValueError: No model can work with a value; one line names it and what was expected.
    """

    prompt: str
    negative_prompt: str | None = None
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    num_frames: int | None = None
    height: int | None = None
    width: int | None = None

    def __post_init__(self) -> None:
        for name, low in {"seed": 0, "steps": 1, "num_frames": 1, "height": 1, "width": 1}.items():
            value, below = getattr(self, name), " below 2**63" if name == "seed" else ""
            whole = isinstance(value, numbers.Integral) and not isinstance(value, bool) and low <= value < 2**63
            if not whole and (value is not None or name == "seed"):
                raise ValueError(f"{name} {value!r}: expected a whole number from {low}{below}")
        w = self.guidance  # the pipeline class would silently run a value between 0 and 1 as if it were 1
        real = isinstance(w, numbers.Real) and not isinstance(w, bool)
        if w is not None and not (real and (w == 0 or 1 <= w < math.inf)):
            raise ValueError(f"guidance {w!r}: expected 0 (the prompt is not used), 1 (not guided) or more")
        check_prompt(self.prompt)
        if self.negative_prompt is not None:
            check_prompt(self.negative_prompt, negative=True)

    @classmethod
    def from_args(cls, args: argparse.Namespace, prompt: str) -> "Request":
        """Make the request that a command's options ask for.

        Args:
            args: With the options of `add_options`.
            prompt: What the clip shows.
        """
        width, height = args.size or (None, None)
        return cls(prompt, args.negative_prompt, args.seed, args.steps, args.guidance, args.frames, height, width)

    def check_shape(self, model: typing.Any) -> None:
        """Raise ValueError if a model, as `describe` takes it, cannot make this length or size."""
        if model != "auto":  # whose models take any length, and whose sizes are checked when one is loaded
            check_shape(describe(model), self.num_frames, self.height, self.width)


def check_prompt(
    prompt: str, tokenizer: typing.Any = None, model: Model | None = None, *, negative: bool = False
) -> tuple[str, list[str]]:
    """Check a prompt against what a model's tokenizer can read.

    An unknown word and a prompt over the limit of tokens are errors for the scale model, whose tokenizer carries its
    words. Other models give a warning for the limit, and for a prompt that does not look English.

    Args:
        prompt: The text.
        tokenizer: The model's; without one, only type and blankness are checked.
        model: Says how many tokens are read and whether English is needed; None: all that it allows, yes.
        negative: Whether it is the negative prompt, which may be blank.

    Returns:
        The text to give to the model, and the warnings, one line each.

    Raises:
        ValueError: The prompt cannot be used, in one line.
    """
    name = "negative prompt" if negative else "prompt"
    if not isinstance(prompt, str):
        raise ValueError(f"{name} {prompt!r}: expected a text, got {type(prompt).__name__}")
    check_text(f"the {name}", prompt)
    known, notes, model = known_words(tokenizer), [], model or Model("")
    if known:
        prompt = plain(prompt)
    if not prompt.strip():
        if negative:
            return "", notes
        raise ValueError(f"the {name} is empty: expected a text, such as 'a red circle moving left'")
    if tokenizer is None:
        return prompt, notes
    limit = min(model.tokens or math.inf, tokenizer.model_max_length)
    beyond = cut(prompt, tokenizer, limit)
    if known:
        unknown = [word for word in dict.fromkeys(prompt.replace(",", " ").split()) if word not in known]
        if unknown:
            said, more = ", ".join(map(repr, unknown)), f" and {len(known) - 60} more" * (len(known) > 60)
            known = ", ".join(known[:60]) + more
            raise ValueError(f"the {name} says {said}, which the scale model does not know; it knows {known}")
        if beyond:
            over = f"is over the scale model's limit of {limit - tokenizer.num_special_tokens_to_add()} tokens"
            raise ValueError(f"the {name} {over}: {beyond!r} would be cut")
    elif model.english and not looks_english(prompt):
        notes.append(f"the {name} does not look English, and this model was trained on English only")
    if beyond:
        notes.append(f"the {name} is cut at {limit} tokens; lost or cut: {beyond!r}")
    return prompt, notes


def known_words(tokenizer: typing.Any) -> tuple[str, ...]:
    """List the words that a model's tokenizer carries: the scale model's; others have none."""
    return tuple(getattr(tokenizer, "init_kwargs", {}).get("known_words") or ())


def plain(prompt: str) -> str:
    """A prompt as the scale model's captions are written: lower case, one space, no mark at a word's end but commas."""
    text = unicodedata.normalize("NFC", prompt.lower())
    clauses = ([word.rstrip(".!?") for word in clause.split()] for clause in text.split(","))
    clauses = (" ".join(filter(None, words)) for words in clauses)
    return ", ".join(filter(None, clauses))


def cut(prompt: str, tokenizer: typing.Any, limit: int) -> str:
    """The words of a prompt beyond the limit of tokens, from the first that loses a token; "" if there are none."""
    # CLIP reads 77 tokens, of which the first and the last are marks; T5 marks only the end.
    starts = [start for start, _ in tokenizer(prompt, return_offsets_mapping=True, verbose=False).offset_mapping]
    if len(starts) <= limit:
        return ""
    word = re.search(r"\S*$", prompt[: starts[limit - 1]])
    return prompt[word.start() :]


def looks_english(prompt: str) -> bool:
    """Guess from script and small words whether a prompt is English.

    It recognises another script (over a fifth of the letters are not Latin), and German, French, Spanish, Italian,
    Portuguese or Dutch when their small words outnumber the English ones; it misses a text without any ("Hund rennt").

    >>> looks_english("a panda eating bamboo on a rock"), looks_english("un panda sur un rocher")
    (True, False)
    """
    letters = [c for c in prompt if c.isalpha()]
    other = sum("LATIN" not in unicodedata.name(c, "") for c in letters)
    words = "".join(c if c.isalpha() else " " for c in prompt.lower()).split()
    foreign, english = (sum(word in known for word in words) for known in (_FOREIGN, _ENGLISH))
    return 5 * other <= len(letters) and foreign <= english


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that every command with a prompt takes; `Request.from_args` reads them."""
    add = parser.add_argument
    add("--seed", metavar="N", type=command.whole, default=0, help="random seed (default: %(default)s)")
    add("--steps", metavar="N", type=command.whole, help="denoising steps (default: the model's)")
    about = "guidance scale: 0 ignores the prompt, 1 follows it, above 1 follows it more strongly; values between 0"
    about += " and 1 are refused (default: the model's)"
    add("--guidance", metavar="W", type=command.number, help=about)
    add("--negative-prompt", metavar="TEXT", help="what to steer away from, at a guidance above 1 (at 0: the prompt)")
    add("--frames", metavar="N", type=command.whole, help="number of frames (default: the model's)")
    add("--size", metavar="WxH", type=command.size, help="width and height in pixels (default: the model's)")
    add("--fps", metavar="N", type=command.number, help="playback rate, frames a second (default: the model's)")
    about = "precision of the networks (default: the model's own on a GPU, float32 on a CPU)"
    add("--dtype", choices=DTYPES, help=about)
