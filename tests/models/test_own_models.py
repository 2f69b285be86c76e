"""A model carries what it needs: size, length, fps, steps, guidance and precision come from its own folder."""

import json
import shutil

import fake_hub
import numpy as np
import pytest
import tiny_models
import torch

from t2v_helpers.models import MODELS, SETTINGS, cli, describe, fit, generate, identity, load_pipeline, placing
from t2v_helpers.models.registry import settings
from t2v_helpers.models.request import Request
from t2v_helpers.training import scale_model

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
OWN = {"width": 48, "height": 40, "num_frames": 3, "fps": 5, "steps": 2, "guidance": 3.0, "dtype": "bfloat16"}


def said(folder, **own):
    (folder / SETTINGS).write_text(json.dumps(own))
    return folder


@pytest.fixture
def folder(scale_folder, tmp_path):
    """A scale model that was trained at 48 x 40 pixels, and says so."""
    return said(shutil.copytree(scale_folder, tmp_path / "model"), **OWN)


def test_what_the_folder_says_is_what_is_made(folder, tmp_path, capsys):
    assert settings(describe(folder)) == OWN
    by_name = generate("a red circle", folder)
    assert by_name.shape == (3, 40, 48, 3)
    asked = {"steps": 2, "guidance": 3.0, "num_frames": 3, "height": 40, "width": 48}
    np.testing.assert_array_equal(by_name, generate("a red circle", folder, **asked))
    assert generate("a red circle", folder, num_frames=2, width=64).shape == (2, 40, 64, 3)
    assert cli.main(["a red circle", "--model", str(folder), "--output", str(tmp_path / "clip.gif")]) == 0
    assert "3 frames of 48x40, 0.6 s" in capsys.readouterr().out


def test_the_shipped_models_file_says_what_the_table_says():
    tiny = MODELS["tiny"]
    with open(f"{tiny.repo}/{SETTINGS}") as file:
        assert json.load(file) == settings(tiny)
    assert describe("tiny") is tiny


