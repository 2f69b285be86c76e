"""Diagrams: boxes and arrows, a GAN alone and beside diffusion, text meeting video; a colour stands for a role."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from ..plots import COLORS
from .sheet import GREY, sheet

THIN = {"arrowstyle": "->", "linewidth": 1.2, "color": "#444444", "shrinkA": 0, "shrinkB": 0}


def _diagram(ax: Axes, boxes: Mapping[str, tuple], arrows: Iterable[tuple[str, str]]) -> dict[str, Text]:
    """Draw boxes, text to (middle, role), and arrows (text, text) from one to another; return the boxes."""
    ax.axis("off")
    drawn = {}
    for text, (middle, role) in boxes.items():
        style = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": COLORS[role], "linewidth": 2}
        drawn[text] = ax.text(*middle, text, ha="center", va="center", bbox=style)
    for start, end in arrows:
        _arrow(ax, drawn[start], drawn[end])
    return drawn


def _arrow(ax: Axes, start: Text, end: Text, color: str = "#444444", linestyle: str = "-", bend: float = 0) -> None:
    """An arrow between two boxes, from edge to edge; dashed and bent: who learns from what, or the way back."""
    style = {"arrowstyle": "->", "linewidth": 1.5, "mutation_scale": 14, "color": color, "linestyle": linestyle}
    style |= {"patchA": start.get_bbox_patch(), "patchB": end.get_bbox_patch(), "shrinkA": 4, "shrinkB": 4}
    style["connectionstyle"] = f"arc3,rad={bend}"
    ax.annotate("", end.get_position(), start.get_position(), arrowprops=style)


def gan_diagram() -> None:
    """Draw a GAN's game: noise z into G, G(z) and data x into D, what D answers, and who learns from it."""
    boxes = {  # text: middle, colour
        "noise $z$": ((0.7, 0.9), "noise"),
        "generator $G$": ((2.75, 0.9), "gan"),
        "$G(z)$": ((4.75, 0.9), "gan"),
        "data $x$": ((4.75, 2.3), "data"),
        "discriminator $D$": ((6.95, 1.6), "discriminator"),
        "$D = 1$: data\n$D = 0$: generated": ((9.75, 1.6), "discriminator"),
    }
    z, G, sample, data, D, verdict = boxes
    with sheet(height=3.1, style={"font.size": 12.0}) as [[ax]]:
        ax.set(xlim=(0, 11), ylim=(-0.4, 3.2), aspect="equal")
        drawn = _diagram(ax, boxes, [(z, G), (G, sample), (sample, D), (data, D), (D, verdict)])
        _arrow(ax, drawn[verdict], drawn[G], COLORS["gan"], "--", -0.3)
        ax.text(6.3, -0.25, "$G$ learns to be taken for data", ha="center", color=COLORS["gan"])
        _arrow(ax, drawn[verdict], drawn[D], COLORS["discriminator"], "--", 0.6)
        ax.text(8.4, 2.75, "$D$ learns to be right", ha="center", color=COLORS["discriminator"])


def gan_beside_diffusion() -> None:
    """Draw both ways from noise to data: a GAN's one leap above, diffusion's many small steps below."""
    above = {
        "noise $z$": ((0.9, 3.3), "noise"),
        "generator $G$": ((4.1, 3.3), "gan"),
        "sample $G(z)$": ((7.6, 3.3), "gan"),
        "discriminator $D$": ((11.2, 3.3), "discriminator"),
    }
    data = {"data $x$": ((7.6, 4.3), "data")}
    below = {
        "noise $x_T$": ((0.9, 1.0), "noise"),
        "$x_{T-1}$": ((3.5, 1.0), "diffusion"),
        "$\\cdots$": ((5.6, 1.0), "diffusion"),
        "$x_1$": ((7.6, 1.0), "diffusion"),
        "sample, or data $x_0$": ((10.9, 1.0), "diffusion"),
    }
    with sheet(height=3.75, style={"font.size": 12.0}) as [[ax]]:
        ax.set(xlim=(0, 12.9), ylim=(-0.6, 4.75), aspect="equal")
        drawn = _diagram(ax, above | data | below, [*pairwise(above), *pairwise(below), (*data, "discriminator $D$")])
        _arrow(ax, drawn["discriminator $D$"], drawn["generator $G$"], COLORS["gan"], "--", -0.15)
        ax.text(7.6, 2.42, "$G$ learns from what $D$ says", ha="center", color=COLORS["gan"])
        ax.text(11.2, 3.85, "is it data?", ha="center", color=COLORS["discriminator"])
        ax.text(0.05, 4.15, "GAN: one leap, learned in a game of two networks", color=COLORS["gan"])
        text = "diffusion: many small steps, one network for all of them, learned from known noise"
        ax.text(0.05, 1.85, text, color=COLORS["diffusion"])
        for end, start in pairwise(below):
            _arrow(ax, drawn[start], drawn[end], COLORS["noise"], "--", -0.5)
        ax.text(5.6, -0.45, "forward: noise is added; nothing is learned here", ha="center", color=COLORS["noise"])


