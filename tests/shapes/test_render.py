import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from t2v_helpers import shapes
from t2v_helpers.shapes import Scene

PAIR = shapes.read("a yellow star falling and a blue square moving left at night")


def shown(clip, ground=None):
    """Where a clip shows a thing."""
    return np.abs(clip - shapes.sky(ground, clip.shape[1]).numpy()).max(-1) > 0.3


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 2**32), st.sampled_from([1, 2]), st.integers(0, 2**62), st.sampled_from([32, 48, 64, 96]),
    st.integers(8, 24),
)  # fmt: skip
def test_a_clip_is_frames_and_shows_its_things_whole_in_every_one(which, things, seed, size, num_frames):
    scene = shapes.sample_scene(torch.Generator().manual_seed(which), things)
    clip = shapes.render(scene, seed, num_frames=num_frames, size=size)
    assert clip.shape == (num_frames, size, size, 3) and clip.dtype == np.float32 and clip.flags.c_contiguous
    assert clip.min() >= 0 and clip.max() <= 1
    there = np.abs(clip - shapes.sky(scene.ground, size).numpy()).max(-1)
    border = np.concatenate([there[:, 0], there[:, -1], there[:, :, 0], there[:, :, -1]], axis=1)
    assert border.max() < 0.3, "more than a softened tip is on the border"
    assert (shown(clip, scene.ground).sum((1, 2)) > 10 * (size / 64) ** 2).all()


@pytest.mark.parametrize("caption", ["a red circle moving left", str(PAIR)])
def test_same_seed_same_clip_and_other_seeds_differ_in_size_start_and_speed(caption):
    assert np.array_equal(shapes.render(caption, 5), shapes.render(caption, torch.Generator().manual_seed(5)))
    clips = [shapes.render(caption, seed) for seed in range(20)]
    area = [shown(clip, shapes.read(caption).ground)[0].sum() for clip in clips]
    assert max(area) > 1.3 * min(area)
    assert not any(np.array_equal(x, y) for x, y in itertools.combinations(clips, 2))


@pytest.mark.parametrize("shape", shapes.SHAPES)
def test_coverage_has_the_area_and_centroid_that_it_was_asked_for(shape):
    cover = shapes.coverage(shape, torch.tensor([[30.3, 33.7]]), torch.tensor([10.0]))[0]
    axis = torch.arange(shapes.SIZE) + 0.5
    assert cover.sum().item() == pytest.approx(np.pi * 10**2, rel=0.005)
    assert ((cover.sum(0) * axis).sum() / cover.sum()).item() == pytest.approx(30.3, abs=0.05)
    assert ((cover.sum(1) * axis).sum() / cover.sum()).item() == pytest.approx(33.7, abs=0.05)
    assert ((cover > 0) & (cover < 1)).sum() > 10, "not antialiased"


def test_shapes_are_upright_symmetric_and_have_their_points():
    center, radius = torch.tensor([[32.0, 32.0]]), torch.tensor([16.0])
    covers = {shape: shapes.coverage(shape, center, radius)[0] for shape in shapes.SHAPES}
    assert all((cover - cover.flip(1)).abs().max() < 1e-4 for cover in covers.values())
    widest = {shape: cover.sum(1).argmax().item() for shape, cover in covers.items()}  # row, from the top
    assert widest["triangle"] > 35 and widest["heart"] < 32 and widest["star"] < 32
    angle = torch.linspace(0, 2 * torch.pi, 721)
    x, y = 18 * angle.sin(), -18 * angle.cos()  # a ring, clockwise from the top
    inside = shapes.outline("star", x, y, radius) < 0
    assert (inside[1:] & ~inside[:-1]).sum() == 5 and inside[0], "a star has five points, one on top"
    turned = angle + 2 * torch.pi / 5
    again = shapes.outline("star", 18 * turned.sin(), -18 * turned.cos(), radius)
    torch.testing.assert_close(again, shapes.outline("star", x, y, radius), atol=1e-3, rtol=0)
    assert shapes.outline("heart", *torch.tensor([0.0, -14.0]), radius) > 0, "a heart has a notch on top"


