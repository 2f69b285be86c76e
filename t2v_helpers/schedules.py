"""Noise schedules: how much noise each step of the forward process adds, and how much of the data survives it.

A schedule has T steps. The text counts them t = 1 ... T, and step t sits at index t - 1 in every table of the code.
t = 0 stands for the clean data, so alpha_bar_0 = 1.
"""

import copy
import math
import numbers
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch

from ._support.checks import check_count


class NoiseSchedule:
    """The variance beta_t of the noise that each forward step adds, and the tables that follow from it.

    Args:
        betas: Floats of shape (T,), each above 0 and below 1. Only the last may be 1, which leaves nothing of the data
            (zero terminal SNR).
        name: What a legend calls this schedule.

    Attributes:
        betas: Variance of the noise added at step t. Every table is a float64 tensor of shape (T,) on the CPU.
        alphas: 1 - beta_t, the share of the variance that step t keeps.
        alpha_bars: Share of x_t's variance that is signal, for data of variance 1: the product of alphas up to t.
        snr: Signal-to-noise ratio of x_t, for data of variance 1.
        flow_times: Where x_t is on the straight path of flow matching, (1 - s) x0 + s eps, after division by
            sqrt(alpha_bar_t) + sqrt(1 - alpha_bar_t): s from 0, the data, to 1, pure noise.

    Raises:
        ValueError: If betas are empty, out of range, not finite, not floats, or have more than one axis.

    >>> schedule = NoiseSchedule([0.1, 0.2, 0.5], name="steep")
    >>> schedule.alpha_bars.tolist()
    [0.9, 0.7200000000000001, 0.36000000000000004]
    """

    def __init__(self, betas: torch.Tensor | np.ndarray | Sequence[float], name: str = "custom") -> None:
        self.name = name
        self.betas = _float_table(betas, "betas")
        wrong = (1 - self.betas >= 1) | (self.betas > 1)  # next to 1, a beta of 1e-17 is 0: the SNR would be infinite
        wrong[:-1] |= self.betas[:-1] == 1
        if wrong.any():
            t = wrong.nonzero()[0].item() + 1
            need = "expected 0 < beta < 1 (and 1 - beta < 1 in float64), or 1 at the last step"
            raise ValueError(f"beta = {self.betas[t - 1]:.6g} at step t = {t}, {need}")
        self.alphas = 1 - self.betas
        self.alpha_bars = self.alphas.cumprod(0)  # Eq. 2.3
        self.snr = self.alpha_bars / (1 - self.alpha_bars)  # Eq. 2.4
        noise = (1 - self.alpha_bars).sqrt()
        self.flow_times = noise / (self.alpha_bars.sqrt() + noise)  # Eq. 10.14

    def __len__(self) -> int:
        return len(self.betas)

    def __repr__(self) -> str:
        ends = f"beta={self.betas[0]:.3g}..{self.betas[-1]:.3g}"
        return f"NoiseSchedule({self.name!r}, T={len(self)}, {ends}, alpha_bar_T={self.alpha_bars[-1]:.3g})"

    @classmethod
    def linear(cls, T: int = 1000, start: float | None = None, end: float | None = None) -> Self:
        """Let beta_t rise on a straight line (DDPM, Ho et al. 2020).

        The defaults scale with T, as in the code of Nichol & Dhariwal (2021): at T = 1000 they are the paper's 1e-4 and
        0.02, which at T = 100 would leave x_T with 60 % of the signal's amplitude.

        Args:
            T: Number of steps, 20 or more unless you pass `end`.
            start: beta_1; 0.1 / T by default.
            end: beta_T; 20 / T by default.

        >>> NoiseSchedule.linear()
        NoiseSchedule('linear', T=1000, beta=0.0001..0.02, alpha_bar_T=4.04e-05)
        """
        T, start, end = _ends("linear", T, start, end, 0.1, 20)
        return cls(torch.linspace(start, end, T, dtype=torch.float64), "linear")  # Eq. 4.1

    @classmethod
    def scaled_linear(cls, T: int = 1000, start: float | None = None, end: float | None = None) -> Self:
        """Let sqrt(beta_t) rise on a straight line (latent diffusion, Rombach et al. 2022). ModelScope uses this one.

        Args:
            T: Number of steps, 12 or more unless you pass `end`.
            start: beta_1; 0.85 / T by default, the paper's 0.00085 at T = 1000.
            end: beta_T; 12 / T by default, the paper's 0.012 at T = 1000.

        >>> NoiseSchedule.scaled_linear()
        NoiseSchedule('scaled linear', T=1000, beta=0.00085..0.012, alpha_bar_T=0.00466)
        """
        T, start, end = _ends("scaled_linear", T, start, end, 0.85, 12)
        roots = torch.linspace(start**0.5, end**0.5, T, dtype=torch.float64)
        return cls(roots**2, "scaled linear")  # Eq. 4.2

    @classmethod
    def cosine(cls, T: int = 1000) -> Self:
        """Let alpha_bar_t fall as a squared cosine in T steps (Nichol & Dhariwal 2021, Eq. 17, with s = 0.008).

        >>> NoiseSchedule.cosine(50)
        NoiseSchedule('cosine', T=50, beta=0.00175..0.999, alpha_bar_T=9.71e-07)
        """
        t = torch.arange(check_count("T", T) + 1, dtype=torch.float64)
        f = torch.cos((t / T + 0.008) / 1.008 * math.pi / 2) ** 2
        return cls((1 - f[1:] / f[:-1]).clamp(max=0.999), "cosine")  # Eq. 4.3

    @classmethod
    def sigmoid(cls, T: int = 1000, start: float | None = None, end: float | None = None) -> Self:
        """Let beta_t rise as a sigmoid over -6 ... 6 (GeoDiff, Xu et al. 2022; "sigmoid" in diffusers).

        Args:
            T: Number of steps, 20 or more unless you pass `end`.
            start: Lower limit of the curve, which beta_1 comes close to; 0.1 / T by default.
            end: Upper limit, which beta_T comes close to; 20 / T by default.

        >>> NoiseSchedule.sigmoid()
        NoiseSchedule('sigmoid', T=1000, beta=0.000149..0.02, alpha_bar_T=3.97e-05)
        """
        T, start, end = _ends("sigmoid", T, start, end, 0.1, 20)
        climb = torch.linspace(-6, 6, T, dtype=torch.float64).sigmoid()
        return cls(start + (end - start) * climb, "sigmoid")  # Eq. 4.4

    @classmethod
    def flow(cls, T: int = 1000, shift: float = 1.0) -> Self:
        """Divide the straight path of flow matching, (1 - s) x0 + s eps, into T steps (Liu et al. 2022).

        s = shift_times(t / T, shift). You get the variance-preserving process of the same SNR: the straight path,
        divided by sqrt((1 - s)^2 + s^2). At step T nothing is left of the data.

        Args:
            T: Number of steps.
            shift: See `shift_times`; 1: even steps.

        >>> NoiseSchedule.flow(4, shift=3.0).flow_times
        tensor([0.5000, 0.7500, 0.9000, 1.0000], dtype=torch.float64)
        """
        u = torch.arange(1, check_count("T", T) + 1, dtype=torch.float64) / T
        sigma = shift_times(u, shift)
        return cls(_betas_of(_alpha_bars_of(sigma, True)), "flow" + (f", shift {shift:g}" if shift != 1 else ""))

    @classmethod
    def from_alpha_bars(cls, alpha_bars: torch.Tensor | np.ndarray | Sequence[float], name: str = "custom") -> Self:
        """Build the schedule that leaves these shares of signal: beta_t = 1 - alpha_bar_t / alpha_bar_{t-1}.

        Args:
            alpha_bars: Floats of shape (T,) that fall from below 1; the last may be 0.
            name: What a legend calls this schedule.

        >>> NoiseSchedule.from_alpha_bars([0.5, 0.25]).betas.tolist()
        [0.5, 0.5]
        """
        return cls(_betas_of(_float_table(alpha_bars, "alpha_bars")), name)

    @classmethod
    def from_scheduler(cls, scheduler: object) -> Self:
        """Read the schedule of a diffusers scheduler: the noise that its own add_noise and step work with.

        - `alphas_cumprod` (DDPM, DDIM and the solvers for such models) is the training table. Once set_timesteps has
          chosen sigmas outside of that table (options sigma_min and sigma_max), those count.
        - `sigmas` count if there is no alphas_cumprod or use_flow_sigmas is set; after set_timesteps they are the steps
          of inference. If none is above 1 they belong to flow matching, x_t = (1 - sigma) x0 + sigma eps, otherwise to
          EDM (Karras et al. 2022), x_t = x0 + sigma eps. You get the variance-preserving process of the same SNR.
        - `betas` and `alphas` of IPNDM are amplitudes, x_t = alpha x0 + beta eps.

        Raises:
            ValueError: If no table defines an SNR, if options change it in a set_timesteps that has not been called
                yet, or if the scheduler's add_noise makes another SNR than its sigmas.

        >>> from diffusers import DDPMScheduler
        >>> NoiseSchedule.from_scheduler(DDPMScheduler())
        NoiseSchedule('DDPM (linear)', T=1000, beta=0.0001..0.02, alpha_bar_T=4.04e-05)
        """
        if isinstance(scheduler, type):
            raise ValueError(
                f"got the class {scheduler.__name__}, expected one of its schedulers: {scheduler.__name__}()"
            )
        kind, config = type(scheduler).__name__, getattr(scheduler, "config", None) or {}

        def table(name: str) -> torch.Tensor | None:
            values = getattr(scheduler, name, None)
            return None if values is None or len(values) == 0 else _float_table(values, f"{kind}.{name}")

        trained, steps, flow = table("alphas_cumprod"), table("sigmas"), config.get("use_flow_sigmas", False)
        _check_options(scheduler, config, trained is not None)
        if steps is not None and getattr(scheduler, "timesteps", None) is not None:
            steps = steps[: len(scheduler.timesteps)]  # behind them comes the noise that the last step leaves
        family = "own betas" if config.get("trained_betas") is not None else config.get("beta_schedule")
        if trained is not None and not flow and not _leaves(scheduler, steps, trained):
            betas = table("betas")
            # If both hold the same schedule, prefer betas: alphas_cumprod has accumulated float32 rounding, and some
            # solvers end it with 2^-24 instead of 0. CogVideoX changes alphas_cumprod alone, so there the two differ.
            if betas is None or not torch.allclose((1 - betas).cumprod(0), trained, rtol=1e-3, atol=1e-7):
                betas = _betas_of(trained)
        elif steps is not None:
            alpha_bars = _alpha_bars_of(steps, flow or (trained is None and config.get("sigma_max") is None))
            _check_steps(scheduler, alpha_bars)
            betas, family = _betas_of(alpha_bars), None
        elif table("betas") is not None and table("alphas") is not None:
            noise = table("betas").unique()
            if not torch.allclose(table("alphas").square() + table("betas").square(), table("alphas").new_ones(1)):
                raise ValueError(f"{kind}.alphas and .betas are not amplitudes, expected alphas^2 + betas^2 = 1")
            betas = _betas_of(1 - noise[noise > 0] ** 2)
        else:
            raise ValueError(f"{kind} holds no alphas_cumprod and no sigmas to read an SNR from (set_timesteps first?)")
        return cls(betas, kind.removesuffix("Scheduler") + (f" ({family})" if family else ""))

    def zero_terminal_snr(self) -> Self:
        """Return this schedule shifted and scaled until x_T holds nothing of the data (Lin et al. 2023, Algorithm 1).

        sqrt(alpha_bar) keeps its first value, and its last becomes 0. beta_T is then 1, and at step T the noise eps
        says nothing about the data: let the network predict v or x0.

        >>> NoiseSchedule.scaled_linear().zero_terminal_snr()
        NoiseSchedule('scaled linear, zero terminal SNR', T=1000, beta=0.00085..1, alpha_bar_T=0)
        """
        if len(self) < 2:
            raise ValueError(f"zero_terminal_snr needs T >= 2 steps, got T = {len(self)}")
        root = self.alpha_bars.sqrt()
        root = (root - root[-1]) * root[0] / (root[0] - root[-1])  # Eq. 2.6
        return type(self)(_betas_of(root**2), f"{self.name}, zero terminal SNR")


