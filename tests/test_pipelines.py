"""Pipelines with random weights: the shipped scale model is tested by what it draws, elsewhere.

No GPU is used. Where a test needs one, it is simulated at a seam of placing.py, and the test says which. How plans are
carried out is tested in test_placing.py.
"""

import contextlib
import dataclasses
import logging
import os
import shutil
import signal
import time
import types

import hub
import numpy as np
import pytest
import torch

from t2v_helpers import downloads, models, pipelines, placing, weights
from t2v_helpers.models import MODELS, describe
from t2v_helpers.pipelines import generate, load_pipeline

# DPMSolverMultistepScheduler of diffusers 0.42 meets numpy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
SMALL = {"steps": 2, "num_frames": 3, "height": 64, "width": 64}


@pytest.fixture(scope="module")
def scale_folder(tmp_path_factory):
    return hub.write_scale_model(tmp_path_factory.mktemp("models") / "scale")


@pytest.fixture(scope="module")
def scale(scale_folder):
    return load_pipeline(scale_folder, device="cpu")


@pytest.fixture(scope="module")
def hub_cache(tmp_path_factory):
    return hub.write_hub_cache(tmp_path_factory.mktemp("hub")).parents[2]


@pytest.fixture
def cached(hub_cache, monkeypatch):
    """ModelScope's repository, with small random weights, in the hub's cache (HF_HUB_OFFLINE is set for all tests)."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(hub_cache))
    pipelines._say_once.cache_clear()
    return hub_cache


@pytest.fixture
def gpu(monkeypatch):
    """Simulates a GPU: the device is named "cuda" and has `free` bytes, but the pipeline stays on the CPU."""
    seen = types.SimpleNamespace(free=80e9, placed=None)
    monkeypatch.setattr(pipelines, "_device", lambda device: torch.device("cuda" if device is None else device))
    monkeypatch.setattr(placing, "free_bytes", lambda device: seen.free)
    monkeypatch.setattr(placing, "place", lambda pipe, device, plan: setattr(seen, "placed", device))
    return seen


# Loading


@contextlib.contextmanager
def logged():
    """The records that diffusers and transformers log, whatever their handlers do with them."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    loggers = [logging.getLogger(name) for name in ("diffusers", "transformers")]
    for logger in loggers:
        logger.addHandler(handler)
    yield records
    for logger in loggers:
        logger.removeHandler(handler)


def test_scale_model_is_loaded_in_silence(scale_folder, capfd):
    from diffusers import DiffusionPipeline
    from diffusers.utils import logging as log

    with logged() as records:
        DiffusionPipeline.from_pretrained(scale_folder, dtype=torch.float32)
    assert any("has been deprecated" in record.getMessage() for record in records), "what there is to silence"
    assert "Loading pipeline components" in capfd.readouterr().err
    before = log.get_verbosity(), log.is_progress_bar_enabled()
    with logged() as records:
        pipe = load_pipeline(scale_folder)
        generate("a red circle", pipe, **SMALL)
    assert capfd.readouterr() == ("", "") and not records
    assert (log.get_verbosity(), log.is_progress_bar_enabled()) == before
    assert type(pipe).__name__ == "TextToVideoSDPipeline"
    assert {part.dtype for part in (pipe.unet, pipe.vae, pipe.text_encoder)} == {torch.float32}
    assert type(pipe.scheduler).__name__ == "DDIMScheduler" and not pipe.vae.use_slicing
    assert dataclasses.replace(pipe.t2v_model, repo="") == dataclasses.replace(MODELS["tiny"], repo="")


def test_tiny_is_the_shipped_folder(scale_folder, monkeypatch):
    assert MODELS["tiny"].repo == str(weights.pathlib.Path(pipelines.__file__).parents[1] / "assets" / "tiny-t2v")
    monkeypatch.setitem(MODELS, "tiny", dataclasses.replace(MODELS["tiny"], repo=str(scale_folder)))
    assert load_pipeline("tiny").unet.config.sample_size == 8


