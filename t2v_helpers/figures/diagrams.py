"""Diagrams: boxes and arrows, a GAN alone and beside diffusion; a colour stands for a role."""

from collections.abc import Iterable, Mapping
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.text import Text

from ..plots import COLORS
from .sheet import sheet


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
        ax.text(0.05, 4.15, "GAN: one leap, learned in a game of two networks", color=COLORS["gan"])
        text = r"diffusion: many small steps, one network $\hat\epsilon(x_t, t)$ for all, learned from known noise"
        ax.text(0.05, 1.85, text, color=COLORS["diffusion"])
        for end, start in pairwise(below):
            _arrow(ax, drawn[start], drawn[end], COLORS["noise"], "--", -0.5)
        ax.text(5.6, -0.45, "forward: noise is added; nothing is learned here", ha="center", color=COLORS["noise"])
