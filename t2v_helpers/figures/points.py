"""Points in the plane: clouds, maps, arrows and paths, still and moving."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

import numpy as np
import torch
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike

from ..plots import COLORS, CYCLE, STYLE, role_color
from .sheet import BOXED, GREY, WIDTH, in_rows, legend_below, sheet

TOYS = 1.5  # the sets of `toys` are shown from -TOYS to TOYS in both directions
REACH = 3.0  # points with variance 1, as diffusion takes them, are shown from -REACH to REACH
MOVING = 600  # points of a cloud that a film shows: more make the file larger and the film no clearer
ENDS = (*CYCLE, "#999999")  # one colour for each of eight clusters
BEHIND = {"s": 3, "color": "#C8C8C8", "linewidths": 0}  # points in the background
FAINT = {"vmin": 0.3, "vmax": 0.7, "alpha": 0.75}  # of a `belief` in training, where D is seldom sure

Cloud = ArrayLike | tuple[ArrayLike, str]  # points (n, 2), or the points and the role that gives them their colour
Walk = Sequence[tuple]  # (t, x_t) or (t, x_t, x0_hat) for each time, as the samplers yield them


def plane(points: int = 40) -> torch.Tensor:
    """Return an even grid of points over the plane of `toys`: (points^2, 2), the second coordinate running fastest."""
    line = torch.linspace(-TOYS, TOYS, points)
    return torch.cartesian_prod(line, line)


def _xy(points: ArrayLike) -> np.ndarray:
    return torch.as_tensor(points).detach().T.numpy()


def end_colors(ends: ArrayLike, centres: ArrayLike) -> list[str]:
    """Return a colour for each point (n, 2), by which of the centres (k, 2), at most eight, is nearest."""
    ends, centres = (torch.as_tensor(x).detach().double() for x in (ends, centres))
    return [ENDS[i] for i in torch.cdist(ends, centres).argmin(1)]


def square(ax: Axes, title: str, reach: float = REACH, centres: ArrayLike | None = None) -> None:
    """Show the plane from -reach to reach in both directions, and mark the centres with crosses."""
    ticks = (-round(reach / 1.5), 0, round(reach / 1.5))
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", title=title, xticks=ticks, yticks=ticks)
    if centres is not None:
        ax.scatter(*_xy(centres), marker="+", s=50, linewidth=1.2, color=COLORS["data"], zorder=0.9)


def belief(ax: Axes, D: torch.Tensor, **look: object) -> AxesImage:
    """Draw a discriminator's D (p, p), computed on `plane(p)`, in steps from 0 in blue to 1 in red."""
    look = {"cmap": colormaps["RdBu_r"].resampled(15), "vmin": 0, "vmax": 1, "interpolation": "bilinear"} | look
    return ax.imshow(D.T.numpy(), origin="lower", extent=(-TOYS, TOYS, -TOYS, TOYS), **look)


def _squares(rows: int, columns: int, below: float = 0.2) -> AbstractContextManager[np.ndarray]:
    side = min(WIDTH / columns, 3.6)
    return sheet(rows, columns, (side + 0.15) * rows + below, side * columns, sharex=True, sharey=True)


def clouds(
    panels: Mapping[str, Cloud], reach: float = REACH, behind: ArrayLike | None = None, centres: ArrayLike | None = None
) -> None:
    """Draw clouds of points side by side on the same axes.

    Args:
        panels: Title to points (n, 2), or to (points, role). The role is "data", "noise", "gan" or "diffusion" and
            gives the colour, or is one; without it, a title that names a role does.
        reach: The axes go from -reach to reach.
        behind: Points (m, 2) drawn in grey behind each cloud.
        centres: Points (m, 2) marked with a cross in each panel.
    """
    with _squares(*in_rows(len(panels)), 0.2 * (1 + any("\n" in title for title in panels))) as axes:
        for ax, (title, cloud) in zip(axes.flat, panels.items(), strict=False):
            points, color = cloud if isinstance(cloud, tuple) else (cloud, role_color(title))
            if behind is not None:
                ax.scatter(*_xy(behind), **BEHIND | {"s": 14})
            ax.scatter(*_xy(points), s=4, alpha=0.6, linewidths=0, color=COLORS.get(color, color))
            square(ax, title, reach, centres)


def discriminators(maps: Mapping[str, Callable], data: ArrayLike, fake: ArrayLike) -> None:
    """Draw discriminators as maps of D(x), with data and generated points on them.

    Args:
        maps: Title to a function of points (n, 2), as tensors, that returns logits, (n,) or (n, 1).
        data: Points (m, 2) of the data; the first 300 are drawn.
        fake: Generated points (m, 2); the first 300 are drawn.
    """
    with sheet(1, len(maps), 9.4 / len(maps), style=BOXED) as axes:
        for ax, (title, logit) in zip(axes[0], maps.items(), strict=True):
            with torch.no_grad():
                D = logit(plane(60)).sigmoid().reshape(60, 60)
            shown = belief(ax, D)
            for x, role, label in ((fake, "gan", "generated"), (data, "data", "data")):
                ax.scatter(*_xy(x[:300]), s=12, label=label, color=COLORS[role], edgecolors="white", linewidths=0.3)
            square(ax, title, TOYS)
            ax.set(xlabel="$x_1$", ylabel="$x_2$" if ax is axes[0, 0] else "")
        legend_below(ax)
        ax.figure.colorbar(shown, ax=axes[0].tolist(), label="$D(x)$: how likely data (0 to 1)")


