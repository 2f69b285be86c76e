"""What steps and guidance do to the scale model's clips, as `python -m t2v_helpers.evaluate --sweep` measured it."""

import json

import numpy as np

from t2v_helpers import ASSETS, plots
from tools.pictures import sheet

FILE = ASSETS / "tiny-t2v" / "sweep.json"
PANELS = {  # title => name of a measure => its line's label
    "share": {
        "one thing: all right": "one thing,\nall right",
        "two things: all right": "two things,\nall right",
        "two things: misbound": "two things,\nmisbound",
    },
    "share, two things": {"two things: color": "colour", "two things: shape": "shape", "two things: motion": "motion"},
    "outline IoU": {"outline IoU": ""},
    "jerk (px/frame³)": {"jerk, straight (px/frame³)": ""},
    "two seeds' overlap": {"overlap of two seeds": ""},
    "Fréchet distance": {"Fréchet distance": ""},
}


def steps_and_guidance() -> None:
    """Draw each measure with its standard errors against steps, on the left, and guidance, on the right."""
    stored = json.loads(FILE.read_text())
    settings, panels = stored["settings"], stored["panels"]
    size, columns = (sheet.WIDTH / sheet.DPI, 10.5), {"steps": "denoising steps", "guidance": "guidance scale"}
    look = {"marker": "o", "markersize": 4, "linewidth": 1.4, "capsize": 2}
    labels = [label for lines in PANELS.values() for label in lines.values() if label]
    colors = dict(zip(labels, plots.CYCLE[:4] + plots.CYCLE[5:], strict=True))  # all but black, for the other rows
    plt = plots.pyplot()
    with plt.rc_context({"font.size": sheet.SMALL, "xtick.labelsize": sheet.SMALL, "ytick.labelsize": sheet.SMALL}):
        _, axes = plt.subplots(len(PANELS), 2, figsize=size, layout="constrained", sharex="col", sharey="row")
        for row, (title, lines) in zip(axes, PANELS.items(), strict=True):
            for ax, what in zip(row, columns, strict=True):
                for name, label in lines.items():
                    points = [(float(at), *number[:2]) for at, number in panels[name][what].items()]
                    x, y, error = np.array(points).T
                    bounds = np.stack([error, np.minimum(error, 1 - y) if "share" in title else error])
                    ax.errorbar(x, y, bounds, color=colors.get(label, "black"), label=label, **look)
                    if not label:
                        ax.axhline(panels[name]["rendered"][""][0], color=sheet.GREY, linestyle="--", linewidth=1)
                ax.set_xticks(x, [f"{at:g}" for at in x])
                ax.axvline(settings[what], color=sheet.GREY, linestyle=":", linewidth=1)
            if not all(lines.values()):
                place = (1, panels[name]["rendered"][""][0]), (4, 0), row[1].get_yaxis_transform(), "offset points"
                row[1].annotate("rendered", *place, color=sheet.GREY, va="center")
            row[0].set_ylabel(title, fontsize=sheet.SMALL)
            if len(lines) > 1:
                row[1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=sheet.SMALL)
        for ax, what in zip(axes[0], columns, strict=True):
            ax.set_title(f"dotted: the default, {settings[what]:g}", fontsize=sheet.SMALL, color=sheet.GREY)
        for ax, label in zip(axes[-1], columns.values(), strict=True):
            ax.set_xlabel(label, fontsize=sheet.SMALL)
