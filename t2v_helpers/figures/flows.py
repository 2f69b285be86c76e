"""Flow matching: paths over the density, the two sides of the continuity equation, schedules in one clock."""

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib import colormaps
from numpy.typing import ArrayLike

from ..plots import COLORS, CYCLE
from ..schedules import NoiseSchedule
from ..toys import mixture_log_density
from .points import REACH
from .sheet import BOXED, GREY, legend_beside, sheet


def flow_paths(
    panels: Mapping[str, tuple[ArrayLike, ArrayLike]], points: ArrayLike, std: float, orange: Sequence[int] = ()
) -> None:
    """Draw paths of one number from noise, on the left, to data, on the right, over the density of x_t.

    Args:
        panels: Title to (flow times (n,), places (n, paths)).
        points: Centres of the data's Gaussians, of shape (k, 1).
        std: Their standard deviation, in the units of x.
        orange: The number of the path to follow, drawn orange, in each panel; by default the first.
    """
    x, times = torch.linspace(-REACH, REACH, 300).double()[:, None], torch.linspace(0, 1, 200).tolist()
    spread = [math.hypot((1 - t) * std, t) for t in times]
    each = [mixture_log_density(x, (1 - t) * points, s).exp() for t, s in zip(times, spread, strict=True)]
    with sheet(1, len(panels), 4.2, style=BOXED, sharey=True) as axes:
        marked = orange or [0] * len(panels)
        for ax, (title, (when, places)), follow in zip(axes[0], panels.items(), marked, strict=True):
            ax.contourf(times, x[:, 0], torch.stack(each, 1).sqrt(), levels=10, cmap="Blues", vmax=1.3)
            for i, way in enumerate(np.asarray(places).T):
                look = {"color": CYCLE[1], "linewidth": 2.2} if i == follow else {"color": "#333333", "linewidth": 0.9}
                ax.plot(when, way, zorder=3 - (i != follow), **look)
            ax.set(title=title, xlabel="flow time $t$: noise left, data right", xlim=(1, 0), ylim=(-REACH, REACH))
        axes[0, 0].set_ylabel("$x_t$ (units of the data)")


def continuity(fields: Mapping[str, ArrayLike], reach: float = REACH) -> None:
    """Draw fields over the middle of the plane: red where points gather, blue where they leave.

    Args:
        fields: Title to values (n, n), the second coordinate running along the columns. The first sets the colours.
        reach: The values go from -reach to reach in both directions.
    """
    most, colors = np.abs(np.asarray(next(iter(fields.values())))).max(), colormaps["RdBu_r"].resampled(21)
    with sheet(1, len(fields), 2.9, style=BOXED, sharey=True) as axes:
        for ax, (title, field) in zip(axes[0], fields.items(), strict=True):
            look = {"extent": (-reach, reach, -reach, reach), "origin": "lower", "interpolation": "bilinear"}
            shown = ax.imshow(np.asarray(field).T, cmap=colors, vmin=-most, vmax=most, **look)
            ax.set(title=title, xlim=(-2, 2), ylim=(-2, 2), xticks=(-1, 0, 1), yticks=(-1, 0, 1), xlabel="$x_1$")
        axes[0, 0].set_ylabel("$x_2$")
        ax.figure.colorbar(shown, ax=axes[0].tolist(), label="density per unit of $t$", extend="both", shrink=0.8)


def clocks(schedules: Mapping[str, NoiseSchedule], dots: Mapping[str, ArrayLike] | None = None) -> None:
    """Draw the log of the signal-to-noise ratio of schedules against time, as a share of all steps.

    Args:
        schedules: Name to schedule; those whose name begins with "flow" are drawn as full lines, the others each with
            its own dashes. The legend lists them from the top down, as the curves are half way.
        dots: Name of a schedule to some of its steps, drawn as dots on its curve.
    """
    colors, dashes = itertools.cycle(CYCLE), itertools.cycle(["--", "-.", ":", (0, (6, 1.5, 1, 1.5, 1, 1.5))])
    schedules = dict(sorted(schedules.items(), key=lambda item: -item[1].snr[len(item[1]) // 2]))
    flows = [name for name in schedules if name.startswith("flow")]
    with sheet(height=4.4) as [[ax]]:
        for name, schedule in schedules.items():
            time = np.arange(1, len(schedule) + 1) / len(schedule)
            if name in flows:
                look = {"color": COLORS["data"] if name == flows[0] else CYCLE[6], "linewidth": 2.5}
            else:
                look = {"color": next(colors), "linestyle": next(dashes)}
            ax.plot(time, schedule.snr.log(), label=name, **look)
            steps = np.asarray((dots or {}).get(name, ()), dtype=int)
            if len(steps):
                ax.plot(steps / len(schedule), schedule.snr.log()[steps - 1], "o", color=look["color"], markersize=7)
        ax.axhline(0, color=GREY, linewidth=1, linestyle=":")
        ax.annotate("as much noise as signal", (1, 0), (-4, 4), textcoords="offset points", color=GREY, ha="right")
        ax.set(xlim=(0, 1), ylim=(-12, 12), xlabel="time, as a share of all steps", ylabel="ln SNR (natural log)")
        legend_beside(ax)
