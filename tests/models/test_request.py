import math
import re

import hypothesis
import hypothesis.strategies as st
import pytest

from t2v_helpers import shapes
from t2v_helpers.models import request
from t2v_helpers.training import scale_model


@pytest.fixture(scope="module")
def tokenizer():
    return scale_model.new_tokenizer()


def clip_tokenizer(limit=77):
    import fake_hub
    from transformers import CLIPTokenizer

    vocab, marks = fake_hub.letters()
    return CLIPTokenizer(vocab=vocab, merges=[], model_max_length=limit, **marks)


@pytest.mark.parametrize("name", ["steps", "num_frames", "height", "width"])
@pytest.mark.parametrize("value", [0, -1, 2.5, 10.0, "ten", "10", True, math.nan, [4]])
def test_what_is_no_count_is_refused(name, value):
    with pytest.raises(ValueError, match=f"^{name} .*expected a whole number from 1$") as error:
        request.check_settings(**{name: value})
    assert repr(value) in str(error.value)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, "0", None, False])
def test_seed(seed):
    with pytest.raises(ValueError, match=re.escape(f"seed {seed!r}: expected a whole number from 0 below 2**63")):
        request.check_settings(seed=seed)


@pytest.mark.parametrize("guidance", [-1, -0.1, 0.5, 0.999, math.nan, math.inf, "4", True, 1j])
def test_guidance(guidance):
    with pytest.raises(ValueError, match=re.escape(f"guidance {guidance!r}: expected 0 ")):
        request.check_settings(guidance=guidance)


def test_good_settings_pass():
    request.check_settings(seed=2**63 - 1, steps=1, guidance=0, num_frames=1, height=8, width=8)
    request.check_settings(guidance=1)
    request.check_settings(guidance=9.5)


@pytest.mark.parametrize("prompt", ["", " ", "\n\t", "　"])
def test_blank_prompt(prompt, tokenizer):
    for with_tokenizer in (None, tokenizer):
        with pytest.raises(ValueError, match=r"^the prompt is empty: expected a text, such as '.*'$"):
            request.check_prompt(prompt, with_tokenizer)
    assert request.check_prompt(prompt, tokenizer, blank=True) == ""


@pytest.mark.parametrize("prompt", [",", " ., ..", "."])
def test_prompt_of_marks_alone_is_blank_to_the_scale_model(prompt, tokenizer):
    with pytest.raises(ValueError, match="is empty"):
        request.check_prompt(prompt, tokenizer)


@pytest.mark.parametrize("prompt", [None, 3, ["a red circle"], b"a red circle"])
def test_prompt_that_is_no_text(prompt):
    with pytest.raises(ValueError, match="expected a text, got "):
        request.check_prompt(prompt)


def test_every_wording_passes_unchanged(tokenizer):
    for names in shapes.COMBINATIONS:
        for text in shapes.wordings(names):
            assert request.check_prompt(text, tokenizer) == text


def test_every_unknown_word_is_named_once_with_the_known_ones(tokenizer):
    with pytest.raises(ValueError) as error:
        request.check_prompt("A flying red dragon, flying Ünder a circle's edge.", tokenizer)
    said, known = str(error.value).split("; it knows ")
    assert re.findall(r"'([^ ]*)'|\"([^ ]*)\"", said) == [
        ("flying", ""),
        ("dragon", ""),
        ("ünder", ""),
        ("", "circle's"),
        ("edge", ""),
    ]
    assert known.split(", ") == sorted({w for t in shapes.captions() for w in t.split()} | set(known.split(", ")))
    assert {"red", "circle", "moving", "disc"} <= set(known.split(", ")) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "prompt", ["A RED  circle\n moving left.", "a red circle moving left!", " a red circle moving left, "]
)
def test_case_space_and_closing_marks_do_not_matter(prompt, tokenizer):
    assert request.check_prompt(prompt, tokenizer) == "a red circle moving left"


def test_prompt_over_the_scale_models_limit_names_what_would_be_cut(tokenizer):
    room = tokenizer.model_max_length - 2
    fits = " ".join(["red"] * (room - 1) + ["circle"])
    assert request.check_prompt(fits, tokenizer) == fits
    with pytest.raises(ValueError, match=f"limit of {room} tokens: 'moving left' would be cut"):
        request.check_prompt(fits + " moving left", tokenizer)


@hypothesis.given(st.text(alphabet="aB .,!?\n\té", max_size=30))
def test_plain_text_is_plain(prompt):
    text = request.plain(prompt)
    assert request.plain(text) == text == text.lower()
    assert not re.search(r"  |^[ ,]|[ ,]$|[^,] ,|,,|[.!?]( |,|$)", text)
    assert re.sub(r"[\s,.!?]", "", text) == re.sub(r"[\s,.!?]", "", prompt.lower())


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(st.text(alphabet="abcd", min_size=1, max_size=9), min_size=1, max_size=40))
def test_cut_names_whole_words_and_no_more(words):
    # this tokenizer makes a token of each letter: with a limit of 20, 18 letters are read
    prompt, beyond = " ".join(words), request.cut(" ".join(words), clip_tokenizer(limit=20))
    kept = words[: len(words) - len(beyond.split())]
    assert beyond == " ".join(words[len(kept) :])
    letters = len("".join(words))
    assert bool(beyond) == (letters > 18) and len("".join(kept)) <= 18
    assert not beyond or len("".join(kept)) + len(beyond.split()[0]) > 18
    assert prompt.endswith(beyond)


def test_a_cut_prompt_is_a_warning_to_other_models():
    with pytest.warns(UserWarning, match=r"^the prompt is cut at 77 tokens; lost or cut: 'umbrella in the rain'$"):
        text = request.check_prompt("a" + "y" * 70 + " umbrella in the rain", clip_tokenizer())
    assert text.endswith("rain")


@pytest.mark.parametrize(
    "prompt",
    [
        "a panda eating bamboo on a rock",
        "Spiderman is surfing",
        "the die is cast",
        "a van parked in Los Angeles",
        "a café on the Champs-Élysées",
        "UN headquarters in flames",
        "red circle",
        "12345",
        "a video of the letter π on a blackboard",
        "a man 🎸",
    ],
)
def test_english_passes(prompt):
    assert request.looks_english(prompt)
    assert request.check_prompt(prompt, clip_tokenizer()) == prompt


@pytest.mark.parametrize(
    "prompt",
    [
        "一只熊猫在吃竹子",
        "Панда ест бамбук",
        "パンダが竹を食べる",
        "باندا يأكل الخيزران",
        "ein Hund läuft durch das Gras",
        "un panda mange du bambou sur un rocher",
        "un gato en la playa con el sol",
        "il gatto che dorme",
        "um gato na praia",
        "een hond op het strand",
    ],
)
def test_other_languages_are_a_warning(prompt):
    with pytest.warns(UserWarning, match="does not look English"):
        assert request.check_prompt(prompt, clip_tokenizer(limit=400)) == prompt


def test_what_the_guess_cannot_tell():
    """The limits that the docstring states: no small words, an unlisted language."""
    assert request.looks_english("Hund rennt") and request.looks_english("kissa syö kalaa")
