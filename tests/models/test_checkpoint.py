"""Every way in which a model's files can be wrong gets one line that names the file. None of this loads a model twice:
only headers and names decide, but for the two tests of `load_models`."""

import json
import pathlib
import shutil

import fake_hub
import hypothesis
import hypothesis.strategies as st
import pytest
import torch
from safetensors.torch import load_file, save_file

from t2v_helpers.models import checkpoint, hub

CLASSES = ("TextToVideoSDPipeline",)
UNET, VAE = "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors"
TEXT = "text_encoder/model.safetensors"


@pytest.fixture
def copy(scale_folder, tmp_path):
    return pathlib.Path(shutil.copytree(scale_folder, tmp_path / "copy"))


def test_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"^the folder {tmp_path}/gone is missing$"):
        checkpoint.locate(str(tmp_path / "gone"), None, CLASSES)


def refused(folder, error, *said):
    with pytest.raises(error) as caught:
        checkpoint.check_folder(folder, CLASSES)
    text = str(caught.value)
    assert "\n" not in text and all(part in text for part in said), text


def edit(file, **changes):
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_whole_folder(scale_folder):
    found = checkpoint.check_folder(scale_folder, CLASSES)
    assert found == {
        "scheduler": ("diffusers", "DDIMScheduler", None),
        "text_encoder": ("transformers", "CLIPTextModel", ""),
        "tokenizer": ("transformers", "CLIPTokenizer", None),
        "unet": ("diffusers", "UNet3DConditionModel", ""),
        "vae": ("diffusers", "AutoencoderKL", ""),
    }
    assert checkpoint.locate(str(scale_folder), None, CLASSES) == (scale_folder, found)


@pytest.mark.parametrize("name", [UNET, VAE, TEXT])
@pytest.mark.parametrize("left", [0, 4, 100, 0.5, -1])
def test_truncated_weights(copy, name, left):
    data = (copy / name).read_bytes()
    (copy / name).write_bytes(data[: int(left * len(data)) if isinstance(left, float) else left])
    refused(copy, ValueError, str(copy / name), "broken or cut short", "delete")


@hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture], deadline=None)
@hypothesis.given(share=st.floats(0, 1, exclude_max=True))
def test_weights_cut_anywhere(copy, scale_folder, share):
    data = (scale_folder / TEXT).read_bytes()
    (copy / TEXT).write_bytes(data[: int(share * len(data))])
    refused(copy, ValueError, str(copy / TEXT))


def test_what_git_lfs_leaves_is_no_weights(copy):
    (copy / UNET).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 2822467720\n")
    refused(copy, ValueError, str(copy / UNET), "broken or cut short")


@pytest.mark.parametrize("name", [UNET, VAE, TEXT])
def test_missing_weights(copy, name):
    (copy / name).unlink()
    refused(copy, FileNotFoundError, str((copy / name).parent), "no weights")


@pytest.mark.parametrize(
    "name",
    ["model_index.json", "unet/config.json", "scheduler/scheduler_config.json", "tokenizer/tokenizer.json"],
)
def test_missing_files(copy, name):
    (copy / name).unlink()
    refused(copy, FileNotFoundError, str(copy), pathlib.Path(name).name)


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder", "tokenizer", "scheduler"])
def test_missing_part(copy, part):
    shutil.rmtree(copy / part)
    refused(copy, FileNotFoundError, str(copy / part), "is missing")


def test_pickled_weights_alone(copy):
    torch.save(load_file(copy / UNET), copy / "unet" / "diffusion_pytorch_model.bin")
    assert checkpoint.check_folder(copy, CLASSES), "beside safetensors a pickle does no harm"
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
    return checkpoint.load_models(folder, checkpoint.check_folder(folder, CLASSES), torch.float32)


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
def test_choose(names, chosen):
    assert checkpoint.choose(names, "here") == chosen


# The hub's cache. `cache` has ModelScope's layout at its pinned commit; HF_HUB_OFFLINE is set for all tests.


@pytest.fixture
def cache(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return fake_hub.write_hub_cache(tmp_path)


def test_cached_model_is_found_without_the_hub(cache, monkeypatch):
    monkeypatch.setattr(hub, "fetch", None)
    for revision in (fake_hub.REVISION, None):
        folder, components = checkpoint.locate(fake_hub.REPO, revision, CLASSES)
        assert folder == cache and components["unet"] == ("diffusers", "UNet3DConditionModel", "fp16")


def test_other_commit_is_not_cached(cache):
    with pytest.raises(FileNotFoundError, match="not in the hub's cache"):
        checkpoint.check_cache(fake_hub.REPO, "0" * 40, CLASSES)


def test_blob_that_is_gone_is_named_and_asked_for_again(cache):
    file = cache / "unet" / "diffusion_pytorch_model.fp16.safetensors"
    file.resolve().unlink()
    with pytest.raises(FileNotFoundError, match=r"diffusion_pytorch_model.fp16.safetensors is missing$"):
        checkpoint.check_cache(fake_hub.REPO, fake_hub.REVISION, CLASSES)
    with pytest.raises(ConnectionError, match=r"^[^\n]*fp16.safetensors is missing, and the hub cannot [^\n]*$"):
        checkpoint.locate(fake_hub.REPO, fake_hub.REVISION, CLASSES)


def test_truncated_blob_is_named_by_its_own_path(cache):
    blob = (cache / "unet" / "diffusion_pytorch_model.fp16.safetensors").resolve()
    blob.write_bytes(blob.read_bytes()[:1000])
    with pytest.raises(ValueError, match=f"broken or cut short .*: delete {blob} and get it again"):
        checkpoint.locate(fake_hub.REPO, fake_hub.REVISION, CLASSES)


def test_offline(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConnectionError, match=r"org/name is no folder here and not in the hub's cache.*offline mode"):
        checkpoint.locate("org/name", None, CLASSES)
