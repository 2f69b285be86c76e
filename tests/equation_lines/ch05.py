"""Notebook 05: by trying every number of steps, by loops over points, by scikit-learn's nearest neighbors."""

import torch
from sklearn.neighbors import NearestNeighbors

from . import Line

y, x = (torch.randn(n, 2, generator=torch.Generator().manual_seed(n)).double() for n in (12, 15))
radius = NearestNeighbors(n_neighbors=5).fit(y).kneighbors()[0][:, -1]  # without the points themselves
inside = [[(a - b).norm().item() < r for b in x] for a, r in zip(y, radius, strict=True)]
density = sum(map(sum, inside)) / (5 * len(x))
coverage = sum(map(any, inside)) / len(y)
scores = {"model": [0.3, 0.6], "best": [0.1, 0.9], "worst": [0.5, 0.4]}  # a distance and a coverage

LINES = [
    Line("5.1", {"budget": 1000.0, "cost": 70.0}, min(range(1, 100), key=lambda n: abs(n * 70.0 - 1000.0))),
    Line("5.2", {"inside": torch.tensor(inside), "k": 5}, torch.tensor(density), rtol=1e-6),
    Line("5.3", {"inside": torch.tensor(inside)}, torch.tensor(coverage), rtol=1e-6, wrong=("any(1)", "any(0)")),
    Line(
        "5.4",
        {
            "measures": lambda x, reference: torch.tensor(scores["model"]),
            "best": torch.tensor(scores["best"]),
            "worst": torch.tensor(scores["worst"]),
            "reference": y,
            "x": x,
        },
        torch.tensor([0.2 / 0.4, 0.3 / 0.5]),
        rtol=1e-6,
    ),
]
