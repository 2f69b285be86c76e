"""The stages of a text-to-video pipeline: a diagram that fills as they are opened, and clips on their way."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.text import Text
from numpy.typing import ArrayLike

from ..plots import COLORS
from .diagrams import _arrow
from .sheet import BOXED, GREY, WIDTH, sheet

# name -> middle of the box, colour once it is open, what it is for
STAGES = {
    "tokenizer": ((2.2, 5.3), COLORS["data"], "words to numbers"),
    "text encoder": ((4.7, 5.3), COLORS["data"], "numbers to vectors"),
    "UNet": ((7.1, 5.3), COLORS["diffusion"], "predicts"),
    "scheduler": ((10.8, 5.3), COLORS["diffusion"], "takes a step"),
    "noise": ((2.2, 1.9), COLORS["noise"], ""),
    "latents": ((7.35, 1.9), COLORS["noise"], ""),
    "decoder": ((10.6, 1.9), COLORS["data"], "latents to frames"),
}
CLOSED = "#A8A8A8"
# Where the middle of what comes out of a stage is drawn, and its width and height.
PLACES = {
    "tokenizer": (2.05, 4.4, 2.1, 0.7),
    "text encoder": (4.85, 3.95, 3.3, 1.6),
    "UNet": (9.15, 4.2, 2.85, 0.95),
    "scheduler": (12.05, 4.1, 1.8, 1.25),
    "noise": (2.2, 0.75, 3.9, 1.3),
    "latents": (6.5, 0.75, 3.9, 1.3),
    "decoder": (10.85, 0.75, 3.9, 1.3),
}
NOTES = {"text encoder": "one row for each token", "scheduler": "signal left,\n$t$ = 0 to 999"}
NOTES |= {"noise": "three frames", "latents": "the same three", "decoder": "the same three"}
NOTES["UNet"] = "the UNet's first guess"
# How many numbers come out of a stage of the scale model, for one prompt.
SHAPES = {"tokenizer": "24", "text encoder": "24 × 64", "latents": "8 × 16 × 8 × 8", "decoder": "16 × 64 × 64 × 3"}


def pipeline_diagram(opened: Mapping[str, object] | None = None) -> None:
    """Draw the pipeline from prompt to clip, closed stages dashed, each open one with what comes out of it.

    Below the stages are the shapes of what comes out of those of the scale model. Noise and latents, which aren't
    stages, are never dashed.

    Args:
        opened: Name of a stage (see `STAGES`) to what to draw: words, a curve (n,), numbers (h, w) from blue to red, a
            picture (h, w, 3) in [0, 1], of square frames side by side, or None for nothing but the open box.

    Raises:
        ValueError: A name is not one.
    """
    opened = opened or {}
    if unknown := set(opened) - set(STAGES):
        raise ValueError(f"stages {sorted(unknown)}: expected some of {', '.join(STAGES)}")
    lift = 0 if opened else 1.4  # nothing is drawn between the rows
    foot = -0.55 if {"noise", "latents", "decoder"} & set(opened) else 1.1 + lift
    with sheet(height=0.69 * (5.95 - foot), style={"font.size": 11.5}) as [[ax]]:
        ends = {"prompt": (0.5, 5.3), "clip": (12.5, 1.9 + lift)}
        drawn = {name: _box(ax, name, at, GREY) for name, at in ends.items()}
        for name, ((x, y), color, what) in STAGES.items():
            y += lift * (y < 3)
            drawn[name] = _box(ax, name, (x, y), color if name in opened or color == COLORS["noise"] else CLOSED)
            ax.text(x, y + 0.5, what, ha="center", va="center", fontsize=9, color=GREY)
            notes, below = [SHAPES.get(name, "")], y - 0.42
            if opened.get(name) is not None:
                x, y, width, height = PLACES[name]
                _draw(ax, opened[name], x, y, width, height, color)
                notes, below = [NOTES.get(name, ""), *notes], y - height / 2 - 0.08
            ax.text(x, below, "\n".join(filter(None, notes)), ha="center", va="top", fontsize=9, color=GREY)
        row = [("prompt", "tokenizer"), ("tokenizer", "text encoder"), ("text encoder", "UNet"), ("noise", "latents")]
        for start, end in [*row, ("latents", "decoder"), ("decoder", "clip")]:
            _arrow(ax, drawn[start], drawn[end])
        _arrow(ax, drawn["UNet"], drawn["scheduler"], COLORS["diffusion"])
        low, turn = 2.35 + lift, 3.05 + lift
        look = {"color": COLORS["diffusion"], "linewidth": 1.5}
        ax.plot([10.8, 10.8, 7.6, 7.6], [4.85, turn, turn, low + 0.2], **look)
        for tip, tail in (((7.6, low), (7.6, turn)), ((7.1, 4.85), (7.1, low))):
            arrow = {"arrowstyle": "->", "mutation_scale": 14, "shrinkA": 0, "shrinkB": 0}
            ax.annotate("", tip, tail, arrowprops=look | arrow)
        ax.set(xlim=(-0.1, 13.05), ylim=(foot, 5.95), aspect="equal")
        ax.axis("off")


def _box(ax: Axes, text: str, at: tuple, color: str) -> Text:
    look = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": color, "linewidth": 2, "zorder": 2}
    look |= {"linestyle": "--"} if color == CLOSED else {}
    ink = "#777777" if color == CLOSED else "#222222"
    return ax.text(*at, text, ha="center", va="center", bbox=look, color=ink)


def _draw(ax: Axes, thing: object, x: float, y: float, width: float, height: float, color: str) -> None:
    """Words, a curve, a heat map or a picture, in a box of this size around (x, y)."""
    if isinstance(thing, str):
        ax.text(x, y, thing, ha="center", va="center", fontsize=10, family="monospace")
        return
    thing = np.asarray(thing, dtype=float)
    inside = ax.inset_axes((x - width / 2, y - height / 2, width, height), transform=ax.transData, zorder=5)
    inside.set(xticks=[], yticks=[])
    if thing.ndim == 1:
        inside.plot(thing, color=color)
        return
    most = np.abs(thing).max()
    inside.imshow(thing, cmap="RdBu_r", vmin=-most, vmax=most, interpolation="nearest", aspect="auto")
    for k in range(1, thing.shape[1] // thing.shape[0]) if thing.ndim == 3 else ():
        inside.axvline(k * thing.shape[0] - 0.5, color="white", linewidth=3)  # between frames
    inside.spines[:].set_visible(False)


def strips(
    rows: Mapping[str, ArrayLike],
    count: int | Sequence[int] = 8,
    columns: Sequence[str] | None = None,
    marks: Sequence[bool] | None = None,
    outline: bool = False,
) -> None:
    """Draw clips as rows of frames, names on the left; if all are equally long, the frames' numbers below.

    Args:
        rows: Name to frames (F, H, W, 3) in [0, 1].
        count: How many frames of each are shown, evenly spaced, or which.
        columns: What stands above the frames, in place of the numbers.
        marks: Whether each clip is right, in the rows' order: written at the ends of the rows.
        outline: Draw the outline of the first object of each row, in white, over all of its frames.
    """
    given, count = (None, count) if isinstance(count, int) else (np.asarray(count), len(count))
    side = min(0.8 * WIDTH / count, 1.1)
    with sheet(len(rows), 1, (side + 0.08) * len(rows) + 0.2, style=BOXED) as axes:
        axes[0, 0].figure.get_layout_engine().set(h_pad=0.01, hspace=0.02, rect=(0.02, 0, 0.98, 1))
        for ax, (name, frames) in zip(axes[:, 0], rows.items(), strict=True):
            frames = np.asarray(frames)
            numbers = np.linspace(0, len(frames) - 1, count).round().astype(int) if given is None else given
            taken = frames[numbers]
            gap = np.ones((*taken.shape[:2], max(1, taken.shape[2] // 20), 3))
            ax.imshow(np.concatenate([part for frame in zip(taken, gap, strict=True) for part in frame][:-1], 1))
            ax.set(xticks=[], yticks=[], anchor="W")
            for left in (np.arange(count) * (taken.shape[2] + gap.shape[2])) if outline else ():
                at = np.arange(taken.shape[2]) + left, np.arange(taken.shape[1])
                ax.contour(*at, taken[0].max(-1), [0.5], colors="white", linewidths=1.2)
            if ax is axes[0 if columns else -1, 0] and len({*map(len, rows.values())}) == 1:
                middles = (np.arange(count) + 0.5) * taken.shape[2] + np.arange(count) * gap.shape[2] - 0.5
                ax.set_xticks(middles, columns or [f"frame {numbers[0]}", *numbers[1:]])
                ax.tick_params(length=0, top=bool(columns), labeltop=bool(columns), labelbottom=not columns)
            ax.set_ylabel(name, rotation=0, ha="right", va="center")
            ax.spines[:].set_visible(False)
        for ax, right in zip(axes[:, 0], marks or (), strict=marks is not None):
            text, color = ("✓ right", COLORS["diffusion"]) if right else ("✗ wrong", COLORS["gan"])
            ax.text(1.01, 0.5, text, color=color, transform=ax.transAxes, va="center")
        figure = axes[0, 0].figure
        figure.draw_without_rendering()  # now the names have their width: rows as high as the frames between them
        heights = [ax.get_position(True).width * WIDTH / np.divide(*ax.images[0].get_size()[::-1]) for ax in axes[:, 0]]
        figure.set_figheight(round(0.22 + sum(min(height, 1.1) + 0.04 for height in heights), 2))


def while_it_plays(states: Sequence[torch.Tensor], times: int = 2) -> torch.Tensor:
    """Let a clip play while it is made: frames that come from later and later states, then all of the last state's.

    Args:
        states: Latents (b, c, F, h, w), from the first step to the last.
        times: How often the clip plays before it is finished.

    Returns:
        Latents (b, c, (times + 1) F, h, w), to be decoded.
    """
    frames = states[0].shape[2]
    last, total = len(states) - 1, times * frames
    picked = [states[min(last, k * (last + 1) // total)][:, :, k % frames] for k in range(total + frames)]
    return torch.stack(picked, 2)
