"""A video transformer: beside a UNet, what a changed frame moves, and what its modulation does over time."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from ..plots import COLORS
from .diagrams import THIN, _arrow, _diagram
from .sheet import BOXED, GREY, sheet

UNET, DIT, TEXT = "diffusion", "discriminator", "gan"  # roles, for their colours
PALE = LinearSegmentedColormap.from_list("pale", colormaps["YlGnBu"](np.linspace(0.2, 1, 256)))  # unlike white
FLOOR = 1e-6  # below that share of the largest change, what is left is rounding


def two_architectures() -> None:
    """Draw the scale models from noise to frames: `tiny` with its UNet above, `tiny-wan` with its transformer below."""
    above = {
        "noise\n8 × 16 × 8 × 8": ((1.45, 7.2), "noise"),
        "8 × 8": ((4.3, 8.2), UNET),
        "4 × 4": ((5.9, 7.2), UNET),
        "2 × 2": ((7.5, 6.2), UNET),
        "4 × 4 ": ((9.1, 7.2), UNET),
        "8 × 8 ": ((10.7, 8.2), UNET),
        "decoder,\nframe by frame": ((14.0, 7.2), "data"),
        "16 frames": ((17.2, 7.2), "data"),
    }
    below = {
        "noise\n16 × 5 × 8 × 8": ((1.45, 2.3), "noise"),
        "80 tokens": ((4.25, 2.3), DIT),
        **{f"{i}": ((5.15 + 0.97 * i, 2.3), DIT) for i in range(1, 7)},
        "causal decoder\n1 + 4 + 4 + 4 + 4": ((13.9, 2.3), "data"),
        "17 frames": ((17.2, 2.3), "data"),
    }
    with sheet(height=4.7, style={"font.size": 11.0}) as [[ax]]:
        ax.set(xlim=(0, 18.3), ylim=(0.1, 9.5), aspect="equal")
        drawn = _diagram(ax, above | below, [*pairwise(above), *pairwise(below)])
        for level in ("8 × 8", "4 × 4"):
            _arrow(ax, drawn[level], drawn[f"{level} "], COLORS[UNET], "--")
        ax.text(0.2, 9.1, "tiny: a UNet", color=COLORS[UNET])
        ax.text(5.55, 9.1, "at each level: convolutions in space and in time", color=GREY)
        attention = "at each level also attention: in space,\nin time and to the text"
        ax.text(9.3, 5.35, attention, color=GREY)
        _reads(ax, "text encoder", 3.9, 5.5, (6.7, 6.1), (5.5, 6.65), (4.2, 7.7))
        ax.axhline(4.75, color="#CCCCCC", linewidth=1)
        ax.text(0.2, 4.1, "tiny-wan: a transformer", color=COLORS[DIT])
        ax.text(5.55, 4.1, "in each of 6 blocks: all tokens look at all tokens, then at the text;", color=GREY)
        ax.text(5.55, 3.5, "then an MLP; the time modulates the first and the last of the three", color=GREY)
        _reads(ax, "UMT5: the text", 8.5, 0.6, (8.5, 1.5))
        ax.add_patch(Rectangle((5.55, 1.6), 5.95, 1.4, fill=False, edgecolor=COLORS[DIT], linestyle=":"))


def _reads(ax: Axes, text: str, x: float, y: float, *ends: tuple[float, float]) -> None:
    """A text encoder below a network, and arrows up to it."""
    look = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": COLORS[TEXT], "linewidth": 2}
    drawn = ax.text(x, y, text, ha="center", va="center", bbox=look)
    for end in ends:
        ax.annotate("", end, (x, y), arrowprops=THIN | {"color": COLORS[TEXT], "patchA": drawn.get_bbox_patch()})


def reach(panels: Mapping[str, ArrayLike], xlabel: str, ylabel: str) -> None:
    """Draw what moves when one frame is changed: a row for each changed frame; white where nothing moves.

    Args:
        panels: Title to how far each result moves (changed, moved), 0 or more, each drawn as a share of its largest.
        xlabel: What may move.
        ylabel: What is changed.
    """
    with sheet(1, len(panels), 4.1, style=BOXED) as axes:
        for ax, (title, moved) in zip(axes[0], panels.items(), strict=True):
            share = np.asarray(moved) / np.max(np.asarray(moved))
            shown = ax.imshow(np.where(share < FLOOR, np.nan, share), cmap=PALE, norm=LogNorm(1e-3, 1), aspect="auto")
            ax.set(title=title, xlabel=xlabel)
            ax.set(
                xticks=range(0, share.shape[1], 1 + share.shape[1] // 8),
                yticks=range(0, len(share), 1 + len(share) // 8),
            )
        axes[0, 0].set_ylabel(ylabel)
        label = "how far, as a share of the largest"
        ax.figure.colorbar(shown, ax=axes[0].tolist(), label=label, extend="min", shrink=0.9)


def modulation(t: ArrayLike, panels: Mapping[str, ArrayLike]) -> None:
    """Draw what modulation does to each channel at each flow time, one thin line a channel, and their middle half.

    Args:
        t: Flow times (n,).
        panels: Title to values (n, channels).
    """
    with sheet(1, len(panels), 3.3) as axes:
        for ax, (title, values) in zip(axes[0], panels.items(), strict=True):
            values = np.asarray(values)
            ax.plot(t, values, color=COLORS[DIT], linewidth=0.5, alpha=0.25)
            low, high = np.quantile(values, (0.25, 0.75), axis=1)
            ax.fill_between(t, low, high, color=COLORS[UNET], alpha=0.35, linewidth=0, zorder=3)
            ax.axhline(0, color=GREY, linewidth=1, linestyle=":")
            ax.set(title=title, xlim=(1, 0), xlabel="flow time $t$: noise left, data right")
