"""What a model is trained on: captioned clips, rendered as they are asked for, or read from a folder of files.

A world has kinds of clips, numbered from 0, and `kinds` names what each shows, as `Attributes` or `Scene`: first those
that are `trained` on, then those `held_out`, which only the autoencoder sees. The UNet learns from `examples_per_kind`
of each kind, which `pool` paints in batches.
"""

import functools
import itertools
import json
import pathlib

import numpy as np
import torch

from .. import shapes
from .._support.files import write_whole
from ..clips import read_video
from ..models.request import plain
from ..shapes.captions import PAIR_TEMPLATES, TEMPLATES
from ..shapes.judge import FIT
from ..shapes.render import SKIES
from ..video import save_video, to_uint8
from .data import METADATA, find_clips
from .loop import choose, digest, rng

UNJUDGED = " (--any-captions takes any caption, and does not ask the judge)"


class Rendered:
    """Clips that this package draws.

    trained, held_out: sequences of `Attributes` or `Scene`. size: pixels. plain: whether captions have the plain
    wording alone.

    >>> world = Rendered(shapes.combinations(False)[:3], size=32, num_frames=4)
    >>> world.clip(0, 7).shape
    (4, 32, 32, 3)
    """

    examples_per_kind, fps = 80, shapes.FPS
    judged = True  # whether shapes.judge knows what the clips show
    fit = FIT  # how well outlines have to fit where training measures itself
    singles = None  # see `whole`

    def __init__(self, trained=None, held_out=None, *, size=shapes.SIZE, num_frames=shapes.NUM_FRAMES, plain=False):
        self.trained = tuple(shapes.combinations(held_out=False) if trained is None else trained)
        self.held_out = tuple(shapes.combinations(held_out=True) if trained is None else held_out or ())
        self.kinds = self.trained + self.held_out
        self.size, self.num_frames, self.plain = size, num_frames, plain
        if not self.trained:
            raise ValueError("trained is empty, expected at least one of shapes.combinations()")
        if both := set(self.trained) & set(self.held_out):
            raise ValueError(f"'{min(map(str, both))}' is both trained and held out, expected one of them")

    def clip(self, kind, generator):
        """A new clip of a kind: frames (num_frames, size, size, 3). generator: torch.Generator or int."""
        return shapes.render(self.kinds[kind], generator, self.num_frames, self.size)

    @functools.cache  # noqa: B019 - a training has one world
    def pool(self, per_kind=None, seed=0):
        """Examples of every kind, kind by kind: a `Pool`."""
        per_kind = per_kind or self.examples_per_kind
        drawn = [(names, rng(seed, i, j, "place")) for i, names in enumerate(self.kinds) for j in range(per_kind)]
        return Pool(drawn, self.num_frames, self.size)

    def text(self, kind, generator):
        """The caption of a kind, or one of its wordings."""
        return str(self.kinds[kind]) if self.plain else choose(_wordings(self.kinds[kind]), generator)

    def confused(self, kind, generator):
        """A caption that differs from a kind's in one attribute, or swaps the shapes or motions of its two things."""
        scene = _scene(self.kinds[kind])
        things = [thing._asdict() for thing in scene.things]
        name = choose(("shape", "motion"), generator)
        one, *others = sorted(things, key=lambda _: torch.rand((), generator=generator).item())
        if others and one[name] != others[0][name] and torch.rand((), generator=generator) < 0.6:
            one[name], others[0][name] = others[0][name], one[name]
        else:
            name, known = choose([*zip(one, (shapes.COLORS, shapes.SHAPES, shapes.MOTIONS), strict=True)], generator)
            one[name] = choose([other for other in known if all(other != thing[name] for thing in things)], generator)
        return choose(shapes.wordings(scene._replace(things=tuple(shapes.Attributes(**t) for t in things))), generator)

    def identity(self):
        """A digest of all that is trained on: what is rendered, or a folder's frames and captions."""
        kinds = [*map(str, self.kinds)], len(self.trained), self.plain, self.singles
        words = TEMPLATES, PAIR_TEMPLATES, shapes.SHAPES, shapes.MOTIONS, shapes.GROUNDS
        return digest(*kinds, *words, self.size, self.num_frames, shapes.COLORS, SKIES)


_wordings = functools.lru_cache(1000)(shapes.wordings)


def _scene(names):
    return names if isinstance(names, shapes.Scene) else shapes.Scene((names,))