@pytest.mark.parametrize("name", ["modelscope", hub.REPO, "damo-vilab/text-to-video-ms-1.7b"])
def test_modelscope_from_the_cache_by_any_of_its_names(cached, name, capsys):
    pipe = load_pipeline(name, device="cpu")
    assert pipe.t2v_model is MODELS["modelscope"] and pipe.t2v_model.revision == hub.REVISION
    # the config of the text encoder says float16; beside a float32 UNet that would fail
    assert {part.dtype for part in (pipe.unet, pipe.vae, pipe.text_encoder)} == {torch.float32}
    assert type(pipe.scheduler).__name__ == "DPMSolverMultistepScheduler" and pipe.vae.use_slicing
    config = pipe.scheduler.config
    assert (config.beta_start, config.beta_end, config.beta_schedule) == (0.00085, 0.012, "scaled_linear")
    assert config.prediction_type == "epsilon" and config.steps_offset == 1
    assert pipe.tokenizer.model_max_length == 77
    out = capsys.readouterr().out
    assert out == MODELS["modelscope"].licence + "\n"
    load_pipeline(name, device="cpu")
    assert capsys.readouterr().out == "", "the licence is said once"


def test_modelscope_gets_every_weight_of_the_half_precision_files(cached):
    """Under their names of 2023, which diffusers and transformers have changed since."""
    pipe = load_pipeline("modelscope", device="cpu")
    written = hub.small_models(pipe.tokenizer, sample_size=32, tokens=77)
    for name, model in written.items():
        loaded = getattr(pipe, name).state_dict()
        assert loaded.keys() == model.state_dict().keys()
        for key, tensor in model.state_dict().items():
            assert torch.equal(loaded[key], tensor.half().float()), f"{name}: {key}"


def test_modelscope_on_a_gpu_is_half_precision(cached, gpu):
    pipe = load_pipeline("modelscope")
    assert {part.dtype for part in (pipe.unet, pipe.vae, pipe.text_encoder)} == {torch.float16}
    assert gpu.placed == torch.device("cuda")


def test_scale_model_on_a_gpu_is_single_precision(scale_folder, gpu):
    assert load_pipeline(scale_folder).unet.dtype == torch.float32 and gpu.placed == torch.device("cuda")


def test_modelscope_generates_with_a_bar(cached, capfd):
    pipe = load_pipeline("modelscope", device="cpu")
    frames = generate("a panda eating bamboo", pipe, seed=3, **SMALL)
    assert frames.shape == (3, 64, 64, 3) and frames.dtype == np.float32 and 0 <= frames.min() < frames.max() <= 1
    assert "2/2" in capfd.readouterr().err
    assert not np.array_equal(frames, generate("a dog on the beach", pipe, seed=3, **SMALL))


def test_default_settings_reach_the_pipeline(cached, scale, monkeypatch):
    seen = []
    for pipe, size, prompt in ((load_pipeline("modelscope"), 256, "a dog"), (scale, 64, "a circle")):
        model = pipe.t2v_model
        monkeypatch.setattr(type(pipe), "__call__", lambda self, **kw: seen.append(kw) or stub(kw))
        generate(prompt, pipe)
        want = {"num_inference_steps": model.steps, "guidance_scale": model.guidance, "num_frames": model.num_frames}
        assert want.items() <= seen[-1].items() and (seen[-1]["width"], seen[-1]["height"]) == model.size == (
            size,
            size,
        )


def stub(settings):
    return types.SimpleNamespace(frames=[np.zeros((settings["num_frames"], 8, 8, 3), np.float32)])


# "auto"


def auto(capsys):
    model = load_pipeline().t2v_model
    name = next(name for name in MODELS if MODELS[name] is model)
    line, *rest = capsys.readouterr().out.splitlines()
    assert line.startswith(f"auto: {name}, because ") and rest in ([], [MODELS["modelscope"].licence])
    return name, line


@pytest.fixture
def auto_models(scale_folder, cached, monkeypatch):
    monkeypatch.setitem(MODELS, "tiny", dataclasses.replace(MODELS["tiny"], repo=str(scale_folder)))
    monkeypatch.setattr(downloads, "fetch", None)  # "auto" must never download


