"""The explorers answer: each control moves the picture and the words, in time, and the words are true."""

import io
import math
import re
import time

import ipywidgets
import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

matplotlib.use("Agg")

from matplotlib.figure import Figure

from t2v_helpers.figures import explorers
from t2v_helpers.schedules import NoiseSchedule

EXPLORERS = {
    make.__name__: make()
    for make in (explorers.schedule_explorer, explorers.forward_explorer, explorers.sampler_explorer)
}
OTHER = {  # control -> a value that it does not have at first
    "family": "sigmoid",
    "T": 50,
    "first": 1.0,
    "last": 5,
    "rescale": True,
    "t": 700,
    "schedule": "cosine",
    "steps": 2,
    "eta": 1.0,
}


def pixels(explorer):
    return np.asarray(Image.open(io.BytesIO(explorer.picture.value)).convert("RGB"), dtype=float)


def set_to(explorer, **values):
    for name, value in values.items():
        explorer.controls[name].value = value


def number_after(text, words):
    return float(re.search(re.escape(words) + r"\s*([-\d.e+]+\d)", words_of(text)).group(1))


def words_of(explorer):
    return explorer.words.value


@pytest.mark.parametrize("name, control", [(n, c) for n, e in EXPLORERS.items() for c in e.controls])
def test_every_control_moves_picture_and_words(name, control):
    explorer = EXPLORERS[name]
    before, said, start = pixels(explorer), words_of(explorer), explorer.controls[control].value
    identity = explorer.picture
    set_to(explorer, **{control: OTHER[control]})
    assert explorer.picture is identity
    assert np.abs(pixels(explorer) - before).mean() > 0.1, "the picture did not move"
    assert words_of(explorer) != said
    set_to(explorer, **{control: start})
    assert words_of(explorer) == said and np.array_equal(pixels(explorer), before), "not the same when moved back"


@pytest.mark.parametrize("name", EXPLORERS)
def test_every_control_has_a_text_label(name):
    explorer = EXPLORERS[name]
    assert all(control.description.strip() for control in explorer.controls.values())
    assert all(isinstance(control, ipywidgets.ValueWidget) for control in explorer.controls.values())
    assert explorer.title in explorer.children[0].value


def plain_figure():
    """Three panels of two curves each, which nothing can draw faster than matplotlib does."""
    figure = Figure((9, 3.1), dpi=90)
    for ax in figure.subplots(1, 3):
        ax.plot(range(1000), range(1000))
        ax.plot(range(1000), range(1000))
    figure.savefig(io.BytesIO(), format="png", pil_kwargs={"compress_level": 1})


def fastest(function):
    """Processor time of the best of three calls, in seconds."""
    spent = []
    for _ in range(3):
        begin = time.process_time()
        function()
        spent.append(time.process_time() - begin)
    return min(spent)


@pytest.mark.parametrize("name", EXPLORERS)
def test_answers_within_a_fifth_of_a_second(name):
    """In processor time of one thread, so that a busy machine does not fail it; on a machine so slow that a plain
    figure takes half of that, in twice the time of a plain figure.

    With more threads, those that wait for a processor beside other tests would count as work.
    """
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
    bundle = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == repr(explorer) and "application/vnd.jupyter.widget-view+json" in bundle


def test_words_of_the_schedule_explorer():
    explorer = explorers.schedule_explorer()
    assert number_after(explorer, "beta from") == 1e-4 and number_after(explorer, "to ") == 0.02
    left = NoiseSchedule.linear(1000).alpha_bars[-1].item()
    assert number_after(explorer, "Left in x_T:") == round(100 * math.sqrt(left), 2)
    set_to(explorer, rescale=True)
    assert "0.00% of the amplitude, 0 nats" in words_of(explorer)
    set_to(explorer, rescale=False, T=20, last=60)  # beta_T T = 60 with T = 20 would be beta = 3
    assert "to 1." in words_of(explorer)
    set_to(explorer, family="cosine")
    assert "no ends to choose" in words_of(explorer)


def test_words_of_the_forward_explorer():
    explorer = explorers.forward_explorer()
    set_to(explorer, t=300)
    alpha_bar = NoiseSchedule.linear(1000).alpha_bars[299].item()
    assert number_after(explorer, "x_t =") == round(alpha_bar**0.5, 2)
    assert number_after(explorer, "ratio:") == pytest.approx(alpha_bar / (1 - alpha_bar), rel=0.05)
    set_to(explorer, t=0)
    assert "x_t = 1.00 x_0 + 0.00 eps. Signal-to-noise ratio: infinite" in words_of(explorer)
    set_to(explorer, schedule="zero terminal SNR", t=1000)
    assert "x_t = 0.00 x_0 + 1.00 eps. Signal-to-noise ratio: 0." in words_of(explorer)


def test_words_of_the_sampler_explorer():
    explorer = explorers.sampler_explorer()
    found = {}
    for steps in (1, 4, 32):
        set_to(explorer, steps=steps)
        found[steps] = number_after(explorer, "to the data")
    floor = number_after(explorer, "halves of the data:")
    assert found[1] > 0.5 > 0.3 > found[4] > found[32] and found[32] < 3 * floor
    assert floor < 0.02


def test_nothing_seeds_the_global_generator():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    explorers.forward_explorer()
    set_to(explorers.sampler_explorer(), eta=1.0)
    assert torch.equal(torch.rand(3), expected)
