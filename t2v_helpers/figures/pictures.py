"""Matrices, images and digits as pictures."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle
from numpy.typing import ArrayLike

from ..plots import COLORS, STYLE, role_color
from ..shapes import ground_of, track
from .sheet import BOXED, GREY, WIDTH, in_rows, sheet


def heatmap(
    matrix: ArrayLike,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    low: float,
    high: float,
    cmap: str = "RdBu_r",
    digits: int = 2,
    gaps: tuple[Sequence[int], Sequence[int]] = ((), ()),
    *,
    table: bool = False,
    frames: Sequence[tuple[int, int, int, int]] = (),
    groups: Sequence[str] = (),
) -> None:
    """Draw a matrix as coloured fields with their numbers; if the colours stop before the numbers do, with their bar.

    Args:
        matrix: (len(rows), len(columns)).
        rows: Their names.
        columns: Their names.
        title: Says what the numbers are.
        low: The number at the lower end of the colours, by default blue.
        high: The number at the upper end, by default red.
        cmap: The colours.
        digits: Of the numbers, after the point; none of those from 10 on.
        gaps: Before which rows and before which columns a gap sets groups apart.
        table: Look like a table: as wide as the page, with the columns' names above.
        frames: (row, column, how many rows, how many columns) of blocks with a black line around them.
        groups: Names of the groups of columns, written above these.
    """
    matrix, shades = np.asarray(matrix, dtype=float), ScalarMappable(Normalize(low, high), cmap)
    order = [np.arange(n) for n in matrix.shape]
    y, x = (k + 0.15 * np.searchsorted(gap, k, side="right") for k, gap in zip(order, gaps, strict=True))
    width = WIDTH if table else min(WIDTH, 3 + len(columns))
    with sheet(height=1.2 + 0.55 * len(rows), width=width, style=BOXED) as [[ax]]:
        ax.set(xlim=(-0.5, x[-1] + 0.5), ylim=(y[-1] + 0.5, -0.5))
        ax.set(xticks=x, yticks=y, xticklabels=columns, yticklabels=rows)
        ax.spines[:].set_visible(not any(map(len, gaps)))
        if table:
            ax.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False)
        for name, places in zip(groups, np.split(x, gaps[1]), strict=False):
            at = {"xytext": (0, 40), "textcoords": "offset points", "ha": "center", "weight": "bold"}
            ax.annotate(name, (places.mean(), 1), xycoords=ax.get_xaxis_transform(), **at)
        if round(float(np.abs(matrix).max()), digits) > high:  # a cosine may exceed 1 by rounding
            look = {"location": "bottom", "extend": "both", "aspect": 50, "ticks": np.linspace(low, high, 5)}
            ax.figure.colorbar(shades, ax=ax, label=title, **look)
        else:
            ax.set_title(title)
        for (row, column), value in np.ndenumerate(matrix):
            shade, places = shades.to_rgba(value), digits if abs(value) < 9.95 else 0
            ax.add_patch(Rectangle((x[column] - 0.5, y[row] - 0.5), 1, 1, color=shade, antialiased=False))
            said = f"{round(value, places) + 0.0:.{places}f}".replace("-", "−")  # + 0.0: not -0.00
            ink = "white" if np.dot(shade[:3], (0.3, 0.6, 0.1)) < 0.5 else "#222222"
            ax.text(x[column], y[row], said, ha="center", va="center", color=ink)
        for row, column, height, across in frames:
            size = x[column + across - 1] - x[column] + 1, y[row + height - 1] - y[row] + 1
            look = {"fill": False, "edgecolor": "black", "linewidth": 2.5, "clip_on": False, "zorder": 3}
            ax.add_patch(Rectangle((x[column] - 0.5, y[row] - 0.5), *size, **look))


def word_maps(
    frames: ArrayLike,
    maps: Mapping[str, ArrayLike],
    shown: Sequence[int] = (0, 3, 6, 9, 12, 15),
    *,
    titles: Sequence[str] | None = None,
    patch: tuple[int, int, int] | None = None,
    octaves: int | None = None,
) -> None:
    """Draw a clip's frames, and below them for each word how much each place looks at it, with the object's outline.

    Args:
        frames: A clip (F, H, W, 3) in [0, 1] of one object on a dark background.
        maps: Word to attention (F, h, w), drawn as a multiple of its own mean, a square for each place.
        shown: Which frames.
        titles: One for each frame shown; by default their numbers.
        patch: (frame, row, column) of a place on the maps, marked on the clip: the one that looks.
        octaves: Draw maps in orange above the mean and violet below, up to so many doublings; by default from 0 to 3.
    """
    titles = titles or [f"frame {at}" for at in shown]
    low, high, cmap = (-octaves, octaves, "PuOr_r") if octaves else (0, 3, "inferno")
    frames, extent = np.asarray(frames), (0, len(frames[0][0]), len(frames[0]), 0)
    with sheet(len(maps) + 1, len(shown), 1.42 * (len(maps) + 1), style=BOXED | {"font.size": 11.0}) as axes:
        for (row, word), (column, at) in itertools.product(enumerate(["", *maps]), enumerate(shown)):
            ax, picture = axes[row, column], frames[at]
            if word:
                weights = np.asarray(maps[word])
                picture = (np.log2 if octaves else np.asarray)(weights[at] / weights.mean())
                where = {"extent": (0, extent[1], 0, extent[2]), "origin": "lower"}
                for color, wide in (("black", 3.5), ("white", 1.5))[: 1 if octaves else 2]:  # seen on any colour
                    ax.contour(frames[at].max(-1), [0.5], colors=color, linewidths=1.5 if octaves else wide, **where)
            look = ax.imshow(picture, cmap=cmap, vmin=low, vmax=high, extent=extent, interpolation="nearest")
            ax.set(xticks=[], yticks=[], title="" if row else titles[column])
            if patch and not word and at == patch[0]:
                height, width = np.divide(frames.shape[1:3], np.shape(next(iter(maps.values())))[1:])
                corner = patch[2] * width - 0.5, patch[1] * height - 0.5
                ax.add_patch(Rectangle(corner, width, height, fill=False, edgecolor="white", linewidth=2))
            ax.set_ylabel("" if column else word or "the clip", rotation=0, ha="right", va="center")
        label, more = "attention / its mean over the row", "max" if patch else "neither"
        bar = ax.figure.colorbar(look, ax=axes.ravel().tolist(), aspect=40, label=label, extend=more)
        bar.set_ticks(range(low, high + 1), labels=[f"{2.0**k if octaves else k:g}" for k in range(low, high + 1)])


def winners(rows: Mapping[str, Sequence[str]], columns: Sequence[str], xlabel: str) -> None:
    """Draw who wins each of many comparisons: a field for each, with the winner's name and the color of its role.

    Args:
        rows: Name of a row to the winners (len(columns),). One that names no role, such as "no clear winner", is a
            dash on light grey.
        columns: Their names.
        xlabel: Says what the columns are.
    """
    colors = [["#E4E4E4" if role_color(who) == GREY else role_color(who) for who in row] for row in rows.values()]
    with sheet(height=1.0 + 0.34 * len(rows), style=BOXED) as [[ax]]:
        ax.imshow([[to_rgb(color) for color in row] for row in colors], aspect="auto")
        ax.set(xlabel=xlabel, xticks=range(len(columns)), xticklabels=columns)
        ax.set_yticks(range(len(rows)), list(rows))
        for (i, row), (j, _) in itertools.product(enumerate(rows.values()), enumerate(columns)):
            named = role_color(row[j]) != GREY
            ax.text(j, i, row[j] if named else "–", ha="center", va="center", color="white" if named else "#222222")
        for edge in range(1, len(rows)):
            ax.axhline(edge - 0.5, color="white", linewidth=2)
        for edge in range(1, len(columns)):
            ax.axvline(edge - 0.5, color="white", linewidth=2)


def images(pictures: Sequence[ArrayLike], *, titles: Sequence[str], most: int = 5) -> None:
    """Draw pictures side by side, in two rows when there are more than five.

    Args:
        pictures: (H, W, 3) each, in [0, 1].
        titles: One for each.
        most: How many a row may hold.
    """
    rows, columns = in_rows(len(pictures), most)
    with sheet(rows, columns, (8.5 / columns + 0.3) * rows, style=BOXED) as axes:
        for ax, picture, title in zip(axes.flat, pictures, titles, strict=False):
            ax.imshow(np.asarray(picture, dtype=float))
            ax.set(xticks=[], yticks=[], title=title)


def _strip(x: torch.Tensor) -> np.ndarray:
    """Digits (n, 64) side by side: (8, 9 n)."""
    tiles = x.detach().reshape(-1, 8, 8).clamp(-1, 1)
    return torch.nn.functional.pad(tiles, (1, 0), value=-1.0).movedim(0, 1).reshape(8, -1).numpy()


def digit_sheet(rows: Mapping[str, torch.Tensor], count: int = 12) -> None:
    """Draw digits, one row for each title.

    Args:
        rows: Title to digits (n, 64) in [-1, 1].
        count: How many digits of each are drawn.
    """
    with sheet(len(rows), 1, (9 / count + 0.35) * len(rows), style=BOXED) as axes:
        for ax, (title, x) in zip(axes[:, 0], rows.items(), strict=True):
            ax.imshow(_strip(x[:count]), cmap="gray_r")
            ax.set_title(title, loc="left", color=role_color(title))
            ax.axis("off")


def forward_strip(states: Mapping[int, ArrayLike], notes: Sequence[str]) -> None:
    """Draw pictures of x_t in a row: short arrows between them for the steps of the chain, a long one for the jump.

    Args:
        states: t to a picture (H, W, 3) in [0, 1], from t = 0 on.
        notes: What is written below each.
    """
    with sheet(1, len(states), 2.5, style=BOXED) as axes:
        figure, axes = axes[0, 0].figure, axes[0]
        figure.get_layout_engine().set(rect=(0, 0, 1, 0.7), wspace=0.25)
        for ax, (t, picture), note in zip(axes, states.items(), notes, strict=True):
            ax.imshow(np.asarray(picture), interpolation="nearest")
            ax.set(xticks=[], yticks=[], title=f"$x_{{{t}}}$", xlabel=note)
        look = {"coordsA": "axes fraction", "coordsB": "axes fraction", "arrowstyle": "->", "mutation_scale": 14}
        step = look | {"linestyle": "--", "color": COLORS["noise"]}
        for left, right in itertools.pairwise(axes):
            figure.add_artist(ConnectionPatch((1.02, 0.5), (-0.02, 0.5), axesA=left, axesB=right, **step))
        bent = look | {"connectionstyle": "arc3,rad=-0.1", "color": COLORS["diffusion"], "linewidth": 1.5}
        figure.add_artist(ConnectionPatch((0.5, 1.2), (0.5, 1.2), axesA=axes[0], axesB=axes[-1], **bent))
        words = {"ha": "center", "va": "center", "fontsize": 11}
        figure.text(0.5, 0.93, "one jump, (2.2)", color=COLORS["diffusion"], **words)
        figure.text(0.5, 0.73, "pink: what the chain would do, many steps of (2.1)", color=COLORS["noise"], **words)


def with_clock(frames: ArrayLike, shares: Sequence[float]) -> np.ndarray:
    """Draw a blue bar at the foot of each frame, a share of the width long, on grey: how far a process has come.

    Args:
        frames: (F, H, W, 3) in [0, 1].
        shares: F numbers from 0 to 1.

    Returns:
        Frames (F, H + 2, W, 3), for `show_video`.
    """
    frames = np.pad(np.asarray(frames), ((0, 0), (0, 2), (0, 0), (0, 0)), constant_values=0.8)
    for frame, share in zip(frames, shares, strict=True):
        frame[-2:, : round(share * frame.shape[1])] = to_rgb(COLORS["diffusion"])
    return frames


def digit_film(rows: Mapping[str, torch.Tensor]) -> np.ndarray:
    """Film digits that change, one row for each title, for `show_video`.

    Args:
        rows: Title to digits (frames, n, 64) in [-1, 1], all of as many frames.

    Returns:
        Frames (frames, H, 720, 3) of uint8.
    """
    frames, (n, *_) = [], [x.shape[1] for x in rows.values()]
    with rc_context(STYLE | BOXED | {"axes.titlesize": 18.0}):
        figure = Figure((WIDTH, (WIDTH / n + 0.35) * len(rows)), dpi=80, layout="constrained")
        canvas, drawn = FigureCanvasAgg(figure), []
        for ax, (title, x) in zip(figure.subplots(len(rows), 1, squeeze=False)[:, 0], rows.items(), strict=True):
            drawn.append(ax.imshow(_strip(x[0]), cmap="gray_r", vmin=-1, vmax=1))
            ax.set_title(title, loc="left", color=role_color(title))
            ax.axis("off")
        for states in zip(*rows.values(), strict=True):
            for image, x in zip(drawn, states, strict=True):
                image.set_data(_strip(x))
            canvas.draw()
            frames.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    return np.stack(frames)


def trails(clips: Mapping[str, ArrayLike]) -> None:
    """Draw where the thing in each clip goes: its outline in the first frame, dashed, and in the last, and its path.

    A ring is where the path begins.

    Args:
        clips: Name to frames (F, H, W, 3) of the moving shapes, one thing in each; a panel each, side by side.
    """
    with sheet(1, len(clips), WIDTH / len(clips) + 0.4, style=BOXED, sharey=True) as [panels]:
        for ax, (name, frames) in zip(panels, clips.items(), strict=True):
            contrast = np.abs(frames - ground_of(frames)).max(-1)  # (F, H, W), 0 where the ground shows
            height, width = contrast.shape[1:]
            for one, line, color in ((contrast[0], "dashed", GREY), (contrast[-1], "solid", COLORS["diffusion"])):
                axes = (np.arange(-1, side + 1) + 0.5 for side in (width, height))
                ax.contour(*axes, np.pad(one, 1), [0.5 * one.max()], colors=color, linestyles=line)
            path = track(frames)[0]
            ax.plot(*path.T, ".-", color=COLORS["data"], markersize=4, linewidth=1)
            ax.plot(*path[0], "o", color=COLORS["data"], markerfacecolor="white", markersize=6)
            ax.set(xlim=(0, width), ylim=(height, 0), aspect="equal", xticks=range(0, width + 1, 16), title=name)
            ax.set(yticks=range(0, height + 1, 16), xlabel="pixels from the left")
        panels[0].set_ylabel("pixels below the top")
