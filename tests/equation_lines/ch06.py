"""Notebook 06: by torch's own attention and cosine similarity, by scipy's softmax, by Gaussians in closed form."""

import math

import scipy
import torch
from torch.distributions import Normal
from torch.nn.functional import cosine_similarity, cross_entropy, normalize, scaled_dot_product_attention

from t2v_helpers.diffusion import guide

from . import Line, named

draws = torch.randn(7, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
text, clips, log_scale = normalize(draws[0], dim=1), normalize(draws[1], dim=1), torch.tensor(0.7).double()

S = draws[2][:, :3]
by_rows, by_columns = (scipy.special.log_softmax(S.numpy(), axis).diagonal().mean() for axis in (1, 0))

Q, K, joined, bias = draws[3], draws[4], draws[5], draws[6][0]
W = draws[6].T @ draws[6]
out = torch.nn.Linear(4, 4).double().requires_grad_(False)
out.load_state_dict({"weight": W, "bias": bias})

x, m, w = torch.linspace(-2, 2, 9).double(), 1.5, 3.0
p, p_c = (Normal(mean, 1.0).log_prob(x).exp() for mean in (0.0, m))
guided = Normal(w * m, 1.0).log_prob(x).exp() * math.exp((w**2 - w) * m**2 / 2)
cond, uncond = draws[0], draws[1]
ratio = torch.from_numpy(cond.numpy().std(1, ddof=1) / uncond.numpy().std(1, ddof=1))[:, None]

LINES = [
    Line(
        "6.1",
        {"log_scale": log_scale, "text": text, "clips": clips, "video_tower": lambda c: c},
        math.exp(0.7) * cosine_similarity(draws[0][:, None], draws[1], dim=2),
    ),
    Line(
        "6.2",
        {"torch": torch, "cross_entropy": cross_entropy},
        torch.tensor(-(by_rows + by_columns) / 2).double(),
        call=(S,),
    ),
    Line("6.3", {"Q": Q, "K": K}, scaled_dot_product_attention(Q, K, torch.eye(3).double())),
    Line("6.4", {"A": 0, "joined": joined, "layer": named(to_out=[out])}, (0, joined @ W.T + bias)),
    Line("6.5", {"p": p, "p_c": p_c, "w": w}, guided),
    Line(
        "6.6",
        {"convert": lambda x, t, schedule, score: named(v=score), "s_c": cond, "s_empty": uncond}
        | {"x_t": None, "schedule": None},
        3 * cond - 2 * uncond,
    ),
    Line("6.6", {"score": lambda law: law, "p": -x, "p_c": m - x, "w": w}, w * m - x),
    Line("6.7", {"guide": guide, "v_c": cond, "v_empty": uncond}, 3 * cond - 2 * uncond),
    Line(
        "6.7",
        {"guide": guide, "v_c": cond, "v_empty": uncond, "w": 3.0},
        3 * cond - 2 * uncond,
        wrong=("v_c, v_empty", "v_empty, v_c"),
    ),
    Line("6.8", {"phi": 0.7, "v_c": cond, "v": uncond, "every": 1}, (0.7 * ratio + 0.3) * uncond),
]
