"""Points in the plane: clouds, maps, arrows and paths, still and moving. Every function that draws returns None."""

import numpy as np
import torch

from ..plots import COLORS, CYCLE, STYLE, role_color

LIMIT = 1.5  # the plane is shown from -LIMIT to LIMIT


def plane(points=40):
    """An even grid of points over the plane that is shown: (points^2, 2), x_2 running fastest."""
    line = torch.linspace(-LIMIT, LIMIT, points)
    return torch.cartesian_prod(line, line)


def _plane(ax, title):
    ax.set(xlim=(-LIMIT, LIMIT), ylim=(-LIMIT, LIMIT), aspect="equal", title=title, xlabel="$x_1$")
    ax.set(xticks=(-1, 0, 1), yticks=(-1, 0, 1))


def clouds(panels, behind=None, columns=4):
    """Draw clouds of points (n, 2) side by side; panels: a dict of title to points; behind: points in grey in each.

    A title that names a role (data, noise, GAN, diffusion) gives its cloud that role's colour.
    """
    import matplotlib.pyplot as plt

    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    with plt.rc_context(STYLE | {"axes.grid": False}):
        _, axes = plt.subplots(
            rows, columns, figsize=(2.7 * columns + 0.3, 2.9 * rows), layout="constrained", squeeze=False
        )
        for ax in axes.flat[len(panels) :]:
            ax.set_visible(False)
        for ax, (title, x) in zip(axes.flat, panels.items(), strict=False):
            if behind is not None:
                ax.scatter(*behind.T.numpy(), s=3, color="#C8C8C8", linewidths=0)
            ax.scatter(*x.detach().T.numpy(), s=4, color=role_color(title), linewidths=0, alpha=0.6)
            _plane(ax, title)
        for ax in axes[:, 0]:
            ax.set_ylabel("$x_2$")


def discriminators(maps, data, fake, points=60):
    """Draw discriminators as maps of D(x), from 0 (generated) to 1 (data), with data and generated points on them.

    maps: a dict of title to a function of points (n, 2) that gives logits, (n,) or (n, 1).
    """
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE | {"axes.grid": False}):
        _, axes = plt.subplots(1, len(maps), figsize=(4.1 * len(maps) + 0.6, 3.8), layout="constrained", squeeze=False)
        for ax, (title, logit) in zip(axes[0], maps.items(), strict=True):
            with torch.no_grad():
                D = logit(plane(points)).sigmoid().reshape(points, points).T.numpy()
            edges = (-LIMIT, LIMIT, -LIMIT, LIMIT)
            shown = ax.imshow(D, origin="lower", extent=edges, cmap="RdBu_r", vmin=0, vmax=1, interpolation="bilinear")
            ax.scatter(
                *fake.detach()[:300].T.numpy(),
                s=6,
                color=COLORS["gan"],
                edgecolors="white",
                linewidths=0.3,
                label="generated",
            )
            ax.scatter(*data[:300].T.numpy(), s=6, color=COLORS["data"], linewidths=0, label="data")
            _plane(ax, title)
        axes[0, 0].set_ylabel("$x_2$")
        axes[0, 0].legend(loc="upper right", frameon=True, framealpha=0.8, markerscale=2)
        plt.colorbar(shown, ax=axes[0].tolist(), label="$D(x)$: how likely data (0 to 1)")


def clip_of_clouds(snapshots, captions, behind, color="gan"):
    """A film of clouds of points, for `show_video`: frames (F, H, W, 3), one for each of the snapshots (F, n, 2).

    captions: a text for each frame. behind: points (m, 2) shown in grey. color: the role of the moving points.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if len(snapshots) != len(captions) or not len(snapshots):
        raise ValueError(f"got {len(snapshots)} snapshots and {len(captions)} captions, expected as many, at least one")
    figure = Figure(figsize=(2.88, 3.04), dpi=100, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    ax = figure.add_axes((0.02, 0.02, 0.96, 0.88), xticks=[], yticks=[])
    ax.set(xlim=(-LIMIT, LIMIT), ylim=(-LIMIT, LIMIT), aspect="equal")
    ax.scatter(*np.asarray(behind).T, s=4, color="#C8C8C8", linewidths=0)
    moving = ax.scatter([], [], s=5, color=COLORS[color], linewidths=0)
    frames = []
    for points, caption in zip(snapshots, captions, strict=True):
        moving.set_offsets(np.asarray(points))
        ax.set_title(caption, fontsize=10, color="#222222")
        canvas.draw()
        frames.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    return np.stack(frames)


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


def samples(panels, centres=None):
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

    panels: a dict of title to (x_t (n, 2), x0_hat (n, 2)). centres: as in `samples`.
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

    walk: a list of (t, x_t, x0_hat) as the samplers yield them. times: which t to show. centres: as in `samples`.
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

    walks: a dict of title to a list of (t, x_t, x0_hat). centres: as in `samples`.
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
