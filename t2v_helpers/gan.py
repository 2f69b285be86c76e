"""Generative adversarial networks (Goodfellow et al. 2014): the two losses, and one round of training.

A generator makes x = G(z) of noise z. A discriminator gives each x a logit; D(x) = sigmoid(logit) is how likely x
is to be data. The losses take logits: log D(x) = -softplus(-logit) stays finite where D(x) itself would round to 0.
"""

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ._support.checks import check_choice, check_tensors

KINDS = ("non-saturating", "minimax")


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Compute what the discriminator minimises: -mean log D(x) - mean log(1 - D(G(z))), Eq. 1 of the paper negated.

    Args:
        real: The discriminator's logits for data, of any shape.
        fake: Its logits for generated samples, of any shape.

    Returns:
        A scalar tensor: log 4 for a discriminator that cannot tell the two apart.

    >>> discriminator_loss(torch.zeros(3, 1), torch.zeros(3, 1))
    tensor(1.3863)
    """
    check_tensors(real=real, fake=fake)
    return softplus(-real).mean() + softplus(fake).mean()  # Eq. 1.3


def generator_loss(fake: Tensor, kind: str = "non-saturating") -> Tensor:
    """Compute what the generator minimises: -mean log D(G(z)), or mean log(1 - D(G(z))) for "minimax".

    Minimax is the game as written in Eq. 1. Its gradient vanishes where D(G(z)) is near 0, so Section 3 of the paper
    replaces it. Both have the same fixed point.

    Args:
        fake: The discriminator's logits for generated samples, of any shape.
        kind: "non-saturating" or "minimax".

    >>> generator_loss(torch.zeros(3, 1)), generator_loss(torch.zeros(3, 1), "minimax")
    (tensor(0.6931), tensor(-0.6931))
    """
    check_tensors(fake=fake)
    check_choice("kind", kind, KINDS)
    if kind == "minimax":
        return -softplus(fake).mean()  # Eq. 1.6
    return softplus(-fake).mean()  # Eq. 1.7


def alternating_step(
    generator: torch.nn.Module,
    discriminator: torch.nn.Module,
    optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer],
    x: Tensor,
    z: Tensor,
    z_next: Tensor,
    kind: str = "non-saturating",
) -> tuple[float, float]:
    """Play one round (Algorithm 1): train the discriminator on x and G(z), then the generator on G(z_next).

    Args:
        generator: Maps noise (b, dz) to samples (b, d).
        discriminator: Maps samples (b, d) to logits.
        optimizers: The generator's and the discriminator's, in this order.
        x: Data, of shape (b, d).
        z: Noise for the discriminator's turn, of shape (b, dz).
        z_next: Fresh noise for the generator's turn, of shape (b, dz).
        kind: The generator's loss, see `generator_loss`.

    Returns:
        The losses of discriminator and generator, each before its own update.
    """
    check_tensors(x=x, z=z, z_next=z_next)
    check_choice("kind", kind, KINDS)
    generator_optimizer, discriminator_optimizer = optimizers
    d_loss = discriminator_loss(discriminator(x), discriminator(generator(z).detach()))
    discriminator_optimizer.zero_grad()
    d_loss.backward()
    discriminator_optimizer.step()

    g_loss = generator_loss(discriminator(generator(z_next)), kind)
    generator_optimizer.zero_grad()
    g_loss.backward()  # also leaves gradients in the discriminator; its next zero_grad clears them
    generator_optimizer.step()
    return d_loss.item(), g_loss.item()
