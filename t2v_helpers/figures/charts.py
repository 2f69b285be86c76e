"""Curves, bars and scores: measurements with error bars and floors, losses, costs."""

import textwrap
from collections.abc import Collection, Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from ..plots import COLORS, CYCLE, MARKERS, role_color
from .sheet import BOXED, GREY, legend_below, legend_beside, name_ends, plain_log, scales, sheet

STYLES = ("-", "--", "-.", ":")
NAMED = COLORS | {"generator": COLORS["gan"], "Wasserstein": CYCLE[2], "GAN 1": CYCLE[2], "GAN 2": CYCLE[4]}
NAMED |= {"linear (DDPM)": CYCLE[0], "ModelScope": CYCLE[1], "ModelScope, rescaled": CYCLE[2]}
NAMED |= {"UNet": COLORS["diffusion"], "transformer": COLORS["discriminator"], "tiny-wan": COLORS["discriminator"]}
NAMED |= {"Wan 1.3B": CYCLE[1]}
NAMED |= {"network 1": CYCLE[1], "network 2": CYCLE[2]}  # what has one colour in every chart
OTHERS = (COLORS["data"], CYCLE[3])  # of dots without a role
Series = ArrayLike | tuple  # values (n,) as a list, array or tensor; or a tuple (x, values) or (x, values, errors)


