"""Notebook 04: by diffusers' tables, by straight lines, by a fit, by the sampler itself."""

import math

import numpy as np
import torch
from diffusers import DDPMScheduler, DPMSolverMultistepScheduler

from t2v_helpers import NoiseSchedule, diffusion

from . import Line

T = 50
u = torch.linspace(0, 1, T, dtype=torch.float64)


def theirs(name, start, end):
    return DDPMScheduler(T, beta_start=start, beta_end=end, beta_schedule=name).betas.double()


f = torch.tensor([math.cos((t / T + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(T)]).double()
cosine = DDPMScheduler(T, beta_schedule="squaredcos_cap_v2").alphas_cumprod[: T - 1].double()  # its last beta is capped

sigma = torch.tensor(0.7).double()
schedule = NoiseSchedule([0.1, 0.25, 0.4])
ab = schedule.alpha_bars
solver = DPMSolverMultistepScheduler(3, trained_betas=schedule.betas.tolist())
signal, noise = ab.sqrt(), (1 - ab).sqrt()
lam = (signal / noise).log()
D, x = torch.tensor([0.4]).double(), torch.tensor([-1.3]).double()
eps = (x - signal[2] * D) / noise[2]  # the noise in x, if D is right

modelscope = NoiseSchedule.scaled_linear(1000)
flat = diffusion.exact_denoiser(torch.zeros(1, 1), modelscope, 32.0)
*_, (_, one, _) = diffusion.ddim_sample(flat, torch.ones(1, 1).double(), modelscope, steps=1000, predicts="x0")

counts, errors = [16, 32], torch.tensor([0.3, 0.05]).double()

LINES = [
    Line("4.1", {"u": u}, theirs("linear", 1e-4, 0.02), rtol=1e-5),
    Line("4.2", {"u": u}, theirs("scaled_linear", 0.00085, 0.012), rtol=1e-5),
    Line("4.3", {"f": f}, cosine, rtol=1e-4),
    Line("4.4", {"u": u, "torch": torch}, theirs("sigmoid", 1e-4, 0.02), rtol=1e-5),
    Line("4.5", {"sigma": sigma}, (2 * ((1 - sigma) / sigma).log()).sigmoid()),
    Line("4.6", {"schedule": schedule}, solver.lambda_t.double(), rtol=1e-5),
    # x0_hat, if it goes with lambda in a straight line, halfway between t and s
    Line("4.7", {"r": 0.8, "x0_hat": 1 + 2 * 0.3, "D_before": 1 + 2 * (0.3 - 0.8 * 0.5)}, 1 + 2 * (0.3 + 0.5 / 2)),
    Line(
        "4.8",
        {"noise": noise, "signal": signal, "s": 2, "t": 3, "x": x, "h": lam[1] - lam[2], "D": D},
        signal[1] * D + noise[1] * eps,
    ),
    Line(
        "4.9",
        {"error": {"x": errors}, "counts": counts, "math": math},
        {"x": torch.tensor(-np.polyfit(np.log(counts), errors.log().numpy(), 1)[0])},
    ),
    Line("4.10", {"math": math}, one.item() / 32, rtol=0.02, call=(modelscope.alpha_bars[-1], 32.0)),
]
