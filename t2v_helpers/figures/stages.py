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
    "tokenizer": ((2.25, 4.1), COLORS["data"], "words to numbers"),
    "text encoder": ((4.75, 4.1), COLORS["data"], "numbers to vectors"),
    "UNet": ((7.7, 4.1), COLORS["diffusion"], "predicts"),
    "scheduler": ((10.75, 4.1), COLORS["diffusion"], "takes a step"),
    "latents": ((7.7, 1.75), COLORS["noise"], ""),
    "decoder": ((10.75, 1.75), COLORS["data"], "latents to frames"),
}
CLOSED = "#A8A8A8"
# Where the middle of what comes out of a stage is drawn, and its width and height.
PLACES = {
    "tokenizer": (2.25, 3.25, 2.1, 0.8),
    "text encoder": (4.75, 3.2, 2.4, 1.0),
    "UNet": (8.48, 3.44, 1.36, 0.46),
    "scheduler": (11.4, 3.25, 1.9, 0.65),
    "latents": (7.7, 0.95, 2.1, 0.7),
    "decoder": (10.75, 0.77, 2.85, 0.95),
}
NOTES = {
    "text encoder": "one row for each token",
    "scheduler": "signal left, $t$ = 0 to 999",
    "UNet": "its first guess",
}
NOTES |= {"latents": "three frames", "decoder": "the same three frames"}
# How many numbers come out of a stage of the scale model, for one prompt.
SHAPES = {"tokenizer": "24", "text encoder": "24 × 64", "latents": "8 × 16 × 8 × 8", "decoder": "16 × 64 × 64 × 3"}


def pipeline_diagram(opened: Mapping[str, object] | None = None) -> None:
    """Draw the pipeline from prompt to clip, closed stages dashed, each open one with what comes out of it.

    Below the stages are the shapes of what comes out of those of the scale model.

    Args:
        opened: Name of a stage (see `STAGES`) to what to draw: words, a curve (n,), numbers (h, w) from blue to red, a
            picture (h, w, 3) in [0, 1], or None for nothing but the open box.

    Raises:
        ValueError: A name is not one.
    """
    opened = opened or {}
    if unknown := set(opened) - set(STAGES):
        raise ValueError(f"stages {sorted(unknown)}: expected some of {', '.join(STAGES)}")
    foot = -0.2 if {"latents", "decoder"} & set(opened) else 0.85
    with sheet(height=0.725 * (4.75 - foot), style={"font.size": 11.5}) as [[ax]]:
        ends = {"prompt": (0.5, 4.1), "clip": (12.5, 1.75), "noise": (2.25, 1.75)}
        drawn = {name: _box(ax, name, at, COLORS["noise"] if name == "noise" else GREY) for name, at in ends.items()}
        for name, (at, color, what) in STAGES.items():
            drawn[name] = _box(ax, name, at, color if name in opened else CLOSED)
            ax.text(at[0], at[1] + 0.5, what, ha="center", va="center", fontsize=9, color=GREY)
            if opened.get(name) is not None:
                x, y, width, height = PLACES[name]
                _draw(ax, opened[name], x, y, width, height, color)
                _note(ax, x, y - height / 2 - 0.18, NOTES.get(name, ""))
                _note(ax, x, y - height / 2 - (0.43 if name in NOTES else 0.18), SHAPES.get(name, ""))
            else:
                _note(ax, at[0], at[1] - 0.55, SHAPES.get(name, ""))
        row = [("prompt", "tokenizer"), ("tokenizer", "text encoder"), ("text encoder", "UNet"), ("noise", "latents")]
        for start, end in [*row, ("latents", "decoder"), ("decoder", "clip")]:
            _arrow(ax, drawn[start], drawn[end])
        for start, end in (("UNet", "scheduler"), ("scheduler", "latents"), ("latents", "UNet")):
            _arrow(ax, drawn[start], drawn[end], COLORS["diffusion"])
        ax.set(xlim=(-0.1, 13.05), ylim=(foot, 4.75), aspect="equal")
        ax.axis("off")


def _note(ax: Axes, x: float, y: float, text: str) -> None:
    ax.text(x, y, text, ha="center", va="center", fontsize=9, color=GREY)


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
    inside.spines[:].set_visible(False)


def strips(
    rows: Mapping[str, ArrayLike],
    count: int = 8,
    columns: Sequence[str] | None = None,
    marks: Sequence[bool] | None = None,
    outline: bool = False,
) -> None:
    """Draw clips as rows of frames, names on the left; if all are equally long, the frames' numbers below.

    Args:
        rows: Name to frames (F, H, W, 3) in [0, 1].
        count: How many frames of each are shown, evenly spaced.
        columns: What stands below the frames, if not their numbers.
        marks: Whether each clip is right, in the rows' order: written at the ends of the rows.
        outline: Draw the outline of the first object of each row, in white, over all of its frames.
    """
    side = min(0.8 * WIDTH / count, 1.1)
    with sheet(len(rows), 1, (side + 0.08) * len(rows) + 0.2, style=BOXED) as axes:
        axes[0, 0].figure.get_layout_engine().set(h_pad=0.01, hspace=0.02, rect=(0.02, 0, 0.98, 1))
        for ax, (name, frames) in zip(axes[:, 0], rows.items(), strict=True):
            frames = np.asarray(frames)
            numbers = np.linspace(0, len(frames) - 1, count).round().astype(int)
            taken = frames[numbers]
            gap = np.ones((*taken.shape[:2], max(1, taken.shape[2] // 20), 3))
            ax.imshow(np.concatenate([part for frame in zip(taken, gap, strict=True) for part in frame][:-1], 1))
            ax.set(xticks=[], yticks=[])
            for left in (np.arange(count) * (taken.shape[2] + gap.shape[2])) if outline else ():
                at = np.arange(taken.shape[2]) + left, np.arange(taken.shape[1])
                ax.contour(*at, taken[0].max(-1), [0.5], colors="white", linewidths=1.2)
            if ax is axes[-1, 0] and len({*map(len, rows.values())}) == 1:
                middles = (np.arange(count) + 0.5) * taken.shape[2] + np.arange(count) * gap.shape[2] - 0.5
                ax.set_xticks(middles, columns or [f"frame {numbers[0]}", *numbers[1:]])
                ax.tick_params(length=0)
            ax.set_ylabel(name, rotation=0, ha="right", va="center")
            ax.spines[:].set_visible(False)
        for ax, right in zip(axes[:, 0], marks or (), strict=marks is not None):
            text, color = ("✓ right", COLORS["diffusion"]) if right else ("✗ wrong", COLORS["gan"])
            ax.text(1.01, 0.5, text, color=color, transform=ax.transAxes, va="center")


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
