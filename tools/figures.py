"""Draw the pictures of assets/figures with the project's own code: make figures."""

import pathlib

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from t2v_helpers import generate, load_pipeline, save_video

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


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    prompts_figure()
    for path in sorted(FOLDER.iterdir()):
        print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
