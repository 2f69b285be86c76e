"""One way to make a figure: the course's style, as wide as a notebook's column, and no legend on top of the data."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from ..plots import STYLE, pyplot

WIDTH = 9.0  # inches of 100 pixels: a notebook's column shows this without shrinking it
BOXED = {"axes.grid": False, "axes.spines.top": True, "axes.spines.right": True}  # style of maps and pictures
GREY = "#666666"  # what is drawn for comparison: levels, theory, controls


@contextlib.contextmanager
def sheet(
    rows: int = 1, columns: int = 1, height: float = 3.4, width: float = WIDTH, style: dict | None = None, **share: bool
) -> Iterator[np.ndarray]:
    """The axes (rows, columns) of a new figure; what the `with` block draws has the course's style."""
    plt = pyplot()
    with plt.rc_context(STYLE | (style or {})):
        axes = plt.subplots(rows, columns, figsize=(width, height), layout="constrained", squeeze=False, **share)[1]
        yield axes
        for ax in axes.flat:
            ax.set_visible(bool(ax.has_data() or ax.texts))  # the last row may have fewer panels than the others


def in_rows(count: int, most: int = 5) -> tuple[int, int]:
    """How many rows and columns hold `count` panels, no more than `most` in a row."""
    rows = -(-count // most)
    return rows, -(-count // rows)


def scales(ax: Axes, log: str, ticks: Sequence[float] | None = None, names: Sequence[str] | None = None) -> None:
    """Make the axes that `log` names logarithmic, "x", "y" or "xy", and set the ticks of the horizontal one."""
    for axis in log:
        ax.set(**{f"{axis}scale": "log"})
    if ticks is not None:
        ax.set_xticks(ticks, names or [f"{value:g}" for value in ticks])
        ax.xaxis.minorticks_off()


def plain_log(ax: Axes) -> None:
    """Numbers such as 0.02 on a logarithmic axis: within one power of ten, matplotlib would write 6 x 10^-3."""
    ratio = np.divide(*ax.get_ylim()[::-1])
    subs = (1, 1.5, 2, 3, 5) if ratio < 30 else (1, 2, 5) if ratio < 1e4 else (1,)
    ax.yaxis.set_major_locator(LogLocator(subs=subs))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter("{x:g}")


def name_ends(ax: Axes, ends: Iterable[tuple[float, str, str]]) -> None:
    """Write names to the right of the axes: (y, name, colour) of each; 13 points lie between any two."""
    ax.figure.draw_without_rendering()  # now the axes have their height
    ends, x, points = sorted(ends, key=lambda end: end[0]), ax.get_xlim()[1], 72 / ax.figure.dpi
    at = [ax.transData.transform((x, y))[1] * points for y, *_ in ends]  # above the foot of the page
    places = list(accumulate(at, lambda below, place: max(place, below + 13)))
    top = ax.bbox.y1 * points
    for k, place in enumerate(places):  # a pile that would end above the axes hangs down from their top
        places[k] = min(place, max(at[-1], top) - 13 * (len(at) - 1 - k))
    for (y, name, color), own, place in zip(ends, at, places, strict=True):
        offset = {"xytext": (5, place - own), "textcoords": "offset points", "va": "center"}
        ax.annotate(name, (x, y), color=color, annotation_clip=False, **offset)


def legend_beside(ax: Axes) -> None:
    """Put the legend to the right of the axes, if there is something to tell apart."""
    if len(ax.get_legend_handles_labels()[1]) > 1:
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1))


def legend_below(ax: Axes) -> None:
    """Put the legend of one of several panels below all of them."""
    handles, labels = ax.get_legend_handles_labels()
    if labels:
        ax.figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), markerscale=1.5)
