import base64
import types

import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor
from torch.utils.flop_counter import FlopCounterMode

from t2v_helpers import figures, plots
from t2v_helpers.figures import explorers
from t2v_helpers.models import modelscope
from t2v_helpers.training import costs, scale_model


def meta(*args, **kwargs):
    with torch.device("meta"):
        return costs.make_unet(*args, **kwargs)


def test_the_full_width_is_modelscopes_and_the_base_width_the_scale_models():
    assert meta(320).config.block_out_channels == modelscope.UNET["block_out_channels"]
    assert sum(p.numel() for p in meta(320).parameters()) == 1_411_233_860
    same = [(n, p.shape) for n, p in meta(48, like="tiny", sample_size=8, channels=8).named_parameters()]
    assert same == [(n, p.shape) for n, p in scale_model.new_unet().named_parameters()]


def test_modelscopes_step_is_the_published_number():
    cost = costs.count(meta(320), frames=16, size=32)
    assert 2 * cost.flops / 1e12 == pytest.approx(9.77, abs=0.01)  # two passes, with guidance


def test_counts_are_those_of_a_real_run(monkeypatch):
    unet, counter = costs.make_unet(16, like="tiny", sample_size=4), FlopCounterMode(display=False)
    kept = {}

    def keep(tensor):
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    weights = {p.untyped_storage().data_ptr() for p in unet.parameters()}
    inputs = torch.randn(2, 4, 3, 4, 4), torch.zeros(2), torch.randn(2, costs.TOKENS, 64)
    attention, sums = torch.nn.functional.scaled_dot_product_attention, []

    def fused(query, *others, **settings):  # the CPU has a fused kernel, too; it keeps a sum for each row as well
        sums.append(4 * query.shape[:3].numel())
        return attention(query, *others, **settings)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", fused)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = unet(*inputs).sample
    kept_sums = sum(sums)
    unet.set_attn_processor(AttnProcessor())  # whose plain products the counter knows
    with counter:
        unet(*inputs)
    counted = costs.count(meta(16, like="tiny", sample_size=4), frames=3, size=4, batch=2)
    assert counted.flops == pytest.approx(counter.get_total_flops(), rel=0.01)
    real = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    assert counted.activation_bytes == real - kept_sums < real and out.requires_grad
    assert counted.parameters == sum(p.numel() for p in unet.parameters())


def test_two_clips_keep_twice_what_one_keeps():
    unet = meta(32, like="tiny", sample_size=4)
    one, two = costs.count(unet, frames=4, size=4), costs.count(unet, frames=4, size=4, batch=2)
    assert two.activation_bytes == 2 * one.activation_bytes
    assert two.recomputed_bytes == 2 * one.recomputed_bytes


class Exponentials(torch.nn.Module):
    """Three blocks that keep two results each, after a product that keeps its input: all of one size."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))
        make = type("Block", (torch.nn.Module,), {"forward": lambda self, x: x.exp().exp()})
        self.down_blocks, self.mid_block, self.up_blocks = torch.nn.ModuleList([make()]), make(), [make()]
        self.config, self.device = types.SimpleNamespace(in_channels=4, cross_attention_dim=8), torch.device("cpu")

    def forward(self, x, *_):
        return self.up_blocks[0](self.mid_block(self.down_blocks[0](x * self.weight)))


def test_what_recomputation_keeps():
    size, cost = 4 * 4 * 2 * 3 * 3, costs.count(Exponentials(), frames=2, size=3)
    assert cost.activation_bytes == (1 + 3 * 2) * size
    assert cost.recomputed_bytes == (1 + 3 + 2) * size  # the product's input, the blocks' inputs, one block


@pytest.mark.parametrize(
    "width, like, says",
    [(8, "modelscope", "width = 8, .* 32"), (32, "tiny", "width = 32, .* 8"), (32, "wan", "like = 'wan'")],
)
def test_widths_that_cannot_be(width, like, says):
    with pytest.raises(ValueError, match=says):
        meta(width, like=like)


LINES = [{"step": s, "loss": 1 / s, "seconds": 60.0, "adherence": s / 40, "held_out": s / 50} for s in (10, 20, 30)]


def test_watch_says_the_last_line_and_draws_another_picture():
    watch = figures.Watch("the <b>UNet</b>")
    assert watch.words.value == "not started" and repr(watch).startswith("[training of")
    watch(LINES[:1])
    first = watch.picture.value
    watch(LINES)
    assert watch.words.value == "step 30: loss 0.0333, adherence 0.75, held_out 0.60"
    assert watch.picture.value != first and bytes(first).startswith(b"\x89PNG")
    assert "<b>UNet" not in watch.children[0].value


def test_a_notebook_keeps_the_last_picture_of_a_watch(monkeypatch):
    watch, kept = figures.Watch("the UNet"), []
    shown = types.SimpleNamespace(update=lambda bundle, raw: kept.append(bundle["image/png"]))
    monkeypatch.setattr(explorers, "display", lambda bundle, raw, display_id: shown)
    watch._ipython_display_()
    watch(LINES[:1])
    watch(LINES)
    assert len({*kept}) == 2 and base64.b64decode(kept[-1]) == watch.picture.value


def test_history_draws_each_stage_over_its_own_minutes():
    plt = plots.pyplot()
    figures.history({"image": LINES, "clips": LINES}, chance=0.04)
    first, last = plt.gcf().axes
    assert [list(line.get_xdata()) for line in first.lines] == [[1, 2, 3]] * 2 and first.get_title() == "image"
    assert list(last.lines[1].get_xdata()) == [1, 2, 3] and list(last.lines[2].get_ydata()) == [0.04, 0.04]
    named = [text.get_text() for text in plt.gcf().legends[0].texts]
    assert named == ["adherence", "held out", "guessing (clips)"]
    plt.close("all")
