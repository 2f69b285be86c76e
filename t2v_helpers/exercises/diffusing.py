"""Checkers of notebooks 02, 03 and 04: noise, how it is taken away, and in how many steps."""

import math
from collections.abc import Callable

import torch

from .. import toys
from ..diffusion import ddim_sample, exact_denoiser, posterior, times
from ..schedules import NoiseSchedule
from . import ANYTHING, exercise, first_mistake


@exercise("2.1")
def _chain(attempt: Callable) -> None:
    x0, betas = torch.full((20_000, 2), 3.0), torch.tensor([0.1, 0.2, 0.4])
    runs = [attempt(x0.clone(), betas, torch.Generator().manual_seed(seed)) for seed in (0, 0)]
    assert runs[0] is not None, "it returns None: is the return missing?"
    x = torch.as_tensor(runs[0])
    assert x.shape == x0.shape, f"x_T has shape {tuple(x.shape)}, expected that of x0, {tuple(x0.shape)}"
    assert torch.equal(*runs), "two runs with the same seed differ: draw all noise from the generator that is passed"
    spread, mean = x.var(0).mean().item(), x.mean().item()
    assert spread > 1e-3, "all samples got the same noise: draw it in the shape of x0"
    likely = {
        1.435: "the noise of all steps is still one and the same draw: draw it inside the loop",
        0.7: "x has to shrink before the noise is added: the factor sqrt(1 - beta) is missing",
        0.189: "beta is a variance: the noise is multiplied by its square root",
    }
    for variance, mistake in likely.items():
        assert abs(spread - variance) > 0.03, mistake
    assert abs(spread - 0.568) < 0.03, f"for betas 0.1, 0.2, 0.4 the variance of x_T is 0.568, got {spread:.3f}"
    assert abs(mean - 1.972) < 0.03, f"from x0 = 3, the mean of x_T is 3 sqrt(0.432) = 1.97, got {mean:.2f}"


@exercise("2.2")
def _numbers_needed(attempt: Callable) -> None:
    schedule = NoiseSchedule([0.5, 0.5])  # SNR 1 after the first step, 1/3 after the second
    got = attempt(schedule, 0.5, 0.9)
    mistakes = {
        "round up: with one number less, the share is not reached": 78,
        "numbers are whole numbers: round up": 78.829,
        "N numbers that differ by d are sqrt(N) d apart, so N is the square of what you have": 9,
        "half of the distance counts: the border is half way between the two": 20,
        "(2.8) has the root of the SNR, so once you square it, it is the SNR itself": 237,
        "take the SNR of the last step, which says what is left at the end, not of the first": 27,
        "turn the share into a distance first, by `icdf`, the inverse of the distribution function": 39,
        f"for SNR 1/3, difference 0.5 and share 0.9 it is 79, got {got}": ANYTHING,
    }
    first_mistake(got, 79, mistakes, 0.01)


@exercise("2.3")
def _log_ratio(attempt: Callable) -> None:
    generator = torch.Generator().manual_seed(0)
    x, clips = (torch.randn(n, 2, 3, generator=generator, dtype=torch.float64) for n in (4, 5))
    schedule = NoiseSchedule([0.2, 0.3])  # alpha_bar = 0.56

    def ratios(factor: float, variance: float) -> torch.Tensor:
        """For each x and each clip, the log of the likelihood of x given the clip, over that under N(0, I)."""
        of = torch.distributions.Normal(factor * clips[None], variance**0.5).log_prob(x[:, None])
        return (of - torch.distributions.Normal(0.0, 1.0).log_prob(x[:, None])).flatten(2).sum(2)

    def mean(each: torch.Tensor) -> torch.Tensor:
        return each.logsumexp(1) - math.log(len(clips))

    each, squares = ratios(0.56**0.5, 0.44), x.flatten(1).square().sum(1)
    mistakes = {
        "take the mean over the clips, not the sum: divide by how many there are": each.logsumexp(1),
        "that is the mean of the logs; it should be the log of the mean likelihood": each.mean(1),
        "the nearest clip alone isn't enough: take the mean of the likelihoods": each.amax(1),
        "the log of the variance 1 - alpha_bar counts N / 2 times, once for each of the N numbers": (
            mean(each) + 3 * math.log(0.44)
        ),
        "around a clip the variance is 1 - alpha_bar; only pure noise has variance 1": mean(ratios(0.56**0.5, 1.0)),
        "x_T contains the clips shrunk: by the root of alpha_bar": mean(ratios(1.0, 0.44)),
        "the clips are shrunk by the root of alpha_bar, not by alpha_bar": mean(ratios(0.56, 0.44)),
        "the other way round: the clips on top, N(0, I) below": -mean(each),
        "divide by the likelihood under N(0, I): in logs, add half the sum of squares of x": mean(each) - squares / 2,
        "for some x and clips it gives another number: compare term by term with torch's Normal": ANYTHING,
    }
    first_mistake(attempt(x, schedule, clips), mean(each), mistakes, 1e-3)


