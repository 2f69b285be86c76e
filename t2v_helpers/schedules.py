"""Noise schedules: how much noise each step of the forward process adds, and what is left of the data after it.

Step t is 1 ... T in the text, and index t - 1 in every table of the code; t = 0 is the clean data: alpha_bar_0 = 1.
"""

import math
import numbers
import operator

import torch


def _float_table(values, what):
    """Check that `values` is a table of finite floats with one axis; float64, on the CPU, a copy."""
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
    table = torch.tensor(values, dtype=torch.float64) if not torch.is_tensor(values) else table.detach().double().cpu()
    if not table.isfinite().all():
        raise ValueError(f"{what} must be finite, got {table[~table.isfinite()][0].item()}")
    return table.clone()


def _check_steps(T):
    try:
        steps = operator.index(T)
    except TypeError:
        steps = 0
    if isinstance(T, bool) or steps < 1:
        raise ValueError(f"T = {T!r}, expected a whole number of steps, 1 or more")
    return steps


def _ends(family, T, start, end, start_rate, end_rate):
    """beta at both ends: as given, else rate / T, so that alpha_bar_T is near 0 for a small T as for a large one."""
    T = _check_steps(T)
    for name, value in (("start", start), ("end", end)):  # here, because scaled_linear takes their roots
        if value is not None and not (isinstance(value, numbers.Real) and 0 <= value <= 1):
            raise ValueError(f"{family}: {name} = {value!r}, expected a beta from 0 to 1")
    if end is None and T < end_rate:
        need = f"expected T >= {end_rate:g}, or an end of your own"
        raise ValueError(f"{family} with T = {T} would end at beta = {end_rate / T:.3g}, {need}")
    return T, start_rate / T if start is None else start, end_rate / T if end is None else end


def _betas_of(alpha_bars):
    """The betas whose running product is alpha_bars: beta_t = 1 - alpha_bar_t / alpha_bar_{t-1}."""
    return 1 - alpha_bars / torch.cat([alpha_bars.new_ones(1), alpha_bars[:-1]])


def _alpha_bars_of(sigmas, may_be_flow):
    """alpha_bar of the variance-preserving process that has the SNR of these sigmas."""
    sigmas = sigmas[sigmas > 0].unique()  # in rising order
    if len(sigmas) == 0:
        raise ValueError("the scheduler holds no sigma above 0, so no noise and no SNR")
    signal = 1 - sigmas if may_be_flow and sigmas[-1] <= 1 else torch.ones_like(sigmas)
    return signal**2 / (signal**2 + sigmas**2)  # Eq. 4.5


