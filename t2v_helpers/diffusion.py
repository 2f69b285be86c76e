"""Diffusion, forward and back: noising, the posterior, exact denoisers, conversions, the loss, guidance, samplers.

Throughout this file:

- Data x0, noise eps and noisy data x_t are float tensors of one shape (b, ...), a batch of b samples; so are results.
- A step t is an int that holds for the whole batch, or an integer tensor (b,); steps run from 1 to T = len(schedule).
- The caller draws the noise, from N(0, I), so nothing here is random.
- A model is called as model(x_t, t) with t of shape (b,), and returns what `predicts` names: "eps", "x0", "v",
  "score" or "velocity".
- Wrong shapes, data that are empty, integers or not finite, and a t out of range raise ValueError, in one line.
"""

import itertools
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from ._support.checks import check_alike, check_choice, check_generator, check_share
from .schedules import NoiseSchedule

Step = int | Tensor
Steps = int | Sequence[int] | None
Model = Callable[[Tensor, Tensor], Tensor]
Walk = Iterator[tuple[int, Tensor, Tensor]]


# ---- forward: from data to noise ----
def forward_step(x_prev: Tensor, t: Step, schedule: NoiseSchedule, eps: Tensor) -> Tensor:
    """Take one step of the forward chain: x_t = sqrt(1 - beta_t) x_{t-1} + sqrt(beta_t) eps (DDPM, Eq. 2).

    Args:
        x_prev: x_{t-1}, of shape (b, ...).
        t: The step to take, 1 ... T.
        schedule: Holds beta_t.
        eps: Noise from N(0, I), of shape (b, ...), fresh at each step.

    >>> forward_step(torch.tensor([[10.0]]), 1, NoiseSchedule([0.36]), torch.tensor([[1.0]]))
    tensor([[8.6000]])
    """
    _check(schedule, x_prev=x_prev, eps=eps)
    beta = schedule.betas[_step(t, schedule, x_prev) - 1]
    return (1 - beta).sqrt().to(x_prev) * x_prev + beta.sqrt().to(x_prev) * eps  # Eq. 2.1


def q_sample(x0: Tensor, t: Step, schedule: NoiseSchedule, eps: Tensor) -> Tensor:
    """Take t forward steps at once: x_t = sqrt(alpha_bar_t) x0 + sqrt(1 - alpha_bar_t) eps (DDPM, Eq. 4).

    Args:
        x0: Clean data, of shape (b, ...).
        t: How far to go, 1 ... T.
        schedule: Holds alpha_bar_t.
        eps: Noise from N(0, I), of shape (b, ...).

    >>> schedule = NoiseSchedule([0.36, 0.75])
    >>> q_sample(torch.tensor([[10.0], [10.0]]), torch.tensor([1, 2]), schedule, torch.zeros(2, 1)).tolist()
    [[8.0], [4.0]]
    """
    _check(schedule, x0=x0, eps=eps)
    signal, noise = _signal_and_noise(t, schedule, x0)
    return signal * x0 + noise * eps  # Eq. 2.2


def printed_step(eps_next: Tensor, t: Step, schedule: NoiseSchedule, eta: Tensor) -> Tensor:
    """Take a reverse step that does not work: eps_t = sqrt(1 - beta_t) eps_{t+1} - sqrt(beta_t) eta.

    The write-up this course grew out of prints it. -eta has the same distribution as +eta, so this is `forward_step`
    again, and ends in N(0, I), not in the data.

    Args:
        eps_next: eps_{t+1}, of shape (b, ...).
        t: The step, 1 ... T.
        schedule: Holds beta_t.
        eta: Noise from N(0, I), of shape (b, ...).
    """
    _check(schedule, eps_next=eps_next, eta=eta)
    beta = schedule.betas[_step(t, schedule, eps_next) - 1]
    return (1 - beta).sqrt().to(eps_next) * eps_next - beta.sqrt().to(eps_next) * eta  # Eq. 3.1


