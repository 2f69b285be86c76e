"""Pictures with sliders, and their numbers in words; they answer where a kernel runs."""

import base64
import html
import io
import math
from collections.abc import Callable, Sequence
from itertools import cycle

import ipywidgets
import numpy as np
import torch
from IPython.display import display
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .. import shapes, toys
from ..diffusion import ddim_sample, exact_denoiser, q_sample
from ..measures import energy_distance
from ..plots import COLORS, CYCLE, MARKERS, STYLE
from ..schedules import NoiseSchedule
from .points import FAINT, TOYS, belief, square
from .sheet import name_ends

FAMILIES = {
    "linear": NoiseSchedule.linear,
    "scaled linear": NoiseSchedule.scaled_linear,
    "sigmoid": NoiseSchedule.sigmoid,
    "cosine": NoiseSchedule.cosine,
}


class Explorer(ipywidgets.VBox):
    """Controls over a picture that draw(figure, **values) draws again when one moves; its words stand below."""

    heading, as_text = "Explore", "[explorer: {}; it moves where a kernel runs]"
    still = False  # whether a page without widgets shows the picture

    def __init__(self, title: str, controls: dict, draw: Callable[..., str], size: tuple[float, float]) -> None:
        self.title, self.controls, self._draw, self._size = title, controls, draw, size
        self.picture, self.words = ipywidgets.Image(format="png"), ipywidgets.HTML()
        for control in controls.values():
            control.style.description_width = "initial"
            control.observe(lambda change: self.refresh(), "value")
        heading = ipywidgets.HTML(f"<b>{self.heading}: {html.escape(title)}</b>")
        row = ipywidgets.HBox(list(controls.values()), layout={"flex_flow": "row wrap"})
        self.refresh()
        super().__init__([heading, row, self.picture, self.words])

    def refresh(self) -> None:
        """Draw the picture for the values that the controls have now."""
        with rc_context(STYLE):
            figure, file = Figure(self._size, dpi=90), io.BytesIO()
            self.words.value = self._draw(figure, **{name: control.value for name, control in self.controls.items()})
            figure.savefig(file, format="png", pil_kwargs={"compress_level": 1})
        self.picture.value = file.getvalue()

    def _repr_mimebundle_(self, **options: object) -> dict:
        bundle = super()._repr_mimebundle_(**options)
        return bundle | {"image/png": base64.b64encode(self.picture.value).decode()} if self.still else bundle

    def __repr__(self) -> str:  # what a page without widgets shows, and what nbval compares
        return self.as_text.format(self.title)


class Watch(Explorer):
    """Loss and measured shares of a training run, drawn again at each checkpoint: fit(..., watch=Watch("the UNet"))."""

    heading, as_text, still = "Training", "[training of {}, drawn while it runs]", True

    def __init__(self, what: str) -> None:
        self._lines, self._displays = [], []
        super().__init__(what, {}, self._progress, (9, 2.8))

    def __call__(self, lines: Sequence[dict]) -> None:
        """Draw the lines of metrics so far, as `fit` of the room `training` hands them over."""
        self._lines = lines
        self.refresh()
        for shown in self._displays:
            shown.update(self._repr_mimebundle_(), raw=True)

    def _repr_mimebundle_(self, **options: object) -> dict:  # no widget: every page that shows the notebook shows this
        bundle = super()._repr_mimebundle_(**options)
        return {kind: bundle[kind] for kind in ("text/plain", "image/png")}

    def _ipython_display_(self) -> None:  # a display that can be updated, so that a notebook keeps the last picture
        self._displays.append(display(self._repr_mimebundle_(), raw=True, display_id=True))

    def _progress(self, figure: Figure) -> str:
        title = f"{self.heading}: {self.title}"
        if not self._lines:
            figure.suptitle(f"{title}, not started")
            return "not started"
        steps, last = [line["step"] for line in self._lines], self._lines[-1]
        shares = [n for n in ("adherence", "held_out", "color", "shape", "motion", "retrieval") if n in last]
        figure.set_layout_engine("constrained")
        figure.suptitle(title)
        groups = {
            "each attribute": ("color", "shape", "motion"),
            "the whole caption": ("adherence", "held_out", "retrieval"),
        }
        groups = {title: [name for name in names if name in last] for title, names in groups.items()}
        left, *others = figure.subplots(1, 1 + sum(map(bool, groups.values())), squeeze=False)[0]
        left.plot(steps, [line["loss"] for line in self._lines], marker="o", color=COLORS["data"])
        top = 1.1 * max(line["loss"] for line in self._lines)
        left.set(xlabel="step", ylabel="loss", xlim=(0, 1.05 * steps[-1]), ylim=(0, top))
        for ax, (title, names) in zip(others, filter(lambda group: group[1], groups.items()), strict=True):
            ends = []
            for i, (name, marker, color) in enumerate(zip(names, MARKERS, CYCLE, strict=False)):
                look = {"marker": marker, "markersize": 5 + 2 * i, "zorder": 3 - 0.1 * i}  # where they agree, all show
                ax.plot(steps, [line[name] for line in self._lines], color=color, **look)
                ends.append((last[name], name.replace("_", " "), color))
            ax.set(xlabel="step", title=title, xlim=(0, 1.05 * steps[-1]), ylim=(-0.05, 1.05))
            name_ends(ax, ends)
        for ax in others[:1]:
            ax.set_ylabel("share that is right")
        return f"step {last['step']}: loss {last['loss']:.4f}" + "".join(f", {n} {last[n]:.2f}" for n in shares)


