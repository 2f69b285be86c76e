"""Diffusion, forward and back: noising, the posterior, exact denoisers, conversions, the loss, guidance, samplers.

Data x0 and noise eps are float tensors of one shape (b, ...). A step t is an int, the same for all, or an integer
tensor (b,), from 1 to T = len(schedule). Noise always comes from the caller. Every function raises ValueError, in one
line, for shapes that do not match, NaN, integer or empty data, and a t out of range. A model is called as
model(x_t, t), t of shape (b,), and returns what `predicts` names: "eps", "x0", "v" or "score".
"""

import itertools
import math
import operator
import typing

import torch

from ._support.checks import check_floats, check_values
from .schedules import NoiseSchedule


class Prediction(typing.NamedTuple):
    """Four names for one thing: given x_t and t, each of them says the other three."""

    x0: torch.Tensor
    eps: torch.Tensor
    v: torch.Tensor
    score: torch.Tensor


def _check(schedule, **tensors):
    """Check that `schedule` is one, and the tensors as `_check_tensors` does."""
    if not isinstance(schedule, NoiseSchedule):
        raise ValueError(f"schedule is a {type(schedule).__name__}, expected a NoiseSchedule (see its from_scheduler)")
    _check_tensors(**tensors)


def _check_tensors(**tensors):
    """Check that the tensors are float, finite, not empty and of one shape."""
    first = next(iter(tensors))
    for name, x in tensors.items():
        check_floats(name, x)
        if x.shape != tensors[first].shape:
            raise ValueError(f"{name} has shape {tuple(x.shape)}, {first} has {tuple(tensors[first].shape)}")
        check_values(name, x)


def _step(t, schedule, x, lowest=1, name="t"):
    """Check t; return it as an integer tensor on the CPU, without axes or shaped (b, 1, ..., 1) for x."""
    given = getattr(t, "dtype", t)
    t = torch.as_tensor(t).cpu() if not isinstance(t, (str, type(None))) else torch.empty(0)
    if t.is_floating_point() or t.is_complex() or t.dtype == torch.bool:
        raise ValueError(f"{name} is {given!r}, expected an int or a tensor of integers")
    if t.ndim and t.shape != x.shape[:1]:
        raise ValueError(f"{name} has shape {tuple(t.shape)}, expected an int or shape {tuple(x.shape[:1])}")
    for wrong in t[(t < lowest) | (t > len(schedule))]:
        raise ValueError(f"{name} = {wrong}, expected a step from {lowest} to {len(schedule)}")
    return t.long().reshape(-1, *[1] * (x.ndim - 1)) if t.ndim else t.long()


def _alpha_bar(t, schedule):
    """alpha_bar_t in float64, shaped like t; alpha_bar_0 = 1."""
    return torch.where(t == 0, 1.0, schedule.alpha_bars[t - 1])


def _levels(t, s, schedule, x):
    """alpha_bar_t and alpha_bar_s in float64, shaped for x, of a step t and an earlier one s (None: t - 1)."""
    t = _step(t, schedule, x)
    s = t - 1 if s is None else _step(s, schedule, x, lowest=0, name="s")
    if (s >= t).any():
        raise ValueError(f"s = {s.max()} at t = {t.min()}, expected an earlier step, s < t")
    return _alpha_bar(t, schedule), _alpha_bar(s, schedule)


def _signal_and_noise(t, schedule, x):
    """sqrt(alpha_bar_t) and sqrt(1 - alpha_bar_t), ready to multiply x."""
    alpha_bar = _alpha_bar(_step(t, schedule, x), schedule)
    return alpha_bar.sqrt().to(x), (1 - alpha_bar).sqrt().to(x)


def _predict(model, x_t, t):
    """Call the model with t of shape (b,), and check what it returns."""
    out = model(x_t, torch.as_tensor(t, device=x_t.device).expand(len(x_t)))
    if getattr(out, "shape", None) != x_t.shape:
        raise ValueError(f"the model returned {getattr(out, 'shape', type(out).__name__)}, expected {x_t.shape}")
    if not out.isfinite().all():
        raise ValueError(f"the model returned NaN or infinite values at t = {t}")
    return out


def _check_predicts(predicts):
    if predicts not in Prediction._fields:
        raise ValueError(f"predicts = {predicts!r}, expected one of {', '.join(Prediction._fields)}")


