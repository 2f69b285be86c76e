"""Draw the pictures of assets/figures with the project's own code: make figures."""

import pathlib

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

matplotlib.use("Agg")

from t2v_helpers import (
    NoiseSchedule,
    generate,
    load_pipeline,
    plots,
    plots_gan,
    plots_reverse,
    q_sample,
    save_video,
    toys,
)
from t2v_helpers.diffusion import exact_denoiser
from t2v_helpers.samplers import ddpm_sample
from t2v_helpers.shapes import render

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "assets" / "figures"
PROMPTS = (
    "a red circle moving left",
    "a yellow triangle growing",
    "a cyan square falling",
    "a purple disc, moves up",
    "a green box is shrinking",
    "sliding to the right, a blue triangle",
)


def labelled(frames, text, zoom=3, foot=26):
    """Frames with their prompt under them, every pixel drawn as a square: uint8 (F, H, W, 3)."""
    pictures = []
    for frame in (frames * 255).round().astype(np.uint8).repeat(zoom, 1).repeat(zoom, 2):
        picture = Image.new("RGB", (frame.shape[1] + 8, frame.shape[0] + foot + 4), "#F4F4F4")
        picture.paste(Image.fromarray(frame), (4, 4))
        middle = (picture.width / 2, picture.height - foot / 2)
        ImageDraw.Draw(picture).text(middle, text, "#222222", ImageFont.load_default(12), anchor="mm")
        pictures.append(np.asarray(picture))
    return np.stack(pictures)


def prompts_figure():
    """README's moving picture: what the scale model makes of six prompts."""
    pipeline = load_pipeline("tiny")
    cells = [labelled(generate(prompt, pipeline, seed=seed), prompt) for seed, prompt in enumerate(PROMPTS)]
    rows = [np.concatenate(cells[i : i + 3], axis=2) for i in (0, 3)]
    save_video(np.concatenate(rows, axis=1), FOLDER / "prompts.webp", fps=8)


def forward_chain():
    """A frame of a clip on its way to noise."""
    generator, schedule = torch.Generator().manual_seed(0), NoiseSchedule.linear()
    x0 = torch.from_numpy(render("a red circle moving left", 3)[8]) * 2 - 1
    eps = torch.randn(x0.shape, generator=generator)
    times = (0, 50, 100, 200, 400, 1000)
    frames = [(q_sample(x0[None], t, schedule, eps[None])[0] if t else x0) / 2 + 0.5 for t in times]
    plots.images([frame.clamp(0, 1) for frame in frames], titles=[f"$x_{{{t}}}$" for t in times])


def reverse_chain():
    """Points on their way back from noise, with the exact denoiser of eight clusters."""
    generator, schedule = torch.Generator().manual_seed(0), NoiseSchedule.linear()
    centres = 2**0.5 * toys.ring_centers()
    denoise = exact_denoiser(centres, schedule, 2**0.5 * toys.RING_STD)
    walk = list(ddpm_sample(denoise, torch.randn(800, 2, generator=generator), schedule, generator, predicts="x0"))
    plots_reverse.chain(walk, [1000, 500, 200, 100, 50, 0], centres)


FIGURES = {
    "gan": plots_gan.gan_diagram,
    "gan_beside_diffusion": plots_gan.gan_beside_diffusion,
    "forward_chain": forward_chain,
    "reverse_chain": reverse_chain,
}


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    prompts_figure()
    for name, draw in FIGURES.items():
        draw()
        plots.pyplot().savefig(FOLDER / f"{name}.png", dpi=110)
        plots.pyplot().close("all")
    for path in sorted(FOLDER.iterdir()):
        print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
