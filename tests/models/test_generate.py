"""From a prompt to a clip, with random weights: what decides it, what is refused before anything runs."""

import contextlib
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


class _Stop(Exception):
    pass


def _stop(module, args):
    raise _Stop(args[0])


def test_a_seed_means_the_same_noise_in_half_precision(cached, gpu):
    drawn = []
    for device in ("cuda", "cpu"):  # "cuda" is simulated: half precision, on the CPU
        pipe = load_pipeline("modelscope", device=device)
        pipe.unet.register_forward_pre_hook(_stop)
        with pytest.raises(_Stop) as stop:
            generate("a dog", pipe, seed=11, guidance=1, **SMALL)
        drawn.append(stop.value.args[0])
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
        ({"prompt": "a red dragon"}, "says 'dragon', which the scale model does not know"),
        ({"negative_prompt": "a dragon"}, "the negative prompt says 'dragon'"),
        ({"steps": 1001}, "steps 1001: expected at most 1000"),
        ({"guidance": 0.5}, "guidance 0.5"),
        ({"height": 60}, "size 64x60 pixels: expected multiples of 8"),
        ({"width": 4, "height": 64}, "size 4x64 pixels: expected multiples of 8"),
        ({"pipeline": 3}, "pipeline 3: expected a loaded pipeline or the name of a model"),
        ({"pipeline": "nope"}, "model 'nope'"),
        ({"pipeline": "no/such", "seed": 1.5}, "seed 1.5"),  # before the model is looked for
    ],
)
def test_bad_input_is_refused_before_anything_runs(scale, bad, said):
    with nothing_runs(scale), pytest.raises(ValueError) as error:
        generate(**{"prompt": "a red circle", "pipeline": scale} | bad)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_size_follows_the_autoencoder(scale, monkeypatch):
    monkeypatch.setattr(scale, "vae_scale_factor", 16)
    with nothing_runs(scale), pytest.raises(ValueError, match="expected multiples of 16"):
        generate("a red circle", scale, height=72)


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


def test_a_named_pipeline_is_loaded_once_and_a_folder_when_it_changes(scale_folder, tmp_path):
    folder = shutil.copytree(scale_folder, tmp_path / "model")
    names = (folder, str(folder), Model(str(folder), steps=1))
    before = [generate("a red circle", name, **SMALL) for name in names]
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    was = weights.stat().st_mtime_ns
    weights.unlink()  # not written over: the loaded pipeline still reads the old file
    weights.write_bytes(b"broken")
    os.utime(weights, ns=(was, was))  # as if nothing had changed
    for name, clip in zip(names, before, strict=True):
        np.testing.assert_array_equal(generate("a red circle", name, **SMALL), clip)
    os.utime(weights, ns=(was + 10**9, was + 10**9))
    for name in names:
        with pytest.raises(ValueError, match="is broken or cut short"):
            generate("a red circle", name, **SMALL)