def _draw(ax: Axes, x: ArrayLike, values: Series, **look: object) -> None:
    x, values, errors = (*values, None)[:3] if isinstance(values, tuple) else (x, values, None)
    (line,) = ax.plot(x, values, markevery=max(1, len(x) // 60) if look["linestyle"] == "none" else None, **look)
    if errors is not None:
        ax.errorbar(x, values, errors, fmt="none", ecolor=line.get_color(), elinewidth=1.4, capsize=3)


def _mark(ax: Axes, x: float, label: str, **look: object) -> None:
    ax.axvline(float(x), **look)
    ax.text(float(x), 1.0, label, color=look["color"], transform=ax.get_xaxis_transform(), ha="center", va="bottom")


def lines(
    x: ArrayLike,
    curves: Mapping[str, Series],
    *,
    xlabel: str,
    ylabel: str,
    dots: Mapping[str, Series] | None = None,
    levels: Mapping[str, float] | None = None,
    marks: Mapping[str, float] | None = None,
    ticks: Sequence[float] | Mapping[str, float] | None = None,
    log: str = "",
    peaks: bool = False,
    rings: Mapping[str, tuple[float, float]] | None = None,
    below: Mapping[str, Series] | None = None,
) -> None:
    """Draw curves, and dots to compare with them; a curve whose label is a role has its colour.

    Args:
        x: Where the values are, (n,); if they fall, so do the numbers on the axis.
        curves: Label to values (n,), or to a tuple (x, values) or (x, values, errors), each one standard error.
        xlabel: With the unit.
        ylabel: With the unit.
        dots: As curves; at most about sixty dots of each are drawn. With the label of a curve, they have its colour.
        levels: Label to a value to compare with, drawn as a grey dashed line across.
        marks: Name to a place on the horizontal axis, drawn as a dotted upright line.
        ticks: Where the horizontal axis has ticks, if not where matplotlib puts them; or their names to their places.
        log: Which axes are logarithmic: "x", "y" or "xy".
        peaks: Write the curves' names over their peaks in place of a legend.
        rings: What to say about a point to its place (x, y), which gets a ring.
        below: Label of a second panel's vertical axis, from 0, to the one curve in it, over the same horizontal axis.
    """
    plain = bool(dots) or len(x) > 60  # styles of line instead of markers: of two that agree, both can be seen
    rows = 1 + len(below or {})
    with sheet(rows, height=3.4 + 1.6 * (rows - 1), sharex=True) as axes:
        ax = axes[0, 0]
        for (label, values), marker, style in zip(curves.items(), cycle(MARKERS), cycle(STYLES), strict=False):
            look = {"linestyle": style} if plain else {"linestyle": "-", "marker": marker}
            _draw(ax, x, values, label=label, color=NAMED.get(label), **look)
        for (label, values), marker, other in zip((dots or {}).items(), cycle(MARKERS), cycle(OTHERS), strict=False):
            curve = [*curves].index(label) if label in curves else None
            own = COLORS.get(label.split(",")[0].lower(), other) if curve is None else ax.lines[curve].get_color()
            look = {"color": own, "markerfacecolor": "none", "linestyle": "none", "marker": marker, "zorder": 3}
            _draw(ax, x, values, label="_" * (curve is not None) + label, **look)
        for label, value in (levels or {}).items():
            ax.axhline(value, color=GREY, linestyle="--", linewidth=1, label=label)
        for label, place in (marks or {}).items():
            _mark(ax, place, label, color=GREY, linestyle=":", linewidth=1.2)
        ax.set(xlabel=xlabel, ylabel=ylabel)
        names = list(ticks) if isinstance(ticks, Mapping) else None
        scales(ax, log, list(ticks.values()) if names else ticks, names)
        for said, place in (rings or {}).items():
            ax.plot(*place, "o", markersize=15, markerfacecolor="none", color=COLORS["data"], markeredgewidth=1.4)
            at = {"xytext": (-8, -18), "ha": "right"} if place[0] >= max(x) else {"xytext": (-18, 14), "ha": "center"}
            ax.annotate(said, place, textcoords="offset points", annotation_clip=False, **at)
        if x[0] > x[-1]:
            ax.invert_xaxis()
        for line in ax.lines[: len(curves)] if peaks else ():
            top, look = np.argmax(line.get_ydata()), {"color": line.get_color(), "backgroundcolor": "white"}
            ax.annotate(line.get_label(), line.get_xydata()[top], (0, 9), "data", "offset points", ha="center", **look)
            line.set_label("")
            ax.margins(y=0.15)
        legend_beside(ax)
        for panel, (label, values) in zip(axes[1:, 0], (below or {}).items(), strict=True):
            _draw(panel, x, values, linestyle="-", marker="o", color=COLORS["data"])
            panel.set(xlabel=ax.get_xlabel(), ylabel=label, ylim=(0, None))
            ax.set_xlabel("")


def loss_parts(times: ArrayLike, least: ArrayLike, learned: ArrayLike, apart: Mapping[str, ArrayLike]) -> None:
    """Draw a network's loss as the least there is with its distance to the best on top, and beside it the distances.

    Args:
        times: The steps (n,), from 1 to 1000.
        least: The least loss at each.
        learned: The loss of the first network, drawn as circles: by (3.14) they lie on the sum.
        apart: Network to its mean square distance to the best.
    """
    with sheet(1, 2) as [[left, right]]:
        name, extra = next(iter(apart.items()))
        left.stackplot(times, least, extra, colors=("#BBD7EA", NAMED[name]))
        left.plot(times, learned, "o", color=COLORS["data"], markerfacecolor="none", clip_on=False)
        left.text(0.05, 0.2, "the least there is", color=CYCLE[0], transform=left.transAxes)
        left.text(0.15, 0.92, "+ its distance to the best", color=NAMED[name], transform=left.transAxes)
        _runs(right, times, {key: np.asarray(values)[:, None] for key, values in apart.items()}, {}, "xy")
        for ax, ylabel in ((left, f"loss of {name} (circles: measured)"), (right, "mean square distance to the best")):
            scales(ax, "xy" if ax is right else "x", (1, 10, 100, 1000))
            ax.set(xlabel="step $t$ (of 1000)", ylabel=ylabel, xlim=(1, 1000))
        left.set_ylim(0, 1.15 * max(learned))


def runs(
    x: ArrayLike,
    curves: Mapping[str, ArrayLike],
    *,
    xlabel: str,
    ylabel: str,
    levels: Mapping[str, float] | None = None,
    log: str = "",
    band: bool = False,
    height: float = 3.4,
    top: float | None = None,
) -> None:
    """Draw a thin curve for each seed of several experiments, with the name of each experiment at its end.

    Args:
        x: Where the values are, (n,).
        curves: Name of the experiment to values (n, seeds). "A with B" is dashed, in the colour of A.
        xlabel: With the unit.
        ylabel: With the unit.
        levels: Name to a value to compare with, drawn as a grey dashed line across.
        log: Which axes are logarithmic: "x", "y" or "xy".
        band: Draw the seeds' mean, in a band from the least to the largest of them, in place of a curve for each.
        height: Of the figure, in inches.
        top: The largest value there can be, at the end of a vertical axis from 0.
    """
    with sheet(height=height) as [[ax]]:
        if top:
            _from_zero(ax, top)
        _runs(ax, x, curves, levels or {}, log, band)
        ax.set(xlabel=xlabel, ylabel=ylabel)


def _from_zero(ax: Axes, top: float) -> None:
    ax.set(ylim=(0, 1.04 * top), yticks=np.linspace(0, top, 7 if top > 1 else 6))


def run_panels(
    x: ArrayLike, panels: Mapping[str, Mapping[str, ArrayLike]], *, xlabel: str, levels: Mapping[str, float]
) -> None:
    """Draw `runs` side by side; the last panel has a logarithmic axis, and the others the levels.

    Args:
        x: Where the values are, (n,).
        panels: What is measured, with the unit, to curves as `runs` takes them.
        xlabel: With the unit.
        levels: As `runs` takes them.
    """
    with sheet(1, len(panels)) as axes:
        for ax, (ylabel, curves) in zip(axes[0], panels.items(), strict=True):
            last = ax is axes[0, -1]
            _runs(ax, x, curves, {} if last else levels, "y" if last else "")
            ax.set(xlabel=xlabel, ylabel=ylabel)


def _runs(
    ax: Axes, x: ArrayLike, curves: Mapping[str, ArrayLike], levels: Mapping, log: str, band: bool = False
) -> None:
    ends, given, few = [], dict(NAMED), len(x) < 8
    scales(ax, log, x if few else None)
    for (name, values), color in zip(curves.items(), cycle(CYCLE), strict=False):
        values, (base, changed, _) = np.asarray(values), name.partition(" with ")
        color = given.setdefault(base, color)
        if band:
            ax.fill_between(x, values.min(1), values.max(1), color=color, alpha=0.2, linewidth=0)
        look = {"linewidth": 2} if band or values.shape[1] == 1 else {"linewidth": 1.3, "alpha": 0.8}
        look |= {"linestyle": "--" if changed else "-", "marker": "o" if few else None, "clip_on": not few}
        ax.plot(x, values.mean(1) if band else values, color=color, **look)
        ends.append((values[-1].mean() if band else np.median(values[-1]), name, color))
    for name, value in levels.items():
        ax.axhline(value, color=GREY, linestyle="--", linewidth=1)
        ends.append((value, name, GREY))
    ax.set(xlim=(x[0], x[-1]))
    if "y" in log and ax.get_ylim()[1] < 2000 * ax.get_ylim()[0]:
        plain_log(ax)
    name_ends(ax, ends)


def bars(
    values: Mapping[str, float],
    *,
    xlabel: str,
    line: tuple = (),
    log: bool = False,
    dots: Mapping | None = None,
    errors: Mapping | None = None,
    dotted: str = "measured",
) -> None:
    """Draw one horizontal bar for each name, with its number; on a logarithmic axis dots on stems, the largest on top.

    Args:
        values: Name to number. On a logarithmic axis 0 is an arrow at the left edge.
        xlabel: With the unit.
        line: (name, x) of an upright line to compare with, or of several of them in one tuple.
        log: A logarithmic axis. Names with a colour of their own have it, the others are grey.
        dots: Name to another number, drawn as a black diamond and written after the first; names may be missing.
        errors: Name to one standard error, drawn to both sides. The numbers then have a sign, in a column on the right.
        dotted: What is written before the number of a diamond.
    """
    values = dict(sorted(values.items(), key=lambda item: -item[1])) if log else values
    left = min(filter(None, values.values())) / 4 if log else 0
    with sheet(height=0.9 + 0.36 * len(values), style={"axes.grid.axis": "x"}) as [[ax]]:
        ax.set(xlabel=xlabel, yticks=range(len(values)), yticklabels=list(values), xmargin=0.12)
        for row, (name, number) in enumerate(values.items()):
            dot, said = (dots or {}).get(name), f"{number:.0f}" if number >= 100 else f"{float(f'{number:.2g}'):g}"
            if log:
                look = {"color": NAMED.get(name, GREY), "linewidth": 3, "markersize": 10, "clip_on": False}
                ax.plot([left, number or left], [row, row], marker="o" if number else "<", markevery=[1], **look)
            else:
                color = COLORS["diffusion"] if number >= 0 else COLORS["gan"]
                error = (errors or {}).get(name, 0.0)
                ax.barh(row, number, xerr=error or None, color=color, height=0.6, capsize=3)
                said = f"{number:+.2f} ± {error:.2f}".replace("-", "−") if errors else said
            if dot is not None:
                ax.plot(dot, row, "D", color=COLORS["data"], markersize=7)
                said = f"{number:.1f}, {dotted} {dot:.1f}"
            at = ((1, row), ax.get_yaxis_transform()) if errors else ((max(number, dot or left, left), row), "data")
            box = {"fc": "white", "ec": "none", "pad": 0.5}
            ax.annotate(said, at[0], (11, 0), at[1], "offset points", va="center", bbox=box)
        if log:
            ax.set(xscale="log", xlim=(left, 8 * max(values.values())))
        ax.set_ylim(len(values) - 0.4, -0.6)  # the first on top
        for name, place in zip(line[::2], line[1::2], strict=True):
            _mark(ax, place, name, color=GREY, linestyle="--", linewidth=1.2)


def intervals(
    measured: Mapping[str, Mapping[str, tuple[float, float]]], *, expected: Mapping, xlabel: str, line: tuple
) -> None:
    """Draw shares as dots with bars of one interval to each side, a group of rows for each name, a colour a series.

    Args:
        measured: Series to name to (value, half-width of its interval, which is cut off at 1).
        expected: As measured, series to name to value, drawn as a grey diamond behind the dot; names may be missing.
        xlabel: With the unit.
        line: (name, x) of an upright line to compare with.
    """
    names = list(next(iter(measured.values())))
    with sheet(height=1.0 + 0.85 * len(names), style={"axes.grid.axis": "x", "font.size": 11.0}) as [[ax]]:
        for i, (series, values) in enumerate(measured.items()):
            color, rows = NAMED.get(series, CYCLE[i]), np.arange(len(names)) + 0.26 * (i - (len(measured) - 1) / 2)
            for name, row in zip(names, rows, strict=True):
                (x, half), calculated = values[name], expected.get(series, {}).get(name, np.nan)
                ax.plot(calculated, row, "D", color="#BBBBBB", markersize=12)
                ax.errorbar(x, row, xerr=[[half], [min(half, 1 - x)]], fmt="o", color=color, capsize=4, markersize=6)
                side, said = -1 if x > 0.8 else 1, f"{series}  {x:.1%}" if name == names[0] else f"{x:.1%}"
                place = {"textcoords": "offset points", "va": "center", "ha": "right" if side < 0 else "left"}
                ax.annotate(said, (x + side * half, row), (10 * side, 0), color=color, **place)
        ax.set(xlabel=xlabel, yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5), xmargin=0.05)
        ax.hlines(np.arange(1, len(names)) - 0.5, 0, 1, color=GREY, linewidth=0.8, transform=ax.get_yaxis_transform())
        ax.xaxis.set_major_formatter("{x:.0%}")
        _mark(ax, line[1], line[0], color=GREY, linestyle="--", linewidth=1.2, zorder=1)


def brightness(rows: Mapping[str, ArrayLike], count: int = 16) -> None:
    """Draw evenly grey pictures as squares, from the darkest to the lightest; a row for each set of pictures.

    Args:
        rows: Title to brightness (n,), from -1 for black to 1 for white. The widest has 100 % of the range.
        count: How many squares a row has; they are evenly spaced quantiles of the set.
    """
    shares = (np.arange(count) + 0.5) / count
    with sheet(height=0.5 + 0.6 * len(rows), style=BOXED | {"font.size": 11.0}) as [[ax]]:
        ax.imshow([np.quantile(np.asarray(x), shares) for x in rows.values()], cmap="gray", vmin=-1, vmax=1)
        ax.hlines(np.arange(1, len(rows)) - 0.5, -0.5, count - 0.5, color="white", linewidth=9)
        spreads = {name: np.std(np.asarray(x)) for name, x in rows.items()}
        names = [f"{name}:\n{spread / max(spreads.values()):.0%} of the range" for name, spread in spreads.items()]
        look = {"xticks": [], "xlabel": "from the darkest to the lightest", "aspect": "auto"}
        ax.set(yticks=range(len(rows)), yticklabels=names, **look)


def scores(panels: Mapping[str, Mapping[str, ArrayLike]], *, ylabel: str, top: float | None = None) -> None:
    """Draw scores as dots, one for each seed, with a bar at their mean; one panel for each data set.

    Args:
        panels: Title to a dict of name ("GAN", "diffusion", ...) to scores (seeds,). A single number is a floor, drawn
            as a dashed line across.
        ylabel: With the unit.
        top: The largest score there can be, at the end of the vertical axis.
    """
    with sheet(1, len(panels), sharey=True) as axes:
        for ax, (title, named) in zip(axes[0], panels.items(), strict=True):
            dots = {name: np.asarray(v, dtype=float) for name, v in named.items() if np.ndim(v)}
            for i, (name, values) in enumerate(dots.items()):
                spread, color = i + np.linspace(-0.12, 0.12, len(values)), role_color(name)
                color = CYCLE[i % len(CYCLE)] if color == GREY else color
                ax.scatter(spread, values, s=60, color=color, marker=MARKERS[i % len(MARKERS)], zorder=3)
                if len(values) > 1:
                    ax.hlines(values.mean(), i - 0.2, i + 0.2, color=color, linewidth=1.5)
            for name in named.keys() - dots.keys():
                ax.axhline(named[name], color="#444444", linestyle="--", linewidth=1.2, label=name)
            ax.set(title=title, xticks=range(len(dots)), xticklabels=list(dots), xlim=(-0.5, len(dots) - 0.5))
            if top:
                _from_zero(ax, top)
            else:
                ax.locator_params(axis="y", steps=[1, 2, 5, 10])
            ax.set_ylim(bottom=-0.03 * (top or ax.get_ylim()[1]))  # dots at 0 are whole
        axes[0, 0].set_ylabel(ylabel)
        legend_below(axes[0, 0])


def sweep(
    panels: Mapping[str, Mapping[str, tuple[ArrayLike, ArrayLike]]],
    *,
    xlabel: str,
    ylabel: str,
    ticks: Mapping[str, float],
    levels: Mapping[str, float],
    log: str = "xy",
    each: Sequence[str] = (),
) -> None:
    """Draw how scores of several seeds change: a line through their means, and dots for them, side by side.

    Args:
        panels: Title to {label: (x, scores)}, of shapes (n,) and (n, seeds). A label that names a role has its colour
            (the second one is green) and is written at the end of its line. The mean at a single x is a line across.
        xlabel: With the unit.
        ylabel: With the unit.
        ticks: What is written on the horizontal axis, and where.
        levels: Label to a score to compare with, drawn dashed.
        log: Which axes are logarithmic.
        each: Names of the columns of scores: each gets a line with its name at the end, in place of the means and dots,
            and levels are dotted.
    """
    with sheet(1, len(panels), 3.8, sharey=True) as axes:
        for ax, (title, curves) in zip(axes[0], panels.items(), strict=True):
            ends = [(level, label, GREY) for label, level in levels.items()]
            for level, *_ in ends:
                ax.axhline(level, color=GREY, linestyle=":" if each else "--", linewidth=1)
            for i, (label, (x, scores)) in enumerate(curves.items()):
                x, scores, color = np.asarray(x, float)[:, None], np.asarray(scores, float), role_color(label, CYCLE[i])
                color, seeds = CYCLE[2] if color in [end[2] for end in ends] else color, scores.shape[1]
                if len(x) == 1:
                    ax.axhline(scores.mean(), color=color, linewidth=1)
                for name, marker, column in zip(each, MARKERS, scores.T, strict=False):
                    ax.plot(x, column, color=color, linestyle=STYLES[i], marker=marker)
                    ends.append((column[-1], f"{label}: {name}", color))
                if each:
                    continue
                if scores.size == 1:  # the line across says it all
                    ends.append((scores.mean(), label, color))
                    continue
                ax.plot(x, scores.mean(1), color=color, linestyle=STYLES[i])
                aside = (seeds > 1) * (0.2 * (i - (len(curves) - 1) / 2) + np.linspace(-0.08, 0.08, seeds))
                moved = x * (x[1:] / x[:-1]).min(initial=2) ** aside if "x" in log else x + aside
                ax.plot(moved, scores, MARKERS[i], color=color, markersize=4, alpha=0.6)
                ends.append((scores[-1].mean(), label, color))
            scales(ax, log, [*ticks.values()], [*ticks])
            ax.set(title=title, xlabel=xlabel)
        axes[0, 0].set_ylabel(ylabel)
        plain_log(axes[0, 0])
        name_ends(ax, ends)


def history(stages: Mapping[str, Sequence[dict]], chance: float) -> None:
    """Draw the shares measured in several stages of training over its minutes, a panel for each stage.

    Args:
        stages: Name to the stage's lines of metrics, in their order.
        chance: The adherence of guessing, drawn dashed in the last panel.
    """
    looks = {"adherence": ("-", "o", 4), "held_out": (":", "s", 2), "retrieval": ("--", "^", 2)}
    with sheet(1, len(stages), 3.1, sharey=True) as axes:
        for ax, (stage, rows) in zip(axes[0], stages.items(), strict=True):
            minutes = np.cumsum([row["seconds"] for row in rows]) / 60
            for (name, (style, marker, width)), color in zip(looks.items(), CYCLE, strict=False):
                if name in rows[-1]:
                    look = {"color": color, "marker": marker, "linestyle": style, "linewidth": width}
                    ax.plot(minutes, [row[name] for row in rows], label=name.replace("_", " "), **look)
            ax.set(title=stage, xlabel="minutes", xlim=(0, 1.05 * minutes[-1]), ylim=(-0.03, 1.05))
            ax.xaxis.set_major_locator(MaxNLocator(3, prune="upper"))  # or it would touch the next panel's 0
        ax.axhline(chance, color=GREY, linestyle="--", linewidth=1, label="guessing (clips)")
        axes[0, 0].set_ylabel("share that is right")
        named = {label: line for ax in axes[0] for line, label in zip(*ax.get_legend_handles_labels(), strict=True)}
        ax.figure.legend(named.values(), named, loc="outside lower center", ncols=len(named))


def dot_rows(
    panels: Mapping[str, Mapping[str, tuple[float, float]]],
    levels: Mapping[str, tuple[str, float]],
    digits: int = 2,
    around: tuple[float, float] | None = None,
    strong: Collection[str] = (),
    gaps: Collection[int] = (),
    zero: bool = False,
) -> None:
    """Draw a row for each setting and a panel for each measure: a dot with its number, one standard error to each side.

    Args:
        panels: Measure to {setting: (mean, standard error)}, all of the same settings. What has no error is a count.
        levels: Measure to (name, value) of something to compare with, an upright dashed line.
        digits: Of the numbers that are no counts.
        around: Where each axis begins and ends, less its level, if lengths are to be compared between panels.
        strong: The settings whose dots stand out.
        gaps: Before which settings a gap sets groups apart.
        zero: Begin each axis at 0.
    """
    names = list(next(iter(panels.values())))
    rows = [row + 0.7 * sum(gap <= row for gap in gaps) for row in range(len(names))]
    place = {"textcoords": "offset points", "va": "center", "bbox": {"fc": "white", "ec": "none", "pad": 0.5}}
    height = 1.1 + 0.34 * (rows[-1] + 1)
    with sheet(1, len(panels), height, style={"axes.grid.axis": "y", "axes.titlesize": 10.5}, sharey=True) as axes:
        for ax, (title, values) in zip(axes[0], panels.items(), strict=True):
            level = levels[title][1] if title in levels else -np.inf
            if title in levels:
                _mark(ax, level, levels[title][0], color=GREY, linestyle="--", linewidth=1.2, zorder=1)
            means, errors = np.transpose([values[name] for name in names])
            look = {"fmt": "o", "capsize": 3, "markersize": 4, "elinewidth": 1.5, "color": COLORS["diffusion"]}
            ax.errorbar(means, rows, xerr=errors, **look)
            for name, mean, error, row in zip(names, means, errors, rows, strict=True):
                if name in strong:
                    ax.errorbar(mean, row, xerr=error, **look | {"color": CYCLE[1], "fmt": "s", "markersize": 7})
                said, side = f"{mean:.{digits if error else 0}f}".replace("-", "−"), -1 if mean + error < level else 1
                at = {"xytext": (7 * side, 0), "ha": "left" if side > 0 else "right"}  # away from the level
                ax.annotate(said, (mean + side * error, row), **at, **place)
            ax.set(yticks=rows, yticklabels=names, ylim=(rows[-1] + 0.7, -0.8))
            ax.set_title(textwrap.fill(title, 96 // len(panels)), pad=20 if levels else 8)
            ax.margins(x=0.12 + 0.1 * len(panels))
            ax.locator_params(axis="x", nbins=4, steps=(1, 2, 4, 5, 10))
            ax.set_xlim(np.add(levels[title][1], around) if around else 0 if zero else None)


def differences(panels: Mapping[str, tuple]) -> None:
    """Draw differences of pairs as dots, sorted, with how many lie on each side of 0, and the interval of their mean.

    Args:
        panels: What differs, with its unit, to (differences (n,), (low, high)), or to a tuple of these and of
            {some pairs' numbers, from 0: what to write beside the last of them}. All of these get a ring.
    """
    with sheet(1, len(panels), style={"axes.grid.axis": "x"}) as axes:
        for ax, (title, (values, (low, high), *said)) in zip(axes[0], panels.items(), strict=True):
            order, count = np.argsort(np.asarray(values, dtype=float), kind="stable"), len(values)
            values = np.asarray(values, dtype=float)[order]
            ax.axvline(0, color=GREY, linestyle="--", linewidth=1)
            ax.plot(values, range(count), "o", color=COLORS["diffusion"])
            for sign, side in ((-1, "below"), (1, "above")):
                place = {"ha": "left" if sign < 0 else "right", "va": "bottom", "transform": ax.transAxes}
                ax.text(max(0, sign), 1.02, f"{(np.sign(values) == sign).sum()} {side} 0", **place)
            mean = values.mean()
            look = {"fmt": "D", "color": COLORS["data"], "capsize": 4}
            ax.errorbar(mean, -0.15 * count, xerr=[[mean - low], [high - mean]], **look)
            at = (high, -0.15 * count)
            ax.annotate("mean, 95 % interval", at, (8, 0), textcoords="offset points", va="center")
            for pairs, text in (said[0] if said else {}).items():
                rows = [int(np.flatnonzero(order == pair)[0]) for pair in pairs]
                ax.plot(values[rows], rows, "o", markersize=13, markerfacecolor="none", color=COLORS["data"])
                row = rows[-1]
                ends = {"ha": "right", "xytext": (5, -10)} if values[row] > 0 else {"ha": "left", "xytext": (-5, -10)}
                ax.annotate(text, (values[row], row), textcoords="offset points", va="top", **ends)
            ax.set(xlabel=title, yticks=[], ylim=(-0.25 * count, 1.03 * count))
        axes[0, 0].set_ylabel("pairs, sorted")


def carried(x: ArrayLike, y: ArrayLike, names: tuple[str, str], grains: int = 24) -> None:
    """Draw two heaps of grains on a line, one above the other, and the cheapest way to carry one to the other.

    Args:
        x: Where the grains of the upper heap lie, (n,).
        y: Where those of the lower heap lie, (n,).
        names: Of the heaps.
        grains: How many of the ways to draw, from the k-th lowest grain to the k-th lowest.
    """
    x, y = (np.sort(np.asarray(grain, dtype=float)) for grain in (x, y))
    shown = (np.arange(grains) + 0.5) / grains
    with sheet(height=3.0, style={"axes.grid": False, "axes.spines.left": False}) as [[ax]]:
        edges = np.linspace(min(x[0], y[0]), max(x[-1], y[-1]), 120)
        for grain, foot, sign, name, color in ((x, 1, 1, names[0], CYCLE[0]), (y, 0, -1, names[1], CYCLE[1])):
            heights = np.histogram(grain, edges, density=True)[0]
            ax.stairs(foot + 1.8 * sign * heights, edges, baseline=foot, fill=True, color=color, alpha=0.35)
            ax.plot(np.quantile(grain, shown), np.full(grains, foot), ".", color=color)
            at = {"xycoords": ("axes fraction", "data"), "ha": "right", "va": "center"}
            ax.annotate(name, (1, foot + 0.42 * sign), color=color, **at)
        for start, end in zip(np.quantile(x, shown), np.quantile(y, shown), strict=True):
            ax.annotate(
                "", (end, 0.02), (start, 0.98), arrowprops={"arrowstyle": "->", "color": GREY, "linewidth": 0.9}
            )
        ax.set(xlabel="where a grain lies", xlim=np.quantile(np.r_[x, y], (5e-4, 0.9995)), yticks=[], ylim=(-0.6, 1.85))


def memory(rows: Mapping[str, Mapping[str, float]], limit: float) -> None:
    """Draw what trainings hold in memory: a bar for each, of parts one after another, with its sum at the end.

    Args:
        rows: Name to {part: GB}, all with the same parts.
        limit: Of a card, in GB, drawn as an upright line.
    """
    parts, sums = list(next(iter(rows.values()))), [sum(row.values()) for row in rows.values()]
    with sheet(height=1.3 + 0.36 * len(rows), style={"axes.grid.axis": "x"}) as [[ax]]:
        left = np.zeros(len(rows))
        for part, color in zip(parts, (COLORS["diffusion"], CYCLE[5]), strict=True):
            lengths = np.array([row[part] for row in rows.values()])
            ax.barh(list(rows), lengths, left=left, color=color, height=0.62, label=part)
            left += lengths
        for row, total in enumerate(sums):
            look = {"textcoords": "offset points", "va": "center", "bbox": {"fc": "white", "ec": "none", "pad": 0.5}}
            ax.annotate(f"{total:.1f}", (total, row), (-4, 0), ha="right", **look)
        _mark(ax, limit, f"a GPU of {limit:g} GB", color=COLORS["gan"], linestyle="--")
        ax.set(xlabel="memory on each GPU (GB)", ylim=(len(rows) - 0.5, -0.5), xlim=(0, 1.1 * max(sums)))
        legend_below(ax)
