"""The scale model of Wan: its parts untrained, and the stages that train them."""

import copy
import pathlib

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from t2v_helpers import generate, shapes
from t2v_helpers.models import MODELS, SETTINGS, describe, known_words
from t2v_helpers.training import scale_model, transformer, wan, worlds
from t2v_helpers.training.loop import Stage


@pytest.fixture
def accelerator():
    return Accelerator(cpu=True)


@pytest.fixture(scope="module")
def clip():
    """A clip as the networks take it, (1, 3, 17, 64, 64)."""
    return scale_model.to_model(shapes.render("a red circle moving left", 3, wan.NUM_FRAMES))[None]


@pytest.fixture(scope="module")
def vae():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return wan.new_autoencoder().eval()


def test_the_tokenizer_gives_each_word_a_token_and_spells_what_it_does_not_know():
    tokenizer = wan.new_tokenizer()
    assert tokenizer.get_vocab() == wan.new_tokenizer().get_vocab()
    for word in known_words(tokenizer):
        assert tokenizer.tokenize(word) == [f"▁{word}"]
    assert tokenizer.tokenize("a zebra, rising") == ["▁a", "▁", *"zebra,", "▁rising"]
    texts = [text for names in shapes.FIRST for text in shapes.wordings(names)]
    assert max(map(len, tokenizer(texts).input_ids)) < scale_model.MAX_TOKENS


@torch.no_grad()
def test_the_autoencoder_starts_as_one_of_single_frames(vae, clip):
    """Inflated: each latent frame is that of its group's last frame, and it is drawn four times over."""
    latents = vae.encode(clip).latent_dist.mean
    for latent, frame in zip(latents.split(1, dim=2), clip[:, :, ::4].split(1, dim=2), strict=True):
        torch.testing.assert_close(vae.encode(frame).latent_dist.mean, latent)
    frames = vae.decode(latents).sample
    for i in range(1, wan.NUM_FRAMES):
        alone = vae.decode(latents[:, :, (i + 3) // 4, None]).sample[:, :, 0]
        torch.testing.assert_close(frames[:, :, i], alone, atol=1e-5, rtol=0)


@torch.no_grad()
def test_decode_is_the_autoencoders_before_it_clips(vae, clip):
    vae, latents = copy.deepcopy(vae), vae.encode(clip).latent_dist.mean
    vae.decoder.conv_out.weight *= 5  # so that some pixels are beyond -1 ... 1
    frames = wan.decode(vae, latents)
    assert 1 < frames.abs().max() < 10
    torch.testing.assert_close(frames.clamp(-1, 1), vae.decode(latents).sample)


def test_mean_colors_are_those_of_four_frames_after_the_first():
    clips = torch.arange(9.0)[:, None, None].expand(1, 3, 9, 16, 16) / 10
    found = transformer.mean_colors(clips)
    background = 2 * shapes.BACKGROUND[0] - 1
    assert found.shape == (1, 12, 3, 2, 2)
    expected = torch.tensor([[0, 0, 0, 0], [1, 2, 3, 4], [5, 6, 7, 8]]).T / 10  # red, frame by group
    torch.testing.assert_close(found[0, :4, :, 0, 0], 2 * (expected - background))


@torch.no_grad()
def test_texts_are_encoded_as_the_pipeline_encodes_them(vae):
    tokenizer = wan.new_tokenizer()
    text_encoder = wan.new_text_encoder(tokenizer).eval()
    pipeline = wan.new_pipeline(tokenizer, text_encoder, vae, wan.new_transformer())
    texts = ["a red circle moving left", ""]
    theirs, _ = pipeline.encode_prompt(texts, do_classifier_free_guidance=False, max_sequence_length=24)
    torch.testing.assert_close(wan.encode_texts(tokenizer, text_encoder, texts), theirs)


def test_stages_fit_together_and_the_folder_loads_in_plain_diffusers(accelerator, tmp_path, monkeypatch):
    world = worlds.Rendered(shapes.COMBINATIONS[:4], num_frames=wan.NUM_FRAMES)
    recipe = {name: Stage(steps=1, batch=2, lr=1e-3, every=2) for name in transformer.RECIPE}
    monkeypatch.setattr(transformer, "reconstruction", lambda *_: {})
    monkeypatch.setattr(transformer, "adherence", lambda *_, **__: {})
    monkeypatch.setattr(transformer, "PER_KIND", dict.fromkeys(transformer.PER_KIND, 1))
    monkeypatch.setattr(transformer, "WINDOW", 21)  # more than a clip has: --frames may ask for short ones
    transformer.train(accelerator, recipe, tmp_path / "work", tmp_path / "out", world)
    kept = {name: torch.load(tmp_path / "work" / f"latents-{name}.pt") for name in ("image", "transformer")}
    assert [tuple(some["latents"].shape) for some in kept.values()] == [(4, 16, 17, 8, 8), (4, 16, 5, 8, 8)]
    assert (tmp_path / "out" / SETTINGS).read_text() == (pathlib.Path(MODELS["tiny-wan"].repo) / SETTINGS).read_text()

    from diffusers import DiffusionPipeline

    pipeline = DiffusionPipeline.from_pretrained(tmp_path / "out", dtype=torch.float32)
    assert type(pipeline).__name__ == "WanPipeline"
    assert known_words(pipeline.tokenizer) == known_words(wan.new_tokenizer())
    assert describe(tmp_path / "out").num_frames == wan.NUM_FRAMES and describe(tmp_path / "out").tokens == 24
    frames = generate("a red circle moving left", tmp_path / "out", steps=1)
    assert frames.shape == (17, 64, 64, 3) and np.isfinite(frames).all()


def test_the_latents_have_deviation_one_by_channel(vae, clip):
    vae.register_to_config(latents_mean=[0.5] * 16, latents_std=[2.0] * 16)
    latents = wan.encode(vae, shapes.render("a red circle moving left", 3, wan.NUM_FRAMES))
    with torch.no_grad():
        torch.testing.assert_close(2 * latents[None] + 0.5, vae.encode(clip).latent_dist.mean)
    vae.register_to_config(latents_mean=[0.0] * 16, latents_std=[1.0] * 16)