def shift_times(t: torch.Tensor, shift: float) -> torch.Tensor:
    """Shift flow times toward noise, if shift > 1, as larger pictures need: shift t / (1 + (shift - 1) t).

    Esser et al. 2024, Eq. 23; our Eq. 10.17. 0 and 1 stay where they are.

    Args:
        t: Flow times, 0 to 1.
        shift: Above 1 toward noise, below 1 toward the data; 1 changes nothing.

    >>> shift_times(torch.tensor([0.0, 0.5, 1.0]), 3.0)
    tensor([0.0000, 0.7500, 1.0000])
    """
    if not (isinstance(shift, numbers.Real) and 0 < shift < math.inf):
        raise ValueError(f"shift = {shift!r}, expected a finite number above 0")
    return shift * t / (1 + (shift - 1) * t)  # Eq. 10.17


def _float_table(values: object, what: str) -> torch.Tensor:
    """A copy of a table of finite floats with one axis, in float64 on the CPU."""
    try:
        table = torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{what} must be a tensor of floats of shape (T,), got {type(values).__name__}") from None
    if table.ndim != 1:
        raise ValueError(f"{what} must have one axis, (T,), got shape {tuple(table.shape)}")
    if len(table) == 0:
        raise ValueError(f"{what} are empty (T = 0), expected at least one step")
    if not table.is_floating_point():
        raise ValueError(f"{what} must be floats, got {table.dtype}")
    if not torch.is_tensor(values):
        table = torch.tensor(values, dtype=torch.float64)  # again: as_tensor has rounded a list of floats to float32
    if not table.isfinite().all():
        raise ValueError(f"{what} must be finite, got {table[~table.isfinite()][0].item()}")
    return table.detach().double().cpu().clone()