def change(motion, num_frames=16):
    there = shown(shapes.render(f"a red circle {motion}", 3, num_frames))
    rows, columns = (np.array([np.argwhere(frame)[:, k].mean() for frame in there]) for k in (0, 1))
    return columns - columns[0], rows - rows[0], there.sum((1, 2))


def test_motion_words_mean_what_they_say_on_the_screen():
    assert change("moving left")[0][-1] < -10 and change("moving right")[0][-1] > 10
    assert change("rising")[1][-1] < -10 and change("falling")[1][-1] > 10  # rows are counted from the top
    small, big = change("growing")[2][[0, -1]]
    assert big > 2 * small
    big, small = change("shrinking")[2][[0, -1]]
    assert big > 2 * small


def test_what_bounces_hops_twice_on_the_spot_and_what_circles_goes_round_once():
    columns, rows, _ = change("bouncing", 17)  # at the ends, and in the middle, it is at the same place of a hop
    assert np.ptp(columns) < 1 and np.ptp(rows) > 10
    assert np.abs(rows[:9] - rows[8:]).max() < 0.5, "the second hop is the first"
    columns, rows, _ = change("circling")
    x, y = columns - (columns.max() + columns.min()) / 2, rows - (rows.max() + rows.min()) / 2
    radius, angle = np.hypot(x, y), np.unwrap(np.arctan2(y, x))
    assert radius.min() > 5 and np.ptp(radius) < 2
    assert angle[-1] - angle[0] == pytest.approx(2 * np.pi, abs=0.3) and (np.diff(angle) > 0).all(), "clockwise"


def test_the_second_of_two_things_passes_in_front():
    crossed = 0
    for seed in range(40):
        one, two = (shapes.coverage(t.shape, *w) for t, w in zip(PAIR.things, shapes.place(PAIR, seed), strict=True))
        both = (one == 1) & (two == 1)
        crossed += both.any().item()
        assert np.allclose(shapes.render(PAIR, seed)[both.numpy()], shapes.COLORS["blue"], atol=1e-6)
    assert crossed > 0


def test_two_things_are_smaller_and_seldom_close():
    generator, close = torch.Generator().manual_seed(0), []
    for seed in range(300):
        (a, r), (b, s) = shapes.place(shapes.sample_scene(generator, 2), seed)
        assert max(r.max(), s.max()) < 12.5
        close.append(((a - b).norm(dim=1) < r + s).float().mean().item())
    assert max(close) <= 0.5 and np.mean(close) < 0.02 and max(close) > 0


def test_colours_are_well_apart_from_each_other_and_from_every_ground():
    colors = torch.tensor(list(shapes.COLORS.values()))
    assert torch.pdist(colors).min() > 0.4
    for ground in (None, *shapes.GROUNDS):
        assert torch.cdist(shapes.sky(ground)[:, 0], colors).min() > 0.36, ground


def test_grounds_are_soft_and_differ():
    skies = {ground: shapes.sky(ground) for ground in (None, *shapes.GROUNDS)}
    for ground, sky in skies.items():
        assert sky.shape == (64, 1, 3) and sky.diff(dim=0).abs().max() < 0.02
        assert np.array_equal(shapes.compose([], [], ground)[0], sky.expand(64, 64, 3).numpy())
    assert torch.allclose(skies[None], torch.tensor(shapes.BACKGROUND))
    for a, b in itertools.combinations(skies.values(), 2):
        assert (a - b).norm(dim=-1).mean() > 0.08
    assert skies["day"].mean() > skies["dusk"].mean() > skies["night"].mean()


def test_a_larger_palette_draws_a_colour_that_the_world_has_not():
    names = shapes.Attributes("orange", "square", "up")
    clip = shapes.render(names, 0, colors=shapes.COLORS | {"orange": (0.95, 0.55, 0.12)})
    assert np.abs(clip - np.float32((0.95, 0.55, 0.12))).max(-1).min() < 1e-6
    with pytest.raises(KeyError):
        shapes.render(Scene((names,)), 0)