def noise_map(generators: Mapping[str, Callable], behind: ArrayLike) -> None:
    """Draw noise, coloured by its direction, and what generators make of it and of a circle, with its sharpest turn.

    Args:
        generators: Title to a function of noise (n, 2), as tensors, that returns points (n, 2).
        behind: The data (m, 2).
    """
    z, angle = torch.randn(2500, 2, generator=torch.Generator().manual_seed(0)), torch.linspace(0, 2 * torch.pi, 241)
    color = colormaps["hsv"](torch.atan2(*z.T).numpy() / (2 * np.pi) % 1)
    circle = 1.2 * torch.stack([angle.cos(), angle.sin()], 1)  # half of the noise lies inside
    with sheet(1, 1 + len(generators), WIDTH / (1 + len(generators)) + 0.6, style=BOXED) as axes:
        for ax, (title, G) in zip(axes[0], {"noise $z$": lambda z: z, **generators}.items(), strict=True):
            ax.scatter(*_xy(G(z)), s=7, c=color, linewidths=0)
            ax.plot(*_xy(way := G(circle)), color="black", label="a circle in the noise, and where it goes")
            square(ax, title, TOYS if title in generators else REACH)
            ax.set_xlabel("each $G(z)$ in the colour of its $z$" if title in generators else "colour: direction of $z$")
            if title in generators:
                ax.scatter(*_xy(behind), s=5, color="white", edgecolors="black", linewidths=0.5, label="data")
                turn = way[1:-1][torch.cosine_similarity(way[1:-1] - way[:-2], way[2:] - way[1:-1]).argmin()].tolist()
                ax.annotate("a fold", turn, [0.3 * v for v in turn], fontsize=12, arrowprops={"arrowstyle": "->"})
        legend_below(ax)


def game_strip(states: Mapping[str, tuple], data: ArrayLike) -> None:
    """Draw a GAN at some times of its training: the discriminator's D as the ground, data and generated points on it.

    Args:
        states: Title to (generated points (n, 2), D on `plane(p)` as a square (p, p)).
        data: Points (m, 2), drawn in grey.
    """
    with sheet(1, len(states), WIDTH / len(states) + 0.5, style=BOXED) as axes:
        for ax, (title, (x, D)) in zip(axes[0], states.items(), strict=True):
            shown = belief(ax, D, **FAINT)
            ax.scatter(*_xy(data), s=4, color=GREY, linewidths=0)
            ax.scatter(*_xy(x), s=9, color=COLORS["gan"], edgecolors="white", linewidths=0.3)
            square(ax, title, TOYS)
            ax.set(xticks=[], yticks=[])
        ax.figure.colorbar(shown, ax=axes[0].tolist(), label="$D(x)$", extend="both", shrink=0.75)


def before_after(before: ArrayLike, after: ArrayLike, data: ArrayLike) -> None:
    """Draw several generators' points before and after something on axes that are logarithmic beyond 2, shaded.

    Args:
        before: Points (generators, n, 2).
        after: Points (generators, n, 2).
        data: Points (m, 2), drawn in grey.
    """
    rows, columns = in_rows(len(before))
    with sheet(rows, columns, (WIDTH / columns + 0.15) * rows + 0.3, style=BOXED, sharex=True, sharey=True) as axes:
        for i, (ax, *both) in enumerate(zip(axes.flat, before, after, strict=False)):
            ax.scatter(*_xy(data), s=5, color="#BBBBBB", linewidths=0, label="data")
            ax.scatter(*_xy(both[0]), s=6, color=COLORS["gan"], linewidths=0, label="before")
            ax.scatter(*_xy(both[1]), s=30, color=COLORS["noise"], edgecolors="black", linewidths=0.6, label="after")
            for set_scale, axis in ((ax.set_xscale, ax.xaxis), (ax.set_yscale, ax.yaxis)):
                set_scale("symlog", linthresh=2, linscale=3)
                axis.set_ticks((-100, -1, 0, 1, 100), (-100, -1, 0, 1, 100))
            ax.set(title=f"GAN {i}", xlim=(-1000, 1000), ylim=(-1000, 1000), aspect="equal", facecolor="#EFEFEF")
            ax.fill((-2, 2, 2, -2), (-2, -2, 2, 2), color="white", zorder=0)
        legend_below(ax)


