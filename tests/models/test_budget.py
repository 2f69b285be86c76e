"""The table of counts is counted again on the meta device; the plan that is built on it is checked by arithmetic."""

import hypothesis
import hypothesis.strategies as st
import pytest
import torch

from t2v_helpers.models import budget, counting, modelscope
from t2v_helpers.models.budget import CARD, COUNTS, EIGHT, EXACT, LAYER, ONCE, PART, PLANS
from t2v_helpers.models.registry import MODELS


@pytest.fixture(scope="module")
def skeleton():
    return {part: module.half().eval() for part, module in modelscope.skeleton().items()}


def test_modelscopes_counts(skeleton):
    counts, model = COUNTS["modelscope"], MODELS["modelscope"]
    assert counts.parameters == tuple(modelscope.count_parameters(skeleton[p]) for p in ("text_encoder", "unet", "vae"))
    calls = counting.calls("modelscope", skeleton, model.num_frames, *model.size)
    text, net, vae = (counting.cost(calls[part], *skeleton.values()) for part in ("text_encoder", "denoiser", "vae"))
    assert (text.peak, net.peak, vae.peak) == (counts.text, counts.denoiser, counts.decoder)
    assert net.flops == pytest.approx(counts.step, rel=1e-3) and net.attention == pytest.approx(
        counts.attention, rel=1e-2
    )
    assert text.flops + vae.flops == pytest.approx(counts.once, rel=1e-2)
    skeleton["vae"].enable_slicing()
    assert counting.cost(calls["vae"], *skeleton.values()).peak == counts.decoder_saved
    skeleton["vae"].disable_slicing()
    layers = [m for part in skeleton.values() for m in part.modules()]
    assert counts.layer == max(sum(p.nbytes for p in m.parameters(recurse=False)) for m in layers)


def test_modelscopes_weights_in_eight_bits():
    net = modelscope.skeleton()["unet"].half()
    net.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=torch.float16)
    assert COUNTS["modelscope"].eight_bits == sum(p.nbytes for p in net.parameters())


def test_what_is_counted_grows_as_the_plan_says(skeleton):
    """With frames times pixels, within a few per cent."""
    counts = COUNTS["modelscope"]
    for frames, width, height in ((24, 256, 256), (16, 512, 256)):
        call = counting.calls("modelscope", skeleton, frames, width, height)["denoiser"]
        share = frames * width * height / (16 * 256 * 256)
        assert counting.cost(call, *skeleton.values()).peak == pytest.approx(share * counts.denoiser, rel=0.05)


@pytest.mark.parametrize("name", ["wan", "cogvideox", "ltx"])
def test_the_newer_models_counts(name):
    parts, model, counts = counting.skeleton(name), MODELS[name], COUNTS[name]
    assert counts.parameters == tuple(map(modelscope.count_parameters, (parts[p] for p in sorted(parts))))
    calls = counting.calls(name, parts, model.num_frames, *model.size)
    net = counting.cost(calls["denoiser"], *parts.values())
    halves = 2 if name == "wan" else 1  # of the guidance, one after the other
    assert net.peak == counts.denoiser and halves * net.flops == pytest.approx(counts.step, rel=1e-3)


def test_a_count_by_hand():
    layers = torch.nn.Sequential(
        torch.nn.Linear(3, 5, device="meta"), torch.nn.ReLU(), torch.nn.Linear(5, 2, device="meta")
    )
    cost = counting.cost(lambda: layers(torch.empty(7, 3, device="meta")), layers)
    assert cost.flops == 2 * 7 * (3 * 5 + 5 * 2) and cost.attention == 0
    assert cost.peak == 4 * 7 * (3 + 5 + 5), "the input, and both sides of the ReLU"


def test_fused_attention_is_counted_without_its_matrix():
    q = torch.empty(2, 4, 100, 8, device="meta")
    cost = counting.cost(lambda: torch.nn.functional.scaled_dot_product_attention(q, q, q))
    assert cost.attention == cost.flops == 4 * 2 * 4 * 100 * 100 * 8 and cost.peak == q.nbytes


def test_needs_of_modelscope_by_hand():
    need = budget.plan("modelscope").need
    text, net, vae = (2 * n for n in COUNTS["modelscope"].parameters)
    by_hand = {
        ONCE: text + net + vae + 1_610_874_880,
        CARD: text + net + vae + 697_767_176,
        PART: net + 697_767_176,
        EIGHT: text + 1_413_749_572 + vae + 697_767_176 + 101_187_584,
        LAYER: 697_767_176 + 2 * 101_187_584,
    }
    assert need == {plan: peak + budget.WORKSPACE for plan, peak in by_hand.items()} and len(need) == len(PLANS) == 5
    assert need[ONCE] < 6e9 and need[LAYER] < 3.5e9


@hypothesis.given(st.floats(0, 2e11), st.floats(0, 2e11), st.sampled_from(sorted(COUNTS)))
def test_more_memory_never_means_a_slower_plan(free, more, name):
    need = budget.needs(budget.part_bytes(MODELS[name], COUNTS[name]), COUNTS[name])
    took = [EXACT.index(budget.choose(memory, need)) for memory in sorted((free, more))]
    assert took == sorted(took, reverse=True)


def test_machines_and_the_table():
    estimate = budget.plan("modelscope")
    took = {card.name: plan for card, plan, _ in estimate.choices}
    assert took["T4 in Colab, 15 GB"] == took["a card of 6 GB"] == ONCE and took["a card of 4 GB"] == LAYER
    assert took["here: no GPU"].startswith("the CPU")
    text = str(estimate)
    assert all(f"  {plan:<30}" in text for plan in PLANS) and "9.77 TFLOP a step, 254 a clip" in text
    assert "download 3.67 GB" in text and max(map(len, text.splitlines())) <= 120


def test_a_longer_clip_costs_more_and_no_guidance_half():
    one, two = budget.plan("modelscope"), budget.plan("modelscope", num_frames=32)
    assert two.need[LAYER] > 1.5 * one.need[LAYER] and 2 <= two.flops / one.flops < 2.2
    assert budget.plan("modelscope", guidance=1).step == one.step / 2


def test_a_clip_or_a_model_that_cannot_be_planned():
    with pytest.raises(ValueError, match=r"^num_frames 48: expected 8N"):
        budget.plan("cogvideox", num_frames=48)
    with pytest.raises(ValueError, match=r"^model 'tiny': expected one that was counted: modelscope, "):
        budget.plan("tiny")


def test_what_the_cache_holds_is_counted(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    blobs = tmp_path / "models--ali-vilab--text-to-video-ms-1.7b" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / "abc").write_bytes(b"x" * 1000)
    (blobs / "def.part").write_bytes(b"x" * 500)
    assert budget.plan("modelscope").cached == 1500
