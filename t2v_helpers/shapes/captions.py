"""The words of the world: what a caption can say, how it is read, and which scenes are never trained on.

A caption names one thing or two, each with a colour, a shape and a motion, and perhaps a ground: "a red heart rising
at dusk", "a yellow star falling and a blue square moving left at night". Two things always differ in colour, so that
a colour says which thing is meant. The thing named second passes in front.
"""

import functools
import itertools
import typing

import torch

COLORS = {
    "red": (0.92, 0.20, 0.16),
    "yellow": (0.95, 0.88, 0.20),
    "green": (0.18, 0.78, 0.24),
    "cyan": (0.25, 0.87, 0.92),
    "blue": (0.18, 0.34, 0.95),
    "purple": (0.72, 0.24, 0.86),
    "pink": (0.98, 0.56, 0.74),
    "white": (0.96, 0.96, 0.94),
}
SHAPES = {
    "circle": ("circle", "disc"),
    "square": ("square", "box"),
    "triangle": ("triangle",),
    "star": ("star",),
    "heart": ("heart",),
}
MOTIONS = {
    "left": ("moving left", "moves to the left", "going left", "sliding to the left"),
    "right": ("moving right", "moves to the right", "going right", "sliding to the right"),
    "up": ("moving up", "moves up", "going up", "rising"),
    "down": ("moving down", "moves down", "going down", "falling"),
    "growing": ("growing", "grows", "getting bigger", "gets bigger"),
    "shrinking": ("shrinking", "shrinks", "getting smaller", "gets smaller"),
    "bouncing": ("bouncing", "bounces", "jumping", "jumps"),
    "circling": ("circling", "moves around", "going around", "moving around"),
}
GROUNDS = {"day": ("by day", "in daylight"), "dusk": ("at dusk", "in the evening"), "night": ("at night",)}
TEMPLATES = (
    "a {color} {shape} {motion}",
    "the {color} {shape} is {motion}",
    "{color} {shape}, {motion}",
    "a {shape} that is {color}, {motion}",
    "{motion}, a {color} {shape}",
)
PAIR_TEMPLATES = (  # (how each of two things is said, what joins them, whether the verb is a form in -ing)
    ("a {color} {shape} {motion}", " and ", True),
    ("the {color} {shape} is {motion}", " and ", True),
    ("the {color} {shape} is {motion}", " while ", True),
    ("a {color} {shape} {motion}", " and ", False),
    ("a {color} {shape} {motion}", " while ", False),
)


class Attributes(typing.NamedTuple):
    """One thing: a colour, a shape and a motion; None for what `judge` cannot tell.

    >>> str(Attributes("red", "circle", "left"))
    'a red circle moving left'
    """

    color: str | None
    shape: str | None
    motion: str | None

    def __str__(self) -> str:
        return f"a {self.color or '?'} {self.shape or '?'} {MOTIONS[self.motion][0] if self.motion else '?'}"


class Scene(typing.NamedTuple):
    """What a clip shows: one thing or two, and the ground, a name of GROUNDS or None for the plain dark one.

    >>> str(Scene((Attributes("red", "heart", "up"), Attributes("blue", "star", "left")), "dusk"))
    'a red heart moving up and a blue star moving left at dusk'
    """

    things: tuple[Attributes, ...]
    ground: str | None = None

    def __str__(self) -> str:
        return " and ".join(map(str, self.things)) + (f" {GROUNDS.get(self.ground, '?')[0]}" if self.ground else "")


COMBINATIONS = tuple(Attributes(*names) for names in itertools.product(COLORS, SHAPES, MOTIONS))


@functools.cache
def _number(name: str) -> int:
    """The place of a colour, shape or motion among its kind, from 0."""
    return next(list(kind).index(name) for kind in (COLORS, SHAPES, MOTIONS) if name in kind)


@functools.cache
def _thing_is_held_out(thing: Attributes) -> bool:
    color, shape, motion = map(_number, thing)
    return (color + motion) % 8 != 0 and (2 * color + motion) % 5 == shape


# The first world, which tiny-wan learned: 6 colours, 3 shapes and 6 motions on the plain ground.
FIRST = tuple(
    names for names in COMBINATIONS
    if names.color not in ("pink", "white") and names.shape not in ("star", "heart") and _number(names.motion) < 6
)  # fmt: skip


