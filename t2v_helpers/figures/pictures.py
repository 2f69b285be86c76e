"""Matrices, images and digits as pictures. Every function returns None."""

import numpy as np
import torch

from ..plots import STYLE, pyplot, role_color


def heatmap(matrix, rows, columns, *, title="", low=None, high=None):
    """Draw a matrix (len(rows), len(columns)) as coloured fields with their numbers, rounded to two places."""
    plt = pyplot()

    matrix = np.asarray(matrix, dtype=float)
    if matrix.shape != (len(rows), len(columns)):
        raise ValueError(f"matrix has shape {matrix.shape}, expected ({len(rows)}, {len(columns)})")
    with plt.rc_context(STYLE | {"axes.grid": False}):
        _, ax = plt.subplots(figsize=(1.6 + 0.75 * len(columns), 1.2 + 0.55 * len(rows)), layout="constrained")
        shown = ax.imshow(matrix, cmap="RdBu_r", vmin=low, vmax=high, aspect="auto")
        ax.set(title=title, xticks=range(len(columns)), yticks=range(len(rows)))
        ax.set_xticklabels(columns)
        ax.set_yticklabels(rows)
        for (row, column), value in np.ndenumerate(matrix):
            dark = np.dot(shown.to_rgba(value)[:3], (0.3, 0.6, 0.1)) < 0.5
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", color="white" if dark else "#222222")


def images(arrays, *, titles=None, cmap="gray"):
    """Draw arrays (H, W), or pictures (H, W, 3) in [0, 1], side by side; arrays share one scale around zero."""
    plt = pyplot()

    arrays = [np.asarray(array, dtype=float) for array in arrays]
    most = max(np.abs(array).max() for array in arrays)
    with plt.rc_context(STYLE | {"axes.grid": False}):
        _, axes = plt.subplots(
            1, len(arrays), figsize=(1.6 * len(arrays) + 0.6, 2.0), layout="constrained", squeeze=False
        )
        for i, (ax, array) in enumerate(zip(axes[0], arrays, strict=True)):
            shown = ax.imshow(array, cmap=cmap, vmin=-most, vmax=most)
            ax.set(xticks=[], yticks=[], title=titles[i] if titles else "")
        if arrays[0].ndim == 2:
            plt.colorbar(shown, ax=axes[0].tolist(), shrink=0.8)


def digit_sheet(rows, count=12):
    """Draw digits (n, 64) in [-1, 1], one row for each title; rows: a dict of title to digits, `count` are shown."""
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE | {"axes.grid": False}):
        _, axes = plt.subplots(
            len(rows), 1, figsize=(0.62 * count, 0.95 * len(rows)), layout="constrained", squeeze=False
        )
        for ax, (title, x) in zip(axes[:, 0], rows.items(), strict=True):
            tiles = x.detach()[:count].reshape(-1, 8, 8).clamp(-1, 1)
            sheet = torch.nn.functional.pad(tiles, (1, 0), value=-1.0).movedim(0, 1).reshape(8, -1)
            ax.imshow(sheet.numpy(), cmap="gray_r")
            ax.set(xticks=[], yticks=[])
            ax.set_title(title, loc="left", color=role_color(title))
