"""Checkers of notebook 07."""

import torch

from . import ANYTHING, exercise, first_mistake


@exercise("7.1")
def _guide(attempt):
    empty, text = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    mistakes = {
        "it leans away from the prompt: v_empty and v_text are swapped": text + 4 * (empty - text),
        "that is w + 1 in this course's convention: start from v_empty, not from v_text": text + 4 * (text - empty),
        "the prompt's part is the difference v_text - v_empty": empty + 4 * text,
        "w = 0 has to give v_empty and w = 1 to give v_text": ANYTHING,
    }
    first_mistake(attempt(empty, text, 4.0), empty + 4 * (text - empty), mistakes)


@exercise("7.2")
def _x0_from_v(attempt):
    x0, eps = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    for a in (torch.tensor(0.3), torch.tensor(0.0)):
        x, v = a.sqrt() * x0 + (1 - a).sqrt() * eps, a.sqrt() * eps - (1 - a).sqrt() * x0
        mistakes = {
            "the square roots are missing: alpha_bar is a share of variance": a * x - (1 - a) * v,
            "the sign: v is subtracted": a.sqrt() * x + (1 - a).sqrt() * v,
            "that is the noise (7.5), not the clean latents (7.3)": eps,
            f"wrong at alpha_bar = {a:g}": ANYTHING,
        }
        first_mistake(attempt(x, v, a), x0, mistakes)


@exercise("7.3")
def _latent_shape(attempt):
    got = attempt(16, 64, 48)
    mistakes = {
        "latents have 4 channels, frames have 3": (3, 16, 8, 6),
        "channels come before frames in the UNet": (16, 4, 8, 6),
        "time is not made shorter: as many latent frames as frames": (4, 2, 8, 6),
        "rows (height) come before columns (width)": (4, 16, 6, 8),
        f"16 frames of 64 rows and 48 columns give (4, 16, 8, 6), got {got}": ANYTHING,
    }
    first_mistake(got, (4, 16, 8, 6), mistakes)
    if not all(isinstance(number, int) for number in got):
        raise AssertionError("whole numbers, please: // divides without a rest")
