"""Generative adversarial networks (Goodfellow et al. 2014): losses, gradient penalties, and one round of training.

A generator makes x = G(z) of noise z. A discriminator gives each x a logit; D(x) = sigmoid(logit) is how likely x
is to be data. The losses take logits: log D(x) = -softplus(-logit) stays finite where D(x) itself would round to 0.
In a Wasserstein GAN (Arjovsky et al. 2017) the same network is called a critic, and its output is a plain score.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ._support.checks import check_choice, check_tensors

KINDS = ("non-saturating", "minimax", "wasserstein")
Penalty = Callable[[torch.nn.Module, Tensor, Tensor], Tensor]  # of (discriminator, data, generated samples), a scalar


def discriminator_loss(real: Tensor, fake: Tensor, kind: str = "non-saturating") -> Tensor:
    """Compute what the discriminator minimises: -mean log D(x) - mean log(1 - D(G(z))), Eq. 1 of the paper negated.

    Args:
        real: The discriminator's logits for data, of any shape.
        fake: Its logits for generated samples, of any shape.
        kind: "non-saturating" and "minimax" differ in the generator's loss only. A "wasserstein" critic minimises
            mean fake - mean real (Arjovsky et al. 2017, Eq. 2 negated) and needs `gradient_penalty` beside it.

    Returns:
        A scalar tensor: log 4 for a discriminator that cannot tell the two apart; 0 for such a critic.

    >>> discriminator_loss(torch.zeros(3, 1), torch.zeros(3, 1))
    tensor(1.3863)
    """
    check_tensors(real=real, fake=fake)
    check_choice("kind", kind, KINDS)
    if kind == "wasserstein":
        return fake.mean() - real.mean()  # Eq. 1.10
    return softplus(-real).mean() + softplus(fake).mean()  # Eq. 1.3


def generator_loss(fake: Tensor, kind: str = "non-saturating") -> Tensor:
    """Compute what the generator minimises: -mean log D(G(z)), or another loss that falls as the logits rise.

    Args:
        fake: The discriminator's logits for generated samples, of any shape.
        kind: "minimax" is mean log(1 - D(G(z))), the game as written in Eq. 1. Its gradient vanishes where D(G(z)) is
            near 0, so Section 3 of the paper replaces it by "non-saturating". "wasserstein" is minus the mean logit.

    >>> generator_loss(torch.zeros(3, 1)), generator_loss(torch.zeros(3, 1), "minimax")
    (tensor(0.6931), tensor(-0.6931))
    """
    check_tensors(fake=fake)
    check_choice("kind", kind, KINDS)
    if kind == "minimax":
        return -softplus(fake).mean()  # Eq. 1.6
    if kind == "wasserstein":
        return -fake.mean()
    return softplus(-fake).mean()  # Eq. 1.7


def r1_penalty(discriminator: torch.nn.Module, x: Tensor) -> Tensor:
    """Compute half the mean squared gradient of the logit at the data (Mescheder et al. 2018, Eq. 9 with gamma = 1).

    Added to the discriminator's loss, it makes the logit flat at the data, and the game settles there.

    Args:
        discriminator: Maps samples (b, d) to logits (b, 1).
        x: Data, of shape (b, d).

    Returns:
        A scalar tensor; multiply it by gamma.

    >>> r1_penalty(lambda x: 3 * x, torch.ones(5, 1)).item()
    4.5
    """
    return _gradients(discriminator, x).square().sum(1).mean() / 2  # Eq. 1.13


def gradient_penalty(
    critic: torch.nn.Module, x: Tensor, fake: Tensor, generator: torch.Generator, slope: float = 1.0
) -> Tensor:
    """Compute mean (|gradient| - slope)^2 at random points between data and fakes (Gulrajani et al. 2017, Eq. 3).

    It keeps a Wasserstein critic about as steep as `slope` allows: 1 for a 1-Lipschitz critic.

    Args:
        critic: Maps samples (b, d) to scores (b, 1).
        x: Data, of shape (b, d).
        fake: Generated samples, of shape (b, d); row i is paired with row i of x.
        generator: Chooses one point on the line between each pair.
        slope: The gradient's length that costs nothing.

    Returns:
        A scalar tensor; the paper multiplies it by lambda = 10.
    """
    share = torch.rand(len(x), 1, generator=generator, dtype=x.dtype, device=x.device)
    lengths = _gradients(critic, torch.lerp(fake.detach(), x, share)).norm(dim=1)
    return (lengths - slope).square().mean()  # Eq. 1.11


def alternating_step(
    generator: torch.nn.Module,
    discriminator: torch.nn.Module,
    optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer],
    x: Tensor,
    z: Tensor,
    z_next: Tensor,
    kind: str = "non-saturating",
    penalty: Penalty | None = None,
) -> tuple[float, float]:
    """Play one round (Algorithm 1): train the discriminator on x and G(z), then the generator on G(z_next).

    Args:
        generator: Maps noise (b, dz) to samples (b, d).
        discriminator: Maps samples (b, d) to logits.
        optimizers: The generator's and the discriminator's, in this order.
        x: Data, of shape (b, d).
        z: Noise for the discriminator's turn, of shape (b, dz).
        z_next: Fresh noise for the generator's turn, of shape (b, dz).
        kind: Which losses, see `discriminator_loss` and `generator_loss`.
        penalty: Called as penalty(discriminator, x, G(z)); what it returns is added to the discriminator's loss.
            For R1 with gamma = 0.1: lambda D, x, fake: 0.1 * r1_penalty(D, x).

    Returns:
        The losses of discriminator and generator, each before its own update and without the penalty.
    """
    check_tensors(x=x, z=z, z_next=z_next)
    check_choice("kind", kind, KINDS)
    generator_optimizer, discriminator_optimizer = optimizers
    with torch.no_grad():
        fake = generator(z)
    d_loss = discriminator_loss(discriminator(x), discriminator(fake), kind)
    discriminator_optimizer.zero_grad()
    (d_loss if penalty is None else d_loss + penalty(discriminator, x, fake)).backward()
    discriminator_optimizer.step()

    g_loss = generator_loss(discriminator(generator(z_next)), kind)
    generator_optimizer.zero_grad()
    g_loss.backward(inputs=list(generator.parameters()))  # no gradients for the discriminator: it holds still
    generator_optimizer.step()
    return d_loss.item(), g_loss.item()


def _gradients(network: torch.nn.Module, x: Tensor) -> Tensor:
    """Differentiate the network's output for each sample by that sample: (b, d). Training can go through it."""
    check_tensors(x=x)
    x = x.detach().requires_grad_()
    return torch.autograd.grad(network(x.view_as(x)).sum(), x, create_graph=True)[0]  # FlopCounterMode wants no leaf