# ---- back: what x_t says about x0 ----
class Prediction(NamedTuple):
    """Five parametrizations of the same knowledge: x_t, t and one of them give the other four."""

    x0: Tensor
    eps: Tensor
    v: Tensor
    score: Tensor
    velocity: Tensor


def convert(x_t: Tensor, t: Step, schedule: NoiseSchedule, **given: Tensor) -> Prediction:
    """Turn one of x0, eps, v, score and velocity into all five: `convert(x_t, t, schedule, eps=eps).x0`.

    With signal = sqrt(alpha_bar_t) and noise = sqrt(1 - alpha_bar_t), x_t = signal x0 + noise eps. Divided by signal +
    noise, that is a point of flow matching's straight path, at `schedule.flow_times`, and velocity is how it moves.

    Args:
        x_t: Noisy data, of shape (b, ...).
        t: The step of x_t, 1 ... T.
        schedule: Holds alpha_bar_t.
        **given: One of x0, the clean data; eps, the noise; v = signal eps - noise x0 (Salimans & Ho 2022); score, the
            gradient of log p(x_t), which is -eps / noise; and velocity = eps - x0 (Liu et al. 2022), whatever the
            schedule. All have the shape of x_t.

    Raises:
        ValueError: Also if alpha_bar_t = 0 and you pass eps or score: they say nothing about x0 there.

    >>> convert(torch.tensor([[8.6]]), 1, NoiseSchedule([0.36]), eps=torch.tensor([[1.0]])).x0
    tensor([[10.]])
    """
    x0, eps, v, score, velocity = (given.get(name) for name in Prediction._fields)
    if len(given) != 1 or not given.keys() <= {*Prediction._fields}:
        names = ", ".join(Prediction._fields)
        raise ValueError(f"convert got {', '.join(given) or 'nothing'}, expected one of {names}")
    _check(schedule, x_t=x_t, **given)
    signal, noise = _signal_and_noise(t, schedule, x_t)
    if {"eps", "score"} & given.keys() and (signal == 0).any():
        raise ValueError(f"alpha_bar = 0 at t = {len(schedule)}: {next(iter(given))} says nothing of x0, use v or x0")
    if score is not None:
        eps = -noise * score
    if v is not None:
        x0, eps = signal * x_t - noise * v, noise * x_t + signal * v
    elif velocity is not None:
        x0, eps = (x_t - noise * velocity) / (signal + noise), (x_t + signal * velocity) / (signal + noise)  # Eq. 10.5
    elif x0 is None:
        x0 = (x_t - noise * eps) / signal  # Eq. 3.5
    else:
        eps = (x_t - signal * x0) / noise
    return _prediction(x0, eps, signal, noise)


def posterior(
    x_t: Tensor, x0: Tensor, t: Step, schedule: NoiseSchedule, s: Step | None = None
) -> tuple[Tensor, Tensor]:
    """Say where x_t came from if x0 is known: mean and variance of the Gaussian q(x_s | x_t, x0) (DDPM, Eq. 6 and 7).

    Args:
        x_t: Noisy data, of shape (b, ...).
        x0: Clean data, of shape (b, ...).
        t: The step of x_t, 1 ... T.
        schedule: Holds alpha_bar.
        s: An earlier step, 0 <= s < t; t - 1 by default. 0 is the clean data.

    Returns:
        The mean, of shape (b, ...), and the variance: a scalar, or (b, 1, ..., 1) if t or s differs across the batch.

    >>> mean, variance = posterior(torch.ones(1, 2), torch.zeros(1, 2), 2, NoiseSchedule([0.1, 0.2]))
    >>> round(variance.item(), 4)  # 0.1 / 0.28 * 0.2
    0.0714
    """
    _check(schedule, x_t=x_t, x0=x0)
    ab_t, ab_s = _levels(t, s, schedule, x_t)
    alpha = ab_t / ab_s  # of the steps s + 1 ... t together; alpha_t when s = t - 1
    of_x0, of_x_t = ab_s.sqrt() * (1 - alpha) / (1 - ab_t), alpha.sqrt() * (1 - ab_s) / (1 - ab_t)
    mean = of_x0.to(x_t) * x0 + of_x_t.to(x_t) * x_t  # Eq. 3.2
    variance = (1 - ab_s) / (1 - ab_t) * (1 - alpha)  # Eq. 3.3
    return mean, variance.to(x_t)