def chain(walk: Walk, times: Sequence[int], centres: ArrayLike | None = None) -> None:
    """Draw a sampler's walk at some times: above x_t, below the model's guess x0_hat.

    Args:
        walk: (t, x_t, x0_hat) for each time, as the samplers yield them.
        times: Which t to show.
        centres: As in `clouds`.
    """
    states = {t: (x_t, x0_hat) for t, x_t, x0_hat in walk}
    with _squares(2, len(times), -0.1) as axes:
        for column, t in zip(axes.T, times, strict=True):
            for ax, points, role in zip(column, states[t], ("noise", "diffusion"), strict=True):
                ax.scatter(*_xy(points), s=3, alpha=0.5, linewidth=0, color=COLORS[role if t > 0 else "data"])
                square(ax, f"$t$ = {t}" if role == "noise" else "", centres=centres if t < max(states) else None)
        for ax, name in zip(axes[:, 0], ("$x_t$", r"$\hat x_0$"), strict=True):
            ax.set_ylabel(name, rotation=0, labelpad=14, fontsize=13)


def paths(
    walks: Mapping[str, Walk],
    centres: ArrayLike,
    count: int = 4,
    ends: tuple = ("$x_T$", "$x_0$"),
    reach: float = REACH,
    names: tuple = ("", ""),
    by_end: bool = False,
) -> None:
    """Draw the paths of the first points of each walk, from their start (a dot) to their end (a square).

    Args:
        walks: Title to a walk.
        centres: As in `clouds`.
        count: How many points to follow.
        ends: The names of start and end.
        reach: As in `clouds`.
        names: Of the two coordinates.
        by_end: Each path is thick, in the colour of the centre that is nearest to its end, as in `film`.
    """
    few = by_end or count <= len(CYCLE)
    with _squares(1, len(walks), 0.5) as axes:
        for ax, (title, walk) in zip(axes[0], walks.items(), strict=True):
            ways = np.stack([_xy(x[:count]) for _, x, *_ in walk])  # (times, 2, points)
            colors = list(CYCLE[: ways.shape[2]]) if few else ["#999999"] * ways.shape[2]
            colors = end_colors(walk[-1][1][:count], centres) if by_end else colors
            for way, color in zip(ways.transpose(2, 0, 1), colors, strict=True):
                ax.plot(*way.T, linewidth=2 if by_end else 0.9, color=color, alpha=0.8)
            several = few and ways.shape[2] > 1  # then each end has the colour of its path
            for i, role in ((0, "noise"), (-1, "diffusion")):
                look = {"color": colors, "edgecolors": "black"} if several else {"color": COLORS[role]}
                look |= {"s": 26 if few else (18, 6)[i], "marker": "os"[i]}
                ax.scatter(*ways[i], zorder=3, label=ends[i], **look)
            square(ax, title, reach, centres)
            ax.set(xlabel=names[0], ylabel=names[1] if ax is axes[0, 0] else "")
        legend_below(ax)
        for handle in ax.figure.legends[0].legend_handles if several else ():
            handle.set_facecolor("white")


def film(
    walks: Mapping[str, Walk],
    *,
    reach: float = REACH,
    behind: Mapping[str, ArrayLike] | None = None,
    centres: ArrayLike | None = None,
    count: int = 32,
    time: str = "$t$",
    role: str = "diffusion",
    size: float = 6,
    by_end: bool = False,
) -> np.ndarray:
    """Film walks side by side, for `show_video` or `save_video`.

    Args:
        walks: Title to a walk, all of the same times.
        reach: As in `clouds`.
        behind: Title to points (m, 2) drawn in grey behind that walk.
        centres: As in `clouds`.
        count: At most how many frames, evenly spaced over the walk, both ends included.
        time: What the first entry of a state is, for the text above each frame.
        role: Gives the points their colour, as in `clouds`; "title" if the titles name the roles.
        size: Area of a dot, in points squared.
        by_end: Each point has the colour of the centre that is nearest to its end, in place of the role's.

    Returns:
        Frames (count + 6, H, W, 3) of uint8, 900 pixels wide for three walks. The last stays, to be looked at.

    Raises:
        ValueError: If the walks differ in length.
    """
    states, side = list(zip(*walks.values(), strict=True)), min(WIDTH / len(walks), 4.0)
    with rc_context(STYLE | BOXED):
        figure, moving, frames = Figure((side * len(walks), side + 0.6), dpi=100), [], []
        canvas, words = FigureCanvasAgg(figure), figure.text(0.5, 0.95, "", ha="center", va="center", fontsize=12)
        place = {"left": 0.01, "right": 0.99, "bottom": 0.01, "top": 0.85, "wspace": 0.03}
        for ax, title in zip(figure.subplots(1, len(walks), squeeze=False, gridspec_kw=place)[0], walks, strict=True):
            if behind is not None:
                ax.scatter(*_xy(behind[title]), **BEHIND)
            square(ax, title, reach, centres)
            ax.set(xticks=[], yticks=[])
            color = role_color(title) if role == "title" else COLORS[role]
            color = end_colors(walks[title][-1][1][:MOVING], centres) if by_end else color
            moving.append(ax.scatter([], [], s=size, alpha=0.7, linewidths=0))
            moving[-1].set_facecolors(color)
        for i in np.linspace(0, len(states) - 1, min(count, len(states))).round().astype(int):
            for dots, (t, x, *_) in zip(moving, states[i], strict=True):
                words.set_text(f"{time} = {t}")
                dots.set_offsets(_xy(x[:MOVING]).T)
            canvas.draw()
            frames.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    return np.stack(frames + frames[-1:] * 6)
