"""Generative adversarial networks (Goodfellow et al. 2014): the two losses, and one alternating step.

A generator makes x = G(z) from noise z. A discriminator gives a logit for each x, and D(x) = sigmoid(logit) is the
probability, in its opinion, that x is data. With logits, log D(x) = -softplus(-logit) never becomes log 0.
"""

import torch  # noqa: F401  the examples use it
from torch.nn.functional import softplus

from ._support.checks import check_floats, check_values

KINDS = ("non-saturating", "minimax")


def _check(**tensors):
    for name, x in tensors.items():
        check_floats(name, x)
        check_values(name, x)


def _check_kind(kind):
    if kind not in KINDS:
        raise ValueError(f"kind = {kind!r}, expected one of {', '.join(KINDS)}")


def discriminator_loss(real, fake):
    """What the discriminator minimises: -mean log D(x) - mean log(1 - D(G(z))), the game's value, negated (Eq. 1).

    real, fake: its logits for data and for generated samples, any shapes. Returns a scalar tensor, log 4 for one that
    cannot tell them apart.

    >>> discriminator_loss(torch.zeros(3, 1), torch.zeros(3, 1))
    tensor(1.3863)
    """
    _check(real=real, fake=fake)
    return softplus(-real).mean() + softplus(fake).mean()  # Eq. 1.3


def generator_loss(fake, kind="non-saturating"):
    """What the generator minimises: -mean log D(G(z)), or for kind "minimax" mean log(1 - D(G(z))).

    Minimax is the game as it is written (Eq. 1): the generator minimises what the discriminator maximises. Its gradient
    vanishes where D(G(z)) is near 0; hence the other, which has the same fixed point (Section 3 of the paper).
    fake: the discriminator's logits for generated samples, any shape. Returns a scalar tensor.

    >>> generator_loss(torch.zeros(3, 1)), generator_loss(torch.zeros(3, 1), "minimax")
    (tensor(0.6931), tensor(-0.6931))
    """
    _check(fake=fake)
    _check_kind(kind)
    if kind == "minimax":
        return -softplus(fake).mean()  # Eq. 1.6
    return softplus(-fake).mean()  # Eq. 1.7


def alternating_step(generator, discriminator, optimizers, x, z, z_next, kind="non-saturating"):
    """One round of the game (Algorithm 1): the discriminator learns from x and G(z), then the generator from G(z_next).

    generator, discriminator: modules, z (b, dz) -> x (b, d) and x -> logits. optimizers: the pair of theirs, in this
    order. x: (b, d), data. z, z_next: (b, dz), noise, each drawn anew. kind: see `generator_loss`.
    Returns both losses as floats, discriminator first, each as it was before its own update.

    >>> G, D = torch.nn.Linear(1, 2), torch.nn.Linear(2, 1)
    >>> both = torch.optim.SGD(G.parameters(), lr=0.1), torch.optim.SGD(D.parameters(), lr=0.1)
    >>> d_loss, g_loss = alternating_step(G, D, both, torch.ones(4, 2), torch.zeros(4, 1), torch.ones(4, 1))
    """
    _check(x=x, z=z, z_next=z_next)
    _check_kind(kind)
    generator_optimizer, discriminator_optimizer = optimizers
    d_loss = discriminator_loss(discriminator(x), discriminator(generator(z).detach()))
    discriminator_optimizer.zero_grad()
    d_loss.backward()
    discriminator_optimizer.step()

    g_loss = generator_loss(discriminator(generator(z_next)), kind)
    generator_optimizer.zero_grad()
    g_loss.backward()  # leaves gradients in the discriminator too, which its next zero_grad throws away
    generator_optimizer.step()
    return d_loss.item(), g_loss.item()
