import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from t2v_helpers import shapes


def test_world_is_as_large_as_promised_and_its_held_out_part_is_balanced():
    everything, held_out = shapes.captions(), shapes.captions(held_out=True)
    assert len(everything) == len(set(everything)) == 108
    assert set(held_out) == shapes.HELD_OUT
    assert sorted(held_out + shapes.captions(held_out=False)) == sorted(everything)
    for attribute in range(3):  # each word is seen in training in most of its combinations
        counts = [shapes.parse(c)[attribute] for c in held_out]
        assert len({counts.count(name) for name in set(counts)}) == 1, "some word is held out more often than others"


def test_every_wording_says_what_it_was_made_of():
    for names in shapes.COMBINATIONS:
        texts = shapes.wordings(names)
        assert len(texts) == len(set(texts)) >= 10
        assert texts[0] == str(names)
        assert {shapes.parse(text) for text in texts} == {names}


@pytest.mark.parametrize(
    "caption, kind",
    [("a circle moving left", "color"), ("a red thing moving left", "shape"), ("a red circle", "motion"),
     ("a red blue circle moving left", "color"), ("a red circle moving left moving up", "motion"), ("", "color")],
)  # fmt: skip
def test_a_caption_that_does_not_name_one_of_each_is_refused_by_name(caption, kind):
    with pytest.raises(ValueError, match=f"of a {kind}") as error:
        shapes.render(caption, 0)
    assert "\n" not in str(error.value)


def test_judge_reads_rendered_clips():
    clips = [(names, shapes.render(names, 1000 + i)) for i, names in enumerate(shapes.COMBINATIONS * 5)]
    wrong = [(names, shapes.judge(clip)) for names, clip in clips if shapes.judge(clip) != names]
    assert len(wrong) <= 0.005 * len(clips), wrong[:5]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(shapes.COMBINATIONS), st.integers(0, 2**62), st.sampled_from([48, 64, 96]), st.integers(8, 24))
def test_a_clip_is_frames_and_shows_its_object_whole_in_every_one(names, seed, size, num_frames):
    clip = shapes.render(names, seed, num_frames=num_frames, size=size)
    assert clip.shape == (num_frames, size, size, 3) and clip.dtype == np.float32
    assert clip.min() >= 0 and clip.max() <= 1
    border = np.concatenate([clip[:, 0], clip[:, -1], clip[:, :, 0], clip[:, :, -1]], axis=1)
    assert np.abs(border - np.float32(shapes.BACKGROUND)).max() < 0.3, "more than a softened tip is on the border"
    assert shapes.judge(clip) == names


def test_same_seed_same_clip_and_other_seeds_differ_in_size_start_and_speed():
    clips = [shapes.render("a red circle moving left", seed) for seed in range(20)]
    assert np.array_equal(shapes.render("a red circle moving left", 5), clips[5])
    area = [(np.abs(c[0] - shapes.BACKGROUND).max(-1) > 0.3).sum() for c in clips]
    assert max(area) > 1.5 * min(area)
    assert not any(np.array_equal(x, y) for x, y in itertools.combinations(clips, 2))


@pytest.mark.parametrize("shape", shapes.SHAPES)
def test_coverage_has_the_area_and_centroid_that_it_was_asked_for(shape):
    cover = shapes.coverage(shape, torch.tensor([[30.3, 33.7]]), torch.tensor([10.0]))[0]
    axis = torch.arange(shapes.SIZE) + 0.5
    assert cover.sum().item() == pytest.approx(np.pi * 10**2, rel=0.02)
    assert ((cover.sum(0) * axis).sum() / cover.sum()).item() == pytest.approx(30.3, abs=0.1)
    assert ((cover.sum(1) * axis).sum() / cover.sum()).item() == pytest.approx(33.7, abs=0.1)
    assert ((cover > 0) & (cover < 1)).sum() > 10, "not antialiased"


def test_motion_words_mean_what_they_say_on_the_screen():
    def change(motion):
        shown = np.abs(shapes.render(f"a red circle {motion}", 3) - shapes.BACKGROUND).max(-1) > 0.3
        rows, columns = (np.array([np.argwhere(frame)[:, k].mean() for frame in shown]) for k in (0, 1))
        return columns[-1] - columns[0], rows[-1] - rows[0], shown[-1].sum() / shown[0].sum()

    assert change("moving left")[0] < -10 and change("moving right")[0] > 10
    assert change("rising")[1] < -10 and change("falling")[1] > 10  # rows are counted from the top
    assert change("growing")[2] > 2 and change("shrinking")[2] < 0.5


LEFT, DOWN = shapes.render("a red square moving left", 1), shapes.render("a red circle moving down", 2)
EMPTY = np.broadcast_to(np.float32(shapes.BACKGROUND), LEFT.shape)


@pytest.mark.parametrize(
    "clip, unseen",
    [
        (EMPTY, "color shape motion"),
        (np.random.default_rng(0).random(LEFT.shape, dtype=np.float32), "shape motion"),
        (np.concatenate([LEFT[:-1], EMPTY[:1]]), "motion"),  # gone in one frame
        (np.repeat(LEFT[:1], len(LEFT), 0), "motion"),
        (np.maximum(LEFT, shapes.render("a red square moving right", 9)), "shape"),
        (np.stack([np.roll(frame, 2 * i, axis=1) for i, frame in enumerate(DOWN)]), "motion"),  # diagonally
        (np.repeat(LEFT.mean(-1, keepdims=True), 3, -1) * 1.3, "color"),  # grey
    ],
)
def test_judge_does_not_guess(clip, unseen):
    seen = shapes.judge(clip)
    assert all(getattr(seen, name) is None for name in unseen.split()), seen


def test_judge_survives_the_noise_that_a_decoder_leaves():
    generator = np.random.default_rng(0)
    clips = [(n, shapes.render(n, 77 + i)) for i, n in enumerate(shapes.COMBINATIONS)]
    noisy = [(n, np.clip(c + 0.03 * generator.standard_normal(c.shape), 0, 1).astype(np.float32)) for n, c in clips]
    assert sum(shapes.judge(c) == n for n, c in noisy) >= 106


def test_track_follows_the_path_that_was_drawn():
    names = shapes.Attributes("blue", "triangle", "growing")
    center, radius = shapes._path(names, torch.Generator().manual_seed(3), 16, 64)
    seen_center, seen_radius = shapes.track(shapes.render(names, 3))
    assert (seen_center - center).abs().max() < 0.3 and (seen_radius - radius).abs().max() < 0.3
    with pytest.raises(ValueError, match="no object is seen in every frame"):
        shapes.track(EMPTY)


def test_a_larger_palette_draws_and_sees_a_colour_that_the_world_has_not():
    palette = shapes.COLORS | {"orange": (0.95, 0.55, 0.12)}
    for seed, motion in enumerate(shapes.MOTIONS):
        names = shapes.Attributes("orange", "square", motion)
        assert shapes.judge(shapes.render(names, seed, colors=palette), palette) == names
    assert all(shapes.judge(shapes.render(n, 1), palette) == n for n in shapes.COMBINATIONS[::7])
    with pytest.raises(KeyError):
        shapes.render(names, 0)
