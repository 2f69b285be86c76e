"""Curves, bars and scores: measurements with error bars and floors, losses, costs. Every function returns None."""

import numpy as np

from ..plots import COLORS, CYCLE, MARKERS, STYLE, pyplot, role_color


def measured(x, series, *, xlabel, ylabel, expected=None, floor=None, log="", title=""):
    """Draw measurements over x as dots with error bars, and what theory expects of them as lines.

    x: (n,). series: a dict of label to values (n,), or to (values, errors), each error one standard error, or to
    (values, low, high). expected: a dict of label to values (n,), or to a pair (x, values) of its own.
    floor: a value, or a range (low, high), below which nothing can be told apart. log: "x", "y" or "xy", which axes are
    logarithmic. Returns None.
    """
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        _, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
        for (label, values), marker in zip(series.items(), MARKERS, strict=False):
            values, *errors = values if isinstance(values, tuple) else (values,)
            values = np.asarray(values, dtype=float)
            if len(errors) == 2:
                errors = [values - np.asarray(errors[0]), np.asarray(errors[1]) - values]
            bars = np.asarray(errors, dtype=float).reshape(-1, len(values)) if errors else None
            line = "none" if expected else "-"
            ax.errorbar(x, values, bars, marker=marker, linestyle=line, capsize=3, linewidth=1.4, label=label)
        for (label, values), style in zip((expected or {}).items(), ("-", "--", ":", "-."), strict=False):
            where, values = values if isinstance(values, tuple) else (x, values)
            ax.plot(where, values, style, color="#666666", linewidth=1.3, zorder=1, label=label)
        if floor is not None:
            low, high = floor if isinstance(floor, tuple) else (0, floor)
            ax.axhspan(low, high, color="#DDDDDD", zorder=0, label="floor: two halves of the data")
        ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
        if "x" in log:
            ax.set_xscale("log", base=2)
            ax.set_xticks(x, [f"{value:g}" for value in x])
            ax.minorticks_off()
        if "y" in log:
            ax.set_yscale("log")
        ax.legend()


def bars(values, *, xlabel, line=None, log=False):
    """Draw one horizontal bar for each name, with its number. values: a dict of name to number; line: (label, x)."""
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE | {"axes.grid.axis": "x"}):
        _, ax = plt.subplots(figsize=(7, 0.8 + 0.42 * len(values)), layout="constrained")
        numbers = list(values.values())
        shown = ax.barh(range(len(values)), numbers, color=COLORS["diffusion"], height=0.6)
        ax.bar_label(shown, [f"{number:.2g}" for number in numbers], padding=4)
        ax.set_yticks(range(len(values)), list(values))
        ax.invert_yaxis()
        ax.set(xlabel=xlabel, xscale="log" if log else "linear")
        ax.margins(x=0.12)
        if line is not None:
            ax.axvline(line[1], color=COLORS["gan"], linestyle="--", label=line[0])
            ax.legend(loc="lower right")


def brightness(panels, data):
    """Draw histograms of brightness, side by side: what was sampled (bars) over what the data are (outline).

    panels: a dict of title to values (n,); data: values (m,).
    """
    import matplotlib.pyplot as plt

    edges = np.linspace(-2.5, 2.5, 41)
    with plt.rc_context(STYLE):
        _, axes = plt.subplots(1, len(panels), figsize=(3.4 * len(panels), 2.8), layout="constrained", sharey=True)
        for ax, (title, values) in zip(np.atleast_1d(axes), panels.items(), strict=True):
            ax.hist(np.asarray(values), edges, density=True, color=COLORS["diffusion"], alpha=0.6, label="samples")
            ax.hist(np.asarray(data), edges, density=True, histtype="step", color=COLORS["data"], label="data")
            ax.set(title=title, xlabel="mean brightness (units of its std)")
        np.atleast_1d(axes)[0].set_ylabel("density")
        np.atleast_1d(axes)[0].legend()