def _axes(figure: Figure, count: int, **place: float) -> np.ndarray | Axes:
    place = {"left": 0.07, "right": 0.98, "bottom": 0.18, "top": 0.88, "wspace": 0.3} | place
    return figure.subplots(1, count, gridspec_kw=place)  # a constrained layout takes longer than a slider may


def schedule_explorer() -> Explorer:
    """Explore noise schedules: family, number of steps T and both ends, with or without zero terminal SNR."""
    controls = {  # ends as beta_1 T and beta_T T, 0.1 and 20 for DDPM's schedule, so that they hold for every T
        "family": ipywidgets.Dropdown(options=list(FAMILIES), description="family"),
        "T": ipywidgets.SelectionSlider(options=[20, 50, 100, 250, 500, 1000], value=1000, description="steps T"),
        "first": ipywidgets.FloatLogSlider(0.1, min=-2, max=1, step=0.25, description="first end, beta_1 T"),
        "last": ipywidgets.FloatSlider(20, min=1, max=60, step=1, description="last end, beta_T T"),
        "rescale": ipywidgets.Checkbox(False, description="zero terminal SNR"),
    }
    reference = NoiseSchedule.scaled_linear()

    def draw(figure: Figure, family: str, T: int, first: float, last: float, rescale: bool) -> str:
        ends = {} if family == "cosine" else {"start": first / T, "end": min(last / T, 0.999)}
        schedule = FAMILIES[family](T, **ends)
        schedule = schedule.zero_terminal_snr() if rescale else schedule
        panels = {
            "noise of each step, beta": lambda s: s.betas,
            "signal left, alpha_bar": lambda s: s.alpha_bars,
            "log of the SNR": lambda s: s.snr[s.snr > 0].log(),
        }
        for ax, (title, of) in zip(_axes(figure, 3), panels.items(), strict=True):
            for s, color, style in ((reference, "#999999", "--"), (schedule, COLORS["diffusion"], "-")):
                y = of(s).numpy()
                ax.plot(np.arange(1, len(y) + 1) / len(s), y, style, color=color, label=s.name)
            ax.set(title=title, xlabel="t / T")
        ax.axhline(0, color="#666666", linewidth=0.8)
        ax.legend(["ModelScope's", "yours"], loc="upper right")
        ab = schedule.alpha_bars[-1].item()
        ignored = " The cosine schedule has no ends to choose." if family == "cosine" else ""
        said = f"{family}, T = {T}: beta from {schedule.betas[0]:.2g} to {schedule.betas[-1]:.2g}. Left in x_T: "
        return f"{said}{math.sqrt(ab):.2%} of the amplitude, {-0.5 * math.log1p(-ab):.2g} nats per dimension.{ignored}"

    return Explorer("noise schedules", controls, draw, (9, 3.1))


