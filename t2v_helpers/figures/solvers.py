"""What solvers do in few steps: errors against the number of steps, quality, and how a cluster shrinks."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import ArrayLike

from ..plots import COLORS, CYCLE, MARKERS
from .sheet import BOXED, GREY, legend_below, sheet


def _log_steps(ax: Axes, steps: Sequence[int]) -> None:
    ax.set(xscale="log", xlabel="steps $n$ (log scale)")
    ax.set_xticks(steps, [f"{n}" for n in steps])
    ax.xaxis.set_minor_locator(NullLocator())


def orders(steps: Sequence[int], errors: Mapping[str, ArrayLike], slopes: Mapping[str, float]) -> None:
    """Draw the errors of solvers on log-log axes, each with its slope written at its end and a straight line beside it.

    Args:
        steps: Numbers of steps, (k,).
        errors: Solver to errors (k,), in the units of x.
        slopes: Solver to the slope to write beside its curve; the nearest whole slope is drawn as a dotted line.
    """
    with sheet(height=3.8) as [[ax]]:
        for (name, error), color, marker in zip(errors.items(), CYCLE, MARKERS, strict=False):
            error, slope = np.asarray(error), float(slopes[name])
            ax.plot(steps, error, marker=marker, color=color, markersize=7)
            straight = error[-1] * (np.array(steps) / steps[-1]) ** round(slope)
            ax.plot(steps, straight, color=GREY, linestyle=":", linewidth=1.2, zorder=1)
            ax.annotate(
                f"$n^{{{round(slope)}}}$", (steps[0], straight[0]), (0, 6), textcoords="offset points", ha="center"
            )
            ax.annotate(
                f"{name}\nslope {slope:.2f}",
                (steps[-1], error[-1]),
                (12, 0),
                textcoords="offset points",
                color=color,
                va="center",
            )
        ax.set(yscale="log", ylabel="median error (units of $x$, log scale)", xlim=(0.9 * steps[0], 2.2 * steps[-1]))
        ax.margins(y=0.12)
        _log_steps(ax, steps)


def quality(
    steps: Sequence[int],
    panels: Mapping[str, Mapping[str, tuple[ArrayLike, ArrayLike | None]]],
    data: Mapping[str, tuple] | None = None,
    xlabel: str = "steps $n$ (log scale)",
    log: bool = True,
) -> None:
    """Draw measures of samples against the number of steps: a panel for each measure, a curve for each sampler.

    Args:
        steps: Numbers of steps, (k,).
        panels: Measure, with its unit, to {sampler: (means (k,), standard errors (k,) or None)}.
        data: Measure to (lowest, highest) of what fresh data give, drawn as a grey band.
        xlabel: What is on the horizontal axis.
        log: Logarithmic measures.
    """
    with sheet(1, len(panels), 4.6) as axes:
        for ax, (measure, curves) in zip(axes[0], panels.items(), strict=True):
            for (name, (mean, error)), color, marker in zip(curves.items(), CYCLE, MARKERS, strict=False):
                ax.errorbar(steps, mean, error, color=color, marker=marker, capsize=3, label=name)
            if data is not None:
                ax.axhspan(*data[measure], color="#BBBBBB", alpha=0.6, linewidth=0, label="fresh data", zorder=0)
            _log_steps(ax, steps)
            ax.set(title=measure, xlabel=xlabel)
            if log:
                ax.set_yscale("log")
                ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                ax.yaxis.set_minor_locator(NullLocator())
                ax.yaxis.set_major_formatter("{x:g}")
        legend_below(axes[0, 0])


def shrinking(walks: Mapping[str, Sequence[float]]) -> None:
    """Draw how the width of one cluster shrinks: a quarter circle is the exact way, each chord a step of DDIM.

    Args:
        walks: Title to the angles phi of the steps, falling, in radians; the last is 0.
    """
    with sheet(1, len(walks), 3.3, style=BOXED) as axes:
        arc = np.linspace(0, math.pi / 2, 100)
        for ax, (title, angles) in zip(axes[0], walks.items(), strict=True):
            angles = np.asarray(angles, dtype=float)
            radius = np.cumprod([1.0, *np.cos(angles[:-1] - angles[1:])])
            ax.plot(np.cos(arc), np.sin(arc), color=COLORS["data"], linewidth=1.2, label="exact")
            way = radius * np.cos(angles), radius * np.sin(angles)
            ax.plot(*way, marker="o", color=COLORS["diffusion"], label="DDIM")
            ax.annotate(f"{radius[-1]:.2f}", (radius[-1], 0), (8, 2), textcoords="offset points")
            ax.set(title=title, aspect="equal", xlim=(-0.05, 1.1), ylim=(-0.05, 1.1), xticks=(0, 1), yticks=(0, 1))
            ax.set_xlabel("radius × cos φ (signal)")
        axes[0, 0].set_ylabel("radius × sin φ (noise)")
        legend_below(axes[0, 0])
