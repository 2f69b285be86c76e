"""What the mathematics is held to: a steep schedule, noise by its seed, and the schedulers of diffusers in float64."""

import diffusers
import torch

from t2v_helpers.schedules import NoiseSchedule

STEEP = NoiseSchedule([0.1, 0.36, 0.2, 0.5, 0.75])
ZERO = STEEP.zero_terminal_snr()


def noise(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def f64(values):
    return torch.tensor(values, dtype=torch.float64)


def close(a, b, tol=1e-12):
    torch.testing.assert_close(a, b, rtol=tol, atol=tol)


def generator(seed=7):
    return torch.Generator().manual_seed(seed)


def network(x_t, t):
    """Some smooth function of x_t and t, for want of a trained one."""
    return torch.sin(2 * x_t) + 0.3 * x_t * torch.cos(t.double() / 10)[:, None]


def theirs(schedule, kind=diffusers.DDIMScheduler, steps=None, prediction_type="epsilon"):
    """A scheduler of diffusers with this table in float64 (its own would be float32), set to so many steps."""
    scheduler = kind(
        num_train_timesteps=len(schedule),
        clip_sample=False,
        timestep_spacing="trailing",
        prediction_type=prediction_type,
    )
    scheduler.betas, scheduler.alphas = schedule.betas.clone(), schedule.alphas.clone()
    scheduler.alphas_cumprod = schedule.alpha_bars.clone()
    scheduler.final_alpha_cumprod = scheduler.one = torch.ones((), dtype=torch.float64)
    if steps is not None:
        scheduler.set_timesteps(steps)
    return scheduler
