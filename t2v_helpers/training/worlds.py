"""What a model is trained on: captioned clips, rendered as they are asked for, or read from a folder of files.

A world has kinds of clips, numbered from 0, and `kinds` names what each shows, as `Attributes`: first those that are
`trained` on, then those `held_out`, which only the autoencoder sees. The UNet learns from `examples_per_kind` of
each kind.
"""

import itertools
import json
import pathlib

import numpy as np

from .. import shapes
from .._support.files import write_whole
from ..clips import read_video
from ..models.request import plain
from ..video import save_video, to_uint8
from .data import METADATA, find_clips
from .loop import choose, digest, rng

UNJUDGED = " (--any-captions takes any caption, and does not ask the judge)"


class Rendered:
    """Clips that `shapes.render` draws, never the same twice.

    trained, held_out: sequences of `Attributes`. size: pixels. plain: whether captions have the plain wording alone.

    >>> world = Rendered(shapes.combinations(False)[:3], size=32, num_frames=4)
    >>> world.clip(0, 7).shape
    (4, 32, 32, 3)
    """

    examples_per_kind, fps = 80, shapes.FPS
    judged = True  # whether shapes.judge knows what the clips show

    def __init__(self, trained=None, held_out=None, *, size=shapes.SIZE, num_frames=shapes.NUM_FRAMES, plain=False):
        self.trained = tuple(shapes.combinations(held_out=False) if trained is None else trained)
        self.held_out = tuple(shapes.combinations(held_out=True) if trained is None else held_out or ())
        self.kinds = self.trained + self.held_out
        self.size, self.num_frames, self.plain = size, num_frames, plain
        if not self.trained:
            raise ValueError("trained is empty, expected at least one of shapes.combinations()")
        if both := set(self.trained) & set(self.held_out):
            raise ValueError(f"'{min(both)}' is both trained and held out, expected one of them")

    def clip(self, kind, generator):
        """A new clip of a kind: frames (num_frames, size, size, 3). generator: torch.Generator or int."""
        return shapes.render(self.kinds[kind], generator, self.num_frames, self.size)

    def example(self, kind, number, generator):
        """Frames of one example of a kind: here a new clip, whatever its number."""
        return self.clip(kind, generator)

    def text(self, kind, generator):
        """The caption of a kind, or one of its wordings."""
        return str(self.kinds[kind]) if self.plain else choose(shapes.wordings(self.kinds[kind]), generator)

    def identity(self):
        """A digest of all that is trained on: what is rendered, or a folder's frames and captions."""
        texts = [[str(names)] if self.plain else shapes.wordings(names) for names in self.kinds]
        return digest(texts, len(self.trained), self.size, self.num_frames, shapes.COLORS, shapes.BACKGROUND)


def small(num_frames=8):
    """A world to learn in minutes: 3 colours x 2 shapes x 4 directions, 4 of the 24 held out; frames of 32 x 32.

    >>> len(small().trained), len(small().held_out)
    (20, 4)
    """
    names = (("red", "green", "blue"), ("circle", "triangle"), ("left", "right", "up", "down"))
    every = [shapes.Attributes(*some) for some in itertools.product(*names)]
    held_out = [every[i] for i in (0, 7, 13, 18)]  # each direction once, each shape twice, each colour
    return Rendered([one for one in every if one not in held_out], held_out, size=32, num_frames=num_frames, plain=True)


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

    def example(self, kind, number, generator=None):
        """Each clip of a kind in its turn; where another kind has more, from the first one on again."""
        clips = self.files[self.trained[kind]]
        return clips[number % len(clips)][0] / np.float32(255)

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
