"""Flow matching: the straight path from data to noise, the loss that teaches a network its velocity, and the way back.

Throughout this file:

- x_t = (1 - t) x0 + t eps: data at t = 0, noise at t = 1 (Esser et al. 2024, and diffusers). Liu et al. (2022) and
  Lipman et al. (2022) count time the other way.
- Flow time t is a number from 0 to 1 that holds for the whole batch, or a float tensor (b,).
- A model is called as model(x_t, t) with t of shape (b,), and returns the velocity, of the shape of x_t.
- `NoiseSchedule.flow` and `NoiseSchedule.flow_times` connect these times with the steps 1 ... T of a schedule, and
  `diffusion.convert` the velocity with x0, eps, v and the score.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from ._support.checks import check_alike, check_choice
from .schedules import NoiseSchedule

Model = Callable[[Tensor, Tensor], Tensor]
Time = float | Tensor


def straight_path(x0: Tensor, t: Time, eps: Tensor) -> Tensor:
    """Go a share t of the straight way from data to noise: x_t = (1 - t) x0 + t eps (Liu et al. 2022).

    Args:
        x0: Clean data, of shape (b, ...).
        t: Flow time.
        eps: Noise from N(0, I), of shape (b, ...).

    >>> straight_path(torch.tensor([[8.0], [8.0]]), torch.tensor([0.25, 1.0]), torch.zeros(2, 1)).tolist()
    [[6.0], [0.0]]
    """
    check_alike(x0=x0, eps=eps)
    t = _time(t, x0)
    t = t.reshape(-1, *[1] * (x0.ndim - 1)) if t.ndim else t
    return (1 - t) * x0 + t * eps  # Eq. 10.1


def flow_loss(model: Model, x0: Tensor, t: Time, eps: Tensor) -> Tensor:
    """Compute the loss of conditional flow matching: the mean of |model(x_t, t) - (eps - x0)|^2 (Lipman et al. 2022).

    Args:
        model: model(x_t, t) -> (b, ...).
        x0: Clean data, of shape (b, ...).
        t: Flow time, usually one drawn for each sample.
        eps: Noise from N(0, I), of shape (b, ...).

    >>> flow_loss(lambda x_t, t: 0 * x_t, torch.ones(1, 2), 0.5, torch.tensor([[1.0, 3.0]]))
    tensor(2.)
    """
    return (_velocity(model, straight_path(x0, t, eps), t) - (eps - x0)).square().mean()  # Eq. 10.10


def flow_times(steps: int | Sequence[float], shift: float = 1.0) -> list[float]:
    """List the flow times at which a sampler begins its steps, from 1 down, without the 0.

    Args:
        steps: How many; or the falling list of times itself, which is only checked.
        shift: For a number of steps: see `NoiseSchedule.flow`. diffusers' FlowMatchEulerDiscreteScheduler makes these
            times from set_timesteps(sigmas=[1, ..., 1 / n]); given only a number, it ends at 1 / 1000 instead of 1 / n.

    >>> flow_times(4)
    [1.0, 0.75, 0.5, 0.25]
    """
    if hasattr(steps, "__index__"):
        return [round(t, 12) for t in NoiseSchedule.flow(steps, shift).flow_times.flip(0).tolist()]
    chosen = [] if steps is None or isinstance(steps, str) else [float(t) for t in steps]
    if not chosen or not 0 < chosen[-1] <= chosen[0] <= 1 or any(s >= t for t, s in itertools.pairwise(chosen)):
        raise ValueError(f"steps = {steps!r}, expected a number of steps, or times that fall within 1 ... 0, without 0")
    return chosen


def flow_sample(
    model: Model, x_1: Tensor, steps: int | Sequence[float], shift: float = 1.0, solver: str = "euler"
) -> Iterator[tuple[float, Tensor, Tensor]]:
    """Follow the velocity from noise back to data.

    Args:
        model: model(x_t, t) -> (b, ...).
        x_1: Noise from N(0, I), of shape (b, ...); if the first time isn't 1, the state at that time.
        steps: How many steps, or their times, see `flow_times`.
        shift: See `flow_times`.
        solver: "euler", of order 1, or "heun", of order 2, which calls the model twice a step, and once at t = 0.

    Returns:
        A generator. Before each step it yields (t, x_t, x0_hat), x0_hat being where the straight line from here would
        end. At the end it yields (0.0, x_0, x_0).

    >>> walk = flow_sample(lambda x_t, t: x_t - 2.0, torch.tensor([[3.0]]), steps=2)
    >>> [(t, x_t.item(), x0_hat.item()) for t, x_t, x0_hat in walk]
    [(1.0, 3.0, 2.0), (0.5, 2.5, 2.25), (0.0, 2.25, 2.25)]
    """
    check_alike(x_1=x_1)
    check_choice("solver", solver, ("euler", "heun"))
    chosen = flow_times(steps, shift)

    @torch.no_grad()
    def walk() -> Iterator[tuple[float, Tensor, Tensor]]:
        x_t = x_1
        for t, s in itertools.pairwise([*chosen, 0.0]):
            velocity = _velocity(model, x_t, t)
            yield t, x_t, x_t - t * velocity
            if solver == "heun":
                there = _velocity(model, x_t + (s - t) * velocity, s)
                velocity = (velocity + there) / 2  # Eq. 10.9
            x_t = x_t + (s - t) * velocity  # Eq. 10.8
        yield 0.0, x_t, x_t

    return walk()


def _time(t: Time, x: Tensor) -> Tensor:
    """Check t, and return it as a tensor like x: a scalar, or (b,)."""
    t = torch.as_tensor(t).to(x)
    if t.ndim and t.shape != x.shape[:1]:
        raise ValueError(f"t has shape {tuple(t.shape)}, expected a number or shape {tuple(x.shape[:1])}")
    if not ((t >= 0) & (t <= 1)).all():
        raise ValueError(f"t = {t.min():g} ... {t.max():g}, expected flow times from 0 to 1")
    return t


def _velocity(model: Model, x_t: Tensor, t: Time) -> Tensor:
    out = model(x_t, _time(t, x_t).expand(len(x_t)))
    if getattr(out, "shape", None) != x_t.shape:
        raise ValueError(f"the model returned {getattr(out, 'shape', type(out).__name__)}, expected {x_t.shape}")
    if not out.isfinite().all():
        raise ValueError(f"the model returned NaN or infinite values at t = {t}")
    return out