def _ends(
    family: str, T: int, start: float | None, end: float | None, start_rate: float, end_rate: float
) -> tuple[int, float, float]:
    """Check T and both ends; fill in rate / T for an end left out, so that alpha_bar_T is near 0 for every T."""
    T = check_count("T", T)
    for name, value in (("start", start), ("end", end)):  # checked here because scaled_linear takes their roots
        if value is not None and not (isinstance(value, numbers.Real) and 0 <= value <= 1):
            raise ValueError(f"{family}: {name} = {value!r}, expected a beta from 0 to 1")
    if end is None and T < end_rate:
        need = f"expected T >= {end_rate:g}, or an end of your own"
        raise ValueError(f"{family} with T = {T} would end at beta = {end_rate / T:.3g}, {need}")
    return T, start_rate / T if start is None else start, end_rate / T if end is None else end


def _betas_of(alpha_bars: torch.Tensor) -> torch.Tensor:
    """The betas whose running product is alpha_bars: beta_t = 1 - alpha_bar_t / alpha_bar_{t-1}."""
    return 1 - alpha_bars / torch.cat([alpha_bars.new_ones(1), alpha_bars[:-1]])


def _alpha_bars_of(sigmas: torch.Tensor, may_be_flow: bool) -> torch.Tensor:
    """alpha_bar of the variance-preserving process with the SNR of these sigmas."""
    sigmas = sigmas[sigmas > 0].unique()  # in rising order
    signal = 1 - sigmas if may_be_flow and sigmas[-1] <= 1 else torch.ones_like(sigmas)
    return signal**2 / (signal**2 + sigmas**2)  # Eq. 4.5


