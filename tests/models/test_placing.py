"""Plans carried out, and what happens when memory runs out. No GPU is used: its free memory is simulated, the CPU is
the card, and a layer raises torch's OutOfMemoryError."""

import importlib.util
import types
from unittest import mock

import numpy as np
import pytest
import torch

from t2v_helpers.models import MODELS, budget, checkpoint, pipelines, placing
from t2v_helpers.models.pipelines import generate, load_pipeline

SMALL = {"steps": 2, "num_frames": 3, "height": 64, "width": 64}
PROMPT = "a red circle growing"
OOM = "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 5.80 GiB"
CUDA, LEAVES = torch.device("cuda"), {"offload_type": "leaf_level", "use_stream": True}


@pytest.fixture(scope="module")
def want(scale_folder):
    return generate(PROMPT, load_pipeline(scale_folder, device="cpu"), **SMALL)


@pytest.fixture
def pipe(scale_folder):
    """A pipeline as if on a card, which is the CPU, by the first plan."""
    pipe = load_pipeline(scale_folder, device="cpu")
    pipe.t2v_plan, pipe.t2v_device = placing.Placement("full", 1e9), torch.device("cpu")
    return pipe


def runs_out(layer, times=1):
    """Let a layer raise torch's error the first few times that it is called."""
    errors = [torch.OutOfMemoryError(OOM)] * times + [None] * 99
    layer.register_forward_pre_hook(mock.Mock(side_effect=errors))


@pytest.mark.parametrize(
    ("first", "layer", "then"),
    [
        ("full", "vae.decoder", "vae-slicing"),
        ("full", "unet.conv_in", "model-offload"),
        ("vae-slicing", "unet.conv_in", "model-offload"),
        ("model-offload", "text_encoder", "layer-offload"),  # real ones, with the CPU as the card
        ("fp8", "unet.conv_out", "layer-offload"),
    ],
)
def test_when_memory_runs_out_the_next_plan_draws_the_same_clip(pipe, want, capsys, monkeypatch, first, layer, then):
    if then == "model-offload":  # accelerate has nothing to offload from
        monkeypatch.setattr(pipe, "enable_model_cpu_offload", lambda device: pipe.to(device))
    pipe.t2v_plan = placing.Placement(first, 1e9)
    part, _, inside = layer.partition(".")
    runs_out(getattr(pipe, part).get_submodule(inside))
    np.testing.assert_allclose(generate(PROMPT, pipe, **SMALL), want, atol=1e-5)
    assert pipe.t2v_plan.name == then and 0 < pipe.t2v_plan.peak < 1e9, "the prediction goes along"
    assert pipe.vae.use_slicing
    assert (then == "layer-offload") == bool(pipe._maybe_raise_error_if_group_offload_active())
    line = f"out of GPU memory (Tried to allocate 2.50 GiB) with plan {first}: retrying with {then}\n"
    assert capsys.readouterr().out == line


@pytest.mark.parametrize("first, times, last", [("full", 2, "vae-slicing"), ("layer-offload", 1, "layer-offload")])
def test_memory_that_runs_out_again_is_one_line(pipe, first, times, last):
    pipe.t2v_plan = placing.Placement(first, 1e9)
    runs_out(pipe.vae.decoder, times)
    said = f"out of memory with plan {last} (Tried to allocate 2.50 GiB): try fewer frames or a smaller size"
    with pytest.raises(ValueError) as error:
        generate(PROMPT, pipe, **SMALL)
    assert str(error.value) == said


def test_memory_of_a_machine_without_a_card(scale_folder):
    pipe = load_pipeline(scale_folder, device="cpu")
    pipe.unet.conv_in.register_forward_pre_hook(lambda *_: torch.empty(2**60) and None)
    with pytest.raises(ValueError, match=r"^out of memory on this machine \(tried to allocate \d+ bytes\): try fewer"):
        generate(PROMPT, pipe, **SMALL)