class Pool:
    """Where the things of many clips are, from which frames are painted, as `shapes.render` paints them."""

    def __init__(self, drawn, num_frames, size):
        """drawn: what each clip shows, with the torch.Generator that places it."""
        names, grounds = list(shapes.SHAPES), [None, *shapes.GROUNDS]
        self.shape = torch.full((len(drawn), 2), -1)  # of the one thing, or of each of two: a number, -1 for none
        self.color, self.radius = torch.zeros(len(drawn), 2, 3), torch.ones(len(drawn), 2, num_frames)
        self.center = torch.zeros(len(drawn), 2, num_frames, 2)
        self.ground = torch.tensor([grounds.index(_scene(kind).ground) for kind, _ in drawn])
        self.skies = torch.stack([shapes.sky(ground, size)[:, 0] for ground in grounds])
        self.axis = torch.arange(size) + 0.5
        for i, (kind, generator) in enumerate(drawn):
            scene = _scene(kind)
            for slot, (thing, where) in enumerate(
                zip(scene.things, shapes.place(scene, generator, num_frames, size), strict=True)
            ):
                self.shape[i, slot] = names.index(thing.shape)
                self.color[i, slot] = torch.tensor(shapes.COLORS[thing.color])
                self.center[i, slot], self.radius[i, slot] = where
        self.used = [sorted(set(slot.tolist()) - {-1}) for slot in self.shape.unbind(1)]

    def __len__(self):
        return len(self.shape)

    def to(self, device):
        """Move it, in place, to where frames are to be painted."""
        for name in ("shape", "color", "radius", "center", "ground", "skies", "axis"):
            setattr(self, name, getattr(self, name).to(device))
        return self

    def paint(self, which, frame=None):
        """Clips by number (b,), or of each only the frame of a number (b,): (b, 3, F or 1, size, size) in [-1, 1]."""
        center, radius = self.center[which], self.radius[which]
        if frame is not None:
            row = torch.arange(len(which), device=which.device)
            center, radius = center[row, :, frame][:, :, None], radius[row, :, frame][:, :, None]
        size = len(self.axis)
        picture = self.skies[self.ground[which]].mT[:, :, None, :, None].expand(-1, -1, center.shape[2], size, size)
        for slot, used in enumerate(self.used):
            x = self.axis[None, None, None, :] - center[:, slot, :, 0, None, None]
            y = self.axis[None, None, :, None] - center[:, slot, :, 1, None, None]
            distance = torch.ones((), device=x.device)  # outside
            for number in used:
                here = (self.shape[which, slot] == number)[:, None, None, None]
                there = shapes.outline(list(shapes.SHAPES)[number], x, y, radius[:, slot, :, None, None])
                distance = torch.where(here, there, distance)
            if used:
                cover, color = (0.5 - distance).clamp(0, 1)[:, None], self.color[which, slot][:, :, None, None, None]
                picture = torch.lerp(picture, color.expand_as(picture), cover.expand_as(picture))
        return picture * 2 - 1


class Stored:
    """Clips from files, uint8 (n, F, size, size, 3), with the methods of `Pool`."""

    def __init__(self, clips):
        self.clips = torch.from_numpy(clips)

    def __len__(self):
        return len(self.clips)

    def to(self, device):
        """As in `Pool`."""
        self.clips = self.clips.to(device)
        return self

    def paint(self, which, frame=None):
        """As in `Pool`."""
        clips = self.clips[which] if frame is None else self.clips[which, frame][:, None]
        return clips.movedim(-1, 1) / 127.5 - 1


def small(num_frames=8):
    """A world to learn in minutes: 3 colours x 2 shapes x 4 directions, 4 of the 24 held out; frames of 32 x 32.

    >>> len(small().trained), len(small().held_out)
    (20, 4)
    """
    names = (("red", "green", "blue"), ("circle", "triangle"), ("left", "right", "up", "down"))
    every = [shapes.Attributes(*some) for some in itertools.product(*names)]
    held_out = [every[i] for i in (0, 7, 13, 18)]  # each direction once, each shape twice, each colour
    trained = [one for one in every if one not in held_out]
    world = Rendered(trained, held_out, size=32, num_frames=num_frames, plain=True)
    world.fit = 0.7  # minutes are too few for more
    return world


def first(num_frames=shapes.NUM_FRAMES):
    """The first world, which tiny-wan learns: one thing of 108, 18 of them held out, on the plain ground."""
    return Rendered(*(shapes.combinations(held_out, first=True) for held_out in (False, True)), num_frames=num_frames)