def test_auto_without_a_gpu(auto_models, capsys):
    assert auto(capsys) == ("tiny", "auto: tiny, because ModelScope needs a CUDA GPU and this runs on the CPU")


def test_auto_with_a_gpu_and_the_weights(auto_models, gpu, capsys):
    assert auto(capsys)[0] == "modelscope"


def test_auto_with_a_gpu_that_is_full(auto_models, gpu, capsys):
    gpu.free = 1e9
    name, line = auto(capsys)
    assert name == "tiny" and "1.0 GB of GPU memory are free" in line


def test_auto_with_a_gpu_but_no_weights(auto_models, gpu, tmp_path, monkeypatch, capsys):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    name, line = auto(capsys)
    assert name == "tiny" and "not in the hub's cache" in line and "downloads 3.7 GB, once" in line


@pytest.mark.parametrize("left", [None, 1000], ids=["missing", "truncated"])
def test_auto_with_a_gpu_and_damaged_weights(auto_models, gpu, tmp_path, monkeypatch, capsys, left):
    from huggingface_hub import constants

    snapshot = hub.write_hub_cache(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    blob = (snapshot / "vae" / "diffusion_pytorch_model.fp16.safetensors").resolve()
    blob.write_bytes(blob.read_bytes()[:left]) if left else blob.unlink()
    name, line = auto(capsys)
    assert name == "tiny" and "vae/diffusion_pytorch_model.fp16.safetensors is " in line


# Names and devices


@pytest.mark.parametrize("name", ["nope", "", "a/b/c", "org/", "/no/such/folder", "~nobody-here/x", None, 3, ["tiny"]])
def test_a_name_that_is_none(name):
    with pytest.raises(ValueError, match=r"^model .*: expected one of auto, tiny, modelscope, .*, or a folder"):
        load_pipeline(name)


def test_describe(scale_folder, tmp_path):
    assert describe(str(scale_folder)).steps == MODELS["tiny"].steps, "by the words in its tokenizer"
    assert describe(tmp_path) == models.Model(repo=str(tmp_path)), "by the defaults of the pipeline class"
    other = describe("org/name")
    assert (other.repo, other.revision, other.steps, other.guidance) == ("org/name", None, 50, 9.0)
    assert describe("zai-org/CogVideoX-2b") is MODELS["cogvideox"]


def test_folder_that_is_no_pipeline(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"^{tmp_path} is not a pipeline: it has no model_index.json$"):
        load_pipeline(tmp_path)


def test_folder_with_a_broken_tokenizer(scale_folder, tmp_path):
    folder = shutil.copytree(scale_folder, tmp_path / "broken")
    (folder / "tokenizer" / "tokenizer.json").write_text("{")
    with pytest.raises(ValueError, match=r"^[^\n]*broken cannot be loaded as a pipeline[^\n]*$"):
        load_pipeline(folder)


@pytest.mark.parametrize(
    ("device", "said"), [("cuda", "has no CUDA GPU"), ("gpu", "expected a name such as"), (3.5, "")]
)
def test_device(scale_folder, device, said):
    with pytest.raises(ValueError, match=f"^device '?{device}'?: .*{said}"):
        load_pipeline(scale_folder, device=device)


# Generating


def test_same_as_plain_diffusers(scale, scale_folder):
    from diffusers import DiffusionPipeline

    plain = DiffusionPipeline.from_pretrained(scale_folder, dtype=torch.float32)
    plain.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(7)
    want = plain("a red circle, moving left", generator=generator, num_inference_steps=2, guidance_scale=4.0).frames[0]
    got = generate("A red  circle, moving left.", scale, seed=7, steps=2, guidance=4.0)
    assert got.dtype == np.float32 and got.shape == (16, 64, 64, 3)
    np.testing.assert_array_equal(got, want)
    # a pipeline that was loaded elsewhere will do as well, with the scale model's defaults
    np.testing.assert_array_equal(generate("a red circle", plain, **SMALL), generate("a red circle", scale, **SMALL))


def test_seed_and_prompt_decide(scale):
    state = torch.get_rng_state()
    clip = generate("a red circle moving left", scale, seed=5, **SMALL)
    assert torch.equal(torch.get_rng_state(), state), "the global generator is left alone"
    np.testing.assert_array_equal(clip, generate("a red circle moving left", scale, seed=5, **SMALL))
    assert not np.allclose(clip, generate("a red circle moving left", scale, seed=6, **SMALL))
    assert not np.allclose(clip, generate("a blue square growing", scale, seed=5, **SMALL))


def test_a_seed_means_the_same_noise_in_half_precision(cached, gpu, monkeypatch):
    drawn = []
    for device in ("cuda", "cpu"):  # "cuda" is simulated: half precision, on the CPU
        pipe = load_pipeline("modelscope", device=device)
        monkeypatch.setattr(type(pipe), "__call__", lambda self, **kw: drawn.append(kw["latents"]) or stub(kw))
        generate("a dog", pipe, seed=11, **SMALL)
    half, single = drawn
    assert (half.dtype, single.dtype) == (torch.float16, torch.float32) and half.shape == (1, 4, 3, 8, 8)
    assert torch.equal(half, single.half())


def test_size_and_length(scale):
    frames = generate("a red circle", scale, steps=1, num_frames=1, height=72, width=np.int64(40))
    assert frames.shape == (1, 72, 40, 3)
    assert generate("a red circle", scale, steps=1, num_frames=2, height=32).shape == (2, 32, 64, 3)


def test_guidance_is_what_its_formula_says(scale):
    """eps_uncond + guidance (eps_text - eps_uncond), where the pipeline class alone takes 0 for 1."""

    def clip(prompt, guidance, negative=None):
        return generate(prompt, scale, guidance=guidance, negative_prompt=negative, **SMALL)

    red, blue = "a red circle", "a blue square growing"
    np.testing.assert_array_equal(clip(red, 0), clip(blue, 0))
    np.testing.assert_array_equal(clip(red, 0, blue), clip(blue, 1))
    np.testing.assert_array_equal(clip(red, 1, blue), clip(red, 1))
    assert not np.allclose(clip(red, 0), clip(red, 1))
    assert not np.allclose(clip(red, 4), clip(red, 1))
    assert not np.allclose(clip(red, 4, blue), clip(red, 4))
    np.testing.assert_array_equal(clip(red, 4, " "), clip(red, 4))
    # on one step, what the UNet is asked for is linear in the guidance up to the decoder: check it on the latents
    two, four, six = (_latents(scale, red, g) for g in (2.0, 4.0, 6.0))
    torch.testing.assert_close(four, (two + six) / 2, atol=1e-4, rtol=1e-4)


def _latents(pipe, prompt, guidance):
    noise = torch.randn((1, 4, 2, 8, 8), generator=torch.Generator().manual_seed(0))
    settings = {"num_frames": 2, "num_inference_steps": 1, "guidance_scale": guidance}
    return pipe(prompt, latents=noise, output_type="latent", **settings).frames


@contextlib.contextmanager
def nothing_runs(pipe):
    """Fails if a model of the pipeline is called."""
    hooks = [getattr(pipe, name).register_forward_pre_hook(_ran) for name in ("unet", "text_encoder")]
    yield
    for hook in hooks:
        hook.remove()


def _ran(*_):
    raise AssertionError("the model ran")


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"prompt": ""}, "the prompt is empty"),
        ({"prompt": None}, "expected a text, got NoneType"),
        ({"prompt": "a red dragon"}, "says 'dragon', which the scale model does not know; it knows a, bigger, blue"),
        ({"prompt": "a " * 40 + "circle"}, "over the scale model's limit of 22 tokens"),
        ({"negative_prompt": "a dragon"}, "the negative prompt says 'dragon'"),
        ({"negative_prompt": 3}, "negative prompt 3: expected a text"),
        ({"steps": 0}, "steps 0: expected a whole number"),
        ({"steps": 1001}, "steps 1001: expected at most 1000"),
        ({"guidance": float("nan")}, "guidance nan"),
        ({"guidance": 0.5}, "guidance 0.5"),
        ({"num_frames": 0}, "num_frames 0"),
        ({"height": 0}, "height 0"),
        ({"height": 60}, "size 64x60 pixels: expected multiples of 8"),
        ({"width": 4, "height": 64}, "size 4x64 pixels: expected multiples of 8"),
        ({"seed": -1}, "seed -1"),
        ({"pipeline": 3}, "pipeline 3: expected a loaded pipeline or the name of a model"),
        ({"pipeline": "nope"}, "model 'nope'"),
    ],
)
def test_bad_input_is_told_before_anything_runs(scale, bad, said):
    with nothing_runs(scale), pytest.raises(ValueError) as error:
        generate(**{"prompt": "a red circle", "pipeline": scale} | bad)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_bad_settings_are_told_before_a_model_is_loaded(monkeypatch):
    monkeypatch.setattr(pipelines, "load_pipeline", _ran)
    pipelines._loaded.cache_clear()
    for bad in ({"steps": 0}, {"prompt": " "}, {"seed": 1.5}):
        with pytest.raises(ValueError):
            generate(**{"prompt": "a red circle"} | bad)


