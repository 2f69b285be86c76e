"""Toy data that a network learns in seconds (points in the plane, digits of 8 x 8 pixels), and the networks for it.

Points are tensors of shape (n, 2), within about [-1, 1], drawn from the torch.Generator you pass. The networks are
MLPs. One of them can hold several `copies`, each with its own weights, which train side by side in little more time
than a single one takes.
"""

import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ._support.checks import check_count

RING_STD = 0.05  # standard deviation of each Gaussian of `ring`, in the units of x
SPIRAL_STD = 0.03  # width of `spiral`, in the units of x


def ring_centers() -> Tensor:
    """Place eight centers (8, 2) evenly on the circle of radius 1."""
    angles = torch.arange(8, dtype=torch.float64) * 2 * math.pi / 8
    return torch.stack([angles.cos(), angles.sin()], 1).float()


def mixture(n: int, centers: Tensor, std: float, generator: torch.Generator) -> Tensor:
    """Draw points (n, d) from a mixture of round Gaussians, all centers equally likely.

    Args:
        n: How many points.
        centers: Means of the Gaussians, of shape (k, d).
        std: Their standard deviation, in the units of x.
        generator: Source of randomness.
    """
    _check_std(std)
    which = torch.randint(len(centers), (check_count("n", n),), generator=generator)
    return centers[which] + std * torch.randn(n, centers.shape[1], generator=generator)


def mixture_log_density(x: Tensor, centers: Tensor, std: float) -> Tensor:
    """Compute log p(x) of that mixture exactly, in nats, for each point: a tensor of shape (b,).

    Args:
        x: Points, of shape (b, d).
        centers: Means of the Gaussians, of shape (k, d).
        std: Their standard deviation, in the units of x.

    >>> mixture_log_density(torch.zeros(1, 2), torch.zeros(1, 2), 1.0)  # -log(2 pi)
    tensor([-1.8379])
    """
    _check_std(std)
    squares = (x[:, None] - centers).square().sum(-1)
    log_each = -squares / (2 * std**2) - x.shape[1] / 2 * math.log(2 * math.pi * std**2)
    return log_each.logsumexp(1) - math.log(len(centers))


def ring(n: int, generator: torch.Generator) -> Tensor:
    """Draw n points (n, 2) from eight Gaussians on a circle, where you can see at once which ones a model forgets.

    Args:
        n: How many points.
        generator: Source of randomness.
    """
    return mixture(n, ring_centers(), RING_STD, generator)


def spiral(n: int, generator: torch.Generator) -> Tensor:
    """Draw n points (n, 2) along a spiral of one and a half turns: a distribution in one piece, unlike `ring`.

    Args:
        n: How many points; they spread evenly over the spiral's length, with a width of SPIRAL_STD.
        generator: Source of randomness.
    """
    turn = 3 * math.pi * torch.rand(check_count("n", n), generator=generator).sqrt()
    line = turn[:, None] / (3 * math.pi) * torch.stack([turn.cos(), turn.sin()], 1)
    return line + SPIRAL_STD * torch.randn(n, 2, generator=generator)


def digits() -> tuple[Tensor, Tensor]:
    """Load scikit-learn's 1797 handwritten digits (UCI, Alpaydin & Kaynak 1998). Nothing is downloaded.

    Returns:
        Pixels in [-1, 1], of shape (1797, 64), and labels from 0 to 9, of shape (1797,).

    """
    from sklearn.datasets import load_digits

    data = load_digits()
    return torch.from_numpy(data.data).float() / 8 - 1, torch.from_numpy(data.target)


