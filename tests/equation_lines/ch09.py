"""Notebook 09: a clip's operations, and video to video as diffusers' own class and scheduler begin it."""

import torch
from diffusers import DDIMScheduler, VideoToVideoSDPipeline

from t2v_helpers import NoiseSchedule, q_sample

from . import Line, named
from .ch02 import betas, eps, x0

library = DDIMScheduler(3, trained_betas=betas.tolist(), clip_sample=False)
library.set_timesteps(3)
times = torch.arange(24, -1, -1)
pipe = named(scheduler=named(timesteps=times, order=1))
_, made = VideoToVideoSDPipeline.get_timesteps(pipe, 25, 0.3, "cpu")  # 0.3 of 25 is 7.5

LINES = [
    Line("9.1", {"counts": named(step=3.0, once=5.0)}, {25: 80.0, 50: 155.0}),
    Line("9.2", {"times": times, "strength": 0.3}, 25 - made),
    Line(
        "9.3",
        {
            "times": library.timesteps,
            "k": 1,
            "schedule": NoiseSchedule(betas),
            "q_sample": q_sample,
            "x0": x0,
            "eps": eps,
        },
        library.add_noise(x0, eps, library.timesteps[1:2]),
        rtol=1e-5,
    ),
]
