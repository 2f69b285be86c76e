"""From a prompt to a clip, with random weights: what decides it, what is refused before anything runs."""

import os
import shutil

import numpy as np
import pytest
import torch

from t2v_helpers.models import Model, Request, fit, generate, load_pipeline

# DPMSolverMultistepScheduler of diffusers 0.42 meets numpy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
SMALL = {"steps": 2, "num_frames": 3, "height": 64, "width": 64}


def test_modelscope_generates_with_a_bar(cached, capfd):
    pipe = load_pipeline("modelscope", device="cpu")
    frames = generate("a panda eating bamboo", pipe, seed=3, **SMALL)
    assert frames.shape == (3, 64, 64, 3) and frames.dtype == np.float32 and 0 <= frames.min() < frames.max() <= 1
    assert "2/2" in capfd.readouterr().err
    assert not np.array_equal(frames, generate("a dog on the beach", pipe, seed=3, **SMALL))


def test_default_settings_are_the_models(cached, scale):
    for pipe, prompt in ((load_pipeline("modelscope", device="cpu"), "a dog"), (scale, "a circle")):
        model = pipe.t2v_model
        want = Request(prompt, None, 0, model.steps, model.guidance, model.num_frames, *reversed(model.size))
        assert fit(Request(prompt), pipe) == (want, [])
    assert (want.steps, want.width) == (10, 64), "of the scale model"


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


def test_a_seed_means_the_same_noise_in_half_precision(cached, gpu):
    def stop(module, args):
        raise LookupError(args[0])

    drawn = []
    for device in ("cuda", "cpu"):  # "cuda" is simulated: half precision, on the CPU
        pipe = load_pipeline("modelscope", device=device)
        pipe.unet.register_forward_pre_hook(stop)
        with pytest.raises(LookupError) as stopped:
            generate("a dog", pipe, seed=11, guidance=1, **SMALL)
        drawn.append(stopped.value.args[0])
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
    assert not any(np.allclose(clip(red, w), clip(red, 1)) for w in (0, 4))
    assert not np.allclose(clip(red, 4, blue), clip(red, 4))
    np.testing.assert_array_equal(clip(red, 4, " "), clip(red, 4))


@pytest.fixture
def nothing_runs(scale, monkeypatch):
    """A network that is called raises TypeError."""
    for part in (scale.unet, scale.text_encoder):
        monkeypatch.setattr(part, "forward", None)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"prompt": "a red dragon"}, "says 'dragon', which the scale model does not know"),
        ({"negative_prompt": "a dragon"}, "the negative prompt says 'dragon'"),
        ({"steps": 1001}, "steps 1001: expected at most 1000"),
        ({"guidance": 0.5}, "guidance 0.5"),
        ({"height": 60}, "size 64x60 pixels: expected multiples of 8"),
        ({"pipeline": 3}, "pipeline 3: expected the name of a model, or a loaded"),
        ({"pipeline": "nope"}, "model 'nope'"),
        ({"pipeline": "no/such", "seed": 1.5}, "seed 1.5"),  # before the model is looked for
    ],
)
def test_bad_input_is_refused_before_anything_runs(scale, nothing_runs, bad, said):
    with pytest.raises(ValueError) as error:
        generate(**{"prompt": "a red circle", "pipeline": scale} | bad)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_size_follows_the_autoencoder(scale, nothing_runs, monkeypatch):
    monkeypatch.setattr(scale, "vae_scale_factor", 16)
    with pytest.raises(ValueError, match="expected multiples of 16"):
        generate("a red circle", scale, height=72)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_frames_that_are_not_finite(scale_folder, value):
    pipe = load_pipeline(scale_folder)
    pipe.unet.conv_out.bias.data[0] = value
    with pytest.raises(ValueError, match=r"^the model gave frames that are not finite, in float32 \(the weights"):
        generate("a red circle", pipe, **SMALL)
    for part in (pipe.unet, pipe.text_encoder, pipe.vae):
        part.to(torch.bfloat16)
    with pytest.raises(ValueError, match=r"in bfloat16 \(16 bits overflow: try less guidance, .*dtype='float32'\)\)$"):
        generate("a red circle", pipe, **SMALL)


def test_a_named_pipeline_is_loaded_once_and_a_folder_when_it_changes(scale_folder, tmp_path, monkeypatch):
    folder = shutil.copytree(scale_folder, tmp_path / "model")
    names = (folder, str(folder), Model(str(folder), steps=1))
    before = [generate("a red circle", name, **SMALL) for name in names]
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    was = weights.stat().st_mtime_ns
    with monkeypatch.context() as nothing_loads:
        nothing_loads.setattr("t2v_helpers.models.pipelines.load_pipeline", None)
        os.utime(weights, ns=(was + 10**9, was + 10**9))  # a touch changes nothing
        for name, clip in zip(names, before, strict=True):
            np.testing.assert_array_equal(generate("a red circle", name, **SMALL), clip)
    data = bytearray(weights.read_bytes())
    data[-1] ^= 0x40  # an exponent's bit
    weights.unlink()  # not written over: the loaded pipeline still reads the old file
    weights.write_bytes(data)
    os.utime(weights, ns=(was - 10**9, was - 10**9))  # as when an older copy is put back
    for name, clip in zip(names, before, strict=True):
        assert not np.array_equal(generate("a red circle", name, **SMALL), clip)
