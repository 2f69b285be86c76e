"""The plan that is built on the table of counts, checked by arithmetic; the counts themselves in test_counting.py."""

import hypothesis
import hypothesis.strategies as st
import pytest

from t2v_helpers.models import budget
from t2v_helpers.models.budget import COUNTS, EXACT, PLANS
from t2v_helpers.models.registry import MODELS

# Peak of a ModelScope clip's tensors, GB (python -m t2v_helpers.benchmark, H100, torch 2.11, random weights).
MEASURED = {"full": 5.88, "vae-slicing": 4.43, "model-offload": 3.58, "fp8": 3.04, "layer-offload": 0.74}


def test_needs_of_modelscope_are_what_was_measured():
    need = budget.plan("modelscope").need
    assert set(need) == set(PLANS) and need["full"] < 6e9
    assert {plan: need[plan] / 1e9 for plan in MEASURED} == pytest.approx(MEASURED, rel=0.15)
    assert set(PLANS) - set(MEASURED) == {"int8-text"}, "still to be measured"


@pytest.mark.parametrize("name", COUNTS)
def test_a_denoiser_in_eight_bits_needs_less_and_by_half_of_its_weights(name):
    need = budget.plan(name).need
    assert need["vae-slicing"] - need["fp8"] == pytest.approx(COUNTS[name].parameters[1])


@hypothesis.given(st.floats(0, 2e11), st.floats(0, 2e11), st.sampled_from(sorted(COUNTS)))
def test_more_memory_never_means_a_slower_plan(free, more, name):
    need = budget.needs(budget.weight_bytes(MODELS[name], COUNTS[name]), COUNTS[name])
    took = [EXACT.index(budget.best_plan(memory, need)) for memory in sorted((free, more))]
    assert took == sorted(took, reverse=True)


def test_machines_and_the_table():
    estimate = budget.plan("modelscope")
    took = {card.name: plan for card, plan, _ in estimate.choices}
    assert took["here: no GPU"].startswith("the CPU")
    text = str(estimate)
    assert all(f"  {plan:<15}" in text and about in text for plan, about in PLANS.items())
    assert "9.77 TFLOP a step, 254 a clip" in text and "download 3.67 GB" in text
    assert "  int8-text         3.6GB    4.9GB   as model-offload" in text
    assert max(map(len, text.splitlines())) <= 120


def test_a_download_is_as_large_as_the_hubs_files():
    """The sum of the 19 files that Wan's pipeline needs at the pinned commit, as a public manifest of them lists it."""
    assert budget.plan("wan").download == pytest.approx(28_928_887_859, rel=1e-3)


@pytest.mark.parametrize("name", COUNTS)
def test_what_the_help_says_that_a_model_needs(name):
    estimate = budget.plan(name, cards=())
    least, most = (f(estimate.need.values()) / 1e9 for f in (min, max))
    needs = f"download {estimate.download / 1e9:.1f} GB, GPU memory {least:.1f} to {most:.1f} GB"
    assert MODELS[name].about.endswith(needs)


def test_a_longer_clip_costs_more_and_no_guidance_half():
    one, two = budget.plan("modelscope"), budget.plan("modelscope", num_frames=32)
    assert two.need["layer-offload"] > 1.5 * one.need["layer-offload"] and 2 <= two.flops / one.flops < 2.2
    assert budget.plan("modelscope", guidance=1).step == one.step / 2


@pytest.mark.parametrize(
    ("memory", "ram", "plan", "seconds"),
    [
        (85e9, 128e9, "full", 254.4e12 / 20e12),
        (4.5e9, 16e9, "model-offload", 254.4e12 / 20e12 + 3.67e9 / 6e9),
        (4.3e9, 16e9, "layer-offload", 254.4e12 / 20e12),  # the arithmetic hides the 25 copies, 11.8 s
        (4.3e9, 4e9, "layer-offload; RAM is short", None),
        (1e9, 16e9, "does not fit", None),
    ],
)
def test_what_a_machine_takes_and_how_long(memory, ram, plan, seconds):
    _, took, about = budget.plan(cards=[budget.Card("a card", memory, ram, 100e12)]).choices[0]
    assert took == plan and about == (seconds and pytest.approx(seconds, rel=1e-3))


@pytest.mark.parametrize(("name", "embedding"), [("wan", 256_384), ("cogvideox", 32_128), ("ltx", 32_128)])
def test_a_free_colab_reads_large_text_encoders_in_eight_bits(name, embedding):
    """Its 13.6 GB of RAM are too few for them in sixteen; their embedding of 4096 numbers a word stays in those."""
    estimate = budget.plan(name, dtype="float16")
    took = {card.name: plan for card, plan, _ in estimate.choices}
    assert took["T4 in Colab, 15 GB"] == "int8-text" and took["H100, 80 GB"] == "full"
    text, *others = budget.weight_bytes(MODELS[name], COUNTS[name])
    eight_bits = text / 2 + embedding * 4096
    assert estimate.ram["int8-text"] == pytest.approx(budget.PROGRAM + eight_bits + sum(others), rel=0.005)
    assert estimate.ram["int8-text"] < 13.6e9 < estimate.ram["full"] == budget.PROGRAM + text + sum(others)
    assert estimate.need["int8-text"] >= eight_bits


@pytest.mark.parametrize(
    ("name", "dtype", "ram", "took", "known"),
    [
        ("wan", None, 64e9, "layer-offload, float32", False),  # its text encoder alone has 22.7 GB
        ("wan", None, 12.7e9, "layer-offload, float32; RAM is short", False),  # what load_pipeline refuses to load
        ("wan", "float16", 12.7e9, "int8-text", True),
        ("wan", "float16", 64e9, "model-offload", True),
        ("cogvideox", None, 12.7e9, "int8-text", True),
        ("modelscope", None, 12.7e9, "full", True),
        ("modelscope", "float32", 12.7e9, "full, float32", False),
    ],
)
def test_a_card_without_bfloat16_is_planned_in_what_it_loads(name, dtype, ram, took, known):
    card = budget.Card("as a T4", 15.8e9, ram, 65e12, bfloat16=False)
    _, plan, seconds = budget.plan(name, dtype=dtype, cards=[card]).choices[0]
    assert plan == took and (seconds is not None) == known


def test_float32_takes_twice_the_memory():
    model, counts = MODELS["wan"], COUNTS["wan"]
    half, single = (budget.plan("wan", dtype=dtype) for dtype in ("bfloat16", "float32"))
    assert single.need["model-offload"] == 4 * counts.parameters[0] + budget.WORKSPACE
    text, net, vae = counts.parameters
    assert half.ram["full"] == budget.PROGRAM + 2 * text + 2 * net + 4 * vae, "its autoencoder is in float32 always"
    assert single.ram["full"] == budget.PROGRAM + 4 * text + 4 * net + 4 * vae
    embedding = budget.in_precision(model, counts, "float32").layer  # what is not embedding is a byte a weight
    assert single.ram["int8-text"] == budget.PROGRAM + embedding + (text - embedding / 4) + 4 * net + 4 * vae


def test_a_clip_or_a_model_that_cannot_be_planned():
    with pytest.raises(ValueError, match=r"^dtype 'fp16': expected one of float32, float16, bfloat16$"):
        budget.plan("wan", dtype="fp16")
    with pytest.raises(ValueError, match=r"^num_frames 48: expected 8N"):
        budget.plan("cogvideox", num_frames=48)
    with pytest.raises(ValueError, match=r"^model 'tiny': expected one that was counted: modelscope, "):
        budget.plan("tiny")