class NoiseSchedule:
    """The noise that each step of the forward process adds: a table of beta_t and what follows from it.

    betas: floats (T,), each in (0, 1]; 1 only at the last step, where it leaves nothing of the data (zero terminal
        SNR). beta_t is the variance of the noise added at step t. Any float type; float64 inside.
    name: what a legend calls it.

    .betas .alphas .alpha_bars .snr: float64 (T,), for the steps 1 ... T. alpha_bar_t is the share of the variance of
    x_t that is signal, snr_t the ratio of signal to noise, for data of variance 1. len() is T.
    Raises ValueError for an empty table, values outside (0, 1], NaN, integers, more than one axis.

    >>> schedule = NoiseSchedule([0.1, 0.2, 0.5], name="steep")
    >>> schedule.alpha_bars.tolist()
    [0.9, 0.7200000000000001, 0.36000000000000004]
    """

    def __init__(self, betas, name="custom"):
        self.name = name
        self.betas = _float_table(betas, "betas")
        wrong = (1 - self.betas >= 1) | (self.betas > 1)  # 1e-17 is 0 beside 1: the SNR would be infinite
        wrong[:-1] |= self.betas[:-1] == 1
        if wrong.any():
            t = wrong.nonzero()[0].item() + 1
            need = "expected 0 < beta < 1 (and 1 - beta < 1 in float64), or 1 at the last step"
            raise ValueError(f"beta = {self.betas[t - 1]:.6g} at step t = {t}, {need}")
        self.alphas = 1 - self.betas
        self.alpha_bars = self.alphas.cumprod(0)  # Eq. 2.3
        self.snr = self.alpha_bars / (1 - self.alpha_bars)  # Eq. 2.4

    def __len__(self):
        return len(self.betas)

    def __repr__(self):
        ends = f"beta={self.betas[0]:.3g}..{self.betas[-1]:.3g}"
        return f"NoiseSchedule({self.name!r}, T={len(self)}, {ends}, alpha_bar_T={self.alpha_bars[-1]:.3g})"

    @classmethod
    def linear(cls, T=1000, start=None, end=None):
        """beta_t on a straight line (DDPM, Ho et al. 2020): 1e-4 ... 0.02 for its T = 1000.

        T: steps. start, end: beta_1 and beta_T, taken as given. Left out, they are 0.1 / T and 20 / T: the paper's own
        for T = 1000, and for another T (20 or more) an alpha_bar_T as near to 0. The paper's ends with T = 100 would
        leave 60 % of the signal's amplitude in x_T. (The same scaling as in the code of Nichol & Dhariwal 2021.)

        >>> NoiseSchedule.linear()
        NoiseSchedule('linear', T=1000, beta=0.0001..0.02, alpha_bar_T=4.04e-05)
        """
        T, start, end = _ends("linear", T, start, end, 0.1, 20)
        return cls(torch.linspace(start, end, T, dtype=torch.float64), "linear")  # Eq. 4.1

    @classmethod
    def scaled_linear(cls, T=1000, start=None, end=None):
        """sqrt(beta_t) on a straight line (latent diffusion, Rombach et al. 2022): 0.00085 ... 0.012 for T = 1000.

        ModelScope uses it. T: steps. start, end: beta_1 and beta_T; left out, 0.85 / T and 12 / T, as in `linear`.

        >>> NoiseSchedule.scaled_linear()
        NoiseSchedule('scaled linear', T=1000, beta=0.00085..0.012, alpha_bar_T=0.00466)
        """
        T, start, end = _ends("scaled_linear", T, start, end, 0.85, 12)
        roots = torch.linspace(start**0.5, end**0.5, T, dtype=torch.float64)
        return cls(roots**2, "scaled linear")  # Eq. 4.2

    @classmethod
    def cosine(cls, T=1000, max_beta=0.999):
        """alpha_bar_t falls as a squared cosine (Nichol & Dhariwal 2021, Eq. 17, with s = 0.008).

        T: steps, any number. max_beta: where beta_t is cut off, so that the last step does not divide by 0.

        >>> NoiseSchedule.cosine(50)
        NoiseSchedule('cosine', T=50, beta=0.00175..0.999, alpha_bar_T=9.71e-07)
        """
        t = torch.arange(_check_steps(T) + 1, dtype=torch.float64)
        f = torch.cos((t / T + 0.008) / 1.008 * math.pi / 2) ** 2  # Eq. 4.3: alpha_bar_t = f(t) / f(0)
        return cls((1 - f[1:] / f[:-1]).clamp(max=max_beta), "cosine")

    @classmethod
    def sigmoid(cls, T=1000, start=None, end=None):
        """beta_t climbs as a sigmoid from -6 to 6 (GeoDiff, Xu et al. 2022; "sigmoid" in diffusers).

        Not the sigmoid of Jabri et al. 2023, which is one of alpha_bar. T: steps. start, end: the values that beta
        comes close to at both ends; left out, 0.1 / T and 20 / T, as in `linear`.

        >>> NoiseSchedule.sigmoid()
        NoiseSchedule('sigmoid', T=1000, beta=0.000149..0.02, alpha_bar_T=3.97e-05)
        """
        T, start, end = _ends("sigmoid", T, start, end, 0.1, 20)
        climb = torch.linspace(-6, 6, T, dtype=torch.float64).sigmoid()
        return cls(start + (end - start) * climb, "sigmoid")  # Eq. 4.4

    @classmethod
    def from_scheduler(cls, scheduler):
        """The schedule of a diffusers scheduler, or of anything that holds its tables under the same names.

        - alphas_cumprod (DDPM, DDIM and the solvers for such models): the training table, whatever steps are set.
        - sigmas, where there is no alphas_cumprod or use_flow_sigmas is set: as they stand, so after set_timesteps the
          steps of inference. Never above 1, they are flow matching's, x_t = (1 - sigma) x0 + sigma eps; else those of
          EDM (Karras et al. 2022), x_t = x0 + sigma eps. Either is a scaled version of the variance-preserving process
          of the same SNR, which is what is returned.
        - betas and alphas that are amplitudes (IPNDM), x_t = alpha x0 + beta eps.
        Raises ValueError where nothing defines an SNR, as before set_timesteps for some.

        >>> from types import SimpleNamespace
        >>> flow = SimpleNamespace(sigmas=torch.tensor([1.0, 0.5, 0.0]))
        >>> NoiseSchedule.from_scheduler(flow).snr.tolist()
        [1.0, 0.0]
        """
        kind, config = type(scheduler).__name__, getattr(scheduler, "config", None) or {}

        def table(name):
            values = getattr(scheduler, name, None)
            return None if values is None or len(values) == 0 else _float_table(values, f"{kind}.{name}")

        flow = config.get("use_flow_sigmas", False)
        if table("alphas_cumprod") is not None and not flow:
            alpha_bars, betas = table("alphas_cumprod"), table("betas")
            # The same table twice? Then betas is the better one: alphas_cumprod has gathered the rounding of float32,
            # and with zero terminal SNR some solvers put 2^-24 at its end. CogVideoX changes alphas_cumprod alone.
            if betas is None or not torch.allclose((1 - betas).cumprod(0), alpha_bars, rtol=1e-3, atol=1e-7):
                betas = _betas_of(alpha_bars)
        elif table("sigmas") is not None:
            sigmas = table("sigmas")
            if flow and table("alphas_cumprod") is not None and scheduler.num_inference_steps is None:
                # a solver for flow models, whose sigmas are still those of betas that it is not going to use
                T, shift = config["num_train_timesteps"], config.get("flow_shift", 1.0)
                sigmas = torch.arange(1, T + 1, dtype=torch.float64) / T
                sigmas = shift * sigmas / (1 + (shift - 1) * sigmas)
            betas = _betas_of(_alpha_bars_of(sigmas, flow or config.get("sigma_max") is None))
        elif table("betas") is not None and table("alphas") is not None:
            noise = table("betas").unique()
            if not torch.allclose(table("alphas").square() + table("betas").square(), table("alphas").new_ones(1)):
                raise ValueError(f"{kind}.alphas and .betas are no amplitudes, expected alphas^2 + betas^2 = 1")
            betas = _betas_of(1 - noise[noise > 0] ** 2)
        else:
            raise ValueError(f"{kind} holds no alphas_cumprod and no sigmas to read an SNR from (set_timesteps first?)")
        family = "own betas" if config.get("trained_betas") is not None else config.get("beta_schedule")
        return cls(betas, kind.removesuffix("Scheduler") + (f" ({family})" if family and not flow else ""))

    def zero_terminal_snr(self):
        """The schedule shifted and scaled until nothing of the data is left in x_T (Lin et al. 2023, Algorithm 1).

        sqrt(alpha_bar) keeps its first value and loses its last, on a straight line between. Then beta_T = 1, and a
        network can no longer be asked for eps at step T: let it predict v or x0.

        >>> NoiseSchedule.scaled_linear().zero_terminal_snr()
        NoiseSchedule('scaled linear, zero terminal SNR', T=1000, beta=0.00085..1, alpha_bar_T=0)
        """
        if len(self) < 2:
            raise ValueError(f"zero_terminal_snr needs T >= 2 steps, got T = {len(self)}")
        root = self.alpha_bars.sqrt()
        root = (root - root[-1]) * root[0] / (root[0] - root[-1])  # Eq. 2.5
        return type(self)(_betas_of(root**2), f"{self.name}, zero terminal SNR")
