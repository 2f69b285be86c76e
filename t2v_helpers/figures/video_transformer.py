"""A video transformer: beside a UNet, its tokens, what a changed frame moves, what its modulation does over time."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from ..plots import COLORS, CYCLE
from .diagrams import THIN, _arrow, _diagram
from .sheet import BOXED, GREY, in_rows, sheet

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
        ax.text(12.4, 5.35, "at each level also attention: in\nspace, in time and to the text", color=GREY)
        ax.text(7.5, 8.35, "skip", color=COLORS[UNET], ha="center")
        _reads(ax, "text encoder", 3.9, 5.5, (6.7, 6.1), (5.5, 6.65), (4.2, 7.7))
        _reads(ax, "same text", 10.9, 5.5, (9.5, 6.65), (10.75, 7.7))
        ax.axhline(4.75, color="#CCCCCC", linewidth=1)
        ax.text(0.2, 4.1, "tiny-wan: a transformer", color=COLORS[DIT])
        ax.text(5.55, 4.1, "in each of 6 blocks: all tokens look at all tokens, then at the text;", color=GREY)
        ax.text(5.55, 3.5, "then an MLP; the time modulates the first and the last of the three", color=GREY)
        _reads(ax, "UMT5: the text", 8.5, 0.6, (8.5, 1.5))
        ax.text(10.05, 0.45, "each step calls the network; the decoder runs once", color=GREY)
        ax.add_patch(Rectangle((5.55, 1.6), 5.95, 1.4, fill=False, edgecolor=COLORS[DIT], linestyle=":"))


def tokens(count: int = 5, side: int = 8, patch: int = 2, group: int = 4) -> None:
    """Draw how a clip of `tiny-wan` becomes a list: frames in groups, latent frames cut into patches, a row of tokens.

    Args:
        count: Latent frames. The first stands for the first frame alone.
        side: Latent places in each direction.
        patch: Places of a patch in each direction.
        group: Frames that each later latent frame stands for.
    """
    frames, each, pitch = 1 + group * (count - 1), (side // patch) ** 2, 100 / count
    with sheet(height=4.1, style={"axes.grid": False, "font.size": 11.0}) as [[ax]]:
        ax.set(xlim=(-15, 101), ylim=(0, 50), aspect="equal")
        ax.axis("off")
        chosen = 2, 1, 2  # latent frame, row and column of the patch that is marked
        for g in range(count):
            left, color = g * pitch + 2, CYCLE[g % len(CYCLE)]
            of_group = [0] if not g else range(group * (g - 1) + 1, group * g + 1)
            for k, frame in enumerate(of_group):
                x = left + 4.1 * (k if g else 1.5)
                ax.add_patch(Rectangle((x, 43), 3.8, 3.8, facecolor=color, alpha=0.35, edgecolor=color))
                ax.text(x + 1.9, 47.3, f"{frame}", ha="center", va="bottom", fontsize=9)
                if g == chosen[0]:
                    part = patch / side * 3.8
                    corner = x + chosen[2] * part, 43 + 3.8 - (chosen[1] + 1) * part
                    ax.add_patch(Rectangle(corner, part, part, fill=False, edgecolor="black", linewidth=1.6))
            ax.annotate("", (left + 8.1, 39.4), (left + 8.1, 42.4), arrowprops=THIN)
            place, fill = 16 / side, {"facecolor": color, "alpha": 0.35}
            for row in range(side):
                for column in range(side):
                    corner = left + column * place, 22.8 + row * place
                    ax.add_patch(Rectangle(corner, place, place, edgecolor="white", lw=0.6, **fill))
            for row in range(side // patch):
                for column in range(side // patch):
                    corner = left + column * patch * place, 22.8 + row * patch * place
                    size = patch * place
                    ax.add_patch(Rectangle(corner, size, size, fill=False, edgecolor=color, linewidth=1.2))
            wide = 98 / (count * each)
            for i in range(each):
                corner = 1.5 + (g * each + i) * wide, 6.5
                ax.add_patch(Rectangle(corner, 0.8 * wide, 5.5, facecolor=color, alpha=0.45, edgecolor=color, lw=0.6))
        size, columns = patch * 16 / side, side // patch
        corner = chosen[0] * pitch + 2 + chosen[2] * size, 22.8 + (columns - 1 - chosen[1]) * size
        ax.add_patch(Rectangle(corner, size, size, fill=False, edgecolor="black", linewidth=2.4))
        at = 1.5 + (chosen[0] * each + chosen[1] * columns + chosen[2]) * wide
        ax.add_patch(Rectangle((at, 6.5), 0.8 * wide, 5.5, fill=False, edgecolor="black", linewidth=2))
        ax.annotate("", (at + 0.4 * wide, 12.4), (corner[0] + size / 2, corner[1]), arrowprops=THIN)
        latent = f"{count} latent frames\n{side} × {side} places"
        words = {44.8: f"{frames} frames", 30.8: latent, 9.2: f"{count * each} tokens"}
        for y, said in words.items():
            ax.text(-14.5, y, said, va="center")
        first, last = chosen[0] * each, chosen[0] * each + each - 1
        ax.text(1.5, 3.2, "token 0", va="center", color=GREY)
        ax.text(1.5 + (first + each / 2) * wide, 3.2, f"tokens {first} to {last}", ha="center", va="center", color=GREY)
        ax.text(99.5, 3.2, f"token {count * each - 1}", ha="right", va="center", color=GREY)


def _reads(ax: Axes, text: str, x: float, y: float, *ends: tuple[float, float]) -> None:
    """A text encoder below a network, and arrows up to it."""
    look = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": COLORS[TEXT], "linewidth": 2}
    drawn = ax.text(x, y, text, ha="center", va="center", bbox=look)
    for end in ends:
        ax.annotate("", end, (x, y), arrowprops=THIN | {"color": COLORS[TEXT], "patchA": drawn.get_bbox_patch()})


def reach(panels: Mapping[str, ArrayLike], xlabel: str, ylabel: str, marked: int | None = None) -> None:
    """Draw what moves when one frame is changed: a row for each changed frame; white where nothing moves.

    Args:
        panels: Title to how far each result moves (changed, moved), 0 or more, each drawn as a share of its largest.
        xlabel: What may move.
        ylabel: What is changed.
        marked: A row that gets a frame.
    """
    with sheet(1, len(panels), 4.1, style=BOXED) as axes:
        for ax, (title, moved) in zip(axes[0], panels.items(), strict=True):
            share = np.asarray(moved) / np.max(np.asarray(moved))
            shown = ax.imshow(np.where(share < FLOOR, np.nan, share), cmap=PALE, norm=LogNorm(FLOOR, 1), aspect="auto")
            ax.set(title=title, xlabel=xlabel)
            ax.set(
                xticks=range(0, share.shape[1], 1 + share.shape[1] // 8),
                yticks=range(0, len(share), 1 + len(share) // 8),
            )
            if marked is not None:
                corner = -0.5, marked - 0.5
                ax.add_patch(Rectangle(corner, share.shape[1], 1, fill=False, edgecolor="black", lw=1.6, clip_on=False))
        axes[0, 0].set_ylabel(ylabel)
        label = "how far, as a share of the largest"
        ax.figure.colorbar(shown, ax=axes[0].tolist(), label=label, shrink=0.9)


def modulation(t: ArrayLike, panels: Mapping[str, ArrayLike]) -> None:
    """Draw what modulation does to channels at each flow time: a line for each of about 12, and the middle half of all.

    Args:
        t: Flow times (n,).
        panels: Title to values (n, channels).
    """
    rows, columns = in_rows(len(panels), 3)
    with sheet(rows, columns, 0.8 + 2.4 * rows, sharex=True, sharey=True) as axes:
        for ax, (title, values) in zip(axes.flat, panels.items(), strict=False):
            values = np.asarray(values)
            ax.plot(t, values[:, :: max(1, values.shape[1] // 12)], color=COLORS[DIT], linewidth=1, alpha=0.7)
            low, high = np.quantile(values, (0.25, 0.75), axis=1)
            ax.fill_between(t, low, high, color=COLORS[UNET], alpha=0.35, linewidth=0, zorder=3)
            ax.axhline(0, color=GREY, linewidth=1, linestyle=":")
            ax.set(title=title, xlim=(1, 0), xticks=(1, 0.5, 0), xticklabels=("1", "0.5", "0"))
            for label, side in zip(ax.get_xticklabels()[::2], ("left", "right"), strict=False):
                label.set_ha(side)  # or it would touch the next panel
        axes[0, 0].figure.supxlabel("flow time $t$, from noise (1) to data (0)", fontsize=10)
        axes[0, 0].figure.supylabel("value", fontsize=10)
