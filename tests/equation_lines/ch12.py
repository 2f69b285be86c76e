"""Notebook 12: by torch's distributions and numpy's, by matrix roots, by loops over clips and frames."""

import numpy as np
import torch
from torch.nn.functional import cosine_similarity

from . import Line

generator = torch.Generator().manual_seed(0)


def randn(*shape):
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def root(matrix):
    values, rows = torch.linalg.eigh(matrix)
    return rows @ values.clamp(min=0).sqrt().diag() @ rows.T


x, y = randn(40, 3), 1 + randn(50, 3) @ randn(3, 3)
(m, n), (S, R) = (a.mean(0) for a in (x, y)), (torch.from_numpy(np.cov(a.T.numpy())) for a in (x, y))
half = root(S)
distance = torch.dist(m, n) ** 2 + torch.trace(S + R - 2 * root(half @ R @ half))

line, other = randn(30), 2 * randn(30) + 1
squares = (line.mean() - other.mean()).pow(2) + (line.std() - other.std()).pow(2)

text, stills = torch.nn.functional.normalize(randn(4, 5), dim=1), randn(4, 6, 5)
similar = torch.stack([cosine_similarity(text[i], s, 0) for i in range(4) for s in stills[i]]).mean()
steady = torch.stack(
    [(cosine_similarity(s[0], s[k], 0) + cosine_similarity(s[k - 1], s[k], 0)) / 2 for s in stills for k in range(1, 6)]
).mean()

clips = 0.3 * randn(2, 6, 3, 3, 3)
filled = [(clip[k] - (clip[k - 1] + clip[k + 1]) / 2).abs().mean() for clip in clips for k in range(1, 5, 2)]

sizes = [64, 128, 256]
table, fresh = randn(3, 4), randn(8, 4)

scores, others = randn(9), randn(9)
drawn = torch.randint(9, (20, 9), generator=torch.Generator().manual_seed(1))
means = torch.stack([(scores - others)[row].mean() for row in drawn])
ends = torch.tensor(np.quantile(means.numpy(), (0.025, 0.975)))

LINES = [
    Line("12.1", {"x": line, "y": other}, squares),
    Line("12.2", {"torch": torch}, distance, rtol=1e-6, call=(x, y)),
    Line(
        "12.3",
        {"np": np, "sizes": sizes, "mean": [0.3 + 21 / size for size in sizes]},
        (21.0, 0.3),
        rtol=1e-6,
        wrong=("1 / np", "np"),
    ),
    Line("12.4", {"to_shared": lambda s: torch.nn.functional.normalize(s, dim=-1)}, similar, call=(text, stills)),
    Line("12.5", {"torch": torch}, steady, call=(stills,)),
    Line("12.6", {}, 1 - torch.stack(filled).mean(), call=(clips,)),
    Line("12.7", {"table": table, "fresh": fresh}, (table - fresh.sum(0) / 8) / fresh.var(0).sqrt()),
    Line("12.8", {"torch": torch}, ends, call=(scores, others, torch.Generator().manual_seed(1), 20)),
]
