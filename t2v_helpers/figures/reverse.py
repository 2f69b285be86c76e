"""The way from noise to data: the chain in both directions, where points end, and paths over the density."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import FancyArrowPatch
from numpy.typing import ArrayLike

from ..plots import COLORS, CYCLE
from ..schedules import NoiseSchedule
from ..toys import mixture_log_density
from .points import ENDS, REACH, Walk, end_colors, square
from .sheet import BOXED, WIDTH, sheet


def chain_diagram(states: Mapping[int, ArrayLike], above: str, below: str) -> None:
    """Draw clouds from data to noise in a row, with an arrow above to the right, and one below back to the left.

    Args:
        states: t to points (n, 2), t rising from 0, the data.
        above: What the arrow to the right says, the forward step.
        below: What the arrow to the left says, the step back.
    """
    shade, last = LinearSegmentedColormap.from_list("", (COLORS["data"], COLORS["noise"])), max(states)
    look = {"arrowstyle": "simple,head_length=11,head_width=12,tail_width=2.5", "mutation_scale": 1, "linewidth": 0}
    with sheet(1, len(states), WIDTH / len(states) + 1.1, style=BOXED) as axes:
        figure = axes[0, 0].figure
        figure.get_layout_engine().set(rect=(0, 0.13, 1, 0.74), wspace=0.04)
        for ax, (t, points) in zip(axes[0], states.items(), strict=True):
            color = shade(min(1.0, 2 * t / last))
            ax.scatter(*torch.as_tensor(points).T, s=3, alpha=0.6, linewidths=0, color=color)
            square(ax, "$x_0$: data" if t == 0 else f"$x_{{{t}}}$" + (": noise" if t == last else ""))
            ax.set(xticks=[], yticks=[])
        for y, text_y, start, end, text, role in (
            (0.90, 0.96, 0.03, 0.97, above, "noise"),
            (0.10, 0.04, 0.97, 0.03, below, "diffusion"),
        ):
            arrow = FancyArrowPatch((start, y), (end, y), transform=figure.transFigure, color=COLORS[role], **look)
            figure.add_artist(arrow)
            figure.text(0.5, text_y, text, color=COLORS[role], fontsize=12, ha="center", va="center")


def basins(panels: Mapping[str, tuple[ArrayLike, ArrayLike]], centres: ArrayLike, ring: bool = False) -> None:
    """Draw points, each in the colour of the centre that is nearest to where it ends; the crosses have these colours.

    Args:
        panels: Title to (points, ends), both (n, 2); the first 1,500 are drawn.
        centres: At most eight, (k, 2).
        ring: Look closer, and draw a ring around points that are nearest to another centre than their ends.
    """
    with sheet(1, len(panels), WIDTH / len(panels) + 0.4, style=BOXED, sharey=True) as axes:
        for ax, (title, (points, ends)) in zip(axes[0], panels.items(), strict=True):
            points, color = torch.as_tensor(points[:1500]), end_colors(ends[:1500], centres)
            ax.scatter(*points.T, s=7, linewidths=0, color=color)
            square(ax, title, 2 if ring else REACH)
            look = {"marker": "P", "s": 240 / len(panels), "edgecolors": "white", "zorder": 3}
            ax.scatter(*torch.as_tensor(centres).T, color=ENDS[: len(centres)], **look)
            changed = np.not_equal(color, end_colors(points, centres)) & ring
            ax.scatter(*points[changed].T, s=34, facecolors="none", edgecolors="black", linewidths=0.9, zorder=4)


def density_paths(
    walks: Mapping[str, Walk], points: ArrayLike, std: float, schedule: NoiseSchedule, count: int = 10
) -> None:
    """Draw paths of one number over the time, from noise on the left to data on the right, over the density of x_t.

    Args:
        walks: Title to a walk of (t, x_t, ...), t falling from T to 0, x_t of shape (b, 1).
        points: Centres of the data's Gaussians, of shape (n, 1).
        std: Their standard deviation, in the units of x.
        schedule: The schedule of the walks.
        count: How many paths to draw.
    """
    x, every = torch.linspace(-REACH, REACH, 300).double()[:, None], range(1, len(schedule) + 1, 3)
    shown = []
    for ab in schedule.alpha_bars[::3].tolist():
        shown.append(mixture_log_density(x, ab**0.5 * points, (ab * std**2 + 1 - ab) ** 0.5).exp() ** 0.5)
    with sheet(len(walks), 1, 2.7 * len(walks), style=BOXED, sharex=True) as axes:
        for ax, (title, walk) in zip(axes[:, 0], walks.items(), strict=True):
            ax.contourf(every, x[:, 0], torch.stack(shown, 1), levels=10, cmap="Blues", vmax=1.3)
            some = [*walk[:-1:5], walk[-1]]
            times, paths = [t for t, *_ in some], np.stack([np.ravel(x_t[:count]) for _, x_t, *_ in some])
            for i, way in enumerate(paths.T):
                ax.plot(times, way, linewidth=1.0, color=CYCLE[1] if i == 0 else "#333333", zorder=3 - (i > 0))
            ax.set(title=title, ylabel="$x_t$", xlim=(len(schedule), 0), ylim=(-REACH, REACH))
        ax.set_xlabel("step $t$: noise on the left, data on the right")
