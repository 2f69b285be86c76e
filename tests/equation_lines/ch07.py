"""Notebook 07: by diffusers' schedulers, and by turning (x_t, v) back into (x_0, eps)."""

import torch
from diffusers import DDIMScheduler

from t2v_helpers import NoiseSchedule, q_sample

from . import Line
from .ch02 import betas, eps, noised, x0
from .ch03 import velocity, x_t

ab = NoiseSchedule(betas).alpha_bars
a = ab[1]
turn = torch.tensor([[a.sqrt(), (1 - a).sqrt()], [-(1 - a).sqrt(), a.sqrt()]]).double()  # (x_t, v) = turn (x0, eps)
seen = torch.linalg.solve(turn, torch.stack([x_t, velocity]).flatten(1)).reshape(2, *x0.shape)

library = DDIMScheduler(3, trained_betas=betas.tolist(), clip_sample=False, prediction_type="v_prediction")
library.alphas_cumprod = ab.clone()
library.set_timesteps(3)
stepped = library.step(velocity, 1, x_t)
step = {"call": (x_t, velocity, a, ab[0])}
found = (stepped.prev_sample, stepped.pred_original_sample)

LINES = [
    Line(
        "7.1",
        {"q_sample": q_sample, "x0": x0, "eps": eps, "steps": [1, 3], "schedule": NoiseSchedule(betas)},
        [noised(x0, eps, 1), noised(x0, eps, 3)],
        wrong=("t, schedule", "1, schedule"),
    ),
    Line("7.2", {"a": a, "eps": eps, "x0": x0}, velocity),
    Line("7.3", {"a": a, "noisy": [0, 0, x_t], "v_true": velocity}, seen[0]),
    Line("7.3", {"alpha_bar_T": a, "x": x_t, "v": velocity}, seen[0]),
    Line("7.3", {}, found, **step),
    Line("7.4", {"v_empty": eps, "v_text": x0, "GUIDANCE": 2.0}, 2 * x0 - eps),
    Line("7.5", {"alpha_bar": a, "x": x_t, "v": velocity}, seen[1]),
    Line("7.6", {}, found, **step),
]
