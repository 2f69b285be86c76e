"""Plans carried out, and what happens when memory does not suffice. No GPU is used: its free memory is simulated, the
CPU is the card, and torch's OutOfMemoryError is raised by hand."""

import numpy as np
import pytest
import torch

from t2v_helpers.models import budget, placing
from t2v_helpers.models.budget import CARD, EIGHT, LAYER, ONCE, PART
from t2v_helpers.models.pipelines import generate, load_pipeline

SMALL = {"steps": 2, "num_frames": 3, "height": 64, "width": 64}
PROMPT = "a red circle growing"
OOM = "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 5.80 GiB"


@pytest.fixture(scope="module")
def want(scale_folder):
    return generate(PROMPT, load_pipeline(scale_folder, device="cpu"), **SMALL)


@pytest.fixture
def pipe(scale_folder):
    """A pipeline as if on a card, which is the CPU, by the first plan."""
    pipe = load_pipeline(scale_folder, device="cpu")
    pipe.t2v_plan, pipe.t2v_device = placing.Placement(ONCE, 1e9), torch.device("cpu")
    return pipe


def runs_out(part, times, method="forward"):
    """Let a part's method raise torch's error the first few times."""
    real, left = getattr(part, method), [times]

    def raising(*args, **kwargs):
        left[0] -= 1
        if left[0] >= 0:
            raise torch.OutOfMemoryError(OOM)
        return real(*args, **kwargs)

    raising.__code__ = raising.__code__.replace(co_name=method)  # the name in the traceback
    setattr(part, method, raising)


def test_memory_that_ends_in_the_decoder_is_sliced_decoding(pipe, want, capsys):
    runs_out(pipe.vae, 1, "decode")
    assert not pipe.vae.use_slicing
    np.testing.assert_allclose(generate(PROMPT, pipe, **SMALL), want, atol=1e-5)
    assert pipe.t2v_plan.name == CARD and pipe.vae.use_slicing
    assert capsys.readouterr().out == (
        f"out of GPU memory (Tried to allocate 2.50 GiB) with the weights {ONCE}: once more, {CARD}\n"
    )
    assert 0 < pipe.t2v_plan.peak < 1e9, "the prediction goes along"


@pytest.mark.parametrize("first, then", [(ONCE, PART), (CARD, PART), (PART, LAYER)])
def test_memory_that_ends_in_the_unet_is_offload(pipe, want, capsys, monkeypatch, first, then):
    moved = []
    monkeypatch.setattr(placing, "carry_out", lambda pipe, plan, device: moved.append((plan, device)))
    pipe.t2v_plan = placing.Placement(first, 1e9)
    runs_out(pipe.unet, 1)
    np.testing.assert_array_equal(generate(PROMPT, pipe, **SMALL), want)
    assert moved == [(then, torch.device("cpu"))] and pipe.t2v_plan.name == then
    assert capsys.readouterr().out.count("\n") == 1


def test_layers_are_really_moved(pipe, want):
    """From whole models to layers, with the CPU as the card."""
    pipe.t2v_plan = placing.Placement(PART, 1e9)
    runs_out(pipe.text_encoder, 1)
    np.testing.assert_allclose(generate(PROMPT, pipe, **SMALL), want, atol=1e-5)
    assert pipe.t2v_plan.name == LAYER and pipe._maybe_raise_error_if_group_offload_active()


@pytest.mark.parametrize("first, times, last", [(ONCE, 2, CARD), (LAYER, 1, LAYER)])
def test_memory_that_ends_again_is_one_line(pipe, first, times, last):
    pipe.t2v_plan = placing.Placement(first, 1e9)
    runs_out(pipe.vae, times, "decode")
    with pytest.raises(ValueError) as error:
        generate(PROMPT, pipe, **SMALL)
    assert str(error.value) == (
        f"out of memory with the weights {last} (Tried to allocate 2.50 GiB): try fewer frames or a smaller size"
    )