def exact_denoiser(
    points: Tensor, schedule: NoiseSchedule, std: float = 0.0, weights: Sequence[float] | Tensor | None = None
) -> Model:
    """Build the best possible denoiser, E[x0 | x_t], for data whose distribution is known. Nothing is trained.

    With std = 0 the data are the points themselves, and x0_hat is their mean, each weighted by how likely it is to have
    become x_t. With std > 0 the data are a mixture of round Gaussians.

    Args:
        points: The data points or centers, of shape (n, ...).
        schedule: Holds alpha_bar.
        std: Standard deviation of the Gaussians, in the units of x.
        weights: Relative frequency of each point, n floats in any scale; equal by default.

    Returns:
        denoise(x_t, t) -> x0_hat, both of shape (b, ...): a model that predicts "x0".

    >>> denoise = exact_denoiser(torch.tensor([[-1.0], [1.0]]), NoiseSchedule([0.5]))
    >>> denoise(torch.zeros(1, 1), 1)
    tensor([[0.]])
    """
    _check(schedule, points=points)
    n, mu = len(points), points.detach().flatten(1).cpu().double()
    weights = torch.as_tensor(torch.ones(n) if weights is None else weights, dtype=torch.float64)
    if not 0 <= std < math.inf:
        raise ValueError(f"std = {std}, expected a finite width, at least 0")
    if weights.shape != (n,) or not (weights >= 0).all() or not 0 < weights.sum() < math.inf:
        raise ValueError(f"weights of shape {tuple(weights.shape)}, expected {n} floats >= 0 that are not all 0")

    def denoise(x_t: Tensor, t: Step) -> Tensor:
        _check(schedule, x_t=x_t)
        if x_t.shape[1:] != points.shape[1:]:
            raise ValueError(f"x_t has shape {tuple(x_t.shape)}, expected (b, ...) for points {tuple(points.shape)}")
        x = x_t.flatten(1).cpu().double()
        ab = _alpha_bar(_step(t, schedule, x), schedule).reshape(-1, 1)
        signal, variance = ab.sqrt(), ab * std**2 + 1 - ab  # from point i, x_t is N(signal mu_i, variance I)
        distance = x.square().sum(1, keepdim=True) - 2 * signal * x @ mu.T + ab * mu.square().sum(1)
        p = (weights.log() - distance / (2 * variance)).softmax(1)
        gain = p * signal * std**2 / variance
        x0_hat = p @ mu + gain.sum(1, keepdim=True) * x - signal * gain @ mu  # Eq. 3.4
        return x0_hat.reshape(x_t.shape).to(x_t)

    return denoise


# ---- training a model, and steering it ----
def simple_loss(
    model: Model, x0: Tensor, t: Step, schedule: NoiseSchedule, eps: Tensor, predicts: str = "eps"
) -> Tensor:
    """Compute the loss that trains a denoiser: the mean of |model(x_t, t) - eps|^2 (DDPM, Eq. 14).

    Args:
        model: model(x_t, t) -> (b, ...).
        x0: Clean data, of shape (b, ...).
        t: The steps, usually one drawn from 1 ... T for each sample.
        schedule: Makes x_t.
        eps: Noise, of shape (b, ...).
        predicts: What the model's output is compared with.

    >>> simple_loss(lambda x_t, t: 0 * x_t, torch.ones(1, 2), 1, NoiseSchedule([0.5]), torch.tensor([[1.0, 3.0]]))
    tensor(5.)
    """
    check_choice("predicts", predicts, Prediction._fields)
    x_t = q_sample(x0, t, schedule, eps)
    target = getattr(_prediction(x0, eps, *_signal_and_noise(t, schedule, x0)), predicts)
    return (_predict(model, x_t, t) - target).square().mean()  # Eq. 3.8


