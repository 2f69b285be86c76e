"""Figures of the notebooks on GANs: clouds of points, discriminators as maps, digits, clips of a training, scores.

As in `plots`, every function that draws returns None, and a colour stands for a role: data, noise, GAN, its
discriminator, diffusion.
"""

import numpy as np
import torch

from .plots import COLORS, MARKERS, STYLE
from .plots_diagrams import gan_beside_diffusion as gan_beside_diffusion  # they are looked for here
from .plots_diagrams import gan_diagram as gan_diagram

LIMIT = 1.5  # the plane is shown from -LIMIT to LIMIT


def plane(points=40):
    """An even grid of points over the plane that is shown: (points^2, 2), x_2 running fastest."""
    line = torch.linspace(-LIMIT, LIMIT, points)
    return torch.cartesian_prod(line, line)


def _role(title):
    """The colour of the role that a title names: "GAN, seed 1" is drawn in the GAN's, a control in grey."""
    words = title.lower().replace(",", " ").split()
    return next((color for role, color in COLORS.items() if role in words), "#666666")


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
            ax.scatter(*x.detach().T.numpy(), s=4, color=_role(title), linewidths=0, alpha=0.6)
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


def digit_sheet(rows, count=12):
    """Draw digits (n, 64) in [-1, 1], one row for each title; rows: a dict of title to digits, `count` are shown."""
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE | {"axes.grid": False}):
        _, axes = plt.subplots(
            len(rows), 1, figsize=(0.62 * count, 0.95 * len(rows)), layout="constrained", squeeze=False
        )
        for ax, (title, x) in zip(axes[:, 0], rows.items(), strict=True):
            tiles = x.detach()[:count].reshape(-1, 8, 8).clamp(-1, 1)
            sheet = torch.nn.functional.pad(tiles, (1, 0), value=-1.0).movedim(0, 1).reshape(8, -1)
            ax.imshow(sheet.numpy(), cmap="gray_r")
            ax.set(xticks=[], yticks=[])
            ax.set_title(title, loc="left", color=_role(title))


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
                ax.scatter(spread, values, s=36, color=_role(name), marker=MARKERS[i % len(MARKERS)], zorder=3)
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


def training_explorer(snapshots, beliefs, rounds, behind):
    """Explore a GAN's training: slide through its rounds, and pick one of the GANs that were trained side by side.

    snapshots: a list of points (seeds, n, 2), one for each of the rounds; beliefs: the discriminators' D at the time,
    (seeds, p, p) on an even grid over the plane shown, first axis x_1; behind: the data (m, 2), in grey.
    """
    import ipywidgets

    from .widgets import Explorer

    controls = {
        "at": ipywidgets.SelectionSlider(options=[(f"{r}", i) for i, r in enumerate(rounds)], description="round"),
        "seed": ipywidgets.Dropdown(options=list(range(len(snapshots[0]))), description="GAN"),
    }

    def draw(figure, at, seed):
        ax, x, D = figure.subplots(), snapshots[at][seed], beliefs[at][seed]
        edges = (-LIMIT, LIMIT, -LIMIT, LIMIT)
        ax.imshow(D.T.numpy(), origin="lower", extent=edges, cmap="RdBu_r", vmin=0, vmax=1, alpha=0.6)
        ax.scatter(*behind.T.numpy(), s=3, color="#888888", linewidths=0)
        ax.scatter(*x.T.numpy(), s=6, color=COLORS["gan"], edgecolors="white", linewidths=0.3)
        ax.set(xticks=[], yticks=[], title=f"GAN {seed}, round {rounds[at]}")
        ax.grid(False)
        return (
            "Grey: data. Orange: generated. Red ground: taken for data, blue: for generated. On average D is "
            f"{D.mean():.2f} here. Spread: generated {x.std(0).mean():.2f}, data {behind.std(0).mean():.2f}."
        )

    return Explorer("a GAN's training", controls, draw, (4.2, 4.2))