class MLP(torch.nn.Module):
    """A multi-layer perceptron, generator or discriminator: linear layers with SiLU between them.

    It maps (b, in) to (b, out). With several copies, b is a multiple of `copies`: each takes one block of rows.

    Args:
        sizes: Sizes of the layers: (in, hidden, ..., out).
        generator: Draws the initial weights, from the same distribution as torch.nn.Linear does.
        copies: How many networks to hold side by side.
        scale: The input is multiplied by this. A larger one lets the network see finer detail from the start.

    >>> MLP((2, 64, 1), torch.Generator().manual_seed(0), copies=3)(torch.zeros(6, 2)).shape
    torch.Size([6, 1])
    """

    def __init__(self, sizes: tuple[int, ...], generator: torch.Generator, copies: int = 1, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        if len(sizes) < 2:
            raise ValueError(f"sizes = {sizes}, expected two or more: (in, hidden, ..., out)")
        self.sizes, self.copies = tuple(check_count("size", size) for size in sizes), check_count("copies", copies)
        self.weights, self.biases = torch.nn.ParameterList(), torch.nn.ParameterList()
        for n_in, n_out in zip(self.sizes, self.sizes[1:], strict=False):
            for kept, rows in ((self.weights, n_in), (self.biases, 1)):
                drawn = torch.rand(self.copies, rows, n_out, generator=generator) * 2 - 1
                kept.append(torch.nn.Parameter(drawn / n_in**0.5))

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, in) to (b, out)."""
        if x.ndim != 2 or x.shape[1] != self.sizes[0] or len(x) % self.copies:
            expected = f"expected (b, {self.sizes[0]}), b a multiple of {self.copies}"
            raise ValueError(f"x has shape {tuple(x.shape)}, {expected}")
        h = self.scale * x.reshape(self.copies, -1, self.sizes[0])
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = torch.baddbmm(bias, torch.nn.functional.silu(h) if i else h, weight)
        return h.reshape(len(x), self.sizes[-1])

    def part(self, which: Sequence[int]) -> "MLP":
        """Copy some of the networks, each as often as its number is given, into a stack of their own.

        Args:
            which: Numbers of the networks, from 0 to copies - 1.
        """
        few = copy.deepcopy(self)
        few.copies = len(which)
        for kept in (few.weights, few.biases):
            for i, numbers in enumerate(kept):
                kept[i] = torch.nn.Parameter(numbers.detach()[list(which)])
        return few


class Denoiser(MLP):
    """An MLP that also sees the time: model(x_t, t) -> (b, dim), with x_t (b, dim) and t (b,) from 1 to T.

    The time enters as `FREQUENCIES` cosines beside x_t; the slowest makes half a wave in T steps. Training decides
    whether the output means eps, x0 or v.

    Args:
        dim: Numbers in a sample.
        hidden: Sizes of the hidden layers.
        T: Number of steps of the schedule.
        generator: Draws the initial weights.
        copies: How many networks to hold side by side.
        scale: x_t, but not the time, is multiplied by this.
    """

    FREQUENCIES = 8

    def __init__(
        self, dim: int, hidden: tuple[int, ...], T: int, generator: torch.Generator, copies: int = 1, scale: float = 1.0
    ) -> None:
        super().__init__((dim + self.FREQUENCIES, *hidden, dim), generator, copies)
        self.x_scale = scale
        self.T = check_count("T", T)

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Map x_t (b, dim) and t (b,) to (b, dim)."""
        if t.shape != x_t.shape[:1]:
            raise ValueError(f"t has shape {tuple(t.shape)}, expected {tuple(x_t.shape[:1])}, one for each x_t")
        waves = torch.arange(1, self.FREQUENCIES + 1, device=x_t.device)
        time = torch.cos(math.pi * waves * t[:, None] / self.T)
        return super().forward(torch.cat([self.x_scale * x_t, time.to(x_t)], 1))


def count_parameters(network: torch.nn.Module) -> int:
    """Count the numbers that are trained in a network, in each of its copies.

    >>> count_parameters(MLP((2, 64, 1), torch.Generator(), copies=3))  # 2 * 64 + 64 + 64 + 1
    257
    """
    return sum(p.numel() for p in network.parameters()) // getattr(network, "copies", 1)


def _check_std(std: float) -> None:
    if not 0 < std < math.inf:
        raise ValueError(f"std = {std}, expected a finite width above 0")