def whole(scenes, singles=(0.4, 0.6, 0.3), seed=0):
    """The world that tiny learns: scenes of one thing and of two, each rendered once.

    scenes: to train on; up to 24 of one thing and as many of two are held out. singles: share of scenes with one thing,
    and share of such clips in a batch when the UNet begins to learn clips and when it ends.

    >>> world = whole(100)
    >>> len(world.trained), len(world.held_out), len(world.trained[39].things), len(world.trained[40].things)
    (100, 4, 1, 2)
    """
    generator = rng(seed, "scenes")
    few = min(24, 1 + scenes // 100)
    held_out = [shapes.sample_scene(generator, things, held_out=True) for things in (1, 2) for _ in range(few)]
    single = round(singles[0] * scenes)
    world = Rendered([shapes.sample_scene(generator, 1 if i < single else 2) for i in range(scenes)], held_out)
    world.examples_per_kind, world.singles = 1, (single / scenes, *singles[1:])
    return world


class Folder(Rendered):
    """Captioned clips from a folder, see `find_clips`; size, num_frames, fps: as in `read_video`, for all of them.

    Clips that show the same are of one kind, and each caption of theirs may go with any of them. All are read and
    checked when the folder is opened; ValueError or OSError, in one line, names the file that cannot be used, such as
    one in which `shapes.judge` does not see what the caption says. With judged=False captions may say anything, and a
    kind is clips with one caption.
    """

    def __init__(self, folder, *, size=None, num_frames=None, fps=None, judged=True):
        if size and (size[0] != size[1] or size[0] % 8 or size[0] < 16):
            raise ValueError(f"--size {size[0]}x{size[1]}: expected a square, a multiple of 8 from 16")
        self.judged, self.files, shape = judged, {}, None
        for file, text, where in find_clips(pathlib.Path(folder)):
            names, (frames, rate) = self._shown(text, where), _read(file, where, size, num_frames, fps)
            if shape is None:
                shape, self.fps = frames.shape, rate
            if frames.shape != shape:
                expected = f"{shape} as the first clip; --size and --frames make them alike"
                raise ValueError(f"{file} has frames {frames.shape}, expected {expected}")
            if judged and (seen := shapes.judge(frames)) != names:
                raise ValueError(f"{file} is captioned {text!r}, and shows {seen}{UNJUDGED}")
            self.files.setdefault(names, []).append((to_uint8(frames), text if judged else names))
        super().__init__(self.files, size=shape[1], num_frames=shape[0])
        self.examples_per_kind = max(map(len, self.files.values()))

    def _shown(self, text, where):
        """What a caption says: attributes or, if nothing is judged, its plain wording."""
        if not self.judged and not plain(text):
            raise ValueError(f"{where}: got caption {text!r}, expected words")
        try:
            return shapes.parse(text) if self.judged else plain(text)
        except ValueError as error:
            raise ValueError(f"{where}: {error}{UNJUDGED}") from None

    def clip(self, kind, generator):
        """One of the clips of a kind."""
        return choose(self.files[self.trained[kind]], generator)[0] / np.float32(255)

    @functools.cache  # noqa: B019 - as in `Rendered`
    def pool(self, per_kind=None, seed=0):
        """Each clip of a kind in its turn; where another kind has more, from the first one on again."""
        each = range(per_kind or self.examples_per_kind)
        return Stored(np.stack([clips[i % len(clips)][0] for clips in self.files.values() for i in each]))

    def text(self, kind, generator):
        """One of the captions of a kind."""
        return choose(self.files[self.trained[kind]], generator)[1]

    def identity(self):
        """See `Rendered.identity`."""
        return digest(*(part for clips in self.files.values() for clip in clips for part in clip))


def _read(file, where, size, num_frames, fps):
    """Frames of one clip, square ones from 16 pixels with sides that are multiples of 8, and how many a second."""
    try:
        frames, times = read_video(file, size=size, num_frames=num_frames, fps=fps)
    except FileNotFoundError:
        raise FileNotFoundError(f"{file} is missing, and {where} names it") from None
    height, width = frames.shape[1:3]
    if height != width or height % 8 or height < 16:
        expected = "square ones, a multiple of 8 from 16; --size crops and scales them"
        raise ValueError(f"{file} has frames of {width}x{height} pixels, expected {expected}")
    return frames, round(len(frames) / float(times[-1]), 2)


def write_folder(folder, world, count, seed=0):
    """Write `count` clips of a world, lossless, with their metadata, in the form that `Folder` reads."""
    folder, lines = pathlib.Path(folder), []
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        generator, file = rng(seed, number, "folder"), f"{number:05d}.webp"
        kind = number % len(world.trained)
        save_video(world.clip(kind, generator), folder / file)
        lines.append(json.dumps({"file_name": file, "text": world.text(kind, generator)}) + "\n")
    write_whole(folder / METADATA[0], "".join(lines).encode())  # last, so that it names only what is there