@exercise("3.1")
def _step(attempt: Callable) -> None:
    x_t, x0_hat, z = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    schedule = NoiseSchedule([0.1, 0.3, 0.4])
    beta, (ab_s, ab_t) = schedule.betas[2], schedule.alpha_bars[1:]
    mean, variance = posterior(x_t, x0_hat, 3, schedule)
    mistakes = {
        "the bug is still there: z has variance 1, which factor gives it the variance (3.3)?": mean + variance * z,
        "without fresh noise the clusters come out tighter still": mean,
        "that is (3.9) with the variance beta_t; it should be (3.3)": mean + beta.sqrt() * z,
        "subtracting z would do as well, but then your step cannot be compared: add it": mean - variance.sqrt() * z,
        "that is the printed formula (3.1)": (1 - beta).sqrt() * x_t - beta.sqrt() * z,
        "the mean was right: change one thing only, where z comes in": ANYTHING,
    }
    first_mistake(attempt(x_t, x0_hat, beta, ab_t, ab_s, z), mean + variance.sqrt() * z, mistakes, 1e-9)


@exercise("3.2")
def _spread(attempt: Callable) -> None:
    centers = 1.4 * toys.ring_centers().double()
    schedule = NoiseSchedule.linear(1000)
    model, seen = exact_denoiser(centers, schedule, std=0.14), []

    def sample(x_T: torch.Tensor, eta: float) -> torch.Tensor:
        seen.append(x_T)
        generator = torch.Generator().manual_seed(len(seen))
        return [*ddim_sample(model, x_T, schedule, generator, steps=50, predicts="x0", eta=eta)][-1][1]

    still, spread = float(attempt(sample, 0.0)), float(attempt(sample, 1.0))
    assert seen, "it has to call sample(x_T, eta)"
    starts = torch.cat([x_T.flatten() for x_T in seen])
    assert not starts.any(), "the points have to start at exactly (0, 0), every one"
    assert min(map(len, seen)) >= 100, f"only {min(map(len, seen))} points: a spread needs many, such as 400"
    assert abs(still) < 1e-3, f"with eta = 0 all end in one place, spread 0, got {still:.3g}: did you pass eta on?"
    assert spread > 0.1, "with eta = 1 the ends spread over the ring, got hardly any: did you measure the starts?"
    assert abs(spread - 1) < 0.2, f"with eta = 1 the standard deviation is about 1, as the data's, got {spread:.2f}"


@exercise("3.3")
def _encode(attempt: Callable) -> None:
    x0 = torch.tensor([[0.2, 1.5], [-1.0, 2.0]], dtype=torch.float64)
    mu, s, ab = 0.5, 0.6, 0.3
    root, width = ab**0.5, (ab * s**2 + 1 - ab) ** 0.5
    mistakes = {
        "that only shrinks: the flow also spreads points from width s to the width of x_t": root * x0,
        "that is the mean of x_t given x0 = mu; where did x0 go?": torch.full_like(x0, root * mu),
        "the mean of x_t is sqrt(alpha_bar) mu, it shrinks too": mu + width * (x0 - mu) / s,
        "a distance is scaled by widths, not by variances: take roots": root * mu + width**2 * (x0 - mu) / s**2,
        "divide by s first: (x0 - mu) / s is the number of standard deviations": root * mu + width * (x0 - mu),
        "the width of x_t also has the shrunken width of the data in it": root * mu + (1 - ab) ** 0.5 * (x0 - mu) / s,
        "that is the way from x_t to x0": mu + s * (x0 - root * mu) / width,
        "(x0 - mu) / s has to be what x_t has as well, with its own mean and width": ANYTHING,
    }
    first_mistake(attempt(x0, mu, s, ab), root * mu + width * (x0 - mu) / s, mistakes, 1e-9)
    first_mistake(attempt(x0, mu, s, 1.0), x0, {"at alpha_bar = 1 nothing has moved yet": ANYTHING}, 1e-9)