def densities(x, values, dots, marks):
    """Draw densities over x as lines, `dots` as dots at a few of x, `marks` (label to x) as dotted uprights.

    values, dots: dicts of label to values (len(x),). Only where there is something to see, from -3 to 3.
    """
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        _, ax = plt.subplots(figsize=(8.5, 3.2), layout="constrained")
        for (label, y), style in zip(values.items(), ("--", "-.", "-"), strict=False):
            ax.plot(x, y, style, label=label)
        for label, y in dots.items():
            few = slice(None, None, len(x) // 120)
            ax.plot(x[few], y[few], "o", color=COLORS["data"], markerfacecolor="none", label=label)
        for label, place in marks.items():
            ax.axvline(float(place), color="#666666", linestyle=":", linewidth=1.2)
            ax.text(float(place), 1.0, label, transform=ax.get_xaxis_transform(), ha="center", va="bottom")
        ax.set(xlim=(-3, 3), xlabel="$u$ = $x_{t-1}$ (units of the data)", ylabel="density")
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def curves(x, values, *, xlabel, ylabel, dots=None, log=False):
    """Draw curves over x, some of them as lines and some as dots, so that two which agree can both be seen.

    values: a dict of label to values (len(x),), drawn as lines. dots: the same, drawn as dots at every few of x.
    log: a logarithmic vertical axis.
    """
    import matplotlib.pyplot as plt

    few = slice(None, None, max(1, len(x) // 25))
    with plt.rc_context(STYLE):
        _, ax = plt.subplots(figsize=(8.5, 3.2), layout="constrained")
        for (label, y), style in zip(values.items(), ("-", "--", "-.", ":"), strict=False):
            ax.plot(x, np.asarray(y), style, label=label)
        for (label, y), marker in zip((dots or {}).items(), MARKERS, strict=False):
            ax.plot(x[few], np.asarray(y)[few], marker, color=COLORS["data"], markerfacecolor="none", label=label)
        ax.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def lines(x, curves, *, xlabel, ylabel, levels=None):
    """Draw one or more curves over x; curves: a dict of label to values (len(x),). A role has its colour.

    levels: a dict of label to one value, which is what something else gives: drawn across, grey and dashed.
    """
    plt = pyplot()

    many = len(curves) + len(levels or {}) > 3  # whose names would lie on them
    with plt.rc_context(STYLE):
        _, ax = plt.subplots(figsize=(8.4 if many else 6, 3), layout="constrained")
        for (label, values), marker in zip(curves.items(), MARKERS, strict=False):
            ax.plot(x, values, marker=marker, label=label, color=COLORS.get("gan" if label == "generator" else label))
        for label, value in (levels or {}).items():
            ax.axhline(value, color="#666666", linestyle="--", linewidth=1, label=label)
        ax.set(xlabel=xlabel, ylabel=ylabel)
        if len(curves) > 1:
            ax.legend(**({"loc": "upper left", "bbox_to_anchor": (1, 1)} if many else {}))


def scores(panels, *, ylabel, log=True):
    """Draw scores as dots, one for each seed, one panel for each data set.

    panels: a dict of title to a dict of name ("GAN", "diffusion", ...) to scores (seeds,). A single number is drawn as
    a line across: a floor. log: a logarithmic axis.
    """
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(panels), figsize=(2.7 * len(panels) + 0.8, 3.3), layout="constrained", squeeze=False
        )
        floors = {}
        for ax, (title, named) in zip(axes[0], panels.items(), strict=True):
            dots = {name: np.asarray(v, dtype=float) for name, v in named.items() if np.ndim(v)}
            for i, (name, values) in enumerate(dots.items()):
                spread = i + np.linspace(-0.12, 0.12, len(values))
                ax.scatter(spread, values, s=36, color=role_color(name), marker=MARKERS[i % len(MARKERS)], zorder=3)
            for name, value in named.items():
                if not np.ndim(value):
                    floors[name] = ax.axhline(value, color="#444444", linestyle="--", linewidth=1.2)
            ax.set(title=title, xticks=range(len(dots)), xticklabels=list(dots), xlim=(-0.5, len(dots) - 0.5))
            if log:
                ax.set_yscale("log")
        axes[0, 0].set_ylabel(ylabel)
        if floors:
            figure.legend(floors.values(), floors, loc="outside lower center")


def against_cost(cost, diffusion, gan_cost, gan, floor):
    """Draw scores against the computing that one sample takes, both axes logarithmic.

    cost: FLOP for a sample, one for each number of steps; diffusion: scores (seeds,) for each of these. gan_cost, gan:
    the same for the GAN, which has one cost. floor: what two halves of the data score.
    """
    import matplotlib.pyplot as plt

    diffusion = np.array(list(diffusion))
    with plt.rc_context(STYLE):
        _, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
        ax.plot(cost, diffusion.mean(1), color=COLORS["diffusion"], marker="o", label="diffusion, mean of the seeds")
        ax.plot(cost, diffusion, color=COLORS["diffusion"], marker=".", linestyle="", alpha=0.6)
        ax.plot([gan_cost] * len(gan), gan, color=COLORS["gan"], marker="s", linestyle="", label="GAN")
        ax.axhline(floor, color="#444444", linestyle="--", linewidth=1.2, label="two halves of the data")
        ax.set(xscale="log", yscale="log", xlabel="computing for one sample (FLOP)")
        ax.set_ylabel("energy distance to held-out data")
        ax.legend()


def history(stages, chance=None):
    """Draw what was measured of several stages over the minutes since the first began.

    stages: dict of stage name to its lines of metrics, in their order. chance: adherence by guessing, drawn dashed.
    """
    plt = pyplot()
    with plt.rc_context(STYLE):
        _, ax = plt.subplots(figsize=(8.5, 3.2), layout="constrained")
        begin = 0.0
        for (stage, lines), color, marker in zip(stages.items(), CYCLE, MARKERS, strict=False):
            minutes = [begin + sum(line["seconds"] for line in lines[: i + 1]) / 60 for i in range(len(lines))]
            name = next(n for n in ("adherence", "retrieval") if n in lines[-1])
            ax.plot(minutes, [line[name] for line in lines], color=color, marker=marker, label=f"{stage}: {name}")
            if "held_out" in lines[-1]:
                held_out = [line["held_out"] for line in lines]
                ax.plot(minutes, held_out, color=color, marker=marker, linestyle=":", label=f"{stage}: held out")
            begin = minutes[-1]
        if chance is not None:
            ax.axhline(chance, color="#666666", linestyle="--", linewidth=1, label="clips, by guessing")
        ax.set(xlabel="minutes of training", ylabel="share that is right", ylim=(-0.05, 1.05))
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=9)


def cost_panels(panels, ylabel):
    """Draw what grows with what, both axes logarithmic, one panel each.

    panels: dict of what grows to (values, {label: costs}).
    """
    plt = pyplot()
    with plt.rc_context(STYLE):
        _, axes = plt.subplots(1, len(panels), figsize=(3 * len(panels), 2.9), layout="constrained", sharey=True)
        for ax, (name, (x, curves)) in zip(axes, panels.items(), strict=True):
            for (label, y), color, marker in zip(curves.items(), CYCLE, MARKERS, strict=False):
                ax.plot(x, y, color=color, marker=marker, label=label)
            ax.set(xlabel=name, xscale="log", yscale="log")
            ax.set_xticks(x, [f"{value:g}" for value in x])
            ax.minorticks_off()
        axes[0].set_ylabel(ylabel)
        axes[0].legend(fontsize=8)


def sweep(panels, *, default=None):
    """Draw what steps and guidance do to each measure: one panel each, a line for each number of steps.

    Args:
        panels: The "panels" of `python -m t2v_helpers.evaluate --sweep --json FILE`: name of the measure -> "10 steps"
            -> guidance scale, as a text -> [mean, standard error, n], and "rendered" -> "" -> the same for clips that
            the program draws, which is drawn dashed.
        default: The model's own guidance scale, drawn dotted.
    """
    plt = pyplot()
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    with plt.rc_context(STYLE):
        _, axes = plt.subplots(
            rows, columns, figsize=(3.2 * columns, 2.7 * rows), layout="constrained", sharex=True, squeeze=False
        )
        for ax in axes.flat[len(panels) :]:
            ax.remove()
        for ax, (name, lines) in zip(axes.flat, panels.items(), strict=False):
            steps = [line for line in lines if line != "rendered"]
            ends = []
            for line, color, marker in zip(steps, CYCLE, MARKERS, strict=False):
                dots = sorted((float(w), *number[:2]) for w, number in lines[line].items() if number)
                if dots:
                    x, y, error = (np.array(values, dtype=float) for values in zip(*dots, strict=True))
                    ax.errorbar(x, y, error, color=color, marker=marker, markersize=4, linewidth=1.4, capsize=2)
                    ends.append((y[-1], x[-1], line.split()[0], color))
            control = lines.get("rendered", {}).get("")
            if control:
                ax.axhline(control[0], color="#666666", linestyle="--", linewidth=1)
            if default is not None:
                ax.axvline(default, color="#666666", linestyle=":", linewidth=1)
            _name_lines(ax, ends)
            ax.set(title=name, xlabel="guidance scale")
            ax.xaxis.set_tick_params(labelbottom=True)


def _name_lines(ax, ends):
    """Write each line's name beside its last dot, moved apart where they would lie on one another."""
    low, high = ax.get_ylim()
    least, y = (high - low) * 0.085, -np.inf
    places = []
    for end in sorted(ends):
        y = max(end[0], y + least)
        places.append((y, *end[1:]))
    over = max(0, y - (high - 0.02 * (high - low))) if places else 0
    for y, x, name, color in places:
        name = f"{name} steps" if y == places[-1][0] else name
        ax.annotate(name, (x, y - over), (6, 0), textcoords="offset points", color=color, va="center", fontsize=9)
    ax.set_ylim(low, high)
