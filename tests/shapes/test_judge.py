import functools

import numpy as np
import pytest
import torch

from t2v_helpers import shapes
from t2v_helpers.shapes import Attributes, Scene, compare, look, spoiled
from t2v_helpers.shapes.__main__ import blurred, main

GROUNDS = (None, *shapes.GROUNDS)
SINGLES = [Scene((names,), GROUNDS[i % 4]) for i, names in enumerate(shapes.COMBINATIONS[::5])]


@functools.cache
def pairs(count, seed=4):
    generator = torch.Generator().manual_seed(seed)
    scenes = [shapes.sample_scene(generator, 2, held_out=bool(i % 2)) for i in range(count)]
    return [scene for scene in scenes if spoiled.can_be_swapped(scene)]


def wrong(scenes, change=lambda clip, seed: clip):
    seen = [(str(scene), look(change(shapes.render(scene, seed), seed)).scene) for seed, scene in enumerate(scenes, 50)]
    return [(asked, str(what)) for asked, what in seen if not compare(shapes.read(asked), what).right]


def test_judge_reads_one_thing_and_its_ground():
    missed = wrong(SINGLES)
    assert len(missed) == 0, missed


def test_judge_reads_two_things_and_their_ground():
    missed = wrong(pairs(60))
    assert len(missed) <= 2, missed  # where things overlap for too long: 5 of 400 scenes


def test_judge_survives_the_softness_and_noise_that_a_decoder_leaves():
    assert len(wrong(SINGLES[::2], blurred)) <= 1
    assert len(wrong(pairs(30), blurred)) <= 2


@pytest.mark.parametrize("spoil", spoiled.SPOILED, ids=lambda spoil: spoil.__name__)
def test_judge_notices_what_is_wrong_and_only_that(spoil):
    kind = spoiled.SPOILED[spoil]
    scenes = pairs(9, seed=7) if kind == "binding" else [*SINGLES[4::17], *pairs(3, seed=7)]
    for seed, scene in enumerate(scenes):
        assert compare(scene, look(shapes.render(scene, seed)).scene).right, f"the control {scene} fails"
        assert spoiled.noticed(spoil, scene, seed), f"{scene}, {spoil.__name__}, passes"
        result = compare(scene, look(spoil(scene, seed)).scene)
        if kind in ("shape", "color") and len(scene.things) == 1:
            assert result.hits[0].motion and result.hits[0].color == (kind == "shape"), scene
        if kind == "motion" and len(scene.things) == 1:
            assert result.hits[0].color and result.hits[0].shape, scene


def test_what_is_frozen_blurred_or_of_another_colour():
    scene = shapes.read("a red star rising by day")
    whole = shapes.render(scene, 3)
    frozen, blurred, other = (spoil(scene, 3) for spoil in (spoiled.frozen, spoiled.blurred, spoiled.recolored))
    assert (frozen == whole[:1]).all() and frozen.shape == whole.shape
    np.testing.assert_allclose(blurred[5, 30, 31], whole[5, 28:33, 29:34].mean((0, 1)), atol=1e-6)
    np.testing.assert_allclose(blurred[5, 0, 0], whole[5, :3, :3].mean((0, 1)), atol=1e-6)
    seen = look(other).scene
    assert seen.things[0][1:] == scene.things[0][1:] and seen.things[0].color != "red" and seen.ground == scene.ground


def test_a_triangle_with_hollow_sides_is_no_triangle():
    scene = shapes.read("a red triangle moving left")
    seen = look(spoiled.concave(scene, 0))
    assert seen.scene.things[0].shape is None and seen.things[0].outline < 0.9


def spoil(kind):
    """Clips in which one attribute, or all, cannot be told; and which attributes then have to be None."""
    clip = shapes.render("a red square moving left", 1)
    if kind == "empty":
        return np.broadcast_to(np.float32(shapes.BACKGROUND), clip.shape), "color shape motion"
    if kind == "noise":
        return np.random.default_rng(0).random(clip.shape, dtype=np.float32), "color shape motion"
    if kind == "gone in one frame":
        return np.concatenate([clip[:-1], np.broadcast_to(np.float32(shapes.BACKGROUND), clip[:1].shape)]), "motion"
    if kind == "still":
        return np.repeat(clip[:1], len(clip), 0), "motion"
    if kind == "two objects of a colour":
        other = shapes.render("a red square moving right", 9)
        return np.maximum(clip, other), "shape"
    if kind == "two objects":
        return shapes.render("a red square moving right and a blue star growing", 9), "color shape motion"
    if kind == "diagonal":
        y = shapes.render("a red circle moving down", 2)
        return np.stack([np.roll(frame, 2 * i, axis=1) for i, frame in enumerate(y)]), "motion"
    if kind == "grey":
        return np.repeat(clip.mean(-1, keepdims=True), 3, -1) * 1.3, "color"
    if kind == "one hop":
        hop = shapes.render("a red circle bouncing", 2)
        return np.concatenate([hop[:8], np.repeat(hop[8:9], 8, 0)]), "motion"
    raise AssertionError(kind)


@pytest.mark.parametrize(
    "kind",
    ["empty", "noise", "gone in one frame", "still", "two objects of a colour", "two objects", "diagonal", "grey",
     "one hop"],
)  # fmt: skip
def test_judge_does_not_guess(kind):
    clip, unseen = spoil(kind)
    seen = shapes.judge(clip)
    assert all(getattr(seen, name) is None for name in unseen.split()), seen


