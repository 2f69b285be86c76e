"""Notebook 02: by diffusers' DDPMScheduler, by covariances along the chain, by entropies, by an integral."""

import math

import scipy
import torch
from diffusers import DDPMScheduler
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr
from diffusers.training_utils import compute_snr
from torch.distributions import Normal

from . import Line, named

betas = torch.tensor([0.1, 0.25, 0.4], dtype=torch.float64)
scheduler = DDPMScheduler(trained_betas=betas.tolist())
scheduler.alphas_cumprod = (1 - betas).log().cumsum(0).exp()  # its own table is float32
x0, eps = torch.tensor([[1.5], [-2.0]]).double(), torch.tensor([[0.3], [1.1]]).double()


def noised(x, noise, t):
    return scheduler.add_noise(x, noise, torch.tensor([t - 1]))


left = scheduler.alphas_cumprod[2].item()
a, b = torch.tensor([1.0, 2.0, 0.0]).double(), torch.tensor([0.0, 1.0, 0.5]).double()
middle, width = (left**0.5 * (a - b).norm() / 2).item(), (1 - left) ** 0.5
nearer = scipy.integrate.quad(lambda u: scipy.stats.norm.pdf(u, middle, width), 0, 20, epsabs=1e-12)[0]
jump = {"torch": torch}
# For Gaussian data: how uncertain x_T is, and how uncertain it is given x0.
any_x_T, x_T_of_x0 = (
    Normal(0.0, s).entropy() for s in (torch.ones(()).double(), (1 - scheduler.alphas_cumprod[2]).sqrt())
)


def noise_correlation(s, t):
    """Of the noises of x_s and x_t, from the factors with which each step's eta arrives in them."""
    arrived = torch.zeros(2, 3, dtype=torch.float64)
    for row, last in enumerate((s, t)):
        for step in range(last):
            arrived[row] *= (1 - betas[step]).sqrt()
            arrived[row, step] = betas[step].sqrt()
    return (arrived[0] @ arrived[1]) / (arrived[0].norm() * arrived[1].norm())


LINES = [
    Line("2.1", {}, noised(x0, eps, 1), call=(x0, 0.1, eps)),
    Line("2.2", jump, noised(x0, eps, 2), call=(x0, 2, betas, eps)),
    Line("2.3", jump, noised(x0, eps, 2), call=(x0, 2, betas, eps)),
    Line("2.4", {"alpha_bar": scheduler.alphas_cumprod}, compute_snr(scheduler, torch.arange(3))),
    Line(
        "2.5", {"linear": named(snr=compute_snr(scheduler, torch.arange(3))), "s": 1, "t": 3}, noise_correlation(1, 3)
    ),
    Line("2.6", {"root": scheduler.alphas_cumprod.sqrt()}, (1 - rescale_zero_terminal_snr(betas)).cumprod(0).sqrt()),
    Line(
        "2.7",
        {"torch": torch, "math": math},
        5 * (any_x_T - x_T_of_x0).item() / math.log(2),
        call=(named(alpha_bars=scheduler.alphas_cumprod), 5),
    ),
    Line("2.8", {"Normal": Normal}, nearer, call=(named(snr=torch.tensor([left / (1 - left)]).double()), a, b)),
]
