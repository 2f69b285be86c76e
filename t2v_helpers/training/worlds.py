"""What a model is trained on: captioned clips, rendered as they are asked for, or read from a folder of files.

A world has kinds of clips, numbered from 0, and `kinds` names what each shows, as `Attributes` or `Scene`: first those
that are `trained` on, then those `held_out`, of which only the autoencoder sees single frames, and which are measured
all the same. Of each kind there are `examples_per_kind`, which the UNet learns from. `pool` holds the examples as what
a whole batch is painted from at once, on any device.
"""

import functools
import itertools
import json
import multiprocessing
import os
import pathlib

import numpy as np
import torch

from .. import shapes
from ..shapes.render import outline
from ..video import as_frames
from .loop import choose, rng

METADATA = "metadata.jsonl"  # one line a clip: {"file_name": "0000.webp", "text": "a red circle moving left"}


class Rendered:
    """Clips that are drawn by this package.

    Attributes:
        trained: What is trained on, `Attributes` or `Scene`.
        held_out: What is measured only.
        kinds: Both, in this order.

    >>> world = Rendered(shapes.combinations(False)[:3], size=32, num_frames=4)
    >>> world.clip(0, 7).shape
    (4, 32, 32, 3)
    """

    examples_per_kind = 80

    def __init__(
        self, trained=None, held_out=None, *, size: int = shapes.SIZE, num_frames: int = shapes.NUM_FRAMES, plain=False
    ):
        """Name what there is.

        Args:
            trained: Sequence of `Attributes` or `Scene`; by default every trained combination of one thing.
            held_out: Another; by default, without `trained`, the held-out combinations.
            size: Pixels, a multiple of 8.
            num_frames: Frames of a clip.
            plain: Whether captions have the plain wording alone, or all that there are.

        Raises:
            ValueError: `trained` is empty, or shares a kind with `held_out`.
        """
        self.trained = tuple(shapes.combinations(held_out=False) if trained is None else trained)
        self.held_out = tuple(shapes.combinations(held_out=True) if trained is None else held_out or ())
        self.kinds = self.trained + self.held_out
        self.size, self.num_frames, self.plain = size, num_frames, plain
        if not self.trained:
            raise ValueError("trained is empty, expected at least one of shapes.combinations()")
        if both := set(self.trained) & set(self.held_out):
            raise ValueError(f"'{min(map(str, both))}' is both trained and held out, expected one of them")

    def clip(self, kind: int, generator) -> np.ndarray:
        """A new clip of a kind: frames (num_frames, size, size, 3). generator: torch.Generator or int."""
        return shapes.render(self.kinds[kind], generator, self.num_frames, self.size)

    def texts(self, kind: int) -> list[str]:
        """The captions of a kind."""
        return [str(self.kinds[kind])] if self.plain else shapes.wordings(self.kinds[kind])

    def text(self, kind: int, generator: torch.Generator) -> str:
        """One of the captions of a kind."""
        return choose(self.texts(kind), generator)

    @functools.cache  # noqa: B019 - a training has one world
    def pool(self, per_kind: int | None = None, seed: int = 0) -> "Pool":
        """Examples of every kind, `per_kind` of each, kind by kind."""
        per_kind = per_kind or self.examples_per_kind
        work = [(kind, self.num_frames, self.size, per_kind, seed, i) for i, kind in enumerate(self.kinds)]
        return Pool([kind for kind in self.kinds for _ in range(per_kind)], in_parallel(_place, work), self.size)

    def caption_ids(self, tokenizer, variants: int = 16, seed: int = 0, confused: bool = False) -> torch.Tensor:
        """Captions of the trained kinds, tokenised as the pipeline does it.

        Args:
            tokenizer: From `scale_model.new_tokenizer`.
            variants: Wordings of each kind, drawn from all that it has.
            seed: Of the draw.
            confused: Whether to say something that is nearly right: one attribute replaced, or swapped between things.

        Returns:
            ids (kinds, variants, tokens).
        """
        length, variants = tokenizer.model_max_length, 1 if self.plain and not confused else variants
        pieces = {}  # what a piece of text between two spaces is as tokens
        for word in [*tokenizer.init_kwargs["known_words"], "a"]:
            for text in (word, word + ","):
                pieces[text] = tokenizer(text).input_ids[1:-1]
        end = tokenizer.eos_token_id
        work = [
            (self, kind, variants, seed, confused, pieces, (tokenizer.bos_token_id, end, length))
            for kind in range(len(self.trained))
        ]
        if type(self) is not Folder:  # worlds are large, and the workers need little of them
            small = _Wordings(self.plain)
            work = [(small, self.kinds[kind], *rest) for (_, kind, *rest) in work]
        return torch.from_numpy(np.stack(in_parallel(_say, work)))


class _Wordings:
    """What `_say` needs of a rendered world, without its kinds."""

    def __init__(self, plain):
        self.plain = plain

    def texts(self, scene):
        return [str(scene)] if self.plain else shapes.wordings(scene)