def test_an_unknown_ground_is_not_taken_for_a_known_one():
    clip = shapes.render("a red star rising by day", 0)
    assert look(clip).scene.ground == "day"
    assert look(clip[:, ::-1]).scene.ground == "?", "upside down"
    assert look((clip + 0.15).clip(0, 1)).scene.ground == "?"
    faded = np.concatenate([clip[:8], shapes.render("a red star rising at dusk", 0)[8:]])
    assert look(faded).scene.ground == "?"
    assert "?" in str(look(faded).scene)


@pytest.mark.parametrize("shape", shapes.SHAPES)
def test_drawn_outlines_fit(shape):
    clips = [shapes.render(Attributes("green", shape, motion), 7) for motion in shapes.MOTIONS]
    fits = [shapes.outline_iou(clip)[0] for clip in clips]
    assert np.mean(fits) > 0.99 and min(fits) > 0.985
    soft = [shapes.outline_iou(blurred(clip, 0))[0] for clip in clips]
    assert min(soft) > 0.95


def test_outline_measures_a_dent():
    scene = shapes.read("a red circle moving left")
    whole, dented = shapes.render(scene, 3), spoiled.dented(scene, 3)
    assert shapes.outline_iou(whole)[0] > 0.99 and 0.7 < shapes.outline_iou(dented)[0] < 0.9


def test_track_follows_the_path_that_was_drawn():
    names = Attributes("blue", "triangle", "growing")
    [(center, radius)] = shapes.place(Scene((names,)), 3)
    seen_center, seen_radius = shapes.track(shapes.render(names, 3))
    assert (seen_center - center).abs().max() < 0.3 and (seen_radius - radius).abs().max() < 0.3
    with pytest.raises(ValueError, match="no object is seen in every frame"):
        shapes.track(np.broadcast_to(np.float32(shapes.BACKGROUND), (16, 64, 64, 3)))
    with pytest.raises(ValueError, match="2 things are seen"):
        shapes.track(shapes.render("a red star rising and a blue star growing", 0))


def test_look_follows_both_things():
    scene = shapes.read("a red star rising and a white heart circling at night")
    drawn = {thing.color: where for thing, where in zip(scene.things, shapes.place(scene, 1), strict=True)}
    for thing in look(shapes.render(scene, 1)).things:
        center, radius = drawn[thing.names.color]
        seen = ~thing.radius.isnan()
        assert seen.sum() > 10 and (thing.center - center)[seen].abs().max() < 0.3
        assert (thing.radius - radius)[seen].abs().max() < 0.3


@pytest.mark.parametrize("shape", [(16, 64, 48, 3), (64, 64, 3), (16, 64, 64, 4)])
def test_frames_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"frames have shape .*, expected \(F, H, W, 3\) with H = W"):
        look(np.zeros(shape, np.float32))


def test_judge_reads_other_sizes_and_lengths():
    for size, frames in ((48, 16), (96, 8), (64, 24)):
        scenes = [(SINGLES[i].things[0], i) for i in range(0, 64, 9)]
        seen = [shapes.judge(shapes.render(names, i, frames, size)) == names for names, i in scenes]
        assert sum(seen) >= len(seen) - 1, (size, frames)
    small = [
        Attributes(c, s, m) for c in ("red", "green", "blue") for s in ("circle", "triangle") for m in ("left", "up")
    ]
    assert all(shapes.judge(shapes.render(names, i, 8, 32)) == names for i, names in enumerate(small))


def test_a_larger_palette_sees_a_colour_that_the_world_has_not():
    palette = shapes.COLORS | {"orange": (0.95, 0.55, 0.12)}
    for seed, motion in enumerate(shapes.MOTIONS):
        names = Attributes("orange", "square", motion)
        assert shapes.judge(shapes.render(names, seed, colors=palette), palette) == names
    assert all(shapes.judge(shapes.render(names, 1), palette) == names for names in shapes.COMBINATIONS[::27])


A, B = Attributes("red", "heart", "up"), Attributes("blue", "star", "left")


@pytest.mark.parametrize(
    "seen, binding, missing",
    [
        ((A, B), (), ()),
        ((B, A), (), ()),
        ((A._replace(color="blue"), B._replace(color="red")), ("red", "blue"), ()),
        ((A._replace(motion="left"), B), (), ("up",)),
        ((A._replace(motion="left"), B._replace(motion="up")), ("up", "left"), ()),
        ((A._replace(shape=None), B), (), ("heart",)),
        ((A._replace(color="pink"), B), (), ("red",)),
        ((A,), (), ("blue", "star", "left")),
        ((), (), ("red", "heart", "up", "blue", "star", "left")),
    ],
)
def test_errors_of_binding_are_told_apart_from_what_is_missing(seen, binding, missing):
    result = compare(Scene((A, B)), Scene(seen))
    assert (result.binding, result.missing) == (binding, missing)
    assert result.right == (not binding and not missing)
    assert result.ground and result.extra == 0


def test_a_wrong_ground_or_a_thing_too_many_is_not_right():
    assert compare(A, A).right and not compare(A, Scene((A,), "day")).right
    result = compare(A, Scene((B, A)))
    assert result.hits == (Attributes(True, True, True),) and result.extra == 1 and not result.right


def test_command_prints_the_table(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["shapes", "--clips", "1"])
    main()
    out = capsys.readouterr().out
    assert "right: as drawn" in out and all(spoil.__name__ in out for spoil in spoiled.SPOILED)
    monkeypatch.setattr("sys.argv", ["shapes", "--clips", "0"])
    with pytest.raises(SystemExit) as error:
        main()
    assert error.value.code == 2
