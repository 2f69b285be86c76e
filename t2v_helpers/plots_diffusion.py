"""Figures of notebooks 02 and 04: measurements with their error bars, floors and slopes, and the table of verdicts."""

import numpy as np

from .plots import COLORS, MARKERS, STYLE


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
