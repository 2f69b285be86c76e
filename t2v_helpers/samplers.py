"""Samplers: from noise x_T back to data, with any model that predicts x0, eps, v or the score.

Each is a generator that yields (t, x_t, x0_hat) before every step, x0_hat being what the model makes of this very x_t,
and at the end (0, x_0, x_0). `*_, (t, x0, _) = ddim_sample(...)` keeps the last alone.
"""

import itertools
import operator

import torch

from .diffusion import _check, _check_predicts, _levels, _predict, convert, posterior


def times(steps, T):
    """The steps at which a sampler calls the model, in falling order: a list of ints, from T down, without the 0.

    steps: how many, evenly spaced and always with T itself ("trailing" in diffusers); None for all T; or the list.

    >>> times(4, 1000)
    [1000, 750, 500, 250]
    """
    steps = T if steps is None else steps
    if hasattr(steps, "__index__") and not isinstance(steps, bool):
        n = operator.index(steps)
        if not 1 <= n <= T:
            raise ValueError(f"steps = {n}, expected a number from 1 to T = {T}")
        return [(2 * T * k + n) // (2 * n) for k in range(n, 0, -1)]  # T k / n, rounded
    try:
        chosen = [operator.index(t) for t in steps]
    except TypeError:
        raise ValueError(f"steps = {steps!r}, expected a whole number or a list of them") from None
    if not chosen or chosen[0] > T or chosen[-1] < 1 or any(s >= t for t, s in itertools.pairwise(chosen)):
        raise ValueError(f"steps = {steps}, expected a falling list of steps within {T} ... 1")
    return chosen


def ddpm_step(x_t, x0_hat, t, s, schedule, noise):
    """From x_t to x_s by the posterior q(x_s | x_t, x0), with the model's x0_hat in the place of x0 (DDPM, Alg. 2).

    x_t, x0_hat, noise: (b, ...), noise from N(0, I). t, s: steps, 0 <= s < t. Returns x_s. The variance is the
    posterior's own, beta-tilde in the paper, "fixed_small" in diffusers.

    >>> from t2v_helpers.schedules import NoiseSchedule
    >>> ddpm_step(torch.ones(1, 1), torch.full((1, 1), 0.5), 1, 0, NoiseSchedule([0.1]), torch.ones(1, 1))
    tensor([[0.5000]])
    """
    _check(schedule, x_t=x_t, noise=noise)
    mean, variance = posterior(x_t, x0_hat, t, schedule, s)
    return mean + variance.sqrt() * noise  # Eq. 3.9


def ddim_step(x_t, x0_hat, t, s, schedule, noise=None, eta=0.0):
    """From x_t to x_s along the model's own eps_hat, with as much fresh noise as eta says (DDIM, Song et al. 2021).

    x_t, x0_hat, noise: (b, ...), noise from N(0, I), not needed for eta = 0. t, s: steps, 0 <= s < t. eta: from 0
    (none: x_T alone decides) to 1 (as much as DDPM). Returns x_s. (DDIM Eq. 12 and 16)

    >>> from t2v_helpers.schedules import NoiseSchedule
    >>> ddim_step(torch.ones(1, 1), torch.full((1, 1), 0.5), 1, 0, NoiseSchedule([0.1]))
    tensor([[0.5000]])
    """
    noise = x_t if noise is None and eta == 0 else noise  # any will do: its factor is 0
    _check(schedule, x_t=x_t, x0_hat=x0_hat, noise=noise)
    if not 0 <= eta <= 1:
        raise ValueError(f"eta = {eta}, expected a number from 0 to 1")
    ab_t, ab_s = _levels(t, s, schedule, x_t)
    variance = eta**2 * (1 - ab_s) / (1 - ab_t) * (1 - ab_t / ab_s)  # Eq. 3.10
    signal, to_x_t = ab_s.sqrt().to(x_t), (1 - ab_s - variance).clamp(0).sqrt().to(x_t)
    eps_hat = convert(x_t, t, schedule, x0=x0_hat).eps
    return signal * x0_hat + to_x_t * eps_hat + variance.sqrt().to(x_t) * noise  # Eq. 3.11


def ddpm_sample(model, x_T, schedule, generator, steps=None, predicts="eps"):
    """DDPM's ancestral sampling: a generator of (t, x_t, x0_hat), from t = T to 0, each step a `ddpm_step`.

    model: model(x_t, t) -> (b, ...), t of shape (b,). x_T: (b, ...), noise from N(0, I). generator: torch.Generator.
    steps: how many, or which, see `times`; None for all T. predicts: "eps", "x0", "v" or "score".

    >>> from t2v_helpers import diffusion, schedules
    >>> schedule = schedules.NoiseSchedule.linear(100)
    >>> model = diffusion.exact_denoiser(torch.tensor([[-1.0], [1.0]]), schedule)
    >>> x_T = torch.randn(3, 1, generator=torch.Generator().manual_seed(0))
    >>> *_, (t, x0, _) = ddpm_sample(model, x_T, schedule, torch.Generator().manual_seed(1), predicts="x0")
    >>> t, x0.abs().round(decimals=3)
    (0, tensor([[1.],
            [1.],
            [1.]]))
    """
    _check_generator(generator)

    def step(x_t, x0_hat, t, s):
        noise = _noise(x_t, generator) if s > 0 else torch.zeros_like(x_t)
        return ddpm_step(x_t, x0_hat, t, s, schedule, noise)

    return _sample(model, x_T, schedule, steps, predicts, step)


def ddim_sample(model, x_T, schedule, generator=None, steps=None, predicts="eps", eta=0.0):
    """DDIM sampling: a generator of (t, x_t, x0_hat), from t = T to 0, each step a `ddim_step`.

    generator: torch.Generator, needed for eta > 0 only; eta: from 0 (no noise) to 1 (DDPM). The others as in
    `ddpm_sample`.

    >>> from t2v_helpers import diffusion, schedules
    >>> schedule = schedules.NoiseSchedule.linear(1000)
    >>> model = diffusion.exact_denoiser(torch.tensor([[-1.0], [1.0]]), schedule)
    >>> [t for t, x_t, x0_hat in ddim_sample(model, torch.ones(1, 1), schedule, steps=4, predicts="x0")]
    [1000, 750, 500, 250, 0]
    """
    if not 0 <= eta <= 1:
        raise ValueError(f"eta = {eta}, expected a number from 0 to 1")
    if eta > 0:
        _check_generator(generator)

    def step(x_t, x0_hat, t, s):
        return ddim_step(x_t, x0_hat, t, s, schedule, _noise(x_t, generator) if eta > 0 else None, eta)

    return _sample(model, x_T, schedule, steps, predicts, step)


def _check_generator(generator):
    if not isinstance(generator, torch.Generator):
        raise ValueError(f"generator is a {type(generator).__name__}, expected a torch.Generator to draw noise from")


def _noise(x, generator):
    return torch.randn(x.shape, generator=generator, dtype=x.dtype, device=generator.device).to(x.device)


def _sample(model, x_T, schedule, steps, predicts, step):
    """Check everything now, and return the generator that walks."""
    _check(schedule, x_T=x_T)
    _check_predicts(predicts)
    chosen = times(steps, len(schedule))

    @torch.no_grad()
    def walk():
        x_t = x_T
        for t, s in itertools.pairwise([*chosen, 0]):
            x0_hat = convert(x_t, t, schedule, **{predicts: _predict(model, x_t, t)}).x0
            yield t, x_t, x0_hat
            x_t = step(x_t, x0_hat, t, s)
        yield 0, x_t, x_t

    return walk()
