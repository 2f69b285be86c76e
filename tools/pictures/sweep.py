"""What steps and guidance do to the scale model's clips, as `python -m t2v_helpers.evaluate --sweep` measured it."""

import json

import numpy as np

from t2v_helpers import ASSETS, plots
from tools.pictures import sheet

FILE = ASSETS / "tiny-t2v" / "sweep.json"
PANELS = {  # title => name of a measure => its line's label
    "share": {
        "one thing: all right": "one thing, right",
        "two things: all right": "two things, right",
        "two things: misbound": "two things, misbound",
    },
    "outline IoU": {"outline IoU": ""},
    "two seeds' overlap": {"overlap of two seeds": ""},
    "Fréchet distance": {"Fréchet distance": ""},
}


def steps_and_guidance() -> None:
    """Draw each measure with its standard errors against steps, above, and guidance, below."""
    stored = json.loads(FILE.read_text())
    settings, panels = stored["settings"], stored["panels"]
    size, columns = (sheet.WIDTH / sheet.DPI, 8.4), {"steps": "denoising steps", "guidance": "guidance scale"}
    look = {"marker": "o", "markersize": 4, "linewidth": 1.4, "capsize": 2}
    plt = plots.pyplot()
    with plt.rc_context({"font.size": sheet.SMALL, "xtick.labelsize": sheet.SMALL, "ytick.labelsize": sheet.SMALL}):
        figure, axes = plt.subplots(len(PANELS), 2, figsize=size, layout="constrained", sharex="col", sharey="row")
        for row, (title, lines) in zip(axes, PANELS.items(), strict=True):
            for ax, what in zip(row, columns, strict=True):
                for (name, label), color in zip(lines.items(), plots.CYCLE, strict=False):
                    points = [(float(at), *number[:2]) for at, number in panels[name][what].items()]
                    x, y, error = np.array(points).T
                    ax.errorbar(x, y, error, color=color, label=label, **look)
                    if not label:
                        ax.axhline(panels[name]["rendered"][""][0], color=sheet.GREY, linestyle="--", linewidth=1)
                ax.set_xticks(x, [f"{at:g}" for at in x])
                ax.axvline(settings[what], color=sheet.GREY, linestyle=":", linewidth=1)
            row[0].set_ylabel(title, fontsize=sheet.SMALL)
        for ax, label in zip(axes[-1], columns.values(), strict=True):
            ax.set_xlabel(label, fontsize=sheet.SMALL)
        lines, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(lines, labels, loc="outside upper center", ncols=3, fontsize=sheet.SMALL)
