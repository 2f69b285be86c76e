"""The table of budget.py is counted again on the meta device, and counting itself is checked by hand."""

import pytest
import torch

from t2v_helpers.models import counting
from t2v_helpers.models.budget import COUNTS
from t2v_helpers.models.registry import MODELS

ROUNDED = {"abs": 0.005001e9}  # the table's memory, to 0.01 GB


@pytest.fixture(scope="module")
def skeleton():
    return counting.skeleton()


def test_modelscopes_counts(skeleton):
    counts, model = COUNTS["modelscope"], MODELS["modelscope"]
    published = (340_387_840, 1_411_233_860, 83_653_863)  # the published safetensors' shapes, summed
    assert counts.parameters == tuple(part.num_parameters() for part in skeleton.values()) == published
    assert {p.device.type for part in skeleton.values() for p in part.parameters()} == {"meta"}, "nothing is allocated"
    calls = counting.calls("modelscope", skeleton, model.num_frames, *model.size)
    text, net, vae = (counting.profile(calls[part], *skeleton.values()) for part in ("text_encoder", "denoiser", "vae"))
    found = [net.peak, vae.peak]
    assert text.peak < 0.005e9 and found == [pytest.approx(n, **ROUNDED) for n in (counts.denoiser, counts.decoder)]
    assert net.flops == pytest.approx(counts.step, rel=1e-3)
    assert net.attention == pytest.approx(counts.attention, rel=1e-2)
    assert text.flops + vae.flops == pytest.approx(counts.once, rel=1e-2)
    skeleton["vae"].enable_slicing()
    sliced = counting.profile(calls["vae"], *skeleton.values()).peak
    skeleton["vae"].disable_slicing()
    layers = [m for part in skeleton.values() for m in part.modules()]
    largest = max(sum(p.nbytes for p in m.parameters(recurse=False)) for m in layers)
    assert [sliced, largest] == [pytest.approx(n, **ROUNDED) for n in (counts.decoder_saved, counts.layer)]


def test_what_is_counted_grows_as_the_plan_says(skeleton):
    """With frames times pixels, within a few per cent."""
    for frames, width, height in ((24, 256, 256), (16, 512, 256)):
        call = counting.calls("modelscope", skeleton, frames, width, height)["denoiser"]
        share = frames * width * height / (16 * 256 * 256)
        peak = counting.profile(call, *skeleton.values()).peak
        assert peak == pytest.approx(share * COUNTS["modelscope"].denoiser, rel=0.05)


@pytest.mark.parametrize("name", ["wan", "cogvideox", "ltx"])
def test_the_newer_models_counts(name):
    parts, model, counts = counting.skeleton(name), MODELS[name], COUNTS[name]
    assert counts.parameters == tuple(part.num_parameters() for part in parts.values())
    calls = counting.calls(name, parts, model.num_frames, *model.size)
    net = counting.profile(calls["denoiser"], *parts.values())
    halves = 2 if name == "wan" else 1  # of the guidance, one after the other
    assert net.peak == pytest.approx(counts.denoiser, **ROUNDED)
    assert halves * net.flops == pytest.approx(counts.step, rel=1e-3)


def test_a_count_by_hand():
    layers = torch.nn.Sequential(
        torch.nn.Linear(3, 5, device="meta"), torch.nn.ReLU(), torch.nn.Linear(5, 2, device="meta")
    )
    run = counting.profile(lambda: layers(torch.empty(7, 3, device="meta")), layers)
    assert run.flops == 2 * 7 * (3 * 5 + 5 * 2) and run.attention == 0
    assert run.peak == 4 * 7 * (3 + 5 + 5), "the input, and both sides of the ReLU"


def test_fused_attention_is_counted_without_its_matrix():
    q = torch.empty(2, 4, 100, 8, device="meta")
    run = counting.profile(lambda: torch.nn.functional.scaled_dot_product_attention(q, q, q))
    assert run.attention == run.flops == 4 * 2 * 4 * 100 * 100 * 8 and run.peak == q.nbytes