def test_another_error_goes_through(pipe):
    pipe.unet.register_forward_pre_hook(mock.Mock(side_effect=RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match=r"^a bug$"):
        generate(PROMPT, pipe, **SMALL)


def test_weights_that_do_not_fit_are_moved_in_parts(pipe, monkeypatch):
    """Slicing the decoder would not help there."""
    monkeypatch.setattr(pipe, "to", mock.Mock(side_effect=torch.OutOfMemoryError(OOM)))
    monkeypatch.setattr(pipe, "enable_model_cpu_offload", mock.Mock())
    placing.with_less(pipe)
    pipe.enable_model_cpu_offload.assert_called_once_with(device=torch.device("cpu"))
    assert pipe.t2v_plan.name == "model-offload"


@pytest.mark.parametrize(
    ("plan", "calls"),
    [
        ("full", [mock.call.to(CUDA)]),
        ("vae-slicing", [mock.call.to(CUDA)]),
        ("model-offload", [mock.call.enable_model_cpu_offload(device=CUDA)]),
        ("int8-text", [mock.call.enable_model_cpu_offload(device=CUDA)]),
        ("fp8", [mock.call.to(CUDA)]),
        ("layer-offload", [mock.call.to("cpu"), mock.call.enable_group_offload(CUDA, **LEAVES)]),
    ],
)
def test_each_plan_is_carried_out(scale_folder, monkeypatch, plan, calls):
    """What would move the pipeline to a GPU is only recorded."""
    pipe, seen = load_pipeline(scale_folder, device="cpu"), mock.Mock()
    for name in ("to", "enable_model_cpu_offload", "enable_group_offload"):
        monkeypatch.setattr(pipe, name, getattr(seen, name))
    placing.carry_out(pipe, plan, CUDA)
    assert seen.mock_calls == calls
    assert pipe.vae.use_slicing == (plan != "full")
    assert (torch.float8_e4m3fn in {p.dtype for p in pipe.unet.parameters()}) == (plan == "fp8")


def test_eight_bits_draw_nearly_the_same_clip(scale_folder, want):
    pipe = load_pipeline(scale_folder, device="cpu")
    placing.carry_out(pipe, "fp8", torch.device("cpu"))
    clip = generate(PROMPT, pipe, **SMALL)
    assert not np.array_equal(clip, want) and np.abs(clip - want).mean() < 0.1


@pytest.mark.parametrize(
    ("asked", "free", "plan"), [(None, 80e9, "full"), (None, 4e8 + 5e5, "layer-offload"), ("fp8", 80e9, "fp8")]
)
def test_a_card_takes_the_plan_that_fits_or_was_asked_for(scale_folder, monkeypatch, capsys, asked, free, plan):
    """The card is simulated by its name and free memory."""
    monkeypatch.setattr(placing, "device_of", lambda name: torch.device("cuda"))
    monkeypatch.setattr(placing, "free_bytes", lambda device: free)
    monkeypatch.setattr(placing, "carry_out", lambda *_: None)
    pipe = load_pipeline(scale_folder, plan=asked)
    assert pipe.t2v_plan == (plan, placing.pipe_needs(pipe)[plan])
    slower = "0.4 GB of GPU memory are free: plan layer-offload (one layer at a time on the GPU, the others in RAM), "
    assert capsys.readouterr().out == (slower + "which is slower\n" if plan == "layer-offload" else "")


def test_plans_have_names():
    with pytest.raises(ValueError, match=r"^plan 'fast': expected one of full, vae-slicing, model-offload, fp8, "):
        load_pipeline("tiny", plan="fast")
    assert budget.EXACT == tuple(plan for plan in budget.PLANS if plan not in ("fp8", "int8-text"))


# --- a text encoder in eight bits


@pytest.fixture
def machine(monkeypatch):
    """Simulates a machine with a GPU, by its RAM and whether the GPU computes in bfloat16."""

    def simulate(ram, bfloat16):
        monkeypatch.setattr(placing.psutil, "virtual_memory", lambda: types.SimpleNamespace(total=ram))
        monkeypatch.setattr(placing.psutil, "swap_memory", lambda: types.SimpleNamespace(total=0))
        monkeypatch.setattr(placing, "has_bfloat16", lambda device: bfloat16)

    return simulate


@pytest.mark.parametrize(
    ("name", "ram", "bfloat16", "dtype", "plan"),
    [
        ("cogvideox", 12.7e9, False, None, "int8-text"),
        ("cogvideox", 16e9, False, None, None),
        ("wan", 12.7e9, True, None, "int8-text"),
        ("wan", 12.7e9, False, "float16", "int8-text"),
        ("wan", 12.7e9, False, None, "refused"),  # in float32, which needs twice as much
        ("wan", 8e9, True, None, "refused"),
        ("modelscope", 12.7e9, False, None, None),
        ("tiny", 1e9, False, None, None),
    ],
)
def test_eight_bits_where_ram_is_short(machine, capsys, name, ram, bfloat16, dtype, plan):
    machine(ram, bfloat16)
    if plan == "refused":
        with pytest.raises(
            ValueError, match=r"^the model needs \d+\.\d GB of RAM, .*; this machine has (12\.7|8\.0) GB$"
        ):
            placing.plan_for_ram(MODELS[name], dtype, CUDA)
        return
    assert placing.plan_for_ram(MODELS[name], dtype, CUDA) == plan
    assert ("the text encoder is read in eight bits" in capsys.readouterr().out) == (plan is not None)
    assert placing.plan_for_ram(MODELS[name], dtype, torch.device("cpu")) is None


def test_what_eight_bits_need_is_told_before_a_download(machine, monkeypatch):
    machine(12.7e9, True)
    monkeypatch.setattr(placing, "device_of", lambda name: CUDA)
    monkeypatch.setattr(pipelines.hub, "locate", mock.Mock(side_effect=AssertionError("it looks for weights")))
    monkeypatch.setattr(checkpoint.importlib.util, "find_spec", lambda name: None)
    for asked in ({"name": "wan"}, {"name": "tiny", "plan": "int8-text"}):
        with pytest.raises(ValueError, match=r"^weights in eight bits need torchao, .*: pip install torchao$"):
            load_pipeline(**asked)


@pytest.mark.skipif(
    not importlib.util.find_spec("torchao"), reason="torchao is not installed: make versions VERSIONS='-s eight_bits'"
)
def test_a_text_encoder_in_eight_bits(scale_folder, want):
    whole = load_pipeline(scale_folder, device="cpu").text_encoder
    pipe = load_pipeline(scale_folder, device="cpu", plan="int8-text")
    linear = pipe.text_encoder.get_submodule("encoder.layers.0.mlp.fc1")
    rows, columns = linear.weight.shape
    assert checkpoint.stored_bytes(linear) == rows * columns + rows * 9  # a row: integers, their scale and zero, a bias
    assert checkpoint.stored_bytes(pipe.unet) == sum(p.nbytes for p in pipe.unet.parameters())
    ids = torch.arange(1, 9)[None]
    ours, theirs = pipe.text_encoder(ids).last_hidden_state, whole(ids).last_hidden_state
    assert 0 < (ours - theirs).norm() / theirs.norm() < 0.05
    clip = generate(PROMPT, pipe, **SMALL)
    assert not np.array_equal(clip, want) and np.abs(clip - want).mean() < 0.1
    placing.carry_out(pipe, "int8-text", torch.device("cpu"))


# --- Apple's GPU, which no test has


@pytest.fixture
def apple(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)


def test_a_mac_runs_large_models_on_its_gpu_and_the_scale_model_on_its_cpu(apple, cached, scale_folder, monkeypatch):
    assert placing.device_of(None) == torch.device("mps") == placing.device_of("mps")
    placed = []
    monkeypatch.setattr(placing, "place", lambda pipe, device, plan: placed.append(device.type))
    for name, device in ((scale_folder, None), ("modelscope", None), (scale_folder, "mps"), ("modelscope", "cpu")):
        load_pipeline(name, device=device)
    assert placed == ["cpu", "mps", "mps", "cpu"]


def test_mps_without_a_mac():
    with pytest.raises(ValueError, match=r"^device 'mps': torch can use no GPU of Apple's on this machine$"):
        load_pipeline("tiny", device="mps")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            NotImplementedError("The operator 'aten::x' is not implemented for the MPS device"),
            "set PYTORCH_ENABLE_MPS_",
        ),
        (RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)"), "out of memory on this machine"),
    ],
)
def test_what_fails_on_a_mac_is_one_line(pipe, error, says):
    pipe.t2v_plan = None
    pipe.unet.register_forward_pre_hook(mock.Mock(side_effect=error))
    with pytest.raises(ValueError, match=says) as caught:
        generate(PROMPT, pipe, **SMALL)
    assert "\n" not in str(caught.value)
