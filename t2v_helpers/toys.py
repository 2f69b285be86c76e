"""Toy data that trains in seconds, and the small networks for it: points in the plane, digits of 8x8 pixels.

Points are tensors (n, 2) within about [-1, 1], drawn anew by each call from a torch.Generator. The networks are MLPs;
`copies` of one, each with weights of its own, can be trained side by side in the time of little more than one.
"""

import math
import operator

import torch

RING_STD, GRID_STD = 0.05, 0.03  # of each Gaussian, in the units of x


def ring_centers(modes=8):
    """The centres of `modes` Gaussians on the circle of radius 1: (modes, 2).

    >>> ring_centers(2).abs().round(decimals=3)
    tensor([[1., 0.],
            [1., 0.]])
    """
    angles = torch.arange(_count(modes, "modes"), dtype=torch.float64) * 2 * math.pi / modes
    return torch.stack([angles.cos(), angles.sin()], 1).float()


def grid_centers(side=5):
    """The centres of side x side Gaussians on a square grid from -1 to 1: (side^2, 2).

    >>> grid_centers(2).tolist()
    [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
    """
    line = torch.linspace(-1, 1, _count(side, "side"))
    return torch.cartesian_prod(line, line)


def mixture(n, centers, std, generator):
    """n points (n, d) of a mixture of round Gaussians of width std, each centre (k, d) as likely as any other.

    >>> mixture(5, ring_centers(), 0.05, torch.Generator().manual_seed(0)).shape
    torch.Size([5, 2])
    """
    _check_std(std)
    which = torch.randint(len(centers), (_count(n, "n"),), generator=generator)
    return centers[which] + std * torch.randn(n, centers.shape[1], generator=generator)


def mixture_log_density(x, centers, std):
    """log p(x) of that mixture, exact: x (b, d), centers (k, d) -> (b,), in nats.

    >>> mixture_log_density(torch.zeros(1, 2), torch.zeros(1, 2), 1.0)  # -log(2 pi)
    tensor([-1.8379])
    """
    _check_std(std)
    squares = (x[:, None] - centers).square().sum(-1)
    log_each = -squares / (2 * std**2) - x.shape[1] / 2 * math.log(2 * math.pi * std**2)
    return log_each.logsumexp(1) - math.log(len(centers))


def ring(n, generator):
    """n points (n, 2) of eight Gaussians of width RING_STD on a circle: easy to see which of them a model forgets."""
    return mixture(n, ring_centers(), RING_STD, generator)


def grid(n, generator):
    """n points (n, 2) of 25 Gaussians of width GRID_STD on a 5 x 5 grid."""
    return mixture(n, grid_centers(), GRID_STD, generator)


def moons(n, generator, std=0.05):
    """n points (n, 2) of two half circles that reach into one another, scaled into about [-1, 1]: no round modes."""
    _check_std(std)
    angle = math.pi * torch.rand(_count(n, "n"), generator=generator)
    upper = torch.rand(n, generator=generator) < 0.5
    x = torch.where(upper, angle.cos(), 1 - angle.cos()) - 0.5
    y = torch.where(upper, angle.sin(), 0.5 - angle.sin()) - 0.25
    return torch.stack([x, y], 1) / 1.5 + std * torch.randn(n, 2, generator=generator)


def digits():
    """scikit-learn's 1797 handwritten digits of 8x8 pixels: x (1797, 64) in [-1, 1], labels (1797,) from 0 to 9.

    They come with the package (UCI, Alpaydin & Kaynak 1998); nothing is downloaded.

    >>> x, labels = digits()
    >>> x.shape, x.min().item(), x.max().item()
    (torch.Size([1797, 64]), -1.0, 1.0)
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    return torch.from_numpy(data.data).float() / 8 - 1, torch.from_numpy(data.target)


def _count(n, name):
    if isinstance(n, bool) or not hasattr(n, "__index__") or operator.index(n) < 1:
        raise ValueError(f"{name} = {n!r}, expected a whole number, at least 1")
    return operator.index(n)


def _check_std(std):
    if not 0 < std < math.inf:
        raise ValueError(f"std = {std}, expected a finite width above 0")


class MLP(torch.nn.Module):
    """A multi-layer perceptron: linear layers of the given sizes with SiLU between them. Generator or discriminator.

    sizes: (in, hidden, ..., out). generator: draws the weights, as torch.nn.Linear does. copies: how many networks
    there are side by side: block i of the input's rows goes to network i. scale: what the input is multiplied by; with
    a larger one a network sees finer detail from the start. Input (b, in), b a multiple of copies; output (b, out).

    >>> MLP((2, 64, 1), torch.Generator().manual_seed(0), copies=3)(torch.zeros(6, 2)).shape
    torch.Size([6, 1])
    """

    def __init__(self, sizes, generator, copies=1, scale=1.0):
        super().__init__()
        self.scale = scale
        if len(sizes) < 2:
            raise ValueError(f"sizes = {sizes}, expected two or more: (in, hidden, ..., out)")
        self.sizes, self.copies = tuple(_count(size, "size") for size in sizes), _count(copies, "copies")
        self.weights, self.biases = torch.nn.ParameterList(), torch.nn.ParameterList()
        for n_in, n_out in zip(self.sizes, self.sizes[1:], strict=False):
            for kept, rows in ((self.weights, n_in), (self.biases, 1)):
                drawn = torch.rand(self.copies, rows, n_out, generator=generator) * 2 - 1
                kept.append(torch.nn.Parameter(drawn / n_in**0.5))

    def forward(self, x):
        if x.ndim != 2 or x.shape[1] != self.sizes[0] or len(x) % self.copies:
            rows = "b" if self.copies == 1 else f"a multiple of {self.copies}"
            raise ValueError(f"x has shape {tuple(x.shape)}, expected ({rows}, {self.sizes[0]})")
        h = self.scale * x.reshape(self.copies, -1, self.sizes[0])
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = torch.baddbmm(bias, torch.nn.functional.silu(h) if i else h, weight)
        return h.reshape(len(x), self.sizes[-1])


class Denoiser(MLP):
    """An MLP that is told the time: model(x_t, t) -> (b, d), with x_t (b, d), t (b,) from 1 to T.

    dim: d. hidden: sizes of the hidden layers. T: steps of the schedule. The time goes in as `FREQUENCIES` cosines,
    from half a wave over all T steps up, beside x_t. Whether the output means eps, x0 or v is decided by its training.

    >>> Denoiser(2, (64, 64), 100, torch.Generator().manual_seed(0))(torch.zeros(5, 2), torch.ones(5)).shape
    torch.Size([5, 2])
    """

    FREQUENCIES = 8

    def __init__(self, dim, hidden, T, generator, copies=1, scale=1.0):
        super().__init__((dim + self.FREQUENCIES, *hidden, dim), generator, copies)
        self.x_scale = scale
        self.T = _count(T, "T")

    def forward(self, x_t, t):
        if t.shape != x_t.shape[:1]:
            raise ValueError(f"t has shape {tuple(t.shape)}, expected {tuple(x_t.shape[:1])}, one for each x_t")
        waves = torch.arange(1, self.FREQUENCIES + 1, device=x_t.device)
        time = torch.cos(math.pi * waves * t[:, None] / self.T)
        return super().forward(torch.cat([self.x_scale * x_t, time.to(x_t)], 1))


def count_parameters(network):
    """How many numbers are trained in a network, in each of its copies.

    >>> count_parameters(MLP((2, 64, 1), torch.Generator(), copies=3))  # 2 * 64 + 64 + 64 + 1
    257
    """
    return sum(p.numel() for p in network.parameters()) // getattr(network, "copies", 1)