def forward_step(x_prev, t, schedule, eps):
    """One step of the forward chain, from x_{t-1} to x_t: x_t = sqrt(1 - beta_t) x_{t-1} + sqrt(beta_t) eps.

    x_prev, eps: (b, ...), eps from N(0, I), drawn anew for each step. Returns x_t. (DDPM, Ho et al. 2020, Eq. 2)

    >>> schedule = NoiseSchedule([0.36, 0.75])
    >>> forward_step(torch.tensor([[10.0]]), 1, schedule, torch.tensor([[1.0]]))
    tensor([[8.6000]])
    """
    _check(schedule, x_prev=x_prev, eps=eps)
    beta = schedule.betas[_step(t, schedule, x_prev) - 1]
    return (1 - beta).sqrt().to(x_prev) * x_prev + beta.sqrt().to(x_prev) * eps  # Eq. 2.1


def q_sample(x0, t, schedule, eps):
    """t steps of the forward chain at once: x_t = sqrt(alpha_bar_t) x0 + sqrt(1 - alpha_bar_t) eps.

    x0, eps: (b, ...), eps from N(0, I). Returns x_t. (DDPM Eq. 4)

    >>> schedule = NoiseSchedule([0.36, 0.75])
    >>> q_sample(torch.tensor([[10.0], [10.0]]), torch.tensor([1, 2]), schedule, torch.zeros(2, 1)).tolist()
    [[8.0], [4.0]]
    """
    _check(schedule, x0=x0, eps=eps)
    signal, noise = _signal_and_noise(t, schedule, x0)
    return signal * x0 + noise * eps  # Eq. 2.2


def printed_step(eps_next, t, schedule, eta):
    """The reverse step as often printed, eps_t = sqrt(1 - beta_t) eps_{t+1} - sqrt(beta_t) eta: it reverses nothing.

    -eta has the law of +eta, so this is `forward_step` once more and ends in N(0, I), not in the data.
    eps_next, eta: (b, ...), eta from N(0, I). Returns eps_t.

    >>> printed_step(torch.tensor([[8.6]]), 1, NoiseSchedule([0.36]), torch.tensor([[1.0]]))
    tensor([[6.2800]])
    """
    _check(schedule, eps_next=eps_next, eta=eta)
    beta = schedule.betas[_step(t, schedule, eps_next) - 1]
    return (1 - beta).sqrt().to(eps_next) * eps_next - beta.sqrt().to(eps_next) * eta  # Eq. 3.1


def _four_names(x0, eps, signal, noise):
    return Prediction(x0, eps, signal * eps - noise * x0, -eps / noise)  # Eq. 3.6 (v), Eq. 3.7 (score)


def convert(x_t, t, schedule, *, x0=None, eps=None, v=None, score=None):
    """From one of x0, eps, v and score, all four: `convert(x_t, t, schedule, eps=eps).x0`.

    x_t = signal x0 + noise eps; v = signal eps - noise x0 (Salimans & Ho 2022); score = -eps / noise, the gradient of
    log p(x_t), where signal = sqrt(alpha_bar_t), noise = sqrt(1 - alpha_bar_t). All (b, ...). Returns a `Prediction`.
    Raises ValueError where alpha_bar_t = 0 and only eps or score is known: there they say nothing of x0.

    >>> schedule = NoiseSchedule([0.36])
    >>> convert(torch.tensor([[8.6]]), 1, schedule, eps=torch.tensor([[1.0]])).x0
    tensor([[10.]])
    """
    given = {k: a for k, a in dict(x0=x0, eps=eps, v=v, score=score).items() if a is not None}
    if len(given) != 1:
        raise ValueError(f"convert got {', '.join(given) or 'nothing'}, expected one of x0, eps, v, score")
    _check(schedule, x_t=x_t, **given)
    signal, noise = _signal_and_noise(t, schedule, x_t)
    if x0 is None and v is None and (signal == 0).any():
        raise ValueError(f"alpha_bar = 0 at t = {len(schedule)}: {next(iter(given))} says nothing of x0, use v or x0")
    if score is not None:
        eps = -noise * score
    if v is not None:
        x0, eps = signal * x_t - noise * v, noise * x_t + signal * v
    elif x0 is None:
        x0 = (x_t - noise * eps) / signal  # Eq. 3.5
    else:
        eps = (x_t - signal * x0) / noise
    return _four_names(x0, eps, signal, noise)


