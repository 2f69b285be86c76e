"""Notebook 05: by trying every number of steps, by loops over points, by scikit-learn's nearest neighbours."""

import torch
from sklearn.neighbors import NearestNeighbors

from . import Line

x, cloud = (torch.randn(n, 2, generator=torch.Generator().manual_seed(n)).double() for n in (12, 15))


def share_inside(x, cloud, k=3):
    """The share of x that lies in the union of balls, each as far as a point's k-th neighbour, by scikit-learn."""
    reach = NearestNeighbors(n_neighbors=k).fit(cloud).kneighbors()[0][:, -1]  # without the points themselves
    return sum(any((a - c).norm() <= r for c, r in zip(cloud, reach, strict=True)) for a in x) / len(x)


LINES = [
    Line("5.1", {"spent": [1000.0], "cost": 70.0}, min(range(1, 100), key=lambda n: abs(n * 70.0 - 1000.0))),
    Line("5.2", {"torch": torch}, share_inside(x, cloud), rtol=1e-6, call=(x, cloud)),
    Line(
        "5.3",
        {"inside": share_inside, "one_mode": x, "data": cloud},
        (share_inside(x, cloud), share_inside(cloud, x)),
        wrong=("inside(one_mode, data), inside(data", "inside(data, one_mode), inside(data"),
    ),
]
