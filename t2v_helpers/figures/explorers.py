"""The explorers: figures with sliders. They move where a kernel runs; notebooks put a still or a clip beside them.

An explorer draws into one Image widget that stays the same, and says the numbers of the picture in words below it.
"""

import html
import io
import math

import ipywidgets
import numpy as np
import torch
from matplotlib import rc_context
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from .. import diffusion, shapes, toys
from ..diffusion import exact_denoiser, q_sample
from ..measures import energy_distance
from ..plots import COLORS, CYCLE, MARKERS, STYLE
from ..schedules import NoiseSchedule
from .points import LIMIT

FAMILIES = {
    "linear": NoiseSchedule.linear,
    "scaled linear": NoiseSchedule.scaled_linear,
    "sigmoid": NoiseSchedule.sigmoid,
    "cosine": NoiseSchedule.cosine,
}


class Explorer(ipywidgets.VBox):
    """Controls over a picture that is drawn anew whenever one of them moves.

    title: what it explores. controls: a dict of name to ipywidgets control. draw: called as draw(figure, **values) with
    the controls' values; draws into the empty figure and returns the words under the picture.
    size: of the picture, in inches of 90 pixels. `.picture.value` holds its PNG, `.words.value` the words.

    >>> slider = ipywidgets.IntSlider(3, description="n")
    >>> Explorer("squares", {"n": slider}, lambda figure, n: f"n squared is {n * n}").words.value
    'n squared is 9'
    """

    def __init__(self, title, controls, draw, size=(8, 3)):
        self.title, self.controls, self._draw, self._size = title, controls, draw, size
        self.picture, self.words = ipywidgets.Image(format="png"), ipywidgets.HTML()
        for control in controls.values():
            control.style.description_width = "initial"
            control.observe(lambda change: self.refresh(), "value")
        heading, row = ipywidgets.HTML(f"<b>Explore: {title}</b>"), ipywidgets.HBox(list(controls.values()))
        row.layout.flex_flow = "row wrap"
        self.refresh()
        super().__init__([heading, row, self.picture, self.words])

    def refresh(self):
        """Draw the picture for the values that the controls have now."""
        with rc_context(STYLE):
            figure, file = Figure(self._size, dpi=90), io.BytesIO()
            self.words.value = self._draw(figure, **{name: control.value for name, control in self.controls.items()})
            figure.savefig(file, format="png", pil_kwargs={"compress_level": 1})
        self.picture.value = file.getvalue()

    def __repr__(self):  # what a page without widgets shows, and what nbval compares
        return f"[explorer: {self.title}; it moves where a kernel runs]"


def _axes(figure, widths, **place):
    grid = {"left": 0.07, "right": 0.98, "bottom": 0.17, "top": 0.88, "wspace": 0.3} | place
    return figure.subplots(1, len(widths), width_ratios=widths, gridspec_kw=grid)


def schedule_explorer():
    """Explore noise schedules: family, number of steps T and both ends, with zero terminal SNR or without.

    The ends are given as beta_1 T and beta_T T, as 0.1 and 20 for DDPM's, so that they hold for every T.
    """
    controls = {
        "family": ipywidgets.Dropdown(options=list(FAMILIES), description="family"),
        "T": ipywidgets.SelectionSlider(options=[20, 50, 100, 250, 500, 1000], value=1000, description="steps T"),
        "first": ipywidgets.FloatLogSlider(0.1, min=-2, max=1, step=0.25, description="first end, beta_1 T"),
        "last": ipywidgets.FloatSlider(20, min=1, max=60, step=1, description="last end, beta_T T"),
        "rescale": ipywidgets.Checkbox(False, description="zero terminal SNR"),
    }
    reference = NoiseSchedule.scaled_linear()

    def draw(figure, family, T, first, last, rescale):
        ends = {} if family == "cosine" else {"start": first / T, "end": min(last / T, 0.999)}
        schedule = FAMILIES[family](T, **ends)
        schedule = schedule.zero_terminal_snr() if rescale else schedule
        panels = {
            "noise of each step, beta": lambda s: s.betas,
            "signal left, alpha_bar": lambda s: s.alpha_bars,
            "log of the SNR": lambda s: s.snr[s.snr > 0].log(),
        }
        for ax, (title, of) in zip(_axes(figure, (1, 1, 1)), panels.items(), strict=True):
            for s, color, style in ((reference, "#999999", "--"), (schedule, COLORS["diffusion"], "-")):
                y = of(s).numpy()
                ax.plot(np.arange(1, len(y) + 1) / len(s), y, style, color=color, label=s.name)
            ax.set(title=title, xlabel="t / T")
        ax.axhline(0, color="#666666", linewidth=0.8)
        ax.legend(["ModelScope's", "yours"], loc="upper right")
        ab = schedule.alpha_bars[-1].item()
        ignored = " The cosine schedule has no ends to choose." if family == "cosine" else ""
        return (
            f"{family}, T = {T}: beta from {schedule.betas[0]:.2g} to {schedule.betas[-1]:.2g}. Left in x_T: "
            f"{math.sqrt(ab):.2%} of the amplitude, {-0.5 * math.log1p(-ab):.2g} nats per dimension.{ignored}"
        )

    return Explorer("noise schedules", controls, draw, (9, 3.1))


