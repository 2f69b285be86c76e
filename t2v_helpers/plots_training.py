"""Figures of training: loss and adherence as they come, live or afterwards, and what a step costs."""

import html
import io

import ipywidgets
from matplotlib import rc_context
from matplotlib.figure import Figure

from .plots import CYCLE, MARKERS, STYLE, pyplot

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
