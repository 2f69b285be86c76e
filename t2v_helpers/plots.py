"""The course's style for figures, and the plot of noise schedules.

Figures are drawn when the notebook cell ends; the functions return None, so that nothing is printed beside them.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import torch

from .schedules import NoiseSchedule

if TYPE_CHECKING:
    from IPython.core.formatters import PNGFormatter
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The palette of Okabe & Ito, and a brown: everybody can tell these colours apart, and they stand out against white.
COLORS = {
    "data": "#000000",
    "noise": "#CC79A7",
    "gan": "#D55E00",  # and its generator
    "discriminator": "#5D4037",
    "diffusion": "#0072B2",
}
# For curves without a role, which have markers too. The numbers of colours and markers have no common divisor: the
# eighth curve has the first colour again, with another marker.
CYCLE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
STYLE = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "text.color": "#222222",
    "axes.labelcolor": "#222222",
    "axes.titlecolor": "#222222",
    "axes.edgecolor": "#666666",
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.8,
    "lines.linewidth": 2.0,
    "lines.markersize": 5.0,
    "font.size": 10.0,
    "axes.titlesize": 11.0,
    "axes.labelsize": 10.0,
    "legend.frameon": False,
    "figure.dpi": 100.0,
    "axes.prop_cycle": f"cycler('color', {list(CYCLE)})",
}


def use_style() -> None:
    """Draw everything from here on in the course's style. A notebook calls this once, after its imports."""
    pyplot().rcParams.update(STYLE)


