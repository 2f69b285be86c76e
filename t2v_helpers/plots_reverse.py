"""Figures of notebook 03: point clouds on their way back to the data, still and moving. In the style of `plots`."""

import numpy as np

from .plots import COLORS, CYCLE, MARKERS, STYLE

REACH = 3.0  # the axes of every cloud go from -REACH to REACH, in the units of the data


def _square(ax, title, centres):
    ax.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xticks=(-2, 0, 2), yticks=(-2, 0, 2), aspect="equal")
    ax.set_title(title)
    if centres is not None:
        ax.scatter(*np.asarray(centres).T, marker="+", s=50, linewidth=1.2, color=COLORS["data"], zorder=3)


def _row(count, rows=1, size=2.6):
    import matplotlib.pyplot as plt

    figsize = (size * count, size * rows + 0.3)
    return plt.subplots(rows, count, figsize=figsize, layout="constrained", sharex=True, sharey=True, squeeze=False)


def clouds(panels, centres=None):
    """Draw clouds of points side by side on the same axes.

    panels: a dict of title to (points (n, 2), role), the role "data", "noise", "gan" or "diffusion" giving the colour.
    centres: points (m, 2) to mark with a cross in each panel.
    """
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        _, axes = _row(len(panels))
        for ax, (title, (points, role)) in zip(axes[0], panels.items(), strict=True):
            ax.scatter(*np.asarray(points).T, s=4, alpha=0.5, linewidth=0, color=COLORS[role])
            _square(ax, title, centres)


def arrows(panels, centres=None):
    """Draw, for each panel, arrows from noisy points to what a denoiser makes of them.

    panels: a dict of title to (x_t (n, 2), x0_hat (n, 2)). centres: as in `clouds`.
    """
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        _, axes = _row(len(panels), size=3.2)
        for ax, (title, (x_t, x0_hat)) in zip(axes[0], panels.items(), strict=True):
            x_t, x0_hat = np.asarray(x_t), np.asarray(x0_hat)
            for start, end in zip(x_t, x0_hat, strict=True):
                ax.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "#999999", "linewidth": 0.8})
            ax.scatter(*x_t.T, s=14, color=COLORS["noise"], label="$x_t$")
            ax.scatter(*x0_hat.T, s=14, color=COLORS["diffusion"], marker="s", label=r"$\hat x_0$")
            _square(ax, title, centres)
        axes[0, 0].legend(loc="upper left", handletextpad=0.2)


def chain(walk, times, centres=None):
    """Draw a sampler's walk at some times: above x_t, below what the model takes it for, x0_hat.

    walk: a list of (t, x_t, x0_hat) as the samplers yield them. times: which t to show. centres: as in `clouds`.
    """
    import matplotlib.pyplot as plt

    states = {t: (x_t, x0_hat) for t, x_t, x0_hat in walk}
    T = max(states)
    with plt.rc_context(STYLE):
        _, axes = _row(len(times), rows=2, size=2.1)
        for column, t in zip(axes.T, times, strict=True):
            for ax, points, role in zip(column, states[t], ("noise", "diffusion"), strict=True):
                ax.scatter(*np.asarray(points).T, s=3, alpha=0.5, linewidth=0, color=COLORS[role if 0 < t else "data"])
                _square(ax, f"$t$ = {t}" if ax is column[0] else "", centres if t < T else None)
        axes[0, 0].set_ylabel("$x_t$", rotation=0, labelpad=14, fontsize=13)
        axes[1, 0].set_ylabel(r"$\hat x_0$", rotation=0, labelpad=14, fontsize=13)


def paths(walks, centres=None, count=4):
    """Draw the way of the first `count` points of each walk, from its noise (dot) to its end (square).

    walks: a dict of title to a list of (t, x_t, x0_hat). centres: as in `clouds`.
    """
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        _, axes = _row(len(walks), size=3.4)
        for ax, (title, walk) in zip(axes[0], walks.items(), strict=True):
            way = np.stack([np.asarray(x_t[:count]) for _, x_t, _ in walk])
            for i in range(way.shape[1]):
                ax.plot(*way[:, i].T, linewidth=0.9, color=CYCLE[i % len(CYCLE)], alpha=0.8)
            ax.scatter(*way[0].T, s=26, color=COLORS["noise"], zorder=3, label="$x_T$")
            ax.scatter(*way[-1].T, s=26, color=COLORS["diffusion"], marker="s", zorder=4, label="$x_0$")
            _square(ax, title, centres)
        axes[0, 0].legend(loc="upper left", handletextpad=0.2)


def densities(x, values, dots, marks):
    """Draw densities over x as lines, `dots` as dots at a few of x, `marks` (label to x) as dotted uprights.

    values, dots: dicts of label to values (len(x),). Only where there is something to see, from -REACH to REACH.
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
        ax.set(xlim=(-REACH, REACH), xlabel="$u$ = $x_{t-1}$ (units of the data)", ylabel="density")
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


def chain_frames(walks, centres=None, count=32, hold=6):
    """The walks as moving pictures side by side: frames (F, H, W, 3) in [0, 1], for `show_video` or `save_video`.

    walks: a dict of title to a list of (t, x_t, x0_hat), all of the same times. count: how many frames, evenly spaced
    over the walk, its two ends included. hold: how often the last is repeated, so that the end can be looked at.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * len(walks), 3.6), dpi=80, facecolor="white")
    canvas, dots, share = FigureCanvasAgg(figure), [], 1 / len(walks)
    for i, title in enumerate(walks):
        ax = figure.add_axes((i * share + 0.02, 0.02, share - 0.04, 0.84))
        _square(ax, title, centres)
        ax.set(xticks=[], yticks=[])
        dots.append(ax.scatter([], [], s=5, alpha=0.6, linewidth=0, color=COLORS["diffusion"]))
    words = figure.text(0.5, 0.94, "", ha="center", fontsize=11)
    frames = []
    for i in np.linspace(0, len(next(iter(walks.values()))) - 1, count).round().astype(int):
        for dot, walk in zip(dots, walks.values(), strict=True):
            t, x_t, _ = walk[i]
            dot.set_offsets(np.asarray(x_t))
            words.set_text(f"$t$ = {t}")
        canvas.draw()
        frames.append(np.asarray(canvas.buffer_rgba())[..., :3] / np.float32(255))
    return np.stack(frames + [frames[-1]] * hold)