class Pool:
    """Where the things of many clips are, from which frames are painted in batches, as `shapes.render` paints them."""

    def __init__(self, kinds, paths, size):
        """kinds: what each clip shows. paths: of each clip or kind centres (.., 2, F, 2) and radii (.., 2, F)."""
        scenes = [shapes.Scene((k,)) if isinstance(k, shapes.Attributes) else k for k in kinds]
        names, colors, grounds = list(shapes.SHAPES), list(shapes.COLORS), [None, *shapes.GROUNDS]
        look = [
            [(names.index(t.shape), colors.index(t.color)) for t in s.things] + [(-1, 0)] * (2 - len(s.things))
            for s in scenes
        ]
        look = torch.tensor(look)
        self.shape, self.color = look[..., 0], torch.tensor(list(shapes.COLORS.values()))[look[..., 1]]
        self.ground = torch.tensor([grounds.index(s.ground) for s in scenes])
        self.skies = torch.stack([shapes.sky(g, size)[:, 0] for g in grounds])
        self.center = torch.from_numpy(np.concatenate([center for center, _ in paths]))
        self.radius = torch.from_numpy(np.concatenate([radius for _, radius in paths]))
        self.used = [sorted(set(self.shape[:, i].tolist()) - {-1}) for i in range(2)]
        self.axis = torch.arange(size) + 0.5

    def __len__(self):
        return len(self.shape)

    def to(self, device) -> "Pool":
        """Move it, in place, to where frames are to be painted."""
        for name in ("shape", "color", "ground", "skies", "center", "radius", "axis"):
            setattr(self, name, getattr(self, name).to(device))
        return self

    def paint(self, which: torch.Tensor, frame: torch.Tensor | None = None) -> torch.Tensor:
        """Paint clips, or one frame of each.

        Args:
            which: Numbers of clips, (b,).
            frame: For each the number of its frame, (b,); None for all frames.

        Returns:
            Frames (b, 3, F, size, size) in [-1, 1], F = 1 where `frame` is given.
        """
        center, radius = self.center[which], self.radius[which]
        if frame is not None:
            row = torch.arange(len(which), device=which.device)
            center, radius = center[row, :, frame][:, :, None], radius[row, :, frame][:, :, None]
        size = len(self.axis)
        picture = self.skies[self.ground[which]].mT[:, :, None, :, None].expand(-1, -1, center.shape[2], size, size)
        for slot, used in enumerate(self.used):
            if not used:
                continue
            x = self.axis[None, None, None, :] - center[:, slot, :, 0, None, None]
            y = self.axis[None, None, :, None] - center[:, slot, :, 1, None, None]
            distance = torch.ones((), device=x.device)  # outside
            for number in used:
                here = (self.shape[which, slot] == number)[:, None, None, None]
                there = outline(list(shapes.SHAPES)[number], x, y, radius[:, slot, :, None, None])
                distance = torch.where(here, there, distance)
            color = self.color[which, slot][:, :, None, None, None]
            cover = (0.5 - distance).clamp(0, 1)[:, None]
            picture = torch.lerp(picture, color.expand_as(picture), cover.expand_as(picture))
        return picture * 2 - 1


class Stored:
    """Clips that are read from files, with the methods of `Pool`."""

    def __init__(self, clips):
        """clips: tensor (n, F, size, size, 3) in [0, 1]."""
        self.clips = clips

    def __len__(self):
        return len(self.clips)

    def to(self, device):
        """Move it, in place."""
        self.clips = self.clips.to(device)
        return self

    def paint(self, which, frame=None):
        """As `Pool.paint` does."""
        clips = self.clips[which] if frame is None else self.clips[which, frame][:, None]
        return clips.movedim(-1, 1) * 2 - 1


def small() -> Rendered:
    """A world to learn in minutes: 3 colours x 2 shapes x 4 directions, 4 of the 24 held out; 8 frames of 32 x 32.

    >>> len(small().trained), len(small().held_out)
    (20, 4)
    """
    names = (("red", "green", "blue"), ("circle", "triangle"), ("left", "right", "up", "down"))
    every = [shapes.Attributes(*some) for some in itertools.product(*names)]
    held_out = [every[i] for i in (0, 7, 13, 18)]  # each direction once, each shape twice, each colour
    return Rendered([one for one in every if one not in held_out], held_out, size=32, num_frames=8, plain=True)