def test_from_a_repository_of_the_hub(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    fake_hub.store_folder(tmp_path, "org/name", folder)
    model = load_pipeline("org/name", device="cpu").t2v_model
    assert settings(model) == OWN and model.repo == "org/name"


@pytest.mark.parametrize("side, size", [(6, (48, 48)), ([5, 9], (72, 40))])
def test_a_folder_that_somebody_saved_with_diffusers_has_its_networks_size(scale_folder, tmp_path, side, size):
    from diffusers import DiffusionPipeline

    stock = DiffusionPipeline.from_pretrained(scale_folder)
    stock.unet.register_to_config(sample_size=side)
    stock.save_pretrained(tmp_path / "saved")
    model = describe(tmp_path / "saved")
    assert model.size == size and (model.num_frames, model.fps, model.steps) == (16, 8, 10)
    alone = scale_model.new_pipeline(stock.tokenizer, stock.text_encoder, stock.vae, stock.unet)
    for pipe in (tmp_path / "saved", DiffusionPipeline.from_pretrained(tmp_path / "saved"), alone):
        assert generate("a red circle", pipe, num_frames=1, steps=1).shape == (1, *reversed(size), 3)


def test_a_pipeline_that_diffusers_loaded_has_its_folders_settings(folder):
    from diffusers import DiffusionPipeline

    stock = DiffusionPipeline.from_pretrained(folder)
    assert fit(Request("a red circle"), stock)[0] == Request("a red circle", None, 0, 2, 3.0, 3, 40, 48)
    del stock.t2v_model
    stock.register_to_config(_name_or_path=MODELS["modelscope"].repo)
    fit(Request("a red circle"), stock)
    assert stock.t2v_model is MODELS["modelscope"]


def test_cogvideox_has_size_and_length_in_its_config(tmp_path):
    tiny_models.pipeline("cogvideox").save_pretrained(tmp_path / "cog")
    model = describe(tmp_path / "cog")
    assert (model.size, model.num_frames) == ((32, 32), 9)
    assert generate("a dog", tmp_path / "cog", steps=1).shape == (9, 32, 32, 3)
    asked, _ = fit(Request("a dog"), tiny_models.pipeline("cogvideox"))
    assert (asked.num_frames, asked.height, asked.width) == (9, 32, 32)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is broken: line 1 is not JSON"),
        ("[7]", "[7], expected an object with some of width, height"),
        ('{"frames": 8}', "expected an object with some of"),
        ('{"width": 48}', "width with height"),
        ('{"num_frames": 0}', "num_frames 0, expected a whole number from 1"),
        ('{"steps": true}', "steps True, expected a whole"),
        ('{"steps": 2.5}', "steps 2.5, expected a whole"),
        ('{"fps": NaN}', "fps nan, expected a number from 0.01"),
        ('{"guidance": "4"}', "guidance '4', expected 0, or a number"),
        ('{"guidance": -1}', "guidance -1, expected 0, or a number"),
        ('{"dtype": "int8"}', "dtype 'int8', expected float32 or float16 or bfloat16"),
        ('{"dtype": null}', "dtype None, expected"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line(folder, capsys, text, says):
    (folder / SETTINGS).write_text(text)
    assert cli.main(["a red circle", "--model", str(folder), "--output", str(folder / "clip.mp4")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert SETTINGS in line and says in line


def test_settings_from_another_editor(folder):
    (folder / SETTINGS).write_bytes(b"\xef\xbb\xbf" + json.dumps({"steps": 7}).encode())
    assert describe(folder).steps == 7 and describe(folder).size == (64, 64)


def saved(folder, name, dtype):
    """A folder of a pipeline of that class, its weights in that precision."""
    if name == "scale":
        tokenizer = scale_model.new_tokenizer()
        parts = fake_hub.small_models(tokenizer, sample_size=8, tokens=24)
        pipe = scale_model.new_pipeline(tokenizer, parts["text_encoder"], parts["vae"], parts["unet"])
        pipe.tokenizer.init_kwargs.pop("known_words")  # of ModelScope's class, and of another world
    else:
        pipe = tiny_models.pipeline(name)
    pipe.to(dtype=getattr(torch, dtype)).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "stored", "loaded"),
    [
        ("cogvideox", "bfloat16", "bfloat16"),
        ("cogvideox", "float16", "float16"),
        ("cogvideox", "float32", "bfloat16"),
        ("ltx", "float16", "float16"),
        ("wan", "float32", "bfloat16"),
        ("scale", "bfloat16", "bfloat16"),
        ("scale", "float32", "float16"),
    ],
)
def test_on_a_gpu_a_model_runs_in_its_weights_own_precision(gpu, tmp_path, monkeypatch, capsys, name, stored, loaded):
    folder = saved(tmp_path / "model", name, stored)
    assert placing.denoiser(load_pipeline(folder)).dtype == getattr(torch, loaded)
    monkeypatch.setattr(placing, "has_bfloat16", lambda device: False)
    old = "float32" if loaded == "bfloat16" else loaded
    assert placing.denoiser(load_pipeline(folder)).dtype == getattr(torch, old)
    assert ("this GPU does not compute in bfloat16" in capsys.readouterr().out) == (loaded == "bfloat16")


def test_the_larger_cogvideox_by_its_hub_id_is_bfloat16_and_the_small_one_float16(gpu, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for repo, dtype in (("THUDM/CogVideoX-5b", "bfloat16"), ("THUDM/CogVideoX-2b", "float16")):
        folder, revision = saved(tmp_path / dtype, "cogvideox", dtype), describe(repo).revision
        fake_hub.store_folder(tmp_path, repo, folder, revision or fake_hub.REVISION)
        pipe = load_pipeline(repo)
        assert {part.dtype for part in (pipe.transformer, pipe.vae, pipe.text_encoder)} == {getattr(torch, dtype)}


def test_an_argument_chooses_and_is_checked_at_the_door(gpu, folder, tmp_path, monkeypatch, capsys):
    for dtype in ("float16", torch.float16, "float32"):
        assert str(load_pipeline(folder, dtype=dtype).unet.dtype).endswith(str(dtype).removeprefix("torch."))
    pipe = load_pipeline(folder, device="cpu", dtype="bfloat16")
    assert pipe.unet.dtype == torch.bfloat16 and np.isfinite(generate("a red circle", pipe)).all()
    monkeypatch.setattr(placing, "has_bfloat16", lambda device: False)
    with pytest.raises(ValueError, match=r"^dtype 'bfloat16': this GPU does not compute in it, expected float32 or fl"):
        load_pipeline(folder, dtype="bfloat16")
    for wrong in ("half", "", torch.int8, 16):
        with pytest.raises(ValueError, match=r"^dtype '.*': expected one of float32, float16, bfloat16$"):
            load_pipeline("no/such-model", dtype=wrong)
    arguments = ["a red circle", "--model", str(folder), "--output", str(tmp_path / "a.gif"), "--dtype"]
    assert cli.main([*arguments, "half"]) == 2 and "invalid choice: 'half'" in capsys.readouterr().err
    monkeypatch.setattr(cli, "load_pipeline", lambda name, dtype: (_ for _ in ()).throw(ValueError(f"got {dtype}")))
    assert cli.main([*arguments, "float16"]) == 2 and "got float16" in capsys.readouterr().err


def test_pixels_that_overflow_are_refused_and_not_clipped_to_black(scale_folder):
    pipe = load_pipeline(scale_folder)
    pipe.vae.decoder.conv_out.bias.data[:] = -float("inf")
    with pytest.raises(ValueError, match="gave frames that are not finite"):
        generate("a red circle", pipe, steps=1, num_frames=1)
    assert not pipe.vae.decoder._forward_hooks


def test_identity_is_content_scheduler_and_precision(scale_folder, tmp_path):
    from diffusers import EulerDiscreteScheduler

    copy = shutil.copytree(scale_folder, tmp_path / "copy")
    one, other, half = load_pipeline(scale_folder), load_pipeline(copy), load_pipeline(copy, dtype="bfloat16")
    assert identity(one) == identity(other) != identity(half)
    other.scheduler = EulerDiscreteScheduler.from_config(other.scheduler.config)
    assert identity(one) != identity(other)
    (copy / SETTINGS).write_text("{}")
    assert identity(one) != identity(load_pipeline(copy))


def test_a_snapshot_of_the_hub_is_not_read_to_be_named(scale_folder, tmp_path, monkeypatch):
    from t2v_helpers.models import checkpoint

    snapshot = checkpoint.check(fake_hub.store_folder(tmp_path, "org/name", scale_folder))
    monkeypatch.setattr(checkpoint, "_digest", lambda *_: pytest.fail("a blob was read"))
    first = checkpoint.fingerprint(snapshot)
    (link := snapshot.folder / "scheduler" / "scheduler_config.json").unlink()
    link.symlink_to((snapshot.folder / "model_index.json").resolve())
    assert checkpoint.fingerprint(snapshot) != first