def forward_explorer() -> Explorer:
    """Explore the forward process: slide t, and watch points, a digit and a frame of a clip become noise."""
    generator = torch.Generator().manual_seed(0)
    clip = torch.from_numpy(shapes.render("a red circle moving left", seed=0)) * 2 - 1
    data = [2**0.5 * toys.ring(600, generator), toys.digits()[0][3].reshape(1, 8, 8), clip[len(clip) // 2][None]]
    noise = [torch.randn(x.shape, generator=generator) for x in data]
    schedules = {name: family(1000) for name, family in FAMILIES.items()}
    schedules["zero terminal SNR"] = schedules["scaled linear"].zero_terminal_snr()
    controls = {
        "t": ipywidgets.IntSlider(200, min=0, max=1000, step=10, description="step t", layout={"width": "420px"}),
        "schedule": ipywidgets.Dropdown(options=list(schedules), description="schedule"),
    }

    def draw(figure: Figure, t: int, schedule: str) -> str:
        s = schedules[schedule]
        points, digit, frame = (q_sample(x, t, s, e) if t else x for x, e in zip(data, noise, strict=True))
        left, middle, right = _axes(figure, 3, left=0.05, bottom=0.08, wspace=0.12)
        left.scatter(*points.T.numpy(), s=5, linewidth=0, color=COLORS["noise" if t else "data"])
        square(left, f"$t$ = {t}: points, 2 numbers each")
        middle.imshow(digit[0].numpy(), cmap="gray", vmin=-1.5, vmax=1.5)
        right.imshow((frame[0] / 2 + 0.5).clamp(0, 1).numpy())
        for ax, title in ((middle, "a digit: 64 numbers"), (right, f"a frame: {frame.numel():,} numbers")):
            ax.set(title=title, xticks=[], yticks=[])
        ab = s.alpha_bars[t - 1].item() if t else 1.0
        snr = f"{ab / (1 - ab):.2g}" if ab < 1 else "infinite"
        return f"t = {t} of 1000: x_t = {ab**0.5:.2f} x_0 + {(1 - ab) ** 0.5:.2f} eps. Signal-to-noise ratio: {snr}."

    explorer = Explorer("the forward process", controls, draw, (9, 3.2))
    explorer.still = True
    return explorer


def sampler_explorer() -> Explorer:
    """Explore samplers with the exact denoiser of eight clusters: steps, eta and schedule."""
    centers, std = 2**0.5 * toys.ring_centers(), 2**0.5 * toys.RING_STD
    generator = torch.Generator().manual_seed(0)
    fresh, other = (2**0.5 * toys.ring(250, generator) for _ in range(2))
    x_T, floor = torch.randn(250, 2, generator=generator), energy_distance(fresh, other)
    schedules = {name: family(1000) for name, family in FAMILIES.items()}
    controls = {
        "steps": ipywidgets.SelectionSlider(options=[1, 2, 3, 4, 6, 8, 12, 16, 24, 32], value=4, description="steps"),
        "eta": ipywidgets.FloatSlider(0, min=0, max=1, step=0.25, description="eta (0 DDIM, 1 DDPM)"),
        "schedule": ipywidgets.Dropdown(options=list(schedules), description="schedule"),
    }

    def draw(figure: Figure, steps: int, eta: float, schedule: str) -> str:
        s, dice = schedules[schedule], torch.Generator().manual_seed(0)
        walk = [x for _, x, _ in ddim_sample(exact_denoiser(centers, s, std), x_T, s, dice, steps, "x0", eta)]
        left, right = _axes(figure, 2, left=0.06, bottom=0.1, wspace=0.15)
        left.scatter(*walk[-1].T.numpy(), s=6, linewidth=0, color=COLORS["diffusion"])
        for way, color in zip(torch.stack(walk, 1)[:10].numpy(), cycle(CYCLE), strict=False):
            right.plot(*way.T, "o-", color=color, linewidth=0.9, markersize=2.5)
        for ax, title in ((left, "250 samples, and the centres of the data"), (right, "ten of their paths")):
            square(ax, title, centres=centers)
        said = f"{steps} steps, eta = {eta:g}, {schedule}: energy distance to the data"
        return f"{said} {energy_distance(walk[-1], fresh):.3f} (two halves of the data: {floor:.3f})."

    return Explorer("samplers with the exact denoiser", controls, draw, (9, 4.3))


def training_explorer(
    snapshots: Sequence[torch.Tensor], beliefs: Sequence[torch.Tensor], rounds: Sequence[int], behind: torch.Tensor
) -> Explorer:
    """Explore a GAN's training: slide through its rounds, and pick one of the GANs that were trained side by side.

    Args:
        snapshots: The generated points (seeds, n, 2) at each of the rounds.
        beliefs: The discriminators' D at each of the rounds, (seeds, p, p), on the grid of `plane(p)`.
        rounds: The number of each round.
        behind: The data (m, 2), drawn in grey.
    """
    controls = {
        "at": ipywidgets.SelectionSlider(options=[(f"{r}", i) for i, r in enumerate(rounds)], description="round"),
        "seed": ipywidgets.Dropdown(options=list(range(len(snapshots[0]))), description="GAN"),
    }

    def draw(figure: Figure, at: int, seed: int) -> str:
        ax, x, D = _axes(figure, 1, left=0.02, bottom=0.02, top=0.92), snapshots[at][seed], beliefs[at][seed]
        belief(ax, D, **FAINT)
        ax.scatter(*behind.T.numpy(), s=3, color="#888888", linewidths=0)
        ax.scatter(*x.T.numpy(), s=6, color=COLORS["gan"], edgecolors="white", linewidths=0.3)
        square(ax, f"GAN {seed}, round {rounds[at]}", TOYS)
        ax.set(xticks=[], yticks=[])
        said = "Grey: data. Orange: generated. Red ground: taken for data, blue: for generated. On average D is "
        return f"{said}{D.mean():.2f} here. Spread: generated {x.std(0).mean():.2f}, data {behind.std(0).mean():.2f}."

    return Explorer("a GAN's training", controls, draw, (5, 5))
