"""The pipeline's stages: with what goes through them in the scale model, and drawn to scale beside ModelScope's."""

import itertools
import math

from t2v_helpers.plots import COLORS
from t2v_helpers.toys import count_parameters
from tools.pictures import trace
from tools.pictures.sheet import GREY, LARGE, Sheet

NAMES = {"text_encoder": "text encoder", "unet": "UNet", "vae": "VAE"}
ROLES = {"text_encoder": "#666666", "unet": COLORS["diffusion"], "vae": "#666666"}
TOP, BELOW, FOOT = 112, 312, 872  # of the boxes, of what comes out of them, and where its shape is written


def by(shape):
    """A shape in words: (8, 16, 8, 8) is "8 × 16 × 8 × 8"."""
    return " × ".join(map(str, shape))


def pipeline():
    """From a prompt to frames: tokens and their vectors, latents on their way out of noise, and the frames decoded."""
    run, vae = trace.scale_model(), trace.tiny().vae
    decoder = count_parameters(vae.decoder) + count_parameters(vae.post_quant_conv)
    boxes = {  # left edge, heading, words below it
        "text_encoder": (24, "1 · text encoder", f"{run.weights['text_encoder']:,} weights"),
        "unet": (565, f"2 · UNet, in {len(run.walk)} steps", f"{run.weights['unet']:,} weights"),
        "vae": (1106, "3 · VAE decoder", f"{decoder:,} of {run.weights['vae']:,} weights"),
    }
    sheet, width = Sheet(960), 470
    for stage, (x, heading, words) in boxes.items():
        sheet.box(x, TOP, width, 140, ROLES[stage])
        sheet.text(x + width / 2, TOP + 46, heading, LARGE)
        sheet.text(x + width / 2, TOP + 96, words, color=GREY)
        sheet.arrow((x + width / 2, TOP + 146), (x + width / 2, BELOW - 12))
    for stage in ("unet", "vae"):
        sheet.arrow((boxes[stage][0] - 64, TOP + 70), (boxes[stage][0] - 7, TOP + 70))
    _tokens(sheet, run, 24, width)
    _latents(sheet, run, 565, width)
    _frames(sheet, run, 1106, width)


def _tokens(sheet, run, x, width):
    """The prompt, its tokens and the vector of each; of the end marks that fill up, the first."""
    ids, context = (values[0] for values in run.values["text_encoder"])
    words = [word.removesuffix("</w>") for word in trace.tiny().tokenizer.convert_ids_to_tokens(ids)]
    count, names = words.index("<|endoftext|>") + 1, {"<|startoftext|>": "start", "<|endoftext|>": "end"}
    sheet.text(x + width / 2, 40, f"“{trace.PROMPT}”", LARGE)
    sheet.arrow((x + width / 2, 64), (x + width / 2, TOP - 7))
    for i, (word, vector) in enumerate(zip(words[:count], context[:count], strict=True)):
        y = BELOW + i * 62
        sheet.text(x, y + 24, names.get(word, word), ha="left")
        sheet.text(x + 196, y + 24, f"{ids[i]}", color=GREY, ha="right")
        sheet.picture(x + width - 4 * len(vector), y, vector[None].repeat(12, 1).numpy(), 4)
    sheet.text(x, BELOW + count * 62 + 24, f"and “end” again, up to {len(words)}", color=GREY, ha="left")
    ids, context = run.shapes["text_encoder"]
    sheet.text(x + width / 2, FOOT, f"tokens {by(ids)},")
    sheet.text(x + width / 2, FOOT + 44, f"their vectors {by(context)}")