def whole(scenes: int = 120_000, single: float = 0.35, seed: int = 0) -> Rendered:
    """The world that the shipped model learns: scenes of one thing and of two, each rendered once.

    Args:
        scenes: How many to train on.
        single: Share of those with one thing.
        seed: Of the draw.

    Returns:
        A world whose kinds are scenes; some of one thing and as many of two, up to 24, are held out.

    >>> world = whole(100)
    >>> len(world.trained), len(world.held_out), world.examples_per_kind
    (100, 4, 1)
    """
    generator = rng(seed, "scenes")
    few = [shapes.sample_scene(generator, n, held_out=True) for n in (1, 2) for _ in range(min(24, 1 + scenes // 100))]
    world = Rendered([shapes.sample_scene(generator, 1 if i < single * scenes else 2) for i in range(scenes)], few)
    world.examples_per_kind = 1
    return world


class Folder(Rendered):
    """Clips from a folder of mp4, GIF or WebP files, with `metadata.jsonl` to say what each shows.

    Clips that show the same are of one kind, and each caption of theirs may go with any of them. All are read and
    checked when the folder is opened: ValueError, FileNotFoundError or NotADirectoryError in one line, that names the
    file, for a folder without clips, a caption that the world of shapes does not know, clips of different sizes, and a
    clip in which `shapes.judge` does not see what the caption says.
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

    @functools.cache  # noqa: B019 - a training has one world
    def pool(self, per_kind=None, seed=0):
        """Every clip, `per_kind` of each kind, those of which there are fewer more than once."""
        per_kind = per_kind or self.examples_per_kind
        clips = [self.example(kind, number) for kind in range(len(self.trained)) for number in range(per_kind)]
        return Stored(torch.from_numpy(np.stack(clips)).float())

    def example(self, kind, number, generator=None):
        """Each clip of a kind in its turn; where another kind has more, from the first one on again."""
        clips = self.files[self.trained[kind]]
        return clips[number % len(clips)][0]

    def texts(self, kind):
        """The captions of a kind."""
        return [text for _, text in self.files[self.trained[kind]]]


def _entries(folder):
    """The (file name, caption) of each line of a folder's metadata."""
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder, expected one with clips and {METADATA}")
    path = folder / METADATA
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing, expected one line for each clip: "
            '{"file_name": "0000.webp", "text": "a red circle moving left"}'
        )
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            yield str(entry["file_name"]), str(entry["text"])
        except (ValueError, KeyError, TypeError):
            raise ValueError(
                f"{path}, line {number}: got {line[:60]!r}, expected file_name and text, as JSON"
            ) from None


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
    from .._support.files import write_whole
    from ..video import save_video

    folder, lines = pathlib.Path(folder), []
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        generator, file = rng(seed, number, "folder"), f"{number:05d}.webp"
        kind = number % len(world.trained)
        save_video(world.clip(kind, generator), folder / file)
        lines.append(json.dumps({"file_name": file, "text": world.text(kind, generator)}) + "\n")
    write_whole(folder / METADATA, "".join(lines).encode())  # last, so that it names only what is there


def see(clips) -> list[shapes.Scene]:
    """What the judge sees in each of several clips (F, H, W, 3)."""
    return in_parallel(_see, list(clips))


def in_parallel(function, work: list) -> list:
    """Map a function over a list, in worker processes where both the list and the machine are large."""
    if len(work) < 32 or (os.cpu_count() or 1) < 8:
        return [function(some) for some in work]
    return _workers().map(function, work, chunksize=max(1, min(1000, len(work) // 64)))


@functools.cache
def _workers():
    """A process for each core, begun from a fresh one, so that they share nothing with a GPU."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["t2v_helpers.training.worlds"])
    return context.Pool(min(16, os.cpu_count()), torch.set_num_threads, (1,))


def _see(clip):
    return shapes.look(clip).scene


def _place(given):
    """Centres (n, 2, F, 2) and radii (n, 2, F) of n clips of one kind."""
    kind, num_frames, size, count, seed, number = given
    scene = shapes.Scene((kind,)) if isinstance(kind, shapes.Attributes) else kind
    center, radius = np.zeros((count, 2, num_frames, 2), np.float32), np.ones((count, 2, num_frames), np.float32)
    for i in range(count):
        for slot, (where, large) in enumerate(shapes.place(scene, rng(seed, number, i, "place"), num_frames, size)):
            center[i, slot], radius[i, slot] = where.numpy(), large.numpy()
    return center, radius


def _say(given):
    """Token ids (variants, length) of captions of one kind."""
    world, kind, variants, seed, confused, pieces, (begin, end, length) = given
    generator = rng(seed, str(kind), "captions")
    ids = np.full((variants, length), end, np.int64)
    scene = world.trained[kind] if isinstance(kind, int) else kind
    texts = None if confused else world.texts(kind)
    for row in ids:
        text = choose(shapes.wordings(_confuse(scene, generator)) if confused else texts, generator)
        said = [piece for word in text.lower().split() for piece in pieces[word]][: length - 2]
        row[: len(said) + 1] = [begin, *said]
    return ids


def _confuse(scene, generator):
    """A scene that differs in one attribute, or in which two things have swapped their shapes or motions."""
    things = [list(t) for t in ([scene] if isinstance(scene, shapes.Attributes) else scene.things)]
    field, swap = 1 + int(torch.randint(2, (), generator=generator)), torch.rand((), generator=generator) < 0.6
    if len(things) == 2 and swap and things[0][field] != things[1][field]:
        things[0][field], things[1][field] = things[1][field], things[0][field]
    else:
        thing = choose(things, generator)
        field = int(torch.randint(3, (), generator=generator))
        known = (shapes.COLORS, shapes.SHAPES, shapes.MOTIONS)[field]
        thing[field] = choose([name for name in known if all(name != t[field] for t in things)], generator)
    ground = None if isinstance(scene, shapes.Attributes) else scene.ground
    return shapes.Scene(tuple(shapes.Attributes(*t) for t in things), ground)