def _first_is_held_out(thing: Attributes) -> bool:
    color, shape, motion = map(_number, thing)
    return (color + motion) % 2 == 0 and (color + motion // 2) % 3 == shape


# Of each colour and each motion 7, of each shape 10 to 12: 56 of 320, 17.5 %. Never trained on.
HELD_OUT = frozenset(str(names) for names in COMBINATIONS if _thing_is_held_out(names))


def pair_is_held_out(first: Attributes, second: Attributes) -> bool:
    """Whether two things are never shown together in training, whatever they do and whichever is named first.

    Number the 40 kinds of things by colour and shape, 5 x color + shape: a pair is held out if its two numbers add up
    to a multiple of 6. That is a sixth of the pairs, and every kind is held out with five to seven others.

    Args:
        first: One thing.
        second: The other thing.

    Returns:
        True if no training clip shows a thing of this colour and shape together with the other.

    >>> pair_is_held_out(Attributes("red", "circle", "up"), Attributes("yellow", "square", "left"))
    True
    """
    return sum(5 * _number(thing.color) + _number(thing.shape) for thing in (first, second)) % 6 == 0


def is_held_out(scene: Attributes | Scene) -> bool:
    """Whether a scene is never trained on: one of its things is a held-out combination, or the pair is held out.

    Args:
        scene: A thing or a scene. The ground does not matter.

    Returns:
        True for what training never shows.

    >>> is_held_out(read("a red circle moving left")), is_held_out(read("a red circle growing at night"))
    (False, False)
    """
    things = (scene,) if isinstance(scene, Attributes) else scene.things
    return any(map(_thing_is_held_out, things)) or (len(things) == 2 and pair_is_held_out(*things))


def combinations(held_out: bool | None = None, first: bool = False) -> list[Attributes]:
    """The 320 things that there are: 8 colours x 5 shapes x 8 motions.

    Args:
        held_out: True for those never trained on, False for the others, None for all.
        first: Whether to take only the 108 of the first world, which tiny-wan learned and which held out others: 18.

    Returns:
        The things, in the order of the vocabulary.

    >>> len(combinations(held_out=False)), len(combinations(held_out=True))
    (264, 56)
    >>> len(combinations(held_out=False, first=True)), len(combinations(held_out=True, first=True))
    (90, 18)
    """
    every, kept_back = (FIRST, _first_is_held_out) if first else (COMBINATIONS, _thing_is_held_out)
    return [names for names in every if held_out is None or kept_back(names) == held_out]


def captions(held_out: bool | None = None, first: bool = False) -> list[str]:
    """The plain caption of each of `combinations`.

    Args:
        held_out: As in `combinations`.
        first: As in `combinations`.

    Returns:
        Texts such as "a red circle moving left".

    >>> captions()[0]
    'a red circle moving left'
    """
    return [str(names) for names in combinations(held_out, first)]


def sample_scene(
    generator: torch.Generator, things: int | None = None, held_out: bool = False, grounds: bool = True
) -> Scene:
    """Draw a scene at random.

    Args:
        generator: Source of chance.
        things: 1 or 2; None for either, evenly.
        held_out: False for a scene to train on. True for one to measure with: a held-out combination, or two trained
            combinations whose pair is held out.
        grounds: Whether to draw the ground as well, evenly from the plain one and the three of GROUNDS; if not, it is
            plain.

    Returns:
        The scene.

    Raises:
        ValueError: `things` is not 1, 2 or None.

    >>> scene = sample_scene(torch.Generator().manual_seed(0), things=2)
    >>> len(scene.things), is_held_out(scene)
    (2, False)
    """
    if things not in (1, 2, None):
        raise ValueError(f"things {things!r}: expected 1, 2 or None")
    count, ground = torch.randint(2**31, (2,), generator=generator).tolist()
    count = things or 1 + count % 2
    name = (None, *GROUNDS)[ground % (1 + len(GROUNDS))] if grounds else None
    while True:
        places = torch.randint(len(COMBINATIONS), (count,), generator=generator).tolist()
        chosen = tuple(COMBINATIONS[place] for place in places)
        if any(_thing_is_held_out(thing) != (held_out and count == 1) for thing in chosen):
            continue
        if count == 1 or (chosen[0].color != chosen[1].color and pair_is_held_out(*chosen) == held_out):
            return Scene(chosen, name)


def _is_finite(verb: str) -> bool:
    """Whether a motion's wording is a form such as "moves left", not "moving left"."""
    return verb.split()[0].endswith("s")


def wordings(names: Attributes | Scene) -> list[str]:
    """Every way in which the world's captions say something.

    Args:
        names: A thing on the plain ground, or a scene.

    Returns:
        Texts, the plain caption first. `read` reads each of them back.

    >>> wordings(Attributes("red", "circle", "up"))[:2]
    ['a red circle moving up', 'a red circle moves up']
    """
    scene = Scene((names,)) if isinstance(names, Attributes) else names
    said = [itertools.product(SHAPES[thing.shape], MOTIONS[thing.motion]) for thing in scene.things]
    said = [
        [{"color": t.color, "shape": s, "motion": m} for s, m in each]
        for t, each in zip(scene.things, said, strict=True)
    ]
    if len(said) == 1:  # "the red circle is moves left" is no English
        texts = [
            form.format(**words) for form in TEMPLATES for words in said[0]
            if not ("is {motion}" in form and _is_finite(words["motion"]))
        ]  # fmt: skip
    else:
        texts = [
            joint.join(form.format(**words) for words in both)
            for form, joint, ing in PAIR_TEMPLATES for both in itertools.product(*said)
            if all(_is_finite(words["motion"]) != ing for words in both)
        ]  # fmt: skip
    if not scene.ground:
        return texts
    phrases = GROUNDS[scene.ground]
    after = [f"{text} {phrase}" for phrase in phrases for text in texts]
    return after + [f"{phrase}, {text}" for phrase in phrases for text in texts]


def words() -> list[str]:
    """Every word that occurs in a wording, sorted: the vocabulary of a tokenizer for this world.

    Returns:
        Words in lower case, without the comma.

    >>> len(words()), words()[:4]
    (54, ['a', 'and', 'around', 'at'])
    """
    said = [*TEMPLATES, *(form + joint for form, joint, _ in PAIR_TEMPLATES), *COLORS]
    said += [text for kind in (SHAPES, MOTIONS, GROUNDS) for texts in kind.values() for text in texts]
    return sorted({w for text in said for w in text.replace(",", " ").split() if not w.startswith("{")})


@functools.cache
def _meaning() -> dict[str, tuple[str, str]]:
    """Word -> (attribute, name), for the words that carry one."""
    meaning = {color: ("color", color) for color in COLORS}
    meaning |= {word: ("shape", shape) for shape, texts in SHAPES.items() for word in texts}
    for kind, names in (("motion", MOTIONS), ("ground", GROUNDS)):
        for name, phrases in names.items():
            others = " ".join(" ".join(texts) for other, texts in names.items() if other != name).split()
            others += ["by", "in", "at", "the"]
            meaning |= {w: (kind, name) for phrase in phrases for w in phrase.split() if w not in others}
    return meaning


def read(caption: str) -> Scene:
    """Read a caption, in any wording.

    Args:
        caption: A text that names one thing or two, joined by "and" or "while", and at most one ground.

    Returns:
        The scene it describes.

    Raises:
        ValueError: A thing without exactly one colour, shape and motion, more than two things, two of one colour, or
            more than one ground.

    >>> read("at dusk, the red heart is rising").ground
    'dusk'
    """
    if not isinstance(caption, str):
        raise ValueError(f"caption {caption!r}: expected a text, got {type(caption).__name__}")
    clauses, grounds = [[]], set()
    for word in caption.lower().replace(",", " ").replace(".", " ").split():
        kind, name = _meaning().get(word, (None, None))
        if kind == "ground":
            grounds.add(name)
        elif kind:
            clauses[-1].append((kind, name))
        elif word in ("and", "while"):
            clauses.append([])
    if len(clauses) > 2:
        raise ValueError(f"caption {caption!r} names {len(clauses)} things, expected one or two")
    if len(grounds) > 1:
        raise ValueError(f"caption {caption!r} names {len(grounds)} grounds, expected at most one")
    things = tuple(
        _thing(caption, clause, f" for thing {i}" * (len(clauses) == 2)) for i, clause in enumerate(clauses, 1)
    )
    if len({thing.color for thing in things}) < len(things):
        raise ValueError(f"caption {caption!r} names two {things[0].color} things, expected two different colors")
    return Scene(things, *grounds)


def _thing(caption: str, clause: list[tuple[str, str]], which: str) -> Attributes:
    """The one thing that a clause, a list of (attribute, name), describes."""
    chosen = []
    for kind, known in (("color", COLORS), ("shape", SHAPES), ("motion", MOTIONS)):
        names = {name for k, name in clause if k == kind}
        if len(names) != 1:
            named = f"{len(names)} {kind}s" if names else f"no {kind}"
            raise ValueError(f"caption {caption!r} names {named}{which}, expected one of: {', '.join(known)}")
        chosen += names
    return Attributes(*chosen)


def parse(caption: str) -> Attributes:
    """Read a caption of one thing on the plain ground; `read` reads the others.

    Args:
        caption: A text such as "a red circle moving left", in any wording.

    Returns:
        The thing.

    Raises:
        ValueError: As for `read`, and for two things or a ground.

    >>> parse("the red disc is rising") == Attributes("red", "circle", "up")
    True
    """
    scene = read(caption)
    if len(scene.things) != 1 or scene.ground:
        what = "two things" if len(scene.things) == 2 else f"the ground {scene.ground!r}"
        raise ValueError(f"caption {caption!r} names {what}, expected one thing on the plain ground")
    return scene.things[0]