def _check_options(scheduler: Any, config: Mapping, trained: bool) -> None:
    """Raise a ValueError if options change the sigmas in a set_timesteps still to come, or there is no one process."""
    kind, late = type(scheduler).__name__, ["use_dynamic_shifting", "shift_terminal"]
    late += ["sigma_min", "sigma_max", "use_flow_sigmas"] if trained else []
    late = [name for name in late if config.get(name)]
    if late and getattr(scheduler, "num_inference_steps", 0) is None:
        raise ValueError(f"{kind} has its sigmas ({late[0]}) only after set_timesteps, which was not called yet")
    if "stages" in config or config.get("invert_sigmas"):
        raise ValueError(f"{kind} with these options runs no single process from data to noise, expected one")


def _check_steps(scheduler: Any, alpha_bars: torch.Tensor) -> None:
    """Raise a ValueError if a scheduler does not run through these states, or its add_noise makes others."""
    kind, timesteps = type(scheduler).__name__, getattr(scheduler, "timesteps", None)
    if timesteps is not None and len(torch.as_tensor(timesteps).unique()) < len(alpha_bars):
        raise ValueError(f"{kind} runs several sigmas at one timestep, expected a timestep for each")
    for made in _alpha_bars_made(scheduler):
        if not (alpha_bars - made).abs().min() < 1e-4:
            what = f"{kind}.add_noise leaves {made:.3g} of the data's variance at a step where its sigmas do not"
            raise ValueError(f"{what}: expected one process (set_timesteps first, or other options)")


