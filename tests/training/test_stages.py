import pathlib

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from t2v_helpers import shapes
from t2v_helpers.models import MODELS, SETTINGS
from t2v_helpers.training import loop, scale_model, stages, unet, worlds
from t2v_helpers.training.loop import Stage


@pytest.fixture(scope="module")
def accelerator():
    return Accelerator(cpu=True)


def test_rng_depends_on_its_numbers_and_their_order():
    draws = {torch.rand((), generator=loop.rng(*n)).item() for n in [(0, 1), (1, 0), (0, 1, 0), (0,), (0, 1, "eps")]}
    assert len(draws) == 5
    assert torch.equal(torch.rand(3, generator=loop.rng(4, 2)), torch.rand(3, generator=loop.rng(4, 2)))


def test_learning_rate_warms_up_and_falls_to_a_twentieth():
    stage = Stage(steps=100, batch=1, lr=0.2, warmup=10)
    rates = [loop.learning_rate(step, stage) for step in range(100)]
    assert rates[0] == pytest.approx(0.02) and rates[9] == pytest.approx(0.2) == max(rates)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert loop.learning_rate(100, stage) == pytest.approx(0.01)


def test_latents_are_those_of_every_trained_example_kind_by_kind(accelerator, tmp_path):
    names = [shapes.read(text) for text in ("a red heart rising at dusk", "a blue star growing and a red disc falling")]
    world, vae = worlds.Rendered(names, shapes.COMBINATIONS[:1]), scale_model.new_autoencoder(64).eval()
    painted = []

    def encode(vae, frames):
        painted.extend(frames.numpy())
        return scale_model.encode(vae, frames)

    latents = unet.encode_clips(accelerator, vae, world, tmp_path / "latents.pt", 2, encode)
    assert latents.shape == (4, 8, 16, 8, 8)
    assert [set(shapes.look(clip).scene.things) for clip in painted] == [set(names[i // 2].things) for i in range(4)]
    for frames, latent in zip(painted, latents, strict=True):
        pixels = torch.as_tensor(frames).movedim(-1, 1) * 2 - 1
        wanted = vae.encode(pixels).latent_dist.mean.movedim(0, 1) * vae.config.scaling_factor
        torch.testing.assert_close(latent.float(), wanted, rtol=1e-3, atol=1e-3)


def test_a_batch_has_the_captions_of_its_clips_and_the_share_of_single_things_that_is_asked_for():
    frames = torch.arange(3)[:, None, None] / 4
    latents = torch.arange(200.0)[:, None, None, None, None] + frames.expand(200, 1, 3, 1, 1)
    captions = torch.arange(101)[:, None, None].expand(101, 2, 1)  # of kind k two latents, and the number 1 + k

    def drawn(single=False, **more):
        return unet.draw(latents, captions, loop.rng(0), 4000, single, **more)

    x0, ids, t, eps = drawn()
    kept = ids[:, 0] > 0
    assert 1 - kept.float().mean() == pytest.approx(unet.UNCONDITIONAL, abs=0.02)
    which = x0[:, 0, 0, 0, 0].long()
    assert torch.equal(1 + which[kept] // 2, ids[kept, 0]) and len(set(which.tolist())) == 200
    assert eps.shape == x0.shape == (4000, 1, 3, 1, 1) and (t.min(), t.max()) == (0, 999)
    pictures = drawn(single=True)[0]
    assert pictures.shape == (4000, 1, 1, 1) and {(n % 1) for n in pictures.flatten().tolist()} == {0.0, 0.25, 0.5}
    for progress, share in ((0, 0.6), (0.5, 0.4), (1, 0.2)):
        which = drawn(singles=(0.1, 0.6, 0.2), progress=progress)[0][:, 0, 0, 0, 0]
        assert (which < 20).float().mean() == pytest.approx(share, abs=0.03)


def test_the_ids_of_captions_are_the_tokenizers():
    world, tokenizer = worlds.whole(6), scale_model.new_tokenizer()
    ids = unet.caption_ids(tokenizer, world, 3)
    texts = [[""] * 3]
    for kind in range(6):
        generator = loop.rng(kind, "captions")
        texts.append([world.text(kind, generator) for _ in range(3)])
    assert ids.shape == (7, 3, 24) and len({text for some in texts for text in some}) > 15
    assert torch.equal(ids, torch.stack([scale_model.token_ids(tokenizer, some) for some in texts]))


def test_adherence_counts_clips_things_and_pairs(monkeypatch, tmp_path):
    """Of samples that show what they were asked for, but for a shape in the one held-out pair."""
    texts = "a red heart rising", "a blue star growing at dusk", "a red disc falling and a cyan box moving left"
    held_out = shapes.read("a green star circling and a pink heart growing")
    world = worlds.Rendered(map(shapes.read, texts), [held_out])

    def sample(pipeline, prompts, *_):
        return [shapes.render(text.replace("pink heart", "pink circle"), 3) for text in prompts]

    monkeypatch.setattr(unet, "sample", sample)
    found = unet.adherence(None, world, 16, 0, tmp_path / "samples.png")
    shares = {"adherence": 1, "held_out": 0, "color": 1, "shape": 5 / 6, "motion": 1, "pairs": 1 / 2}
    assert found == pytest.approx(shares) and (tmp_path / "samples.png").exists()
    assert set(unet.adherence(None, world, 1, 0)) == {"adherence", "held_out", "color", "shape", "pairs"}


def test_the_text_encoder_learns_with_the_unet_if_it_is_asked_to(accelerator, tmp_path, monkeypatch):
    monkeypatch.setattr(unet, "adherence", lambda *_, **__: {})
    world = worlds.Rendered(shapes.COMBINATIONS[:2], size=32, num_frames=2)
    tokenizer, text_encoder = stages.new_words(world, Stage(1, 1, 1))
    vae, before = scale_model.new_autoencoder(32), loop.digest(text_encoder)
    latents = torch.randn(4, 8, 2, 4, 4, generator=loop.rng(0)).half()
    stage, parts = Stage(steps=1, batch=4, lr=1e-2, warmup=1), (tokenizer, text_encoder, vae)
    unet.train_images(accelerator, stage, tmp_path / "a", parts, latents, world)
    assert loop.digest(text_encoder) == before
    unet.train_images(accelerator, stage, tmp_path / "b", parts, latents, world, learn_text=True)
    assert loop.digest(text_encoder) != before


def test_a_recorded_step_in_half_precision_moves_the_weights_as_another_does(monkeypatch):
    """The step that a GPU records, without the recording."""
    monkeypatch.setattr(torch.cuda, "Stream", lambda: None)
    model, start, losses, moved = torch.nn.Linear(3, 1, bias=False), torch.tensor([[0.3, -0.2, 0.4]]), [], []
    for half in (False, True):
        model.weight.data.copy_(start)
        step = loop.Recorded(model, lambda model, x: model(x).float().square().mean(), None, half)
        step.optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        x = torch.ones(2, 3).bfloat16() if half else torch.ones(2, 3)
        losses.append(step._step([x]).item())
        moved.append(model.weight.detach() - start)
        assert model.weight.dtype == model.weight.grad.dtype == torch.float32
    assert losses[1] == pytest.approx(losses[0], rel=0.05) and moved[0].abs().min() > 0
    torch.testing.assert_close(*moved, rtol=0.1, atol=1e-3)


def test_latents_of_something_else_are_not_taken(accelerator, tmp_path):
    """Each time from the same file: they are those of a first call with an empty folder."""
    vaes = [scale_model.new_autoencoder(32).eval() for _ in range(2)]
    names, small = shapes.COMBINATIONS, {"size": 32, "num_frames": 2}
    ways = {
        "first": (vaes[0], worlds.Rendered(names[:2], **small), 2),
        "again": (vaes[0], worlds.Rendered(names[:2], **small), 2),
        "clips": (vaes[0], worlds.Rendered(names[:2], **small), 1),
        "autoencoder": (vaes[1], worlds.Rendered(names[:2], **small), 2),
        "kinds": (vaes[0], worlds.Rendered(names[1:3], **small), 2),
        "length": (vaes[0], worlds.Rendered(names[:2], size=32, num_frames=3), 2),
    }
    file, first = tmp_path / "latents.pt", b""
    for way, (vae, world, count) in ways.items():
        file.write_bytes(first)
        latents = unet.encode_clips(accelerator, vae, world, file, count)
        assert torch.equal(latents, unet.encode_clips(accelerator, vae, world, tmp_path / way, count)), way
        first = first or file.read_bytes()
        assert (file.read_bytes() == first) == (way in ("first", "again")), way
    file.write_bytes(b"cut short")
    assert torch.equal(latents, unet.encode_clips(accelerator, vae, world, file, count))


def test_a_worlds_identity_is_what_it_shows_and_says(monkeypatch):
    def world(*kinds, **more):
        return worlds.Rendered(kinds, **more).identity()

    a, b, c = shapes.COMBINATIONS[:3]
    some = [world(a, b), world(b, a), world(a, b, c), world(a, b, held_out=[c]), world(a, b, size=32)]
    some += [world(a, b, num_frames=8), world(a, b, plain=True), world(shapes.Scene((a,), "dusk"), b)]
    some += [worlds.whole(10, singles=(0.4, 0.6, last)).identity() for last in (0.3, 0.5)]
    monkeypatch.setitem(shapes.COLORS, "red", (1.0, 0.0, 0.0))
    some.append(world(a, b))
    assert len(set(some)) == 11 and world(a, b) == some[-1]


def test_to_model_moves_channels_before_frames_and_scales():
    clip = shapes.render("a red circle moving left", 0)
    moved = scale_model.to_model(clip)
    assert moved.shape == (3, 16, 64, 64)
    assert moved[2, 5, 10, 20].item() == pytest.approx(clip[5, 10, 20, 2] * 2 - 1)
    assert moved.min() >= -1 and moved.max() <= 1


def test_tokenizer_gives_every_word_one_token_and_is_the_same_each_time():
    tokenizer = scale_model.new_tokenizer()
    for text in ("a red circle moving left", "in daylight, a pink heart jumps while a white star gets bigger"):
        ids = tokenizer(text).input_ids
        assert len(ids) == 2 + len(text.replace(",", " ,").split())
        assert tokenizer.decode(ids, skip_special_tokens=True).replace(" ,", ",").strip() == text
    assert tokenizer.get_vocab() == scale_model.new_tokenizer().get_vocab()
    texts = [text for scene in worlds.whole(30).kinds for text in shapes.wordings(scene)]
    assert max(map(len, tokenizer(texts).input_ids)) < scale_model.MAX_TOKENS


def test_words_start_far_apart():
    embeddings = scale_model.new_text_encoder(scale_model.new_tokenizer(), loop.rng(0)).get_input_embeddings().weight
    assert torch.cdist(embeddings, embeddings).fill_diagonal_(99).min() > 4  # by CLIP's own draw: about 0.2


def test_the_unet_starts_as_the_image_model_on_each_frame_alone():
    torch.manual_seed(0)
    image_unet, x, t = scale_model.new_image_unet().eval(), torch.randn(2, 8, 3, 8, 8), torch.tensor([10, 900])
    context = torch.randn(2, 24, 64)
    with torch.no_grad():
        clips = scale_model.new_unet(image_unet).eval()(x, t, context).sample
        frames = [image_unet(x[:, :, f], t, context).sample for f in range(3)]
    assert clips.std() > 0.1
    torch.testing.assert_close(clips, torch.stack(frames, 2), rtol=0, atol=1e-5)


def test_the_unet_learns_along_time_from_its_start():
    """The last layer of each temporal part is zero, so it is there that a gradient has to arrive."""
    unet = scale_model.new_unet()
    unet(torch.randn(1, 8, 4, 8, 8), 500, torch.randn(1, 24, 64)).sample.square().mean().backward()
    last = [p for name, p in unet.named_parameters() if p.ndim > 1 and not p.any()]
    assert len(last) > 10 and all(p.grad.abs().max() > 0 for p in last)


def test_scheduler_ends_in_pure_noise():
    scheduler = scale_model.new_scheduler()
    scheduler.set_timesteps(20)
    assert scheduler.alphas_cumprod[-1] == 0 and scheduler.timesteps[0] == 999


def test_stages_fit_together_and_the_folder_loads_in_plain_diffusers(accelerator, tmp_path, monkeypatch):
    world = worlds.whole(4)
    recipe = {name: Stage(steps=1, batch=2, lr=1e-3, every=2) for name in stages.RECIPE}
    monkeypatch.setattr(stages, "reconstruction_adherence", lambda *_: 0.0)  # judged in the shipped model
    monkeypatch.setattr(unet, "adherence", lambda *_, **__: {})
    stages.train(accelerator, recipe, tmp_path / "work", tmp_path / "out", world)
    assert len(torch.load(tmp_path / "work" / "latents.pt", weights_only=True)["latents"]) == 4
    shipped = pathlib.Path(MODELS["tiny"].repo)
    assert (tmp_path / "out" / SETTINGS).read_text() == (shipped / SETTINGS).read_text()

    from diffusers import DiffusionPipeline

    pipeline = DiffusionPipeline.from_pretrained(tmp_path / "out", dtype=torch.float32)
    assert type(pipeline).__name__ == "TextToVideoSDPipeline"
    pipeline.set_progress_bar_config(disable=True)
    frames = pipeline("a red circle", num_frames=2, num_inference_steps=1, height=64, width=64, output_type="np").frames
    assert frames.shape == (1, 2, 64, 64, 3) and np.isfinite(frames).all()
    assert scale_model.load_video_tower(tmp_path / "out") is not None
