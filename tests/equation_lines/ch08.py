"""Notebook 08: by torch's own losses, divergence and interpolation, by diffusers' velocity, by numpy's polynomials."""

import numpy as np
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import l1_loss, mse_loss

from . import Line, named
from .ch02 import eps, x0
from .ch03 import signal, velocity, x_t

draw = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
images, drawn = draw[:1], draw[1:2]
mean, var = draw[2, 0, 0, :4].reshape(1, 4, 1, 1), draw[3, 0, 0, :4].reshape(1, 4, 1, 1).exp()
code = named(mean=mean, var=var, std=var.sqrt(), logvar=var.log())
vae = named(encode=lambda x: named(latent_dist=code), decode=lambda z: named(sample=drawn))
ground = torch.tensor([0.1, 0.2, 0.3]).double()
anchor = 2 * (images.mean((2, 3)) - (2 * ground - 1))[..., None, None]
loss = l1_loss(drawn, images) + mse_loss(drawn, images) + 0.3 * mse_loss(mean[:, :3], anchor)
loss += 1e-3 * kl_divergence(Normal(mean, var.sqrt()), Normal(0.0, torch.ones(()).double())).mean()
world = {"ground_colors": lambda images: anchor}

a, b = named(weight=draw[0]), named(weight=draw[1])
g = draw.flatten(1)[:, :6].reshape(12, 2)
rows = {"right": 0, "falling": 1, "landing": 2}
x, A, B = draw[0, 0, :, :3], draw[1, 0, :2, :3], draw[2, 0, :4, :2]
linear = torch.nn.Linear(3, 4).double().requires_grad_(False)
adapted, merged = named(linear=linear, A=A, B=B, scale=0.5), linear.weight + 0.5 * B @ A

LINES = [
    Line("8.1", world, loss, call=(vae, images, 0.0)),
    Line("8.2", {"alpha_bar": signal**2, "eps": eps, "x0": x0}, velocity),
    Line(
        "8.3",
        {"unet": lambda x, t, c: named(sample=x), "x_t": x_t, "t": 2, "context": None, "v": velocity},
        mse_loss(x_t, velocity),
    ),
    Line(
        "8.4",
        {"texts": ["a", "b", "c"], "forget": [True, False, True]},
        np.where([True, False, True], "", ["a", "b", "c"]).tolist(),
        wrong=("if gone", "if not gone"),
    ),
    Line("8.5", {"kept": 0.9, "slow": a, "fast": b}, torch.lerp(b.weight, a.weight, 0.9)),
    Line("8.6", {"table": draw[0, 0].clone(), "row": rows}, torch.lerp(draw[0, 0, 0], draw[0, 0, 1], 0.5)),
    Line("8.7", {}, torch.nn.functional.linear(x, merged, linear.bias), call=(adapted, x)),
    Line(
        "8.8",
        {"torch": torch, "abc": torch.tensor([3.0, 0.2, 0.01]).double()},
        float(np.polyval([0.01, 0.2, 3.0], 320)),
    ),
    Line("8.9", {}, float(np.dot([3, 5, 8], [2, 16, 7])), call=(3, 5, 7, 8)),
    Line("8.10", {"torch": torch, "shares": [g[k::3].mean(0) for k in range(3)]}, g.mean(0), rtol=1e-5),
]