def describe(figure: "Figure") -> str:
    """Put the words of a figure into one line, for readers who can't see it.

    Args:
        figure: A matplotlib figure.

    Returns:
        Its title; then what each panel shows: title, axes, names of curves, labels. Numbers are left out, and so is
        what an earlier panel said.

    >>> import matplotlib.pyplot as plt
    >>> axes = plt.figure().add_subplot(title="A fall", xlabel="time (s)", ylabel="height (m)")
    >>> axes.plot([0, 1], [5, 0], label="stone")[0].axes.legend().get_title().get_text()
    ''
    >>> describe(axes.figure)
    'Figure: A fall; height (m) against time (s); stone'
    """
    pictures = sum(len(ax.images) for ax in figure.axes)
    words = [figure.get_suptitle()] + [f"{pictures} pictures"] * (pictures > 1)
    for ax in figure.axes:
        x, y = ax.get_xlabel(), ax.get_ylabel()
        words += [ax.get_title(place) for place in ("left", "center", "right")]
        words += [f"{y} against {x}"] if x and y else [x, y]
        words += [line.get_label() for line in ax.lines if not line.get_label().startswith("_")]
        legend = [ax.get_legend()] * bool(ax.get_legend())
        words += [text.get_text() for own in legend for text in own.get_texts()]
        words += [text.get_text() for text in [*ax.get_yticklabels(), *ax.get_xticklabels(), *ax.texts]]
    words += [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    words += [text.get_text() for text in figure.texts if text.get_text() != figure.get_suptitle()]
    plain = (
        " ".join(re.sub(r"\\[a-z]*rm\b|\\mathdefault|\\operatorname|[\\${}]", " ", word).split()) for word in words
    )
    said = dict.fromkeys(word for word in plain if re.search(r"[^\W\d_]", word))
    return "Figure: " + ("; ".join(said) or "no words")


def pyplot() -> ModuleType:
    """Return matplotlib.pyplot with its backend loaded: if an rc_context loads it first, no later figure is shown.

    In a notebook, from here on each figure has an alternative text, which is `describe`'s.
    """
    import matplotlib.pyplot as plt
    from IPython import get_ipython

    if not plt.get_fignums():
        plt.switch_backend(plt.get_backend())
    if shell := get_ipython():
        _add_alternative_texts(shell.display_formatter.formatters["image/png"])
    return plt


def _add_alternative_texts(formatter: "PNGFormatter") -> None:
    from matplotlib.figure import Figure

    draw = formatter.type_printers.get(Figure)
    if draw is None or hasattr(draw, "describes"):  # no figures here, or done already
        return

    def draw_and_describe(figure: "Figure") -> tuple[str | bytes, dict[str, object]] | None:
        drawn = draw(figure)
        picture, metadata = drawn if isinstance(drawn, tuple) else (drawn, {})
        return picture and (picture, metadata | {"alt": describe(figure)})

    draw_and_describe.describes = True
    formatter.for_type(Figure, draw_and_describe)


def role_color(title: str, other: str = "#666666") -> str:
    """Return the colour of the role that a title names.

    Args:
        title: Such as "GAN, seed 1".
        other: The colour for a title that names none.

    Returns:
        A colour of `COLORS`, or the other.
    """
    words = title.lower().replace(",", " ").split()
    return next((color for role, color in COLORS.items() if role in words), other)


def plot_noise_schedule(
    schedule: NoiseSchedule | object, *more: NoiseSchedule | object, ax: "Axes | None" = None
) -> None:
    """Plot noise schedules: beta, alpha_bar and the log of the signal-to-noise ratio at each step.

    If the schedules differ in length, they are drawn against t / T instead of t.

    Args:
        schedule: A NoiseSchedule, a diffusers scheduler, or betas of shape (T,).
        *more: Other schedules to draw in the same panels.
        ax: Matplotlib axes to draw alpha_bar into, and nothing else; by default you get a new figure with all three.

    >>> plot_noise_schedule(NoiseSchedule.linear(), NoiseSchedule.cosine())
    """
    plt = pyplot()
    schedules = [_as_schedule(s) for s in (schedule, *more)]
    if ax is not None:  # the caller's axes have their own style
        _draw_alpha_bars(ax, schedules)
        if len(schedules) > 1:
            ax.legend()
        return
    with plt.rc_context(STYLE):
        figure, (left, middle, right) = plt.subplots(1, 3, figsize=(9, 3.7), layout="constrained")
        _draw(left, schedules, lambda s: s.betas)
        left.set(title="Noise added by each step", ylabel=r"$\beta_t$ (variance)")
        betas = torch.cat([s.betas for s in schedules])
        if betas.max() > 500 * betas.min():
            left.set_yscale("log")
        _draw_alpha_bars(middle, schedules)
        middle.set_title("Signal left in $x_t$")
        _draw_log_snr(right, schedules)
        handles, names = left.get_legend_handles_labels()
        rows = -(-len(names) // 4)
        figure.legend(handles, names, loc="outside lower center", ncols=-(-len(names) // rows))


def _as_schedule(schedule: object) -> NoiseSchedule:
    if isinstance(schedule, NoiseSchedule):
        return schedule
    if isinstance(schedule, (torch.Tensor, np.ndarray, list, tuple)):
        return NoiseSchedule(schedule, "betas")
    return NoiseSchedule.from_scheduler(schedule)


def _draw(ax: "Axes", schedules: Sequence[NoiseSchedule], values: Callable) -> None:
    for i, (s, t, color) in enumerate(_curves(schedules)):
        every = max(len(s) // 7, 1)
        where = slice(i * every // len(schedules), None, every)  # so that markers of two curves do not coincide
        look = {"color": color, "marker": MARKERS[i % len(MARKERS)], "markevery": where, "label": s.name}
        if not _one_T(schedules):
            look["label"] += f", T = {len(s)}"
        ax.plot(t, values(s).numpy(), **look)
    ax.set_xlabel(f"step $t$ (of $T$ = {len(s)})" if _one_T(schedules) else "$t / T$ (share of all steps)")


def _draw_alpha_bars(ax: "Axes", schedules: Sequence[NoiseSchedule]) -> None:
    _draw(ax, schedules, lambda s: s.alpha_bars)
    ax.set(ylabel=r"$\bar\alpha_t$ (share of the variance, 0 to 1)", ylim=(-0.03, 1.03))


def _draw_log_snr(ax: "Axes", schedules: Sequence[NoiseSchedule]) -> None:
    _draw(ax, schedules, lambda s: s.snr.log().masked_fill(s.snr == 0, torch.nan))
    ax.set(title="Signal-to-noise ratio of $x_t$", ylabel=r"$\ln\,\mathrm{SNR}$ (natural log)")
    ax.axhline(0, color="#666666", linewidth=1, linestyle="--", zorder=1)
    at = {"textcoords": "offset points", "ha": "right", "va": "bottom"}
    ax.annotate("noise = signal", (1, 0), (0, 3), xycoords=ax.get_yaxis_transform(), color="#444444", **at)
    at |= {"xycoords": ax.get_xaxis_transform(), "arrowprops": {"arrowstyle": "-|>"}}
    for s, t, color in _curves(schedules):
        if s.snr[-1] == 0:  # the curve leaves the panel at its foot
            ax.annotate("no signal\nleft: $-\\infty$", (t[-1], 0), (-30, 8), color=color, **at)


def _curves(schedules: Sequence[NoiseSchedule]) -> Iterator[tuple[NoiseSchedule, np.ndarray, str]]:
    """Each schedule with its x axis, steps 1 ... T, or 1 / T ... 1 if the schedules differ in T, and its colour."""
    for i, s in enumerate(schedules):
        yield s, np.arange(1, len(s) + 1) / (1 if _one_T(schedules) else len(s)), CYCLE[i % len(CYCLE)]


def _one_T(schedules: Sequence[NoiseSchedule]) -> bool:
    return len({len(s) for s in schedules}) == 1
