"""What a request refuses, and what a tokenizer's reader does with a prompt."""

import math
import re

import fake_hub
import hypothesis
import hypothesis.strategies as st
import pytest
from transformers import CLIPTokenizer

from t2v_helpers import shapes
from t2v_helpers.models import Model, Request, check_prompt, looks_english, request
from t2v_helpers.training import scale_model

ENGLISH = """a panda eating bamboo on a rock|Spiderman is surfing|the die is cast|a van parked in Los Angeles|
red circle|a café on the Champs-Élysées|UN headquarters in flames|12345|
a video of the letter π on a blackboard|a man 🎸|Hund rennt|kissa syö kalaa"""  # the last two are not seen
OTHER = """一只熊猫在吃竹子|Панда ест бамбук|パンダが竹を食べる|باندا يأكل الخيزران|ein Hund läuft durch das Gras|
un panda mange du bambou sur un rocher|un gato en la playa con el sol|il gatto che dorme|um gato na praia|
een hond op het strand"""


@pytest.fixture(scope="module")
def tokenizer():
    return scale_model.new_tokenizer()


def clip_tokenizer(limit=77):
    vocab, marks = fake_hub.letters()
    return CLIPTokenizer(vocab=vocab, merges=[], model_max_length=limit, **marks)


COUNT = [0, -1, 2.5, 10.0, "ten", "10", True, math.nan, [4]]
REFUSED = dict.fromkeys(["steps", "num_frames", "height", "width"], (COUNT, "a whole number from 1")) | {
    "seed": ([-1, 2**63, 1.0, "0", None, False], "a whole number from 0 below 2**63"),
    "guidance": ([-1, -0.1, 0.5, 0.999, math.nan, math.inf, "4", True, 1j], "0 (the prompt is not used), 1 (not gui"),
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, (values, _) in REFUSED.items() for value in values]
)
def test_a_setting_that_no_model_can_use(name, value):
    with pytest.raises(ValueError, match=re.escape(f"{name} {value!r}: expected {REFUSED[name][1]}")):
        Request("a dog", **{name: value})


def test_good_settings_pass():
    for guidance in (0, 1, 9.5):
        Request("a dog", " ", 2**63 - 1, steps=1, guidance=guidance, num_frames=1, height=8, width=8)


@pytest.mark.parametrize("prompt", ["", " ", "\n\t", "　"])
def test_blank_prompt(prompt, tokenizer):
    for with_tokenizer in (None, tokenizer):
        with pytest.raises(ValueError, match=r"^the prompt is empty: expected a text, such as '.*'$"):
            check_prompt(prompt, with_tokenizer)
    assert check_prompt(prompt, tokenizer, negative=True) == ("", [])
    with pytest.raises(ValueError, match="is empty"):
        check_prompt(f" {prompt}., ..", tokenizer)  # marks alone are blank to the scale model


@pytest.mark.parametrize("half", ["\udcff", "\ud83d", "\udfff"])
def test_half_a_character_is_refused_at_the_door(half):
    for arguments in [(f"a red {half}circle",), ("a red circle", f"blue {half}")]:
        with pytest.raises(
            ValueError, match=r"^the (negative )?prompt holds (the byte 0xff|half a character), "
        ) as error:
            Request(*arguments)
        assert str(error.value).isprintable()


@pytest.mark.parametrize("text", [None, 3, ["a red circle"], b"a red circle"])
def test_what_is_no_text(text):
    with pytest.raises(ValueError, match=r"^prompt .*: expected a text, got "):
        Request(text)
    if text is not None:
        with pytest.raises(ValueError, match=r"^negative prompt .*: expected a text, got "):
            Request("a dog", text)


def test_every_wording_passes_unchanged(tokenizer):
    for names in shapes.COMBINATIONS:
        for text in shapes.wordings(names):
            assert check_prompt(text, tokenizer) == (text, [])


def test_every_unknown_word_is_named_once_with_the_known_ones(tokenizer):
    with pytest.raises(ValueError) as error:
        check_prompt("A flying red dragon, flying Ünder a circle's edge.", tokenizer)
    said, known = str(error.value).split("; it knows ")
    assert said.startswith("the prompt says 'flying', 'dragon', 'ünder', \"circle's\", 'edge', which the scale model")
    assert known.split(", ") == sorted({w for t in shapes.captions() for w in t.split()} | set(known.split(", ")))
    assert {"red", "circle", "moving", "disc"} <= set(known.split(", ")) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "prompt", ["A RED  circle\n moving left.", "a red circle moving left!", " a red circle moving left, "]
)
def test_case_space_and_closing_marks_do_not_matter(prompt, tokenizer):
    assert check_prompt(prompt, tokenizer) == ("a red circle moving left", [])


def test_prompt_over_the_scale_models_limit_names_what_would_be_cut(tokenizer):
    room = tokenizer.model_max_length - 2
    fits = " ".join(["red"] * (room - 1) + ["circle"])
    assert check_prompt(fits, tokenizer) == (fits, [])
    with pytest.raises(ValueError, match=f"^the negative prompt .* limit of {room} tokens: 'moving left' would be cut"):
        check_prompt(fits + " moving left", tokenizer, negative=True)


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
    beyond = request.cut(" ".join(words), clip_tokenizer(), 20)
    kept = words[: len(words) - len(beyond.split())]
    assert beyond == " ".join(words[len(kept) :])
    letters = len("".join(words))
    assert bool(beyond) == (letters > 18) and len("".join(kept)) <= 18
    assert not beyond or len("".join(kept)) + len(beyond.split()[0]) > 18


def test_a_cut_prompt_is_a_warning_to_other_models():
    prompt = "a" + "y" * 70 + " umbrella in the rain"
    cut = "the prompt is cut at 77 tokens; lost or cut: 'umbrella in the rain'"
    assert check_prompt(prompt, clip_tokenizer()) == (prompt, [cut])
    _, (note,) = check_prompt("one two", clip_tokenizer(), Model("", tokens=6))
    assert note == "the prompt is cut at 6 tokens; lost or cut: 'two'"


@pytest.mark.parametrize("prompt", ENGLISH.replace("\n", "").split("|"))
def test_english_passes(prompt):
    assert looks_english(prompt) and check_prompt(prompt, clip_tokenizer()) == (prompt, [])


@pytest.mark.parametrize("prompt", OTHER.replace("\n", "").split("|"))
def test_other_languages_are_a_warning(prompt):
    said = "the prompt does not look English, and this model was trained on English only"
    assert check_prompt(prompt, clip_tokenizer(limit=400)) == (prompt, [said])
    assert check_prompt(prompt, clip_tokenizer(limit=400), Model("", english=False)) == (prompt, [])
