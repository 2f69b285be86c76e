"""Every model of the table is run by its name: a tiny random pipeline of its class, in a hub's cache or a folder."""

import functools
import shutil

import fake_hub
import numpy as np
import pytest
import tiny_models
import torch

from t2v_helpers.models import checkpoint, registry
from t2v_helpers.models.pipelines import generate, load_pipeline
from t2v_helpers.models.registry import MODELS

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
NEWER = ("wan", "cogvideox", "ltx")
PROMPT = "a panda on the beach"


def smallest(name):
    model = MODELS[name]
    return {"steps": 2, "num_frames": model.frame_step + 1, "height": 2 * model.divisor, "width": 3 * model.divisor}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {name: tmp_path_factory.mktemp("models") / name for name in NEWER}
    for name, folder in made.items():
        tiny_models.pipeline(name).save_pretrained(folder, max_shard_size="20KB")
    return made


@pytest.fixture(scope="module")
def load(folders):
    """Each pipeline from its folder, once."""
    return functools.cache(lambda name: load_pipeline(folders[name], device="cpu"))


@pytest.mark.parametrize("name", NEWER)
def test_by_name_from_the_hubs_cache(folders, tmp_path, monkeypatch, name):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    model, small = MODELS[name], smallest(name)
    fake_hub.store_folder(tmp_path, model.repo, folders[name], model.revision or fake_hub.REVISION)
    pipe = load_pipeline(name, device="cpu")
    assert type(pipe).__name__ == model.pipeline_class and pipe.t2v_model is model
    clip = generate(PROMPT, pipe, seed=3, **small)
    assert clip.dtype == np.float32 and clip.shape == (small["num_frames"], small["height"], small["width"], 3)
    assert np.isfinite(clip).all() and 0 <= clip.min() < clip.max() <= 1
    done = []
    np.testing.assert_array_equal(clip, generate(PROMPT, pipe, seed=3, **small, progress=lambda *at: done.append(at)))
    assert done == [(1, 2), (2, 2)] and "progress_bar" not in vars(pipe)
    assert not np.allclose(clip, generate(PROMPT, pipe, seed=4, **small), atol=1e-4)


@pytest.mark.parametrize("name", NEWER)
def test_same_as_plain_diffusers(folders, load, name):
    from diffusers import DiffusionPipeline

    pipe, small = load(name), smallest(name)
    plain = DiffusionPipeline.from_pretrained(folders[name], dtype=torch.float32)
    placed = {"guidance_scale": 5.0, "num_inference_steps": small.pop("steps"), "output_type": "np", **small}
    plain.vae.enable_tiling()
    want = plain(PROMPT, negative_prompt="dog", generator=torch.Generator().manual_seed(7), **placed).frames[0]
    got = generate(PROMPT, pipe, seed=7, steps=2, guidance=5.0, negative_prompt="dog", **small)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("name", NEWER)
def test_guidance_and_negative_prompt(load, name):
    pipe, small = load(name), smallest(name)

    def clip(prompt, guidance, negative=None):
        return generate(prompt, pipe, guidance=guidance, negative_prompt=negative, **small)

    np.testing.assert_array_equal(clip("a dog", 0, "a panda"), clip("a panda", 1, "a dog"))
    assert not np.array_equal(clip("a dog", 6, "a panda"), clip("a dog", 6))


@pytest.mark.parametrize("name", NEWER)
def test_a_folder_takes_the_rules_of_its_class(folders, name):
    model = registry.describe(folders[name])
    kept = ("steps", "guidance", "frame_step", "divisor", "fps", "float32", "tokens")
    kept += () if name == "cogvideox" else ("size", "num_frames")  # which are in its config
    assert all(getattr(model, key) == getattr(MODELS[name], key) for key in kept)
    assert model.repo == str(folders[name]) and model.revision is None and not model.licence


@pytest.mark.parametrize("name", NEWER)
def test_a_shape_that_breaks_a_rule_is_refused_before_anything_is_loaded(name):
    """Nothing is there to be loaded: HF_HUB_OFFLINE is set, and the cache has none of them."""
    model, step = MODELS[name], MODELS[name].frame_step
    registry.check_shape(model, model.num_frames, *reversed(model.size))
    with pytest.raises(ValueError, match=f"^size {model.divisor + 1}x{model.size[1]} pixels: .* {model.divisor}$"):
        generate(PROMPT, name, width=model.divisor + 1)
    if step > 1:
        with pytest.raises(ValueError, match=rf"^num_frames {step}: expected {step}N \+ 1 .* such as 1 or {step + 1}$"):
            generate(PROMPT, name, num_frames=step)


def test_half_precision_on_a_gpu_but_for_the_parts_that_need_more(folders):
    """As on a GPU, on the CPU: Wan's decoder keeps float32."""
    parts = checkpoint.load_models(checkpoint.check(folders["wan"]), torch.bfloat16, MODELS["wan"].float32)
    assert parts["vae"].dtype == torch.float32 and parts["transformer"].dtype == torch.bfloat16


def test_shards(folders, tmp_path):
    folder = shutil.copytree(folders["wan"], tmp_path / "wan")
    index, shard, *_ = sorted((folder / "transformer").glob("diffusion*"), reverse=True)
    for file in (index, shard):
        file.unlink()
        with pytest.raises(FileNotFoundError, match=f"{file} is missing$"):
            load_pipeline(folder)


def test_wan_reads_chinese(load, recwarn):
    generate("一只熊猫在吃竹子", load("wan"), **smallest("wan"))
    assert not [w for w in recwarn if w.category is UserWarning]
