"""Every way in which a model's files can be wrong gets one line that names the file."""

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
SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]


@pytest.fixture
def copy(scale_folder, tmp_path):
    return pathlib.Path(shutil.copytree(scale_folder, tmp_path / "copy"))


def refused(folder, error, *said):
    with pytest.raises(error) as caught:
        checkpoint.check(folder)
    assert "\n" not in str(caught.value) and all(part in str(caught.value) for part in said)


def test_whole_folder(scale_folder):
    found = checkpoint.check(scale_folder)
    assert found.folder == scale_folder and found.pipeline_class == "TextToVideoSDPipeline"
    assert len(found.components) == 5 and found.components["unet"] == ("diffusers", "UNet3DConditionModel", "")
    assert found.components["tokenizer"] == ("transformers", "CLIPTokenizer", None)


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


NAMED = "expected a named class of diffusers or transformers"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        *(
            ({"_class_name": name}, f"is for the pipeline {name!r}, expected TextTo")
            for name in ("Other", ["a", "B"], None)
        ),
        *(
            ({"unet": unet}, f"unet is {'.'.join(unet)}, {NAMED}")
            for unet in (["os", "system"], ["transformers", "AutoModel"])
        ),
    ],
)
def test_code_from_elsewhere(copy, change, said):
    index = copy / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | change))
    refused(copy, ValueError, said)


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
    with pytest.raises(ValueError, match=rf"^{copy / name} cannot be loaded as [^\n]*$"):
        load(copy)


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["model.safetensors", "model.fp16.safetensors", "pytorch_model.bin"], (["model.fp16.safetensors"], "fp16")),
        (["model.safetensors", "model.non_ema.safetensors", "config.json"], (["model.safetensors"], "")),
        ([*reversed(SHARDS), "model.safetensors.index.json"], (SHARDS, "")),
        (
            ["diffusion_pytorch_model.fp16-00001-of-00001.safetensors", "diffusion_pytorch_model.safetensors"],
            (["diffusion_pytorch_model.fp16-00001-of-00001.safetensors"], "fp16"),
        ),
    ],
)
def test_the_weights_that_are_read(names, chosen):
    assert checkpoint.weight_files(names, "here") == chosen
