"""Notebook 07: by diffusers' schedulers, and by turning (x_t, v) back into (x_0, eps)."""

import torch
from diffusers import DDIMScheduler

from t2v_helpers import NoiseSchedule

from . import Line
from .ch02 import betas, eps, noised, x0
from .ch03 import velocity, x_t

ab = NoiseSchedule(betas).alpha_bars
a = ab[1]
signal, sigma = a.sqrt(), (1 - a).sqrt()
turn = torch.tensor([[signal, sigma], [-sigma, signal]]).double()  # (x_t, v) = turn (x0, eps)
seen = torch.linalg.solve(turn, torch.stack([x_t, velocity]).flatten(1)).reshape(2, *x0.shape)


def stepped(said, prediction_type):
    """What diffusers' DDIM makes of x_t at t = 1 (of 0, 1, 2): x0_hat and x_s."""
    settings = {"clip_sample": False, "prediction_type": prediction_type}
    library = DDIMScheduler(3, trained_betas=betas.tolist(), **settings)
    library.alphas_cumprod = ab.clone()
    library.set_timesteps(3)
    step = library.step(said, 1, x_t)
    return step.pred_original_sample, step.prev_sample


level = {"signal": signal, "sigma": sigma, "x": x_t}
LINES = [
    Line("7.1", {"alpha_bar": a, "x0": x0, "eps": eps}, noised(x0, eps, 2)),
    Line("7.2", {"alpha_bar": a, "x0": x0, "eps": eps}, velocity),
    Line("7.3", {**level, "output": velocity}, seen[0]),
    Line("7.4", {**level, "output": velocity}, seen[1]),
    Line("7.5", {**level, "eps_hat": eps}, stepped(eps, "epsilon")[0]),
    Line("7.6", {"u_empty": eps, "u_text": x0, "GUIDANCE": 2.0}, 2 * x0 - eps),
    Line("7.7", {"left": ab[0], "x0_hat": seen[0], "eps_hat": seen[1]}, stepped(velocity, "v_prediction")[1]),
]