def test_size_follows_the_autoencoder(scale, monkeypatch):
    monkeypatch.setattr(scale, "vae_scale_factor", 16)
    with nothing_runs(scale), pytest.raises(ValueError, match="expected multiples of 16"):
        generate("a red circle", scale, height=72)


def test_warnings_of_modelscope(cached):
    """One warning each from here, and none of the log lines of diffusers and transformers beside it."""
    pipe, prompt = load_pipeline("modelscope", device="cpu"), "un panda sur " + "o" * 70 + " montagne"
    with logged() as records:
        pipe(prompt, num_inference_steps=1, num_frames=1, height=8, width=8)
    assert any("was truncated" in record.getMessage() for record in records), "what there is to silence"
    with pytest.warns(UserWarning) as caught, logged() as records:
        generate(prompt, pipe, **SMALL)
    assert not records
    assert [str(warning.message) for warning in caught if warning.category is UserWarning] == [
        "the prompt does not look English, and this model was trained on English only",
        "the prompt is cut at 77 tokens; lost or cut: '" + "o" * 70 + " montagne'",
    ]
    assert all(warning.filename == __file__ for warning in caught if warning.category is UserWarning)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_frames_that_are_not_finite(scale_folder, value):
    pipe = load_pipeline(scale_folder)
    pipe.unet.conv_out.bias.data[0] = value
    with pytest.raises(ValueError, match=r"^the model gave frames that are not finite, in float32 \(the weights"):
        generate("a red circle", pipe, **SMALL)
    pipe.unet.to(torch.bfloat16)
    pipe.text_encoder.to(torch.bfloat16)
    pipe.vae.to(torch.bfloat16)
    with pytest.raises(ValueError, match=r"in bfloat16 \(half precision overflows soon, try less guidance\)$"):
        generate("a red circle", pipe, **SMALL)


