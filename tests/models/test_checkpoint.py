"""Every way in which a model's files can be wrong gets one line that names the file. Only headers and names are read,
but for the tests of `load_models`."""

import json
import pathlib
import shutil

import hypothesis
import hypothesis.strategies as st
import pytest
import torch
from safetensors.torch import load_file, save_file

from t2v_helpers.models import checkpoint

UNET, VAE = "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors"
TEXT = "text_encoder/model.safetensors"


@pytest.fixture
def copy(scale_folder, tmp_path):
    return pathlib.Path(shutil.copytree(scale_folder, tmp_path / "copy"))


def refused(folder, error, *said):
    with pytest.raises(error) as caught:
        checkpoint.check(folder)
    text = str(caught.value)
    assert "\n" not in text and all(part in text for part in said), text


def edit(file, **changes):
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_whole_folder(scale_folder):
    found = checkpoint.check(scale_folder)
    assert found.folder == scale_folder and found.pipeline_class == "TextToVideoSDPipeline"
    assert found.components == {
        "scheduler": ("diffusers", "DDIMScheduler", None),
        "text_encoder": ("transformers", "CLIPTextModel", ""),
        "tokenizer": ("transformers", "CLIPTokenizer", None),
        "unet": ("diffusers", "UNet3DConditionModel", ""),
        "vae": ("diffusers", "AutoencoderKL", ""),
    }


@hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture], deadline=None)
@hypothesis.given(name=st.sampled_from([UNET, VAE, TEXT]), share=st.floats(0, 1, exclude_max=True))
@hypothesis.example(name=UNET, share=1 - 1e-9)  # all but the last byte
@hypothesis.example(name=VAE, share=1e-4)  # within the header
def test_weights_cut_anywhere(copy, scale_folder, name, share):
    data = (scale_folder / name).read_bytes()
    (copy / name).write_bytes(data[: int(share * len(data))])
    try:
        refused(copy, ValueError, str(copy / name), "broken or cut short", "delete")
    finally:
        (copy / name).write_bytes(data)


def test_what_git_lfs_leaves_is_no_weights(copy):
    (copy / UNET).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 2822467720\n")
    refused(copy, ValueError, str(copy / UNET), "broken or cut short")


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        *((name, f"{pathlib.Path(name).parent} has no weights") for name in (UNET, VAE, TEXT)),
        ("model_index.json", "it has no model_index.json"),
        ("unet/config.json", "unet/config.json is missing"),
        ("scheduler/scheduler_config.json", "scheduler/scheduler_config.json is missing"),
        ("tokenizer/tokenizer.json", "tokenizer/tokenizer.json is missing"),
        *((f"{part}/", f"/{part}/") for part in ("unet", "vae", "text_encoder", "tokenizer", "scheduler")),
    ],
)
def test_a_file_or_a_component_that_is_gone(copy, gone, said):
    shutil.rmtree(copy / gone) if gone.endswith("/") else (copy / gone).unlink()
    refused(copy, FileNotFoundError, str(copy), said)


def test_pickled_weights_alone(copy):
    torch.save(load_file(copy / UNET), copy / "unet" / "diffusion_pytorch_model.bin")
    assert checkpoint.check(copy), "beside safetensors a pickle does no harm"
    (copy / UNET).unlink()
    refused(copy, ValueError, str(copy / "unet"), "only pickled weights (diffusion_pytorch_model.bin)")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\xff"])
def test_index_that_is_none(copy, text):
    (copy / "model_index.json").write_text(text, encoding="latin-1")
    refused(copy, ValueError, str(copy / "model_index.json"))


@pytest.mark.parametrize("name", ["StableDiffusionPipeline", ["evil", "Evil"], None])
def test_other_pipeline(copy, name):
    edit(copy / "model_index.json", _class_name=name)
    refused(copy, ValueError, f"is for the pipeline {name!r}, expected TextToVideoSDPipeline")


@pytest.mark.parametrize("unet", [["evil", "Evil"], ["os", "system"], ["transformers", "AutoModel"]])
def test_code_from_elsewhere(copy, unet):
    edit(copy / "model_index.json", unet=unet)
    (copy / "unet" / "evil.py").write_text("raise SystemExit('this must never run')")
    refused(copy, ValueError, ".".join(unet), "expected a named class of diffusers or transformers")


def load(folder):
    return checkpoint.load_models(checkpoint.check(folder), torch.float32)


@pytest.mark.parametrize("name", [UNET, VAE, TEXT])
def test_missing_tensor(copy, name):
    """transformers would draw the tensor at random, diffusers leave it on the meta device; both only log it."""
    tensors = load_file(copy / name)
    lost = sorted(tensors)[3]
    del tensors[lost]
    save_file(tensors, copy / name, {"format": "pt"})
    with pytest.raises(ValueError) as error:
        load(copy)
    assert f"{copy / name} lacks 1 of the tensors" in str(error.value) and str(error.value).endswith(lost)


@pytest.mark.parametrize("name", [UNET, TEXT])
def test_tensor_of_another_shape(copy, name):
    tensors = load_file(copy / name)
    tensors[sorted(tensors)[3]] = torch.zeros(3, 3)
    save_file(tensors, copy / name, {"format": "pt"})
    with pytest.raises(ValueError, match=r"^[^\n]*cannot be loaded as [^\n]*$") as error:
        load(copy)
    assert str(copy / name) in str(error.value)


def test_config_that_is_no_json(copy):
    (copy / "vae" / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"^[^\n]*cannot be loaded as AutoencoderKL[^\n]*config.json[^\n]*$"):
        load(copy)


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["model.safetensors", "model.fp16.safetensors", "pytorch_model.bin"], (["model.fp16.safetensors"], "fp16")),
        (["model.safetensors", "model.non_ema.safetensors", "config.json"], (["model.safetensors"], "")),
        (
            ["model-00002-of-00002.safetensors", "model-00001-of-00002.safetensors", "model.safetensors.index.json"],
            (["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"], ""),
        ),
        (
            ["diffusion_pytorch_model.fp16-00001-of-00001.safetensors", "diffusion_pytorch_model.safetensors"],
            (["diffusion_pytorch_model.fp16-00001-of-00001.safetensors"], "fp16"),
        ),
    ],
)
def test_the_weights_that_are_read(names, chosen):
    assert checkpoint.weight_files(names, "here") == chosen
