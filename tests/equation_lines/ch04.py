"""Notebook 04: by diffusers' tables, by straight lines, by a fit, by differences, by the sampler on Gaussians."""

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


f = torch.tensor([math.cos((t / T + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(T + 1)]).double()
cosine = DDPMScheduler(T, beta_schedule="squaredcos_cap_v2").betas.double()

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

# One cluster of width c: everything is Gaussian, and the curve is x = constant * spread.
c = 0.4
spread, lone = (ab * c**2 + 1 - ab).sqrt(), diffusion.exact_denoiser(torch.zeros(1, 1), schedule, c)
clock = torch.stack([lam[1] - 1e-4, lam[1] + 1e-4])
before, after = (1 + clock.exp().square() * c**2).sqrt()  # x / noise on that curve, a little before and after t = 2
after_step = diffusion.ddim_step(spread[2:], lone(spread[2:, None], 3)[0], 3, 1, schedule)
phi = torch.cat([torch.atan2(noise, signal * c).flip(0), torch.zeros(1)])
*_, (_, shrunk, _) = diffusion.ddim_sample(lone, spread[2:, None], schedule, predicts="x0")

counts, errors = [16, 24, 32], torch.tensor([0.3, 0.2, 0.05]).double()

LINES = [
    Line("4.1", {"u": u}, theirs("linear", 1e-4, 0.02), rtol=1e-5),
    Line("4.2", {"u": u}, theirs("scaled_linear", 0.00085, 0.012), rtol=1e-5),
    Line("4.3", {"f": f}, cosine, rtol=1e-4),
    Line("4.4", {"u": u, "torch": torch}, theirs("sigmoid", 1e-4, 0.02), rtol=1e-5),
    Line("4.5", {"sigma": sigma}, (2 * ((1 - sigma) / sigma).log()).sigmoid()),
    Line("4.6", {"schedule": schedule}, solver.lambda_t.double(), rtol=1e-5),
    Line(
        "4.7",
        {"lam": lam, "noise": noise, "denoise": lone, "t": 2, "y": (spread / noise)[1].reshape(1, 1)},
        ((after - before) / 2e-4).reshape(1, 1),
        rtol=1e-6,
    ),
    Line(
        "4.8",
        {"noise": noise, "signal": signal, "s": 2, "t": 3, "x": x, "h": lam[1] - lam[2], "D": D},
        signal[1] * D + noise[1] * eps,
    ),
    # x0_hat, if it goes with lambda in a straight line, halfway between t and s
    Line("4.9", {"r": 0.8, "x0_hat": 1 + 2 * 0.3, "x0_before": 1 + 2 * (0.3 - 0.8 * 0.5)}, 1 + 2 * (0.3 + 0.5 / 2)),
    Line(
        "4.10",
        {"error": {"x": errors}, "counts": counts, "math": math},
        {"x": torch.tensor(-np.polyfit(np.log(counts[::2]), errors[::2].log().numpy(), 1)[0])},
    ),
    Line(
        "4.11",
        {"schedule": schedule, "s": 1, "h": lam[0] - lam[2], "open_variance": (noise[2] * c / spread[2]) ** 2},
        spread[0] ** 2 - after_step.squeeze() ** 2,
    ),
    Line("4.12", {"phi": phi, "torch": torch}, shrunk.squeeze() / c),
    Line("4.13", {"math": math}, one.item() / 32, rtol=0.02, call=(modelscope.alpha_bars[-1], 32.0)),
]
