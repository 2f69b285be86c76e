"""One way to make a figure: the course's style, as wide as a notebook's column, and no legend on top of the data."""

import contextlib
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

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


def legend_beside(ax: Axes) -> None:
    """Put the legend to the right of the axes, if there is something to tell apart."""
    if len(ax.get_legend_handles_labels()[1]) > 1:
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1))


def legend_below(ax: Axes) -> None:
    """Put the legend of one of several panels below all of them."""
    handles, labels = ax.get_legend_handles_labels()
    if labels:
        ax.figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), markerscale=1.5)