def _latents(sheet, run, x, width):
    """Latents of the first, a middle and the last frame, their first three channels as red, green and blue."""
    states, zoom = {t: x_t for t, x_t, *_ in run.walk} | {0: run.walk[-1][3]}, 13
    sheet.text(x + 176, 40, f"noise {by(run.shapes['unet'][0][1:])}")
    sheet.arrow((x + 176, 64), (x + 176, TOP - 7), COLORS["noise"])
    sheet.arrow((x + width - 34, TOP - 3), (x + width - 126, TOP - 3), COLORS["diffusion"], bend=1.0)
    for i, t in enumerate((1000, 300, 100, 0)):
        y = BELOW + i * (8 * zoom + 18)
        sheet.text(x, y + 4 * zoom, f"$t$ = {t}", ha="left")
        for j, frame in enumerate((0, 8, 15)):
            codes = states[t][frame, :3].movedim(0, -1)
            left = x + width - (3 - j) * (8 * zoom + 8) + 8
            sheet.picture(left, y, (codes / 8 + 0.5).clamp(0, 1).numpy(), zoom)
    sheet.text(x + width / 2, FOOT, f"latents {by(run.shapes['unet'][1][1:])},")
    sheet.text(x + width / 2, FOOT + 44, f"of frames 1, 9 and {len(run.frames)}")


def _frames(sheet, run, x, width):
    for i, frame in enumerate((0, 5, 10, 15)):
        left, y = x + (i % 2) * (width - 192), BELOW + (i // 2) * 252
        sheet.picture(left, y, run.frames[frame].numpy(), 3)
        sheet.text(left + 96, y + 216, f"frame {frame + 1}", color=GREY)
    sheet.text(x + width / 2, FOOT, f"frames {by(run.frames.shape)}")


def in_millions(count):
    return f"{count / 1e6:,.{1 if count < 1e7 else 0}f} million"


def beside_modelscope():
    """The scale model above ModelScope: squares in proportion to weights, frames to their pixels, shapes below each."""
    small, large = trace.scale_model(), trace.modelscope()
    columns = {"text_encoder": 400, "unet": 770, "vae": 1130}  # the middle of each
    sheet, frame_at, foot = Sheet(1030), 1434, 930
    pixels = 400 / large.weights["unet"] ** 0.5  # a side, for the root of a count
    for stage, x in columns.items():
        sheet.text(x, 40, NAMES[stage], LARGE)
        sheet.text(x, foot, f"{large.weights[stage] / small.weights[stage]:,.0f} ×", LARGE)
    sheet.text(frame_at, 40, "a frame", LARGE)
    sheet.text(24, foot, "larger by", LARGE, ha="left")
    for name, run, y, below in (("scale model", small, 140, 212), ("ModelScope", large, 540, 776)):
        sheet.text(24, y, name, LARGE, ha="left")
        sheet.text(24, below, "weights", ha="left")
        sheet.text(24, below + 44, "gives", color=GREY, ha="left")
        sides = {stage: pixels * count**0.5 for stage, count in run.weights.items()}
        for stage, x in columns.items():
            sheet.rectangle(x, y, sides[stage], sides[stage], facecolor=ROLES[stage], linewidth=0)
            sheet.text(x, below, in_millions(run.weights[stage]))
            given = run.shapes[stage][1]
            sheet.text(x, below + 44, by(given if stage == "vae" else given[1:]), color=GREY)
        count, _, height, width = run.shapes["vae"][1]
        if run.frames is None:
            sheet.rectangle(frame_at, y, width, height, facecolor="#d9d9d9", edgecolor=COLORS["data"], linewidth=1.5)
            sheet.text(frame_at, y, "yours to make,\non a GPU")
        else:
            sheet.picture(frame_at - width / 2, y - height / 2, run.frames[count // 2].numpy(), 1)
        sheet.text(frame_at, below, f"{width} × {height} pixels")
        sheet.text(frame_at, below + 44, f"{count} of them", color=GREY)
        stops = [(x, sides[stage] / 2) for stage, x in columns.items()] + [(frame_at, width / 2)]
        for (left, half), (right, other) in itertools.pairwise(stops):
            sheet.arrow((left + half + 10, y), (right - other - 10, y))
    area = math.prod(large.shapes["vae"][1][2:]) / math.prod(small.shapes["vae"][1][2:])
    sheet.text(frame_at, foot, f"{area:,.0f} ×", LARGE)
    counts = [sum(run.weights.values()) for run in (small, large)]
    words = " weights beside ".join(map(in_millions, counts))
    words = f"in all {words}: {counts[1] / counts[0]:,.0f} times as many"
    sheet.text(24, foot + 64, words, ha="left")