def test_interrupt_goes_through_and_leaves_no_trace(scale):
    from diffusers.utils import logging as log

    before = log.get_verbosity()
    hook = scale.unet.register_forward_pre_hook(lambda *_: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        generate("a red circle", scale, **SMALL)
    hook.remove()
    assert log.get_verbosity() == before
    assert generate("a red circle", scale, **SMALL).shape == (3, 64, 64, 3)


def test_a_named_pipeline_is_loaded_once_and_a_folder_when_it_changes(scale_folder, tmp_path, monkeypatch):
    folder = shutil.copytree(scale_folder, tmp_path / "model")
    monkeypatch.setitem(MODELS, "tiny", dataclasses.replace(MODELS["tiny"], repo=str(folder)))
    loads = []
    monkeypatch.setattr(pipelines, "load_pipeline", lambda name: loads.append(name) or load_pipeline(name))
    pipelines._loaded.cache_clear()
    for name in ("tiny", "tiny", str(folder), folder):
        generate("a red circle", name, **SMALL)
    assert loads == ["tiny", str(folder)]
    later = time.time() + 10
    os.utime(folder / "unet" / "diffusion_pytorch_model.safetensors", (later, later))
    generate("a red circle", folder, **SMALL)
    assert loads == ["tiny", str(folder), str(folder)]
    pipelines._loaded.cache_clear()