def text_diagram(words: Sequence[str], length: int = 24) -> None:
    """Draw how a prompt reaches the scale model's UNet: padding, two towers, and seven layers of cross-attention.

    Args:
        words: The prompt's tokens, from the start token to the first end token.
        length: To how many tokens it is padded.
    """
    count, color = len(words), COLORS["gan"]
    clip = {
        "sentence: $a_i$": ((2.9, 2.75), "gan"),
        "clip: $f_j$": ((2.9, 1.55), "diffusion"),
        "video tower": ((2.9, 0.4), "diffusion"),
        "frames": ((0.85, 0.4), "data"),
    }
    layers = {
        "8 × 8": ((5.75, 2.75), "gan"),
        "4 × 4": ((7.2, 1.55), "gan"),
        "2 × 2": ((8.65, 0.35), "gan"),
        "4 × 4 \n(twice)": ((10.1, 1.55), "gan"),
        "8 × 8 \n(twice)": ((11.9, 2.75), "gan"),
    }
    steps = [("frames", "video tower"), ("video tower", "clip: $f_j$"), *pairwise(layers)]
    with sheet(height=4.6, style={"font.size": 11.5}) as [[ax]]:
        ax.set(xlim=(0, 14), ylim=(-0.25, 6.9), aspect="equal")
        drawn = _diagram(ax, clip | layers, steps)
        edges = [*np.linspace(0.1, 7.6, count + 1), *np.linspace(7.6, 13.9, length - count + 1)[1:]]
        for i, (left, right) in enumerate(pairwise(edges)):
            look = {"facecolor": color if i < count else "#999999", "linewidth": 0}
            ax.add_patch(Rectangle((left + 0.04, 5.85), right - left - 0.08, 0.55, alpha=0.2, **look))
            ax.add_patch(Rectangle((left + 0.04, 3.85), right - left - 0.08, 0.35, **look))
            ax.text((left + right) / 2, 6.12, words[i] if i < count else "", ha="center", va="center")
            for y in (5.8, 4.7) if i < count or not (i - count) % 4 else ():  # a few of the padding's will do
                ax.annotate("", ((left + right) / 2, y - 0.45), ((left + right) / 2, y), arrowprops=THIN)
        ax.add_patch(Rectangle((0.14, 4.72), 13.72, 0.58, facecolor="white", edgecolor=color, linewidth=2))
        said = "text tower: three layers, in which each token takes in those before it"
        ax.text(7, 5.0, said, ha="center", va="center")
        ax.text(0.14, 6.55, f"the prompt: {count} tokens", color=color)
        ax.text(7.64, 6.55, f"padding: {length - count} more end tokens", color=GREY)
        ax.plot([0.14, 13.86], [3.65, 3.65], color=color, linewidth=2)
        for name, ((x, _), role) in layers.items():
            if role == "gan":
                ax.annotate("", (x, drawn[name].get_position()[1] + 0.5), (x, 3.65), arrowprops=THIN | {"color": color})
        ax.text(0.14, 3.2, f"context $c$: {length} vectors", color=color)
        ax.text(12.0, 0.1, "the UNet: seven layers\nread the context", ha="center")
        names = {"down": (5.1, 2.6, "right"), "up, first\nup, second": (13.0, 2.75, "left")}
        for name, (x, y, side) in names.items():
            ax.text(x, y, name, ha=side, va="center", color=color, fontstyle="italic")
        turn = edges[count - 1] + 0.3
        ax.plot([turn, turn, 4.4], [3.85, 3.75, 3.75], color=THIN["color"], linewidth=THIN["linewidth"], linestyle="--")
        ax.annotate("", (3.9, 3.05), (4.4, 3.75), arrowprops=THIN | {"linestyle": "--"})
        ax.annotate("", (2.9, 2.35), (2.9, 1.95), arrowprops=THIN | {"arrowstyle": "<->"})
        ax.text(0.14, 2.05, "a pair should\nbe near (6.1)")


def guidance_diagram() -> None:
    """Draw (6.7) as arrows from one point: the predictions without a prompt and with it, and guided ones beyond."""
    ends = {0: r"$v_\varnothing$", 1: "$v_c$", 2: "$v_w$", 4: "$v_w$"}
    with sheet(height=2.3, style={"font.size": 12.0}) as [[ax]]:
        ax.set(xlim=(-0.4, 4.4), ylim=(-0.05, 1.3))
        ax.axis("off")
        ax.plot([0, 4], [1, 1], color=GREY, linestyle=":")
        for w, name in ends.items():
            color = COLORS["gan" if w > 1 else "diffusion"]
            ax.annotate("", (w, 1), (0.5, 0), arrowprops=THIN | {"color": color, "linewidth": 1.8})
            ax.text(w, 1.08, f"{name}, $w = {w}$", color=color, ha="center", va="bottom")


def lora_diagram(side: int, rank: int) -> None:
    """Draw a layer's weights W and the thin matrices B and A of its LoRA, areas in proportion to their numbers.

    Args:
        side: Inputs of the layer, and outputs.
        rank: Of the LoRA.
    """
    gap, thin = side / 3, max(rank, side / 40)
    boxes = {  # text below: left, width, height, role
        f"$W$, frozen: {side} × {side} = {side * side:,}": (0, side, side, "data"),
        f"$B$: {side} × {rank} = {side * rank:,}": (side + 2 * gap, thin, side, "gan"),
        f"$A$: {rank} × {side} = {side * rank:,}": (side + 4 * gap, side, thin, "gan"),
    }
    with sheet(height=2.6, style={"font.size": 12.0}) as [[ax]]:
        ax.axis("off")
        for text, (left, width, height, role) in boxes.items():
            ax.add_patch(Rectangle((left, (side - height) / 2), width, height, facecolor=COLORS[role], alpha=0.6))
            ax.text(left + width / 2, side + side / 10, text, ha="center", va="top")
        for sign, x in (("+", side + gap), ("·", side + 3 * gap)):
            ax.text(x, side / 2, sign, ha="center", va="center", fontsize=20)
        ax.set(xlim=(-gap, 2 * side + 5 * gap), ylim=(1.3 * side, -side / 20), aspect="equal")