def _leaves(scheduler: Any, steps: torch.Tensor | None, alpha_bars: torch.Tensor) -> bool:
    """Whether the sigmas of inference aren't those of the training table at their timesteps, give or take a step."""
    if steps is None or getattr(scheduler, "num_inference_steps", None) is None:
        return False
    t, last = torch.as_tensor(scheduler.timesteps).double(), len(alpha_bars) - 1
    low, high = (t.floor().long() - 1).clamp(0, last), (t.ceil().long() + 1).clamp(0, last)
    if scheduler.config.get("timestep_type") == "continuous":  # these count in log sigma, not in steps
        low, high = torch.zeros_like(low), torch.full_like(high, last)
    table = ((1 - alpha_bars) / alpha_bars).sqrt()
    fits = (steps > 0.99 * table[low]) & (steps < 1.01 * table[high])
    return not fits[:: 2 if hasattr(scheduler, "sigmas_interpol") else 1].all()  # between two steps it interpolates


def _alpha_bars_made(scheduler: Any) -> Iterator[float]:
    """What the scheduler's own noising leaves of the data's variance, at up to 16 of its timesteps, if it has one."""
    scheduler, timesteps = copy.deepcopy(scheduler), torch.as_tensor(getattr(scheduler, "timesteps", ()))
    one, zero = torch.ones(1, 1), torch.zeros(1, 1)
    for i in torch.linspace(0, len(timesteps) - 1, min(len(timesteps), 16)).long():
        t = timesteps[i : i + 1]
        t = t.long() if (t == t.round()).all() else t
        try:
            if hasattr(scheduler, "scale_noise"):
                signal, noise = scheduler.scale_noise(one, t, zero), scheduler.scale_noise(zero, t, one)
            else:
                signal, noise = scheduler.add_noise(one, zero, t), scheduler.add_noise(zero, one, t)
        except (AttributeError, IndexError, NotImplementedError, TypeError):  # it has none, or one of another kind
            return
        yield (signal**2 / (signal**2 + noise**2)).item()