@exercise("4.1")
def _ramp(attempt: Callable) -> None:
    h = torch.tensor([0.2, 1.0, 3.0], dtype=torch.float64)
    shrunk = (-h).exp()
    mistakes = {
        "that is 2M's shortcut, the middle of the step for all of it: e^lambda gives the end more weight": (
            h / 2 * (1 - shrunk)
        ),
        "e^lambda is missing under the integral": h.square() / 2,
        "that is the factor of a constant x0_hat: under the integral there is also lambda - lambda_t": 1 - shrunk,
        "you pulled out e^(lambda_t); what belongs in front is e^(lambda_s)": (h - 1) / shrunk + 1,
        "the sign: on the way from t to s, lambda grows by h": h + 1 - h.exp(),
        "compare your k with the integral of u e^(u - h) over u from 0 to h": ANYTHING,
    }
    first_mistake(attempt(h), h - 1 + shrunk, mistakes, 1e-9)


def _multistep(guess: Callable, x: torch.Tensor, lams: torch.Tensor, memory: str = "x0_hat") -> torch.Tensor:
    signal, noise = (2 * lams).sigmoid().sqrt(), (-2 * lams).sigmoid().sqrt()
    before = None
    for i, h in enumerate(lams.diff()):
        D = x0_hat = guess(x, lams[i])
        if before is not None and memory != "none":
            r = h / (lams[i] - lams[i - 1]) if memory == "upside down" else (lams[i] - lams[i - 1]) / h
            D = (1 + 1 / (2 * r)) * x0_hat - 1 / (2 * r) * before
        x = noise[i + 1] / noise[i] * x - signal[i + 1] * ((-h).exp() - 1) * D
        before = D if memory == "D" else x0_hat
    return x


@exercise("4.2")
def _planted(attempt: Callable) -> None:
    def guess(x: torch.Tensor, lam: torch.Tensor) -> torch.Tensor:
        alpha_bar = (2 * lam).sigmoid()
        return 0.25 * alpha_bar.sqrt() * x / (0.25 * alpha_bar + 1 - alpha_bar)  # data N(0, 0.5^2)

    lams = torch.tensor([-3, -2.2, -1, -0.5, 0.6, 1.9, 2.5], dtype=torch.float64)
    x = torch.tensor([1.0, -0.3], dtype=torch.float64)
    mistakes = {
        "still the planted bug: (4.9) extrapolates from guesses of the denoiser; what does D_before hold?": "D",
        "that is DDIM, order 1: the memory is never used": "none",
        "r is upside down: it is the last step's length over this one's": "upside down",
    }
    results = {said: _multistep(guess, x, lams, memory) for said, memory in mistakes.items()}
    results["it is not (4.8) with the D of (4.9); change one line only"] = ANYTHING
    first_mistake(attempt(guess, x, lams), _multistep(guess, x, lams), results, 1e-9)


@exercise("4.3")
def _eight_times(attempt: Callable) -> None:
    centers, width = 2**0.5 * toys.ring_centers(), 2**0.5 * toys.RING_STD
    x_T = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0))
    for schedule in (NoiseSchedule.linear(), NoiseSchedule.cosine(), NoiseSchedule.linear(end=0.3)):
        chosen, T = [int(t) for t in attempt(schedule)], len(schedule)
        where = f"{schedule!r}: "
        assert len(chosen) == 8, f"{where}expected eight times, got {len(chosen)}"
        assert 0 not in chosen, f"{where}0 is the clean data: nothing is left to denoise there"
        assert chosen == sorted(set(chosen), reverse=True), f"{where}a sampler needs times that fall, got {chosen}"
        assert chosen[0] == T, f"{where}pure noise belongs to T = {T}, so the first time has to be T, got {chosen[0]}"
        denoise, stray = exact_denoiser(centers, schedule, width), []
        for steps in (8, chosen):
            *_, (_, x, _) = ddim_sample(denoise, x_T, schedule, steps=steps, predicts="x0")
            stray.append((torch.cdist(x, centers).amin(1) > 3 * width).float().mean().item())
        assert chosen != times(8, T), f"{where}those are the even times"
        said = f"{where}{stray[1]:.1%} of the points stray; aim for 2.5 % (even times: {stray[0]:.0%}). "
        assert stray[1] <= 0.025, said + "At which half log SNR, on any schedule, do points choose their cluster?"
