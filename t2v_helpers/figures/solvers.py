"""What solvers do in few steps: errors against the number of steps, quality, and how a cluster shrinks."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.patches import Circle, Rectangle
from numpy.typing import ArrayLike

from ..plots import COLORS, CYCLE, MARKERS
from .points import square
from .sheet import BOXED, GREY, WIDTH, legend_below, name_ends, plain_log, scales, sheet


def orders(steps: Sequence[int], errors: Mapping[str, ArrayLike], slopes: Mapping[str, float]) -> None:
    """Draw the errors of solvers on log-log axes, each with its slope written beside it and a straight line.

    Args:
        steps: Numbers of steps, (k,).
        errors: Solver to errors (k,), in the units of x.
        slopes: Solver to the slope to write beside its curve; the nearest whole slope is drawn as a dotted line.
    """
    middle = len(steps) // 2
    with sheet(height=3.8) as [[ax]]:
        for (name, error), color, marker in zip(errors.items(), CYCLE, MARKERS, strict=False):
            error, slope = np.asarray(error), float(slopes[name])
            ax.plot(steps, error, marker=marker, color=color, markersize=7)
            straight = error[-1] * (np.array(steps) / steps[-1]) ** round(slope)
            ax.plot(steps, straight, color=GREY, linestyle=":", linewidth=1.2, zorder=1)
            at, aside = {"textcoords": "offset points", "fontsize": 12}, (0, 6 if straight[0] > error[0] else -18)
            ax.annotate(f"$n^{{{round(slope)}}}$", (steps[0], straight[0]), aside, color=GREY, **at)
            ratios = [np.asarray(other)[min(middle + 1, len(steps) - 1)] / error[middle] for other in errors.values()]
            below = any(1 < ratio < 6 for ratio in ratios)  # another curve runs where the label would be
            place, at["ha"] = ((-8, -16), "right") if below else ((8, 8), "left")
            ax.annotate(f"{name}: slope ${slope:.2f}$", (steps[middle], error[middle]), place, color=color, **at)
        ax.set(xlabel="steps $n$ (log scale)", ylabel="median error (units of $x$, log scale)", ymargin=0.12)
        scales(ax, "xy", steps)


def quality(
    steps: Sequence[int],
    panels: Mapping[str, Mapping[str, tuple[ArrayLike, ArrayLike | None]]],
    data: Mapping[str, tuple] | None = None,
    xlabel: str = "steps $n$ (log scale)",
    log: bool = True,
    band: str = "fresh data",
    lowest: bool = False,
) -> None:
    """Draw measures of samples against the number of steps: a panel for each, with a curve for each sampler.

    Args:
        steps: Numbers of steps, (k,).
        panels: Measure, with its unit, to {sampler: (means (k,), standard errors (k,) or None)}; of more than four
            samplers, the first is light blue and the last dark.
        data: Measure to (lowest, highest) of what fresh data give, drawn as a grey band.
        xlabel: What is on the horizontal axis.
        log: Logarithmic measures; otherwise they begin at 0.
        band: What the grey band is.
        lowest: Draw a ring around the lowest point of each curve.
    """
    with sheet(1, len(panels), 4.3, sharey=not log) as axes:
        for ax, (measure, curves) in zip(axes[0], panels.items(), strict=True):
            colors, ends = colormaps["Blues"](np.linspace(0.45, 1, len(curves))) if len(curves) > 4 else CYCLE, []
            if data is not None:
                ax.axhspan(*data[measure], color="#BBBBBB", alpha=0.6, linewidth=0, zorder=0)
                ends.append((sum(data[measure]) / 2, band, GREY))
            for (name, (mean, error)), color, marker in zip(curves.items(), colors, MARKERS, strict=False):
                ax.errorbar(steps, mean, error, color=color, marker=marker, capsize=3)
                ends.append((float(mean[-1]), name, color))
                if lowest:
                    at = int(np.argmin(mean))
                    ax.plot(steps[at], mean[at], "o", color=color, markersize=16, markerfacecolor="none")
            scales(ax, "xy" if log else "x", steps)
            ax.set(title=measure, xlabel=xlabel)
            if log:
                plain_log(ax)
            else:
                ax.set_ylim(bottom=0)
        axes[0, 0].set_ylabel("log scale; bars: one standard error" if log else "")
        name_ends(ax, ends)


def enlarged(panels: Mapping[str, tuple], centres: torch.Tensor, cluster: int) -> None:
    """Draw clouds in two rows and, below those of the second, one cluster, with a circle around half of its points.

    Args:
        panels: Title to (points (n, 2), role), as `clouds` takes them; the last are the data.
        centres: Of the clusters, (k, 2).
        cluster: Which of them to enlarge.
    """
    columns, middle, reach, (*_, data) = len(panels) // 2, centres[cluster], 0.25, panels.values()
    with sheet(3, columns, 3 * WIDTH / columns + 0.6, style=BOXED) as axes:
        for i, (ax, (title, panel)) in enumerate(zip(axes.flat, panels.items(), strict=False)):
            ax.scatter(*panel[0][:700].T, s=4, alpha=0.6, linewidths=0, color=COLORS[panel[1]])
            ax.scatter(*centres.T, marker="+", s=40, linewidth=0.8, color=GREY, zorder=0)
            square(ax, title, 1.9)
            if i >= columns:
                ax.add_patch(Rectangle(middle - reach, 2 * reach, 2 * reach, fill=False, edgecolor=GREY))
                below, look = axes.flat[i + columns], {"fill": False, "linewidth": 2.5, "zorder": 3}
                for (x, role), label in ((data, "half of the data lie inside"), (panel, "half of the samples")):
                    own = x[torch.cdist(x, centres).argmin(1) == cluster] - middle
                    circle = Circle((0, 0), own.norm(dim=1).median(), edgecolor=COLORS[role], label=label, **look)
                    below.add_patch(circle)
                below.scatter(*own.T, s=6, alpha=0.3, linewidths=0, color=COLORS[role])
                square(below, "one cluster, enlarged", reach)
        for ax in axes.flat:
            ax.set(xticks=[], yticks=[])
        legend_below(axes[2, 0])


def shrinking(walks: Mapping[str, Sequence[float]]) -> None:
    """Draw how the width of one cluster shrinks: a quarter circle is the exact way, each chord a step of DDIM.

    Args:
        walks: Title to the angles phi of the steps, falling, in radians; the last is 0.
    """
    with sheet(1, len(walks), 3.1, style=BOXED) as axes:
        arc, below = np.linspace(0, math.pi / 2, 100), {"ha": "center", "va": "top", "fontsize": 12}
        for ax, (title, angles) in zip(axes[0], walks.items(), strict=True):
            angles = np.asarray(angles, dtype=float)
            radius = np.cumprod([1.0, *np.cos(angles[:-1] - angles[1:])])
            ax.plot(np.cos(arc), np.sin(arc), color=COLORS["data"], linewidth=1.2)
            way = radius * np.cos(angles), radius * np.sin(angles)
            ax.plot(*way, marker="o", color=COLORS["diffusion"])
            ax.plot(*np.array(way)[:, [-2, -1]] * [[1, 0], [1, 0]], color=GREY, linewidth=0.8)
            ax.text(0.1, 0.04, "φ", color=GREY)
            ax.text(radius[-1], -0.08, f"width {radius[-1]:.2f}", color=COLORS["diffusion"], **below)
            title += f",\nthe last turns {math.degrees(angles[-2]):.0f}°"
            ax.set(title=title, aspect="equal", xlim=(-0.05, 1.1), ylim=(-0.05, 1.1), xticks=(), yticks=(0, 1))
        ax.text(0.75, 0.75, "exact")
        ax.text(radius[-1] - 0.03, 0.3, "DDIM", color=COLORS["diffusion"], ha="right")
        axes[0, 0].set_ylabel("radius × sin φ (noise)")
        ax.figure.supxlabel("radius × cos φ (signal)", fontsize=10)
