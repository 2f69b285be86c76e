"""Figures of the notebooks on GANs: clouds of points, discriminators as maps, digits, clips of a training, scores.

As in `plots`, every function that draws returns None, and a colour stands for a role: data, noise, GAN, its
discriminator, diffusion.
"""

import numpy as np
import torch

from .plots import COLORS, MARKERS, STYLE

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


def _diagram(ax, boxes, arrows):
    """Boxes, a dict of text to (middle, role), and grey arrows (x, y, to_x, to_y) between them."""
    ax.axis("off")
    for text, (middle, role) in boxes.items():
        style = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": COLORS[role], "linewidth": 2}
        ax.text(*middle, text, ha="center", va="center", bbox=style)
    for x, y, to_x, to_y in arrows:
        ax.annotate("", (to_x, to_y), (x, y), arrowprops={"arrowstyle": "->", "color": "#444444", "linewidth": 1.5})


def _back(ax, start, end, role, bend):
    """A dashed arrow in the colour of the role: who learns from what, or the way back."""
    style = {"arrowstyle": "->", "color": COLORS[role], "linestyle": "--", "connectionstyle": f"arc3,rad={bend}"}
    ax.annotate("", end, start, arrowprops=style)


def gan_diagram():
    """Draw the game as a diagram: noise z into G, G(z) and data x into D, what D says, and who learns from it."""
    import matplotlib.pyplot as plt

    boxes = {  # text: middle, colour
        "noise $z$": ((0.9, 0.9), "noise"),
        "generator $G$": ((3.1, 0.9), "gan"),
        "$G(z)$": ((5.1, 0.9), "gan"),
        "data $x$": ((5.1, 2.3), "data"),
        "discriminator $D$": ((7.2, 1.6), "discriminator"),
        "$D = 1$: data\n$D = 0$: generated": ((9.7, 1.6), "discriminator"),
    }
    arrows = [
        (1.55, 0.9, 2.25, 0.9),
        (3.95, 0.9, 4.65, 0.9),
        (5.55, 1.05, 6.3, 1.4),
        (5.7, 2.15, 6.3, 1.8),
        (8.15, 1.6, 8.75, 1.6),
    ]
    with plt.rc_context(STYLE):
        _, ax = plt.subplots(figsize=(9, 2.9), layout="constrained")
        ax.set(xlim=(0, 10.9), ylim=(-0.5, 3.1), aspect="equal")
        _diagram(ax, boxes, arrows)
        _back(ax, (9.7, 1.0), (3.1, 0.4), "gan", -0.25)
        ax.text(6.3, -0.35, "$G$ learns to be taken for data", ha="center", color=COLORS["gan"])
        _back(ax, (9.7, 2.2), (7.2, 2.1), "discriminator", 0.5)
        ax.text(8.4, 2.85, "$D$ learns to be right", ha="center", color=COLORS["discriminator"])


def gan_beside_diffusion():
    """Draw both ways from noise to data: a GAN's one leap above, diffusion's many small steps below."""
    import matplotlib.pyplot as plt

    above = {
        "noise $z$": ((0.9, 3.2), "noise"),
        "generator $G$": ((4.6, 3.2), "gan"),
        "sample $G(z)$": ((8.3, 3.2), "gan"),
        "discriminator $D$": ((11.6, 3.2), "discriminator"),
    }
    below = {
        "noise $x_T$": ((0.9, 1.0), "noise"),
        "$x_{T-1}$": ((3.4, 1.0), "diffusion"),
        "$\\cdots$": ((5.4, 1.0), "diffusion"),
        "$x_1$": ((7.4, 1.0), "diffusion"),
        "sample, or data $x_0$": ((10.4, 1.0), "diffusion"),
    }
    arrows = [(1.6, 3.2, 3.65, 3.2), (5.6, 3.2, 7.3, 3.2), (9.35, 3.2, 10.45, 3.2)]
    steps = [(1.65, 2.95), (3.95, 4.95), (5.85, 6.95), (7.85, 8.95)]
    arrows += [(start, 1.0, end, 1.0) for start, end in steps]
    with plt.rc_context(STYLE):
        _, ax = plt.subplots(figsize=(10, 3.4), layout="constrained")
        ax.set(xlim=(0, 12.9), ylim=(-0.5, 4.3), aspect="equal")
        _diagram(ax, above | below, arrows)
        ax.text(0.2, 4.05, "GAN: one leap, learned in a game of two networks", color=COLORS["gan"])
        text = r"diffusion: many small steps, one network $\hat\epsilon(x_t, t)$ for all, learned from known noise"
        ax.text(0.2, 1.85, text, color=COLORS["diffusion"])
        for start, end in steps:
            _back(ax, (end, 0.6), (start, 0.6), "noise", -0.3)
        ax.text(5.4, -0.35, "forward: noise is added; nothing is learned here", ha="center", color=COLORS["noise"])


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