def forward_explorer(caption="a red circle moving left", seed=0):
    """Explore the forward process: slide t on points, a digit and a frame of a clip. caption, seed: of the clip."""
    generator = torch.Generator().manual_seed(seed)
    clip = torch.from_numpy(shapes.render(caption, seed)) * 2 - 1
    data = [2**0.5 * toys.ring(600, generator), toys.digits()[0][3].reshape(1, 8, 8), clip[len(clip) // 2][None]]
    noise = [torch.randn(x.shape, generator=generator) for x in data]
    schedules = {name: family(1000) for name, family in FAMILIES.items()}
    schedules["zero terminal SNR"] = schedules["scaled linear"].zero_terminal_snr()
    controls = {
        "t": ipywidgets.IntSlider(200, min=0, max=1000, step=10, description="step t", layout={"width": "420px"}),
        "schedule": ipywidgets.Dropdown(options=list(schedules), description="schedule"),
    }

    def draw(figure, t, schedule):
        s = schedules[schedule]
        points, digit, frame = (q_sample(x, t, s, e) if t else x for x, e in zip(data, noise, strict=True))
        left, middle, right = _axes(figure, (1, 1, 1), left=0.05, bottom=0.08, wspace=0.12)
        left.scatter(*points.T.numpy(), s=5, linewidth=0, color=COLORS["noise" if t else "data"])
        left.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect="equal", title="600 points")
        middle.imshow(digit[0].numpy(), cmap="gray", vmin=-1.5, vmax=1.5)
        right.imshow((frame[0] / 2 + 0.5).clamp(0, 1).numpy())
        for ax, title in ((middle, "a digit"), (right, "a frame of a clip")):
            ax.set(title=title, xticks=[], yticks=[])
        ab = s.alpha_bars[t - 1].item() if t else 1.0
        snr = f"{ab / (1 - ab):.2g}" if ab < 1 else "infinite"
        return f"t = {t} of 1000: x_t = {ab**0.5:.2f} x_0 + {(1 - ab) ** 0.5:.2f} eps. Signal-to-noise ratio: {snr}."

    return Explorer("the forward process", controls, draw, (9, 3.2))


def sampler_explorer(seed=0):
    """Explore samplers with the exact denoiser of eight clusters: steps, eta, schedule. seed: of all noise."""
    centers, std = 2**0.5 * toys.ring_centers(), 2**0.5 * toys.RING_STD
    generator = torch.Generator().manual_seed(seed)
    fresh, other = (2**0.5 * toys.ring(250, generator) for _ in range(2))
    x_T, floor = torch.randn(250, 2, generator=generator), energy_distance(fresh, other)
    schedules = {name: family(1000) for name, family in FAMILIES.items()}
    controls = {
        "steps": ipywidgets.SelectionSlider(options=[1, 2, 3, 4, 6, 8, 12, 16, 24, 32], value=4, description="steps"),
        "eta": ipywidgets.FloatSlider(0, min=0, max=1, step=0.25, description="eta (0 DDIM, 1 DDPM)"),
        "schedule": ipywidgets.Dropdown(options=list(schedules), description="schedule"),
    }

    def draw(figure, steps, eta, schedule):
        s = schedules[schedule]
        dice = torch.Generator().manual_seed(seed)
        denoise = exact_denoiser(centers, s, std)
        walk = [x for _, x, _ in diffusion.ddim_sample(denoise, x_T, s, dice, steps, "x0", eta)]
        left, right = _axes(figure, (1, 1), left=0.06, bottom=0.1, wspace=0.15)
        left.scatter(*walk[-1].T.numpy(), s=6, linewidth=0, color=COLORS["diffusion"])
        left.set_title("250 samples, and the centres of the data")
        ways, colors = torch.stack(walk, 1)[:10].numpy(), [CYCLE[i % len(CYCLE)] for i in range(10)]
        right.add_collection(LineCollection(ways, colors=colors, linewidths=0.9))
        right.scatter(*ways.reshape(-1, 2).T, s=8, linewidth=0, c=np.repeat(colors, len(walk)))
        right.set_title("ten of their ways")
        for ax in (left, right):
            ax.scatter(*centers.T.numpy(), marker="+", s=60, color=COLORS["data"], zorder=3)
            ax.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xticks=(-2, 0, 2), yticks=(-2, 0, 2))
        distance = energy_distance(walk[-1], fresh)
        return (
            f"{steps} steps, eta = {eta:g}, {schedule}: energy distance to the data {distance:.3f} "
            f"(two halves of the data: {floor:.3f})."
        )

    return Explorer("samplers with the exact denoiser", controls, draw, (8, 3.9))


