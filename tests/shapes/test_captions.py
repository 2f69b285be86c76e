import itertools
from collections import Counter

import pytest
import torch

from t2v_helpers import shapes
from t2v_helpers.shapes import Attributes, Scene

HEART, STAR = Attributes("red", "heart", "up"), Attributes("blue", "star", "circling")


def draw(count, **kinds):
    generator = torch.Generator().manual_seed(3)
    return [shapes.sample_scene(generator, **kinds) for _ in range(count)]


def test_the_world_is_as_large_as_promised():
    assert len(shapes.COLORS) == 8 and len(shapes.SHAPES) == 5 and len(shapes.MOTIONS) == 8
    assert len(shapes.GROUNDS) == 3
    everything = shapes.captions()
    assert len(everything) == len(set(everything)) == 320


def test_what_is_held_out_of_one_thing_is_a_sixth_and_balanced():
    held_out = shapes.captions(held_out=True)
    assert set(held_out) == shapes.HELD_OUT
    assert 0.15 < len(held_out) / 320 < 0.19
    assert sorted(held_out + shapes.captions(held_out=False)) == sorted(shapes.captions())
    for attribute, names in enumerate((shapes.COLORS, shapes.SHAPES, shapes.MOTIONS)):
        counts = Counter(shapes.parse(text)[attribute] for text in held_out)
        assert set(counts) == set(names) and max(counts.values()) - min(counts.values()) <= 2
    for first, second in itertools.combinations(range(3), 2):  # any two words are trained together
        trained = {(names[first], names[second]) for names in shapes.combinations(held_out=False)}
        assert len(trained) == len({(names[first], names[second]) for names in shapes.COMBINATIONS})


def test_what_is_held_out_of_two_things_is_a_sixth_in_either_order_and_balanced():
    kinds = [Attributes(color, shape, "up") for color in shapes.COLORS for shape in shapes.SHAPES]
    pairs = [(a, b) for a, b in itertools.permutations(kinds, 2) if a.color != b.color]
    held_out = [pair for pair in pairs if shapes.pair_is_held_out(*pair)]
    assert 0.15 < len(held_out) / len(pairs) < 0.19
    assert set(held_out) == {(b, a) for a, b in held_out}
    counts = Counter(a for a, _ in held_out)
    assert set(counts) == set(kinds) and min(counts.values()) >= 5 and max(counts.values()) <= 7
    trained = {(a, b.color) for a, b in pairs if not shapes.pair_is_held_out(a, b)}
    assert trained == {(a, b.color) for a, b in pairs}, "some thing is never trained beside some colour"
    moving = (a._replace(motion="left") for a in held_out[0])
    assert shapes.pair_is_held_out(*moving), "motion matters"


def test_training_never_draws_what_is_held_out_and_measuring_draws_nothing_else():
    for scene in draw(400):
        assert not shapes.is_held_out(scene)
        assert not any(str(thing) in shapes.HELD_OUT for thing in scene.things)
        assert len({thing.color for thing in scene.things}) == len(scene.things)
    assert all(str(scene.things[0]) in shapes.HELD_OUT for scene in draw(50, things=1, held_out=True))
    for scene in draw(50, things=2, held_out=True):
        assert shapes.pair_is_held_out(*scene.things)
        assert not any(str(thing) in shapes.HELD_OUT for thing in scene.things), "a pair of which each half is trained"


def test_draws_are_even_and_repeatable():
    scenes = draw(2000)
    assert scenes[:50] == draw(50)
    for counts in (Counter(scene.ground for scene in scenes), Counter(len(scene.things) for scene in scenes)):
        assert max(counts.values()) < 1.3 * min(counts.values())
    assert {scene.ground for scene in draw(50, grounds=False)} == {None}
    with pytest.raises(ValueError, match="things 3: expected 1, 2 or None"):
        draw(1, things=3)


def test_every_wording_of_one_thing_says_what_it_was_made_of():
    for names in shapes.COMBINATIONS:
        texts = shapes.wordings(names)
        assert len(texts) == len(set(texts)) >= 10
        assert texts[0] == str(names)
        assert {shapes.parse(text) for text in texts} == {names}


def test_every_wording_of_a_scene_says_what_it_was_made_of_in_known_words():
    known, said = set(shapes.words()), set()
    for scene in draw(60):
        texts = shapes.wordings(scene)
        assert texts[0] == str(scene) and len(texts) == len(set(texts)) >= 10
        assert {shapes.read(text) for text in texts} == {scene}
        said.update(word for text in texts for word in text.replace(",", " ").split())
    assert said == known and shapes.words() == sorted(known)
    assert max(len(text.replace(",", " ,").split()) for scene in draw(60) for text in shapes.wordings(scene)) <= 22


def test_a_scene_is_read_whatever_its_wording():
    assert shapes.read("a red heart rising at dusk") == Scene((HEART,), "dusk")
    assert shapes.read("In the evening, the red heart is rising.") == Scene((HEART,), "dusk")
    assert shapes.read("a red heart rising while a blue star moves around") == Scene((HEART, STAR))
    assert str(Scene((HEART, STAR), "night")) == "a red heart moving up and a blue star circling at night"
    assert shapes.read("a red circle moving left") == Scene((shapes.parse("a red circle moving left"),))


@pytest.mark.parametrize(
    "caption, message",
    [
        ("a circle moving left", "names no color, expected one of: red, yellow"),
        ("a red thing moving left", "names no shape, expected one of: circle"),
        ("a red circle", "names no motion"),
        ("a red blue circle moving left", "names 2 colors"),
        ("a red circle moving left moving up", "names 2 motions"),
        ("", "names no color"),
        ("a red star rising and a blue one falling", "names no shape for thing 2"),
        ("a red star rising and a red heart falling", "two red things, expected two different colors"),
        ("a red star rising at dusk by day", "names 2 grounds, expected at most one"),
        ("a red star rising and a blue star falling and a pink star growing", "names 3 things, expected one or two"),
        (None, "None: expected a text, got NoneType"),
    ],
)
def test_a_caption_that_cannot_be_read_is_refused_in_one_line(caption, message):
    with pytest.raises(ValueError, match=message) as error:
        shapes.render(caption, 0)
    assert "\n" not in str(error.value)


def test_parse_is_for_one_thing_on_the_plain_ground():
    with pytest.raises(ValueError, match="names the ground 'dusk', expected one thing on the plain ground"):
        shapes.parse("a red heart rising at dusk")
    with pytest.raises(ValueError, match="names two things, expected one"):
        shapes.parse("a red heart rising and a blue star circling")
