"""Both chains of diffusion on one clip of the scale model, into noise and back, and one clip sampled in two ways."""

import re

import torch

from t2v_helpers import NoiseSchedule, q_sample
from t2v_helpers.plots import COLORS
from tools import course
from tools.pictures import trace
from tools.pictures.sheet import GREY, LARGE, WIDTH, Sheet

TIMES = (0, 100, 300, 500, 700, 1000)  # shown by the forward chain, and from the last to the first by the reverse one
ENDS = (0, -1)  # which frames of the clip
ZOOM, LEFT, GAP = 3, 330, 14
# In the cells of notebook 10 that sample a clip twice.
TWICE = r"from t2v_helpers\.flow import|\Apipeline, prompt =|def guided_v|\Asteps =|\Afor i, step in"


def forward_chain():
    """Above x_t of the clip's pixels, below the part of it that is left of x_0, by the scale model's schedule."""
    x0 = trace.scale_model().frames * 2 - 1
    schedule = NoiseSchedule.from_scheduler(trace.tiny().scheduler)
    eps = torch.randn(x0.shape, generator=torch.Generator().manual_seed(0))
    alpha_bars = [schedule.alpha_bars[t - 1].item() if t else 1.0 for t in TIMES]
    noisy = [q_sample(x0[None], t, schedule, eps[None])[0] if t else x0 for t in TIMES]
    left = [alpha_bar**0.5 * x0 for alpha_bar in alpha_bars]
    rows = {
        ("$x_t$", "the clip and\nnoise, mixed", "noise"): [(x / 2 + 0.5).clamp(0, 1) for x in noisy],
        (r"$\sqrt{\bar\alpha_t}\,x_0$", "what is left\nof the clip", "diffusion"): [x / 2 + 0.5 for x in left],
    }
    notes = [rf"$\bar\alpha_t$ = {alpha_bar:.3f}" for alpha_bar in alpha_bars]
    _chain(TIMES, rows, notes, "forward: noise is added, by the scale model's schedule", "noise")


def reverse_chain():
    """Above the latents x_t that the loop holds, below the clip that the UNet takes them for; both decoded."""
    walk = trace.scale_model().walk
    states = {t: (x_t, x0_hat) for t, x_t, x0_hat, _ in walk} | {0: (walk[-1][3], walk[-1][3])}
    held, guessed = ([trace.decode(states[t][i]) for t in reversed(TIMES)] for i in (0, 1))
    rows = {
        ("$x_t$", "what the loop\nholds, decoded", "noise"): held,
        (r"$\hat x_0$", "what the UNet\ntakes it for", "diffusion"): guessed,
    }
    steps = [sum(t > end for t, *_ in walk) for end in reversed(TIMES)]
    notes = [f"after {done} steps" if done else "at the start" for done in steps]
    _chain(TIMES[::-1], rows, notes, f"reverse: noise is taken away, in {len(walk)} steps", "diffusion")


def one_clip_twice():
    """Above a clip sampled by DDIM, below as a flow, from the same noise: notebook 10's own cells are run."""
    names = {}
    for cell in course.cells(course.NOTEBOOKS[10], "code"):
        if re.search(TWICE, cell.source):
            exec(cell.source, names)
    side, sheet = 136, Sheet(376)
    rows = {"as diffusion,\nby DDIM": names["by_ddim"], "as a flow,\nby Euler's method": names["y"]}
    for row, (way, latents) in enumerate(rows.items()):
        y, clip = 64 + row * (side + GAP), trace.decode(latents[0].movedim(0, 1))
        sheet.text(24, y + side / 2 - 18, f"sampled {way}", ha="left")
        for i in range(8):
            x = LEFT + 70 + i * (side + GAP)
            sheet.picture(x, y, clip[2 * i].numpy(), side / 64)
            if row == 0:
                sheet.text(x + side / 2, 34, f"frame {2 * i + 1}", color=GREY)


def _chain(times, rows, notes, way, role):
    """Clips over t: rows, a dict of (symbol, words, role) to a clip (F, H, W, 3) for each of the times."""
    side = ZOOM * next(iter(rows.values()))[0].shape[1]
    top, block = 118, len(ENDS) * (side + GAP) + 26
    sheet = Sheet(top + len(rows) * block + 46)
    grey = {"color": GREY, "ha": "right"}
    columns = [LEFT + i * (side + GAP) for i in range(len(times))]
    title = sheet.text(24, 36, way, LARGE, ha="left")
    sheet.arrow((title.get_window_extent().x1 + 24, 36), (WIDTH - 30, 36), COLORS[role])
    for x, t, note in zip(columns, times, notes, strict=True):
        sheet.text(x + side / 2, 84, f"$t$ = {t}", LARGE)
        sheet.text(x + side / 2, top + len(rows) * block + 4, note, color=GREY)
    for i, ((symbol, words, color), clips) in enumerate(rows.items()):
        y = top + i * block
        sheet.text(24, y + side - 56, symbol, 17, COLORS[color], ha="left")
        sheet.text(24, y + side + 24, words, ha="left")
        for row, frame in enumerate(ENDS):
            above = y + row * (side + GAP)
            sheet.text(LEFT - 14, above + (side - 22 if row else 22), f"frame {frame % len(clips[0]) + 1}", **grey)
            for x, clip in zip(columns, clips, strict=True):
                sheet.picture(x, above, clip[frame].numpy(), ZOOM)
