"""What a model is trained on: captioned clips, rendered as they are asked for, or read from a folder of files.

A world has kinds of clips, numbered from 0, and `kinds` names what each shows, as `Attributes`: first those that are
`trained` on, then those `held_out`, of which only the autoencoder sees single frames. The UNet learns from
`examples_per_kind` of each kind.
"""

import itertools
import json
import pathlib

import numpy as np

from .. import shapes
from .._support.files import write_whole
from ..video import as_frames, save_video
from .loop import choose, rng

METADATA = "metadata.jsonl"  # one line a clip: {"file_name": "0000.webp", "text": "a red circle moving left"}


class Rendered:
    """Clips that `shapes.render` draws, never the same twice.

    trained, held_out: sequences of `Attributes`. size: pixels. plain: whether captions have the plain wording alone.

    >>> world = Rendered(shapes.combinations(False)[:3], size=32, num_frames=4)
    >>> world.clip(0, 7).shape
    (4, 32, 32, 3)
    """

    examples_per_kind = 80

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


def small():
    """A world to learn in minutes: 3 colours x 2 shapes x 4 directions, 4 of the 24 held out; 8 frames of 32 x 32.

    >>> len(small().trained), len(small().held_out)
    (20, 4)
    """
    names = (("red", "green", "blue"), ("circle", "triangle"), ("left", "right", "up", "down"))
    every = [shapes.Attributes(*some) for some in itertools.product(*names)]
    held_out = [every[i] for i in (0, 7, 13, 18)]  # each direction once, each shape twice, each colour
    return Rendered([one for one in every if one not in held_out], held_out, size=32, num_frames=8, plain=True)


class Folder(Rendered):
    """Clips from a folder of mp4, GIF or WebP files, with `metadata.jsonl` to say what each shows.

    Clips that show the same are of one kind, and each caption of theirs may go with any of them. All are read and
    checked when the folder is opened; ValueError or OSError, in one line, names the file that cannot be used, such as
    one in which `shapes.judge` does not see what the caption says.
    """

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.files, shape = {}, None  # what is shown -> [(frames, caption)]
        for number, (file, text) in enumerate(_entries(folder), 1):
            frames, names = _read(folder, file), shapes.parse(text)
            shape = shape or frames.shape
            if frames.shape != shape:
                raise ValueError(f"{file} has frames {frames.shape}, expected {shape} as the first clip")
            if (seen := shapes.judge(frames)) != names:
                raise ValueError(f"{file} (clip {number}) is captioned {text!r}, and shows {seen}")
            self.files.setdefault(names, []).append((frames, text))
        if not self.files:
            raise ValueError(f"{folder / METADATA} names no clips, expected one line for each")
        super().__init__(self.files, size=shape[1], num_frames=shape[0])
        self.examples_per_kind = max(map(len, self.files.values()))

    def clip(self, kind, generator):
        """One of the clips of a kind."""
        return choose(self.files[self.trained[kind]], generator)[0]

    def example(self, kind, number, generator=None):
        """Each clip of a kind in its turn; where another kind has more, from the first one on again."""
        clips = self.files[self.trained[kind]]
        return clips[number % len(clips)][0]

    def text(self, kind, generator):
        """One of the captions of a kind."""
        return choose(self.files[self.trained[kind]], generator)[1]


def _entries(folder):
    """The (file name, caption) of each line of a folder's metadata."""
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder, expected one with clips and {METADATA}")
    path = folder / METADATA
    if not path.is_file():
        line = '{"file_name": "0000.webp", "text": "a red circle moving left"}'
        raise FileNotFoundError(f"{path} is missing, expected one line for each clip: {line}")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            yield str(entry["file_name"]), str(entry["text"])
        except (ValueError, KeyError, TypeError):
            what = f"{path}, line {number}: got {line[:60]!r}"
            raise ValueError(f"{what}, expected file_name and text, as JSON") from None


def _read(folder, file):
    """Frames of one file of the folder, as rendered clips are: square, from 16 pixels, sides multiples of 8."""
    import imageio.v3 as iio

    path = folder / file
    if path.resolve().parent != folder.resolve():
        raise ValueError(f"file_name {file!r} leads out of {folder}, expected a file in it")
    try:
        frames = as_frames(np.asarray(iio.imread(path, index=...))[..., :3])
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing, and {METADATA} names it") from None
    except Exception as error:  # each reader has its own
        raise ValueError(f"{path} cannot be read as a clip ({' '.join(str(error).split())[:100]})") from None
    height, width = frames.shape[1:3]
    if height != width or height % 8 or height < 16:
        raise ValueError(f"{file} has frames of {width}x{height} pixels, expected square ones, a multiple of 8 from 16")
    return frames


def write_folder(folder, world, count, seed=0):
    """Write `count` clips of a world, lossless, with their metadata, in the form that `Folder` reads."""
    folder, lines = pathlib.Path(folder), []
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        generator, file = rng(seed, number, "folder"), f"{number:05d}.webp"
        kind = number % len(world.trained)
        save_video(world.clip(kind, generator), folder / file)
        lines.append(json.dumps({"file_name": file, "text": world.text(kind, generator)}) + "\n")
    write_whole(folder / METADATA, "".join(lines).encode())  # last, so that it names only what is there