def training_explorer(snapshots, beliefs, rounds, behind):
    """Explore a GAN's training: slide through its rounds, and pick one of the GANs that were trained side by side.

    snapshots: a list of points (seeds, n, 2), one for each of the rounds; beliefs: the discriminators' D at the time,
    (seeds, p, p) on an even grid over the plane shown, first axis x_1; behind: the data (m, 2), in grey.
    """
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


SHARES = ("adherence", "held_out", "color", "shape", "motion", "retrieval")


class Watch(ipywidgets.VBox):
    """Loss and measured shares of a run, drawn anew at each checkpoint: `fit(..., watch=Watch("the UNet"))`.

    what: its title. Called with the lines of metrics so far, see `loop.fit`; `.words.value` says the last one.

    >>> watch = Watch("a run")
    >>> watch([{"step": 10, "loss": 0.5, "seconds": 1.0, "adherence": 0.25}])
    >>> watch.words.value
    'step 10: loss 0.5000, adherence 0.25'
    """

    def __init__(self, what):
        self.what, self.picture, self.words = what, ipywidgets.Image(format="png"), ipywidgets.HTML("not started")
        super().__init__([ipywidgets.HTML(f"<b>Training: {html.escape(what)}</b>"), self.picture, self.words])

    def __call__(self, lines):
        with rc_context(STYLE):
            figure, file = Figure((8, 2.6), dpi=90, layout="constrained"), io.BytesIO()
            left, right = figure.subplots(1, 2)
            _loss(left, lines)
            _shares(right, lines)
            figure.savefig(file, format="png")
        self.picture.value = file.getvalue()
        shares = "".join(f", {name} {lines[-1][name]:.2f}" for name in SHARES if name in lines[-1])
        self.words.value = f"step {lines[-1]['step']}: loss {lines[-1]['loss']:.4f}{shares}"

    def __repr__(self):  # what a page without widgets shows, and what nbval compares
        return f"[training of {self.what}, drawn while it runs]"


def _loss(ax, lines):
    ax.plot([line["step"] for line in lines], [line["loss"] for line in lines], marker="o", color=CYCLE[4])
    ax.set(xlabel="step", ylabel="loss", yscale="log")


def _shares(ax, lines):
    names = [name for name in SHARES if name in lines[-1]]
    for name, color, marker in zip(names, CYCLE, MARKERS, strict=False):
        ax.plot(
            [line["step"] for line in lines], [line[name] for line in lines], color=color, marker=marker, label=name
        )
    ax.set(xlabel="step", ylabel="share that is right", ylim=(-0.05, 1.05))
    if names:
        ax.legend(fontsize=8, loc="upper left")
