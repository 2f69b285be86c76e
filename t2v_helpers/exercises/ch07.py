"""Checkers of notebook 07."""

import numpy as np
import torch

from . import exercise, is_close


@exercise("7.1")
def _guide(attempt):
    generator = torch.Generator().manual_seed(0)
    empty, text = torch.randn(2, 3, 4, generator=generator)
    got = attempt(empty, text, 4.0)
    if got is not None and np.shape(got) == (3, 4):
        if is_close(got, text + 4 * (empty - text)):
            raise AssertionError("it leans away from the prompt: v_empty and v_text are swapped")
        if is_close(got, text + 4 * (text - empty)):
            raise AssertionError("that is w + 1 in this course's convention: start from v_empty, not from v_text")
        if is_close(got, empty + 4 * text):
            raise AssertionError("the prompt's part is the difference v_text - v_empty")
    if not is_close(got, empty + 4 * (text - empty)):
        raise AssertionError("w = 0 has to give v_empty and w = 1 to give v_text")


@exercise("7.2")
def _x0_from_v(attempt):
    generator = torch.Generator().manual_seed(0)
    x0, eps = torch.randn(2, 3, 4, generator=generator)
    for alpha_bar in (torch.tensor(0.3), torch.tensor(0.0)):
        x = alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * eps
        v = alpha_bar.sqrt() * eps - (1 - alpha_bar).sqrt() * x0
        got = attempt(x, v, alpha_bar)
        if got is not None and np.shape(got) == (3, 4) and alpha_bar > 0:
            if is_close(got, alpha_bar * x - (1 - alpha_bar) * v):
                raise AssertionError("the square roots are missing: alpha_bar is a share of variance")
            if is_close(got, alpha_bar.sqrt() * x + (1 - alpha_bar).sqrt() * v):
                raise AssertionError("the sign: v is subtracted")
            if is_close(got, eps):
                raise AssertionError("that is the noise (7.5), not the clean latents (7.3)")
        if not is_close(got, x0):
            raise AssertionError(f"wrong at alpha_bar = {alpha_bar:g}")


@exercise("7.3")
def _latent_shape(attempt):
    got = attempt(16, 64, 48)
    if got is None:
        raise AssertionError("it returns None: is the return missing?")
    got = tuple(got)
    if got == (3, 16, 8, 6):
        raise AssertionError("latents have 4 channels, frames have 3")
    if got == (16, 4, 8, 6):
        raise AssertionError("channels come before frames in the UNet")
    if got == (4, 2, 8, 6):
        raise AssertionError("time is not made shorter: as many latent frames as frames")
    if got == (4, 16, 6, 8):
        raise AssertionError("rows (height) come before columns (width)")
    if got != (4, 16, 8, 6):
        raise AssertionError(f"16 frames of 64 rows and 48 columns give (4, 16, 8, 6), got {got}")
    if not all(isinstance(number, int) for number in got):
        raise AssertionError("whole numbers, please: // divides without a rest")