def guide(cond: Tensor, uncond: Tensor, w: float) -> Tensor:
    """Apply classifier-free guidance: multiply what the prompt changes in a prediction by w (Ho & Salimans 2022).

    Args:
        cond: The model's output with the prompt, of any shape.
        uncond: Its output without the prompt, of the same shape.
        w: Guidance scale as diffusers counts it, the paper's plus 1: 0 ignores the prompt, 1 leaves the model's output
            as it is, and ModelScope's default is 9.

    >>> guide(torch.tensor([3.0]), torch.tensor([1.0]), 9.0)
    tensor([19.])
    """
    check_alike(uncond=uncond, cond=cond)
    if not math.isfinite(w):
        raise ValueError(f"w = {w}, expected a finite guidance scale")
    return uncond + w * (cond - uncond)  # Eq. 6.7


# ---- samplers: from noise x_T back to data ----
def times(steps: Steps, T: int) -> list[int]:
    """List the steps at which a sampler calls the model, from T down, without the 0.

    Args:
        steps: How many, spread evenly and always including T ("trailing" in diffusers); None for all T; or the falling
            list of steps itself.
        T: Length of the schedule.

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


def ddpm_step(x_t: Tensor, x0_hat: Tensor, t: Step, s: Step, schedule: NoiseSchedule, noise: Tensor) -> Tensor:
    """Draw x_s from the posterior q(x_s | x_t, x0), with the model's x0_hat in place of x0 (DDPM, Algorithm 2).

    The variance is the posterior's: beta-tilde in the paper, "fixed_small" in diffusers.

    Args:
        x_t: Noisy data, of shape (b, ...).
        x0_hat: The model's estimate of the clean data, of shape (b, ...).
        t: The step of x_t, 1 ... T.
        s: The step to reach, 0 <= s < t.
        schedule: Holds alpha_bar.
        noise: Noise from N(0, I), of shape (b, ...).
    """
    _check(schedule, x_t=x_t, noise=noise)
    mean, variance = posterior(x_t, x0_hat, t, schedule, s)
    return mean + variance.sqrt() * noise  # Eq. 3.9


def ddim_step(
    x_t: Tensor, x0_hat: Tensor, t: Step, s: Step, schedule: NoiseSchedule, noise: Tensor | None = None, eta: float = 0
) -> Tensor:
    """Go from x_t to x_s along the noise that x0_hat implies, adding fresh noise by eta (DDIM, Song et al. 2021).

    With eta = 0 this is an Euler step of the probability-flow ODE (Eq. 3.12): x / sqrt(alpha_bar) moves by eps_hat for
    each unit of sigma = sqrt(1 - alpha_bar) / sqrt(alpha_bar).

    Args:
        x_t: Noisy data, of shape (b, ...).
        x0_hat: The model's estimate of the clean data, of shape (b, ...).
        t: The step of x_t, 1 ... T.
        s: The step to reach, 0 <= s < t.
        schedule: Holds alpha_bar.
        noise: Noise from N(0, I), of shape (b, ...); not needed for eta = 0.
        eta: Share of DDPM's noise to add, from 0 (x_T alone decides) to 1 (DDPM). See DDIM, Eq. 12 and 16.
    """
    noise = x_t if noise is None and eta == 0 else noise  # any will do: it is multiplied by 0
    _check(schedule, x_t=x_t, x0_hat=x0_hat, noise=noise)
    check_share("eta", eta)
    ab_t, ab_s = _levels(t, s, schedule, x_t)
    variance = eta**2 * (1 - ab_s) / (1 - ab_t) * (1 - ab_t / ab_s)  # Eq. 3.10
    signal, to_x_t = ab_s.sqrt().to(x_t), (1 - ab_s - variance).clamp(0).sqrt().to(x_t)
    eps_hat = convert(x_t, t, schedule, x0=x0_hat).eps
    return signal * x0_hat + to_x_t * eps_hat + variance.sqrt().to(x_t) * noise  # Eq. 3.11


def ddpm_sample(
    model: Model, x_T: Tensor, schedule: NoiseSchedule, generator: Generator, steps: Steps = None, predicts: str = "eps"
) -> Walk:
    """Sample with DDPM, one `ddpm_step` after the other (Ho et al. 2020, Algorithm 2).

    Args:
        model: model(x_t, t) -> (b, ...).
        x_T: Noise from N(0, I), of shape (b, ...).
        schedule: The schedule the model was trained with.
        generator: Draws the noise of each step.
        steps: How many steps, or which, see `times`; all T by default.
        predicts: What the model predicts.

    Returns:
        A generator. Before each step it yields (t, x_t, x0_hat), x0_hat being the model's estimate from this x_t. At
        the end it yields (0, x_0, x_0); `*_, (t, x0, _) = ddpm_sample(...)` keeps only that.

    >>> schedule = NoiseSchedule.linear(100)
    >>> model = exact_denoiser(torch.tensor([[-1.0], [1.0]]), schedule)
    >>> *_, (t, x0, _) = ddpm_sample(model, torch.zeros(3, 1), schedule, Generator().manual_seed(1), predicts="x0")
    >>> t, x0.abs().round(decimals=3).flatten().tolist()
    (0, [1.0, 1.0, 1.0])
    """
    check_generator(generator)

    def step(x_t: Tensor, x0_hat: Tensor, t: int, s: int) -> Tensor:
        noise = _noise(x_t, generator) if s > 0 else torch.zeros_like(x_t)
        return ddpm_step(x_t, x0_hat, t, s, schedule, noise)

    return _sample(model, x_T, schedule, steps, predicts, step)


def ddim_sample(
    model: Model,
    x_T: Tensor,
    schedule: NoiseSchedule,
    generator: Generator | None = None,
    steps: Steps = None,
    predicts: str = "eps",
    eta: float = 0.0,
) -> Walk:
    """Sample with DDIM, one `ddim_step` after the other (Song et al. 2021).

    Args:
        model: model(x_t, t) -> (b, ...).
        x_T: Noise from N(0, I), of shape (b, ...).
        schedule: The schedule the model was trained with.
        generator: Draws the noise of each step; needed only for eta > 0.
        steps: How many steps, or which, see `times`; all T by default.
        predicts: What the model predicts.
        eta: Share of DDPM's noise to add, from 0 (none) to 1 (DDPM).

    Returns:
        A generator of (t, x_t, x0_hat), as `ddpm_sample` returns.

    >>> walk = ddim_sample(lambda x_t, t: 0 * x_t, torch.ones(1, 1), NoiseSchedule.linear(1000), steps=4)
    >>> [t for t, x_t, x0_hat in walk]
    [1000, 750, 500, 250, 0]
    """
    check_share("eta", eta)
    if eta > 0:
        check_generator(generator)

    def step(x_t: Tensor, x0_hat: Tensor, t: int, s: int) -> Tensor:
        return ddim_step(x_t, x0_hat, t, s, schedule, _noise(x_t, generator) if eta > 0 else None, eta)

    return _sample(model, x_T, schedule, steps, predicts, step)


def _sample(model: Model, x_T: Tensor, schedule: NoiseSchedule, steps: Steps, predicts: str, step: Callable) -> Walk:
    """Check everything right away, then return the generator that walks from x_T to x_0."""
    _check(schedule, x_T=x_T)
    check_choice("predicts", predicts, Prediction._fields)
    chosen = times(steps, len(schedule))

    @torch.no_grad()
    def walk() -> Walk:
        x_t = x_T
        for t, s in itertools.pairwise([*chosen, 0]):
            x0_hat = convert(x_t, t, schedule, **{predicts: _predict(model, x_t, t)}).x0
            yield t, x_t, x0_hat
            x_t = step(x_t, x0_hat, t, s)
        yield 0, x_t, x_t

    return walk()


# ---- what the functions above share ----
def _alpha_bar(t: Tensor, schedule: NoiseSchedule) -> Tensor:
    """alpha_bar_t in float64, shaped like t; alpha_bar_0 = 1."""
    return torch.where(t == 0, 1.0, schedule.alpha_bars[t - 1])


def _signal_and_noise(t: Step, schedule: NoiseSchedule, x: Tensor) -> tuple[Tensor, Tensor]:
    alpha_bar = _alpha_bar(_step(t, schedule, x), schedule)
    return alpha_bar.sqrt().to(x), (1 - alpha_bar).sqrt().to(x)


def _levels(t: Step, s: Step | None, schedule: NoiseSchedule, x: Tensor) -> tuple[Tensor, Tensor]:
    """alpha_bar_t and alpha_bar_s in float64, shaped for x, of a step t and an earlier one s (None: t - 1)."""
    t = _step(t, schedule, x)
    s = t - 1 if s is None else _step(s, schedule, x, lowest=0, name="s")
    if (s >= t).any():
        raise ValueError(f"s = {s.max()} at t = {t.min()}, expected an earlier step, s < t")
    return _alpha_bar(t, schedule), _alpha_bar(s, schedule)


def _prediction(x0: Tensor, eps: Tensor, signal: Tensor, noise: Tensor) -> Prediction:
    v, score = signal * eps - noise * x0, -eps / noise  # Eq. 3.6, Eq. 3.7
    return Prediction(x0, eps, v, score, eps - x0)  # Eq. 10.2


def _predict(model: Model, x_t: Tensor, t: Step) -> Tensor:
    out = model(x_t, torch.as_tensor(t, device=x_t.device).expand(len(x_t)))
    if getattr(out, "shape", None) != x_t.shape:
        raise ValueError(f"the model returned {getattr(out, 'shape', type(out).__name__)}, expected {x_t.shape}")
    if not out.isfinite().all():
        raise ValueError(f"the model returned NaN or infinite values at t = {t}")
    return out


def _noise(x: Tensor, generator: Generator) -> Tensor:
    return torch.randn(x.shape, generator=generator, dtype=x.dtype, device=generator.device).to(x.device)


def _step(t: Step, schedule: NoiseSchedule, x: Tensor, lowest: int = 1, name: str = "t") -> Tensor:
    """Check t, and return it as an integer tensor on the CPU: a scalar, or (b, 1, ..., 1) to go with x."""
    given = getattr(t, "dtype", t)
    t = torch.as_tensor(t).cpu() if not isinstance(t, (str, type(None))) else torch.empty(0)
    if t.is_floating_point() or t.is_complex() or t.dtype == torch.bool:
        raise ValueError(f"{name} is {given!r}, expected an int or a tensor of integers")
    if t.ndim and t.shape != x.shape[:1]:
        raise ValueError(f"{name} has shape {tuple(t.shape)}, expected an int or shape {tuple(x.shape[:1])}")
    for wrong in t[(t < lowest) | (t > len(schedule))]:
        raise ValueError(f"{name} = {wrong}, expected a step from {lowest} to {len(schedule)}")
    return t.long().reshape(-1, *[1] * (x.ndim - 1)) if t.ndim else t.long()


def _check(schedule: NoiseSchedule, **tensors: Tensor) -> None:
    if not isinstance(schedule, NoiseSchedule):
        raise ValueError(f"schedule is a {type(schedule).__name__}, expected a NoiseSchedule (see its from_scheduler)")
    check_alike(**tensors)
