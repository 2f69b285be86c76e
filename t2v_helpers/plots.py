"""Every figure of the course, in one style: a solid white ground, and one colour for one role throughout.

A figure is drawn when the cell ends, and the functions return None, so that a notebook prints nothing beside it.
"""

import numpy as np
import torch

from .schedules import NoiseSchedule

# Okabe & Ito's palette, and a brown. These stay apart for every kind of colour blindness, and stand out against white.
COLORS = {
    "data": "#000000",
    "noise": "#CC79A7",
    "gan": "#D55E00",  # and its generator
    "discriminator": "#5D4037",
    "diffusion": "#0072B2",
}
CYCLE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00")  # for curves without a role
MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # goes with the colour, so that nothing hangs on colour alone
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


def pyplot():
    """matplotlib.pyplot with its backend loaded; loaded first within an rc_context, it would show no later figure."""
    import matplotlib.pyplot as plt

    if not plt.get_fignums():
        plt.switch_backend(plt.get_backend())
    return plt


def use_style():
    """Draw all that follows in the style of the course: what a notebook calls once, after its imports."""
    pyplot().rcParams.update(STYLE)


def _as_schedule(schedule):
    if isinstance(schedule, NoiseSchedule):
        return schedule
    if isinstance(schedule, (torch.Tensor, np.ndarray, list, tuple)):
        return NoiseSchedule(schedule, "betas")
    return NoiseSchedule.from_scheduler(schedule)


def plot_noise_schedule(schedule, *more, ax=None):
    """Draw noise schedules: beta, alpha_bar with its root, and the log of the signal-to-noise ratio, step by step.

    schedule, more: each a NoiseSchedule, a diffusers scheduler, or a tensor of betas (T,). Schedules of one T are drawn
    against the step t, those of different T against t / T.
    ax: matplotlib axes to draw alpha_bar into, and nothing else; left out, a figure of all three is made.
    Returns None. Raises ValueError for what is no schedule.

    >>> plot_noise_schedule(NoiseSchedule.linear(), NoiseSchedule.cosine())
    """
    plt = pyplot()

    schedules = [_as_schedule(s) for s in (schedule, *more)]
    if ax is not None:  # which has its own style
        _draw(ax, schedules, lambda s: s.alpha_bars)
        _label_alpha_bar(ax)
        if len(schedules) > 1:
            ax.legend()
        return
    dotted = {"linewidth": 1.2, "linestyle": (0, (2, 1.5)), "marker": ""}
    with plt.rc_context(STYLE):
        figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained")
        _draw(left, schedules, lambda s: s.betas)
        left.set(title=r"Noise added by each step, $\beta_t$", ylabel=r"$\beta_t$ (variance)")
        betas = torch.cat([s.betas for s in schedules])
        if betas.max() > 500 * betas.min():
            left.set_yscale("log")
        _draw(middle, schedules, lambda s: s.alpha_bars)
        _draw(middle, schedules, lambda s: s.alpha_bars.sqrt(), **dotted)
        middle.set_title(r"Signal left in $x_t$, $\bar\alpha_t$")
        _label_alpha_bar(middle)
        lines = plt.Line2D([], [], color="#444444"), plt.Line2D([], [], color="#444444", **dotted)
        middle.legend(lines, [r"$\bar\alpha_t$ (variance)", r"$\sqrt{\bar\alpha_t}$ (amplitude)"], loc="upper right")
        _draw_log_snr(right, schedules)
        handles, names = left.get_legend_handles_labels()
        rows = -(-len(names) // 4)
        figure.legend(handles, names, loc="outside lower center", ncols=-(-len(names) // rows))


def _draw(ax, schedules, values, **style):
    for i, (s, t, color) in enumerate(_curves(schedules)):
        every = max(len(s) // 7, 1)
        where = slice(i * every // len(schedules), None, every)  # not on top of one another
        look = {"color": color, "marker": MARKERS[i % len(MARKERS)], "markevery": where, "label": s.name} | style
        if not _one_T(schedules):
            look["label"] += f", T = {len(s)}"
        ax.plot(t, values(s).numpy(), **look)
    ax.set_xlabel(f"step $t$ (of $T$ = {len(s)})" if _one_T(schedules) else "$t / T$ (share of all steps)")


def _one_T(schedules):
    return len({len(s) for s in schedules}) == 1


def _curves(schedules):
    """Each schedule with its steps 1 ... T, or 1 / T ... 1 where the schedules differ in T, and its colour."""
    for i, s in enumerate(schedules):
        yield s, np.arange(1, len(s) + 1) / (1 if _one_T(schedules) else len(s)), CYCLE[i % len(CYCLE)]


def _label_alpha_bar(ax):
    ax.set(ylabel="share of $x_t$ that is $x_0$ (0 to 1)", ylim=(-0.03, 1.03))


def _draw_log_snr(ax, schedules):
    from matplotlib.lines import Line2D

    _draw(ax, schedules, lambda s: s.snr.log().masked_fill(s.snr == 0, torch.nan))
    ax.set(title="Signal-to-noise ratio of $x_t$", ylabel=r"$\ln\,\mathrm{SNR}$ (natural log)")
    key = [ax.axhline(0, color="#666666", linewidth=1, linestyle="--", zorder=1, label="as much noise as signal")]
    arrow = {"marker": "v", "markersize": 9, "linestyle": ""}  # at the foot of the panel, where the curve leaves it
    for s, t, color in _curves(schedules):
        if s.snr[-1] == 0:
            ax.plot(t[-1], 0.0, color=color, transform=ax.get_xaxis_transform(), clip_on=False, **arrow)
            key[1:] = [Line2D([], [], color="#666666", label=r"no signal left: $-\infty$", **arrow)]
    ax.legend(handles=key, loc="upper right")


def role_color(title):
    """The colour of the role that a title names: "GAN, seed 1" is drawn in the GAN's, a control in grey."""
    words = title.lower().replace(",", " ").split()
    return next((color for role, color in COLORS.items() if role in words), "#666666")
