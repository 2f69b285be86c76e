"""The explorers answer: each control moves the picture and the words, in time, and the words are true."""

import base64
import html
import io
import math
import re
import time
import timeit
import types
import warnings

import matplotlib
import numpy as np
import pytest
import torch

matplotlib.use("Agg")

from matplotlib.figure import Figure

from t2v_helpers import figures, generate
from t2v_helpers.models import Model
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


def boxed(generate, folder="."):
    """A prompt box over a stand-in for `generate`, with the settings of a model that makes 4 frames a second."""
    pipeline = types.SimpleNamespace(t2v_model=Model("", fps=4, steps=30, guidance=9.0))
    return figures.PromptBox(generate, pipeline, "a panda", np.zeros((2, 8, 8, 3)), seed=5, folder=folder)


def test_the_prompt_box_asks_for_what_its_controls_say_shows_it_and_saves_it(tmp_path):
    asked, bars = [], []

    def generate(prompt, pipeline, seed, steps, guidance, progress):
        asked.append((prompt, seed, steps, guidance))
        progress(1, 2)
        bars.append((box.bar.value, box.words.value, box.make.disabled))
        warnings.warn("it is cut at 77 tokens", stacklevel=1)
        return np.ones((3, 8, 8, 3))

    box = boxed(generate, tmp_path)
    first, film = box._repr_mimebundle_(), box.film.value.partition("<figure")[2]
    assert "2 frames of 8x8 at 4 fps: a panda" in film and first["text/html"].endswith(film)
    assert all(f">{said}</" in first["text/html"] for said in ("a panda", "30", "Keep it"))
    assert first["text/plain"] == repr(box) and "application/vnd.jupyter.widget-view+json" in first
    box.controls["prompt"].value, box.controls["guidance"].value = "A panda,\non a <rock>!", 1.5
    box.make.click()
    assert asked == [("A panda,\non a <rock>!", 5, 30, 1.5)] and bars == [(1, "denoising: step 1 of 2", True)]
    assert "3 frames of 8x8" in box.film.value and "&lt;rock&gt;" in box.film.value and not box.make.disabled
    assert box.words.value == "it is cut at 77 tokens"
    for number in (1, 2):
        box.keep.click()
        assert (tmp_path / f"a-panda-on-a-rock-{number}.mp4").stat().st_size > 500
        assert f"a-panda-on-a-rock-{number}.mp4" in box.words.value


def test_the_prompt_box_shows_an_error_inside_and_keeps_its_clip(scale, tmp_path):
    box = boxed(generate, tmp_path / "nowhere")
    box._pipeline = scale
    before = box.film.value
    box.controls["prompt"].value = "a red elephant moving left"
    box.make.click()
    assert "says 'elephant', which the scale model does not know" in html.unescape(box.words.value)
    assert box.film.value == before and not box.make.disabled
    box.keep.click()
    assert "nowhere" in box.words.value and not (tmp_path / "nowhere").exists()
    box.controls["prompt"].value, box.controls["steps"].value = "a red circle", 2
    box.make.click()
    assert box.bar.value == box.bar.max == 2 and "16 frames of 64x64" in box.film.value and box.words.value == ""