def posterior(x_t, x0, t, schedule, s=None):
    """Mean and variance of q(x_s | x_t, x0), which is Gaussian: where x_t came from, when x0 is known (DDPM Eq. 6, 7).

    x_t, x0: (b, ...). s: the earlier step, 0 <= s < t; left out, t - 1 (0 is the clean data).
    Returns mean (b, ...) and variance, without axes or (b, 1, ..., 1).

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


def exact_denoiser(points, schedule, std=0.0, weights=None):
    """The best denoiser there is, E[x0 | x_t], for data whose law is known; no training.

    With std = 0 the data are the points themselves, a finite data set: x0_hat is their mean, each weighted by how
    likely it is to have become x_t. With std > 0 they are a mixture of round Gaussians around the points.

    points: (n, ...). std: a float or (n,), in the units of x0. weights: (n,), in any scale; left out, all equal.
    Returns denoise(x_t, t) -> x0_hat, both (b, ...), a model that predicts "x0".

    >>> denoise = exact_denoiser(torch.tensor([[-1.0], [1.0]]), NoiseSchedule([0.5]))
    >>> denoise(torch.zeros(1, 1), 1)
    tensor([[0.]])
    """
    _check(schedule, points=points)
    n, mu = len(points), points.detach().flatten(1).cpu().double()
    std = torch.as_tensor(std, dtype=torch.float64)
    weights = torch.as_tensor(torch.ones(n) if weights is None else weights, dtype=torch.float64)
    if std.shape not in ((), (n,)) or not (std >= 0).all() or not std.isfinite().all():
        raise ValueError(f"std = {std.tolist()}, expected a float >= 0, or {n} of them")
    if weights.shape != (n,) or not (weights >= 0).all() or not 0 < weights.sum() < math.inf:
        raise ValueError(f"weights of shape {tuple(weights.shape)}, expected {n} floats >= 0 that are not all 0")

    def denoise(x_t, t):
        _check(schedule, x_t=x_t)
        if x_t.shape[1:] != points.shape[1:]:
            raise ValueError(f"x_t has shape {tuple(x_t.shape)}, expected (b, ...) for points {tuple(points.shape)}")
        x = x_t.flatten(1).cpu().double()
        ab = _alpha_bar(_step(t, schedule, x), schedule).reshape(-1, 1)
        signal, variance = ab.sqrt(), ab * std**2 + 1 - ab  # x_t, if from point i: N(signal mu_i, variance_i I)
        distance = x.square().sum(1, keepdim=True) - 2 * signal * x @ mu.T + ab * mu.square().sum(1)
        p = (weights.log() - distance / (2 * variance) - mu.shape[1] / 2 * variance.log()).softmax(1)
        gain = p * signal * std**2 / variance
        x0_hat = p @ mu + gain.sum(1, keepdim=True) * x - signal * gain @ mu  # Eq. 3.4
        return x0_hat.reshape(x_t.shape).to(x_t)

    return denoise


def simple_loss(model, x0, t, schedule, eps, predicts="eps"):
    """The loss that trains a denoiser: the mean of |model(x_t, t) - eps|^2 (DDPM Eq. 14), or with x0, v, score for eps.

    x0, eps: (b, ...), eps from N(0, I). t: each drawn from 1 ... T. Returns a scalar tensor.

    >>> simple_loss(lambda x_t, t: 0 * x_t, torch.ones(1, 2), 1, NoiseSchedule([0.5]), torch.tensor([[1.0, 3.0]]))
    tensor(5.)
    """
    _check_predicts(predicts)
    x_t = q_sample(x0, t, schedule, eps)
    target = getattr(_four_names(x0, eps, *_signal_and_noise(t, schedule, x0)), predicts)
    return (_predict(model, x_t, t) - target).square().mean()  # Eq. 3.8


def guide(cond, uncond, w):
    """Classifier-free guidance: what the prompt changes in a prediction, w times over (Ho & Salimans 2022).

    cond, uncond: the model's outputs with and without the prompt, of one shape. w: guidance scale as in diffusers: 0
    ignores the prompt, 1 is the model as it is, ModelScope's default is 9. (The paper's own w is this one less 1.)

    >>> guide(torch.tensor([3.0]), torch.tensor([1.0]), 9.0)
    tensor([19.])
    """
    _check_tensors(uncond=uncond, cond=cond)
    if not math.isfinite(w):
        raise ValueError(f"w = {w}, expected a finite guidance scale")
    return uncond + w * (cond - uncond)  # Eq. 6.7


# ---- samplers: from noise x_T back to data --------------------
# Each is a generator that yields (t, x_t, x0_hat) before every step, x0_hat being what the model makes of this very
# x_t, and at the end (0, x_0, x_0). `*_, (t, x0, _) = ddim_sample(...)` keeps the last alone.
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

    >>> from t2v_helpers import schedules
    >>> schedule = schedules.NoiseSchedule.linear(100)
    >>> model = exact_denoiser(torch.tensor([[-1.0], [1.0]]), schedule)
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

    >>> from t2v_helpers import schedules
    >>> schedule = schedules.NoiseSchedule.linear(1000)
    >>> model = exact_denoiser(torch.tensor([[-1.0], [1.0]]), schedule)
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
