"""The explorers answer: each control moves the picture and the words, in time, and the words are true."""

import base64
import io
import math
import re
import time
import timeit

import matplotlib
import pytest
import torch

matplotlib.use("Agg")

from matplotlib.figure import Figure

from t2v_helpers import figures
from t2v_helpers.schedules import NoiseSchedule

NAMES = ("schedule_explorer", "forward_explorer", "sampler_explorer")
EXPLORERS = {name: getattr(figures, name)() for name in NAMES}
# Control -> a value that it does not have at first.
OTHER = dict(family="sigmoid", T=50, first=1.0, last=5, rescale=True, t=700, schedule="cosine", steps=2, eta=1.0)


def set_to(explorer, **values):
    for name, value in values.items():
        explorer.controls[name].value = value
    return explorer.words.value


def number_after(explorer, words):
    return float(re.search(re.escape(words) + r"\s*([-\d.e+]+\d)", explorer.words.value).group(1))


@pytest.mark.parametrize("name, control", [(n, c) for n, e in EXPLORERS.items() for c in e.controls])
def test_every_control_moves_picture_and_words(name, control):
    explorer = EXPLORERS[name]
    before, said, start = explorer.picture.value, explorer.words.value, explorer.controls[control].value
    assert explorer.controls[control].description.strip()
    assert set_to(explorer, **{control: OTHER[control]}) != said
    assert explorer.picture.value != before
    assert set_to(explorer, **{control: start}) == said and explorer.picture.value == before


def fastest(function):
    """Processor time of the best of three calls, in seconds."""
    return min(timeit.repeat(function, timer=time.process_time, number=1, repeat=3))


@pytest.mark.parametrize("name", EXPLORERS)
def test_answers_within_a_fifth_of_a_second(name):
    """In processor time of one thread; on a slow machine, in twice the time of three plain panels of two curves."""

    def plain_figure():
        figure = Figure((9, 3.1), dpi=90)
        for ax in figure.subplots(1, 3):
            ax.plot(range(1000), [[i, -i] for i in range(1000)])
        figure.savefig(io.BytesIO(), format="png", pil_kwargs={"compress_level": 1})

    explorer, threads = EXPLORERS[name], torch.get_num_threads()
    torch.set_num_threads(1)
    if name == "sampler_explorer":
        set_to(explorer, steps=32, eta=1.0)  # the slowest there is
    spent = fastest(explorer.refresh)
    torch.set_num_threads(threads)
    assert spent < max(0.2, 2 * fastest(plain_figure))


@pytest.mark.parametrize("name", EXPLORERS)
def test_without_a_kernel_it_is_one_line_that_is_always_the_same(name):
    explorer = EXPLORERS[name]
    assert repr(explorer) == f"[explorer: {explorer.title}; it moves where a kernel runs]"
    assert explorer.title in explorer.children[0].value
    bundle = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == repr(explorer) and "application/vnd.jupyter.widget-view+json" in bundle
    still = base64.b64decode(bundle.get("image/png", ""))
    assert still == (explorer.picture.value if name == "forward_explorer" else b"")


def test_words_of_the_schedule_explorer():
    explorer = figures.schedule_explorer()
    assert number_after(explorer, "beta from") == 1e-4 and number_after(explorer, "to ") == 0.02
    left = NoiseSchedule.linear(1000).alpha_bars[-1].item()
    assert number_after(explorer, "Left in x_T:") == round(100 * math.sqrt(left), 2)
    assert "0.00% of the amplitude, 0 nats" in set_to(explorer, rescale=True)
    assert "to 1." in set_to(explorer, rescale=False, T=20, last=60)  # beta_T T = 60 with T = 20 would be beta = 3
    assert "no ends to choose" in set_to(explorer, family="cosine")


def test_words_of_the_forward_explorer():
    explorer = figures.forward_explorer()
    set_to(explorer, t=300)
    alpha_bar = NoiseSchedule.linear(1000).alpha_bars[299].item()
    assert number_after(explorer, "x_t =") == round(alpha_bar**0.5, 2)
    assert number_after(explorer, "ratio:") == pytest.approx(alpha_bar / (1 - alpha_bar), rel=0.05)
    assert "x_t = 1.00 x_0 + 0.00 eps. Signal-to-noise ratio: infinite" in set_to(explorer, t=0)
    zero = set_to(explorer, schedule="zero terminal SNR", t=1000)
    assert "x_t = 0.00 x_0 + 1.00 eps. Signal-to-noise ratio: 0." in zero


def test_words_of_the_sampler_explorer_and_nothing_seeds_the_global_generator():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    explorer, found = figures.sampler_explorer(), {}
    for steps in (1, 4, 32):
        set_to(explorer, steps=steps)
        found[steps] = number_after(explorer, "to the data")
    floor = number_after(explorer, "halves of the data:")
    assert found[1] > 0.5 > 0.3 > found[4] > found[32] and found[32] < 3 * floor and floor < 0.02
    set_to(explorer, eta=1.0)
    figures.forward_explorer()
    assert torch.equal(torch.rand(3), expected)


def test_the_training_explorer_shows_the_round_and_the_seed_that_are_chosen():
    x = torch.randn(2, 50, 2)
    explorer = figures.training_explorer([0.1 * x, x], [torch.full((2, 9, 9), D) for D in (0.5, 0.25)], [0, 10], x[0])
    first = explorer.picture.value
    assert "D is 0.50" in explorer.words.value and "D is 0.25" in set_to(explorer, at=1)
    second = explorer.picture.value
    set_to(explorer, seed=1)
    assert len({first, second, explorer.picture.value}) == 3
