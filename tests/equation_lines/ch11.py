"""Notebook 11: by torch's own layers, by rotation matrices, by counting operations, by diffusers' positions."""

import torch
from diffusers.models.embeddings import get_1d_rotary_pos_embed
from torch.nn import functional

from . import Line, named

generator = torch.Generator().manual_seed(0)


def randn(*shape):
    return torch.randn(shape, generator=generator, dtype=torch.float64)


clip, W, b = randn(1, 3, 2, 4, 6), randn(5, 12), randn(5)
patches = functional.unfold(clip.transpose(1, 2).flatten(0, 1), 2, stride=2).unflatten(0, (1, 2))
embedded = functional.conv3d(clip, W.reshape(5, 3, 1, 2, 2), b, stride=(1, 2, 2))

n, d, f = 50, 6, 10
pairs = sum(2 * d for query in range(n) for key in range(n) for product in ("QK", "AV"))
linear = n * sum(2 * rows * columns for rows, columns in 6 * [(d, d)] + [(d, f), (f, d)])

positions = torch.tensor([0.0, 1.0, 2.5]).double()
turns = get_1d_rotary_pos_embed(12, positions, freqs_dtype=torch.float64)
x, angle = randn(1, 3, 2, 4), randn(3, 2)
rotation = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], -1).unflatten(-1, (2, 2))
rotated = torch.einsum("npij,bnhpj->bnhpi", rotation, x.unflatten(-1, (-1, 2))).flatten(-2)

pair, p = randn(2, 16, 2), randn(2, 16)
each = torch.stack([p.cos(), -p.sin(), p.sin(), p.cos()], -1).unflatten(-1, (2, 2))
score = torch.einsum("pij,pj,pik,pk->", each[0], pair[0], each[1], pair[1])

h, shift, scale, gate = randn(2, 7, 8), randn(2, 1, 8), randn(2, 1, 8), randn(2, 1, 8)
normal = functional.layer_norm(h, (8,), eps=1e-6)
block = named(attn1=lambda h, *nothing: h.flip(1))

LINES = [
    Line("11.1", {"torch": torch}, torch.tensor([0] + 4 * [1] + 4 * [2] + 4 * [3] + 4 * [4])),
    Line("11.2", {"patches": patches.mT.flatten(1, 2), "W": W, "b": b}, embedded.flatten(2).mT),
    Line("11.3", {}, pairs / (pairs + linear), call=(n, d, f)),
    Line("11.4", {"torch": torch}, turns.angle(), call=(positions, 12)),
    Line("11.5", {"torch": torch}, rotated, call=(x, angle)),
    Line(
        "11.6",
        {
            "torch": torch,
            "q_i": torch.view_as_complex(pair[0]),
            "k_i": torch.view_as_complex(pair[1]),
            "away": p[1] - p[0],
        },
        score,
    ),
    Line("11.7", {}, normal * scale + normal + shift, call=(h, shift, scale)),
    Line(
        "11.8",
        {
            "h": h,
            "gate": gate,
            "block": block,
            "modulated": lambda h, a, b: h + a + b,
            "shift": shift,
            "scale": scale,
            "rotary": None,
        },
        torch.addcmul(h, gate, (h + shift + scale).flip(1)),
        wrong=("h + gate", "h - gate"),
    ),
    Line("11.9", {"sigma": gate, "x": h, "mu": shift}, torch.addcmul(shift, gate, h)),
]