def test_memory_of_a_machine_without_a_card(scale_folder):
    pipe = load_pipeline(scale_folder, device="cpu")
    pipe.unet.forward = lambda *a, **kw: torch.empty(2**60)
    with pytest.raises(ValueError, match=r"^out of memory on this machine \([^\n]*\): try fewer frames or a smaller"):
        generate(PROMPT, pipe, **SMALL)


def test_another_error_goes_through(pipe):
    def broken(*args, **kwargs):
        raise RuntimeError("a bug")

    pipe.unet.forward = broken
    with pytest.raises(RuntimeError, match=r"^a bug$"):
        generate(PROMPT, pipe, **SMALL)


def test_weights_that_do_not_fit_are_moved_in_parts(pipe, monkeypatch, capsys):
    """Slicing the decoder would not help there."""
    tried = []

    def carry_out(pipe, plan, device):
        tried.append(plan)
        if len(tried) == 1:
            raise torch.OutOfMemoryError(OOM)

    monkeypatch.setattr(placing, "carry_out", carry_out)
    placing.with_less(pipe)
    assert tried == [ONCE, PART] and pipe.t2v_plan.name == PART


@pytest.mark.parametrize(
    ("plan", "calls"),
    [
        (ONCE, ["to cuda"]),
        (CARD, ["to cuda"]),
        (PART, ["enable_model_cpu_offload cuda"]),
        (EIGHT, ["to cuda"]),
        (LAYER, ["to cpu", "enable_group_offload cuda leaf_level True"]),
    ],
)
def test_each_plan_is_carried_out(scale_folder, monkeypatch, plan, calls):
    """What would move the pipeline to a GPU is only recorded."""
    pipe, done = load_pipeline(scale_folder, device="cpu"), []
    for name in ("to", "enable_model_cpu_offload", "enable_group_offload"):
        monkeypatch.setattr(
            pipe, name, lambda *a, _n=name, **kw: done.append(" ".join(map(str, [_n, *a, *kw.values()])))
        )
    placing.carry_out(pipe, plan, torch.device("cuda"))
    assert done == calls
    assert pipe.vae.use_slicing == (plan != ONCE)
    stored = {p.dtype for p in pipe.unet.parameters()}
    assert (torch.float8_e4m3fn in stored) == (plan == EIGHT)


def test_eight_bits_draw_nearly_the_same_clip(scale_folder, want):
    pipe = load_pipeline(scale_folder, device="cpu")
    placing.carry_out(pipe, EIGHT, torch.device("cpu"))
    clip = generate(PROMPT, pipe, **SMALL)
    assert not np.array_equal(clip, want) and np.abs(clip - want).mean() < 0.1


@pytest.mark.parametrize(("free", "plan"), [(80e9, ONCE), (4e8 + 5e5, LAYER)])
def test_a_card_takes_the_plan_that_fits_and_says_so(scale_folder, monkeypatch, capsys, free, plan):
    """The card is simulated by its name and free memory."""
    monkeypatch.setattr(placing, "device_of", lambda name: torch.device("cuda"))
    monkeypatch.setattr(placing, "free_bytes", lambda device: free)
    monkeypatch.setattr(placing, "carry_out", lambda *_: None)
    pipe = load_pipeline(scale_folder)
    assert pipe.t2v_plan.name == plan and pipe.t2v_plan.peak == placing.pipe_needs(pipe)[plan]
    said = capsys.readouterr().out
    assert said == (
        "" if plan == ONCE else f"0.4 GB of GPU memory are free: the weights go there {plan}, which is slower\n"
    )


def test_a_plan_by_name(scale_folder, monkeypatch):
    with pytest.raises(ValueError, match=r"^plan 'fast': expected one of 'on the card, decoded at once'"):
        load_pipeline(scale_folder, plan="fast")
    monkeypatch.setattr(placing, "device_of", lambda name: torch.device("cuda"))
    monkeypatch.setattr(placing, "carry_out", lambda *_: None)
    assert load_pipeline(scale_folder, plan=EIGHT).t2v_plan.name == EIGHT
    assert budget.EXACT == tuple(plan for plan in budget.PLANS if plan != EIGHT)
