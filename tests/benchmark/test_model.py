"""The two sides of the benchmark and its variants: what they change in a pipeline, and what they leave alone."""

import functools
import types

import pytest
import torch

from t2v_helpers.benchmark import cli, model, variants
from t2v_helpers.benchmark.model import CONFIGS
from t2v_helpers.benchmark.timing import measure
from t2v_helpers.models import pipelines

TINY = CONFIGS["tiny"]
CPU = torch.device("cpu")
# diffusers' DPM-Solver calls np.array on a tensor
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "random"
    before = torch.random.get_rng_state()
    model.write_pipeline(folder, TINY, "cpu")
    assert torch.equal(before, torch.random.get_rng_state())
    return folder


@pytest.fixture
def bench(folder):
    return cli.Bench(folder, TINY, CPU, 1)


@pytest.fixture
def pipe(bench):
    return pipelines.load_pipeline(bench.model, device="cpu")


def test_the_full_model():
    full = CONFIGS["full"]
    assert full.unet is model.modelscope.UNET and (full.steps, full.num_frames, full.size) == (25, 16, 256)
    assert model.step_flops(full) == pytest.approx(9.77e12, rel=1e-3)


def test_recipe_is_the_model_cards(folder):
    pipe = model.load_recipe(folder, CPU)
    assert type(pipe.scheduler).__name__ == "DPMSolverMultistepScheduler" and not pipe.vae.use_slicing
    batches = []
    pipe.unet.register_forward_pre_hook(lambda module, args: batches.append(len(args[0])))
    assert model.recipe_clip(pipe, TINY).shape == (4, 64, 64, 3)
    assert batches == [2] * TINY.steps


def test_recipe_offloads_on_a_gpu(folder, monkeypatch):
    offload = "diffusers.DiffusionPipeline.enable_model_cpu_offload"
    monkeypatch.setattr(offload, lambda self, device: setattr(self, "asked", device))
    pipe = model.load_recipe(folder, torch.device("cuda", 0))
    assert pipe.asked == torch.device("cuda", 0) and pipe.unet.dtype == pipe.vae.dtype == torch.float16


def test_random_weights_that_hide_nothing(folder, pipe):
    names = {file.name for file in folder.glob("*/*.safetensors")}
    assert names == {"diffusion_pytorch_model.fp16.safetensors", "model.fp16.safetensors"}
    # diffusers starts the last temporal convolutions at zero: a change there would not be seen
    assert all(p.any() for p in pipe.unet.parameters() if p.ndim > 1)
    with torch.no_grad():
        assert 0.5 < pipe.unet(*model.step_inputs(TINY.unet, 4, "cpu")).sample.std() < 2


def clip(pipe):
    return pipelines.generate(model.PROMPT, pipe)


def count_calls(thing, name, size):
    """The size of each call's first argument, from here on."""
    seen, call = [], getattr(thing, name)
    setattr(thing, name, lambda x, *args, **kw: seen.append(size(x)) or call(x, *args, **kw))
    return seen


@pytest.mark.parametrize(
    ("variant", "part", "name", "expected"),
    [
        (None, "unet", "forward", [2] * 2),
        ("guidance: two calls", "unet", "forward", [1] * 4),
        ("decoding: 4 frames at once", "vae", "_decode", [4, 2]),
        ("decoding: all at once", "vae", "_decode", [6]),
        ("decoding: frame by frame", "vae", "_decode", [1] * 6),
    ],
)
def test_how_much_goes_through_at_once(pipe, variant, part, name, expected):
    seen = count_calls(getattr(pipe, part), name, len)
    variants.apply([variant] if variant else [], pipe)
    pipelines.generate(model.PROMPT, pipe, num_frames=6, steps=2)
    assert seen == expected


def test_prompts_are_encoded_once(pipe):
    seen = count_calls(pipe.text_encoder, "forward", lambda ids: ids.shape)
    clip(pipe)
    assert len(seen) == 2
    variants.apply(["prompt: encoded once"], pipe)
    clip(pipe), clip(pipe)
    assert len(seen) == 4


def test_weights_are_laid_out_and_fused(pipe):
    variants.apply(["memory format: channels last", "projections: fused"], pipe)
    kernels = [m.weight for m in pipe.unet.modules() if isinstance(m, torch.nn.Conv2d) and min(m.kernel_size) > 1]
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in kernels)
    assert any(getattr(m, "fused_projections", False) for m in pipe.unet.modules())


@pytest.mark.parametrize("variant", ["flash", "math"])
def test_attention_goes_to_the_kernel_that_is_named(pipe, variant):
    allowed, on = set(), torch.backends.cuda
    deep = pipe.unet.conv_in  # called while the UNet runs
    deep.register_forward_hook(lambda *_: allowed.add((on.flash_sdp_enabled(), on.math_sdp_enabled())))
    variants.apply([f"attention: {variant}"], pipe)
    clip(pipe)
    assert allowed == {(variant == "flash", variant == "math")}


def test_the_compiler_gets_the_whole_unet_after_all_else():
    done, pipe = [], types.SimpleNamespace(_execution_device=torch.device("cuda"))
    pipe.unet = types.SimpleNamespace(compile=lambda **how: done.append(how))
    pipe.unet.fuse_qkv_projections = lambda: done.append("fused")
    variants.apply(["compile: CUDA graphs", "projections: fused"], pipe)
    assert done == ["fused", {"mode": "reduce-overhead"}]


def test_no_variant_is_left_to_the_next_row(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    seen, pipe = [], types.SimpleNamespace(_execution_device=torch.device("cuda"), prepare_latents=0, decode_latents=0)
    changed = functools.partial(variants.apply, ["convolutions: timed"])
    measure("x", lambda: pipe, lambda pipe: seen.append(torch.backends.cudnn.benchmark), CPU, 0, changed)
    assert seen == [True] and not torch.backends.cudnn.benchmark


@pytest.fixture
def gpu(monkeypatch):
    """A GPU of 80 GB, of which CUDA takes half a one, and torch what `held` says."""
    state = types.SimpleNamespace(held=0, fraction=1.0)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: state.held)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (80e9 - 0.5e9 - state.held, 80e9))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda x, device: setattr(state, "fraction", x))
    return state


def test_a_smaller_card_is_emulated(gpu):
    with cli.card_of(6, CPU):
        assert torch.cuda.mem_get_info(CPU) == (5.5e9, 6e9) and gpu.fraction == pytest.approx(5.5 / 80)
        gpu.held = 2e9
        assert torch.cuda.mem_get_info(CPU) == (3.5e9, 6e9)
    assert torch.cuda.mem_get_info(CPU)[1] == 80e9 and gpu.fraction == 1


def test_the_plan_in_the_end_is_reported(gpu, bench, monkeypatch):
    """On 4 GB of a card: placed by one plan, stepped down while the clip was made."""
    load, free, stepped = pipelines.load_pipeline, [], types.SimpleNamespace(name="layer-offload", peak=1.1e9)

    def loaded(name, device, plan):
        free.append(torch.cuda.mem_get_info(device)[0])
        pipe = load(name, device="cpu")
        pipe.t2v_plan = types.SimpleNamespace(name="model-offload", peak=3.6e9)
        pipe.unet.register_forward_hook(lambda *_: setattr(pipe, "t2v_plan", stepped))
        return pipe

    monkeypatch.setattr(pipelines, "load_pipeline", loaded)
    measured, found = cli.placed(bench, gigabytes=4)
    assert not measured.not_here and free == [3.5e9]
    assert found == {"gigabytes": 4, "plan": "layer-offload", "predicted": 1.1e9}
