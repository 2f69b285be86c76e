"""The probes look and do not touch; what they report is attention by its definition."""

import copy

import pytest
import torch

from t2v_helpers.models import probes
from t2v_helpers.training import scale_model, wan


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def unet():
    torch.manual_seed(0)
    unet = scale_model.new_unet().eval()
    for name, p in unet.named_parameters():
        if "temp" in name or "transformer_in" in name:
            torch.nn.init.normal_(p, std=0.2)  # it starts with time switched off
    return unet


@pytest.fixture(scope="module")
def given():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 8, 3, 8, 16, generator=generator), 500, torch.randn(2, 24, 64, generator=generator)


def test_recording_does_not_change_the_result_and_ends_with_the_block(unet, given):
    before = unet(*given).sample
    with probes.record_attention(unet) as maps:
        during = unet(*given).sample
        unet(sample=given[0], timestep=10, encoder_hidden_states=given[2])
    assert torch.equal(before, during) and {len(calls) for calls in maps.values()} == {2}
    unet(*given)
    assert {len(calls) for calls in maps.values()} == {2}, "recorded after the block"


def test_maps_have_the_form_of_the_film_and_sum_to_one(unet, given):
    with probes.record_attention(unet) as maps:
        unet(*given)
    shapes = {name.split(".attentions")[0]: tuple(calls[0].shape) for name, calls in maps.items()}
    assert len(maps) == 7 and shapes["down_blocks.1"] == (2, 3, 4, 8, 24) and shapes["mid_block"] == (2, 3, 2, 4, 24)
    for calls in maps.values():
        torch.testing.assert_close(calls[0].sum(-1), torch.ones(calls[0].shape[:-1]))


def test_maps_are_attention_by_its_definition(unet, given):
    """softmax(Q K^T / sqrt(d)), head by head, with slices and a loop, beside what diffusers computes."""
    name = "up_blocks.1.attentions.0.transformer_blocks.0.attn2"
    attention, seen = unet.get_submodule(name), {}
    hook = attention.register_forward_pre_hook(lambda m, a, k: seen.update(h=a[0], **k), with_kwargs=True)
    with probes.record_attention(unet) as maps:
        unet(*given)
    hook.remove()
    frame, place, total = 4, 9, torch.zeros(24)  # of 2 clips of 3 frames: the second clip's second frame
    q = seen["h"][frame, place] @ attention.to_q.weight.T
    k = seen["encoder_hidden_states"][frame] @ attention.to_k.weight.T
    for head in range(attention.heads):
        own = slice(8 * head, 8 * head + 8)
        total += torch.exp(k[:, own] @ q[own] / 8**0.5) / torch.exp(k[:, own] @ q[own] / 8**0.5).sum()
    torch.testing.assert_close(maps[name][0][1, 1, 1, 1], total / attention.heads, rtol=1e-4, atol=1e-6)


def test_a_layer_reads_another_prompt_alone_or_with_all_others(unet, given):
    x, t, (empty, prompt) = given
    other = torch.randn(1, 24, 64, generator=torch.Generator().manual_seed(2))
    with probes.record_attention(unet) as maps:
        unet(*given)
    layers, texts = list(maps), [torch.stack([empty, text]) for text in (prompt, other[0])]
    before, after = (unet(x, t, text).sample for text in texts)
    with probes.read_instead(unet, layers[:1], other):
        one = unet(x, t, texts[0]).sample
    with probes.read_instead(unet, layers, other):
        every = unet(x, t, texts[0]).sample
    torch.testing.assert_close(every, after)
    assert torch.equal(one[0], before[0]) and min((one[1] - ref[1]).abs().max() for ref in (before, after)) > 1e-4
    assert torch.equal(unet(x, t, texts[0]).sample, before), "still on after the block"


def test_without_time_each_frame_is_alone(unet, given):
    x, t, context = given
    whole = unet(x, t, context).sample
    with probes.without_time(unet):
        alone = unet(x, t, context).sample
        frames = [unet(x[:, :, f : f + 1], t, context).sample for f in range(3)]
    torch.testing.assert_close(alone, torch.cat(frames, 2), rtol=0, atol=1e-5)
    assert (whole - alone).abs().max() > 0.01
    assert torch.equal(unet(x, t, context).sample, whole), "still off after the block"


@pytest.fixture(scope="module")
def transformer():
    torch.manual_seed(0)
    return wan.new_transformer().eval()


@pytest.fixture(scope="module")
def seen_by(transformer):
    generator = torch.Generator().manual_seed(1)
    shape = 2, 16, 3, 4, 8
    return torch.randn(shape, generator=generator), torch.tensor([500.0, 20.0]), torch.randn(2, 24, 64)


def test_tokens_look_at_all_others_and_at_the_text(transformer, seen_by):
    before = transformer(*seen_by).sample
    with probes.record_token_attention(transformer) as maps:
        during = transformer(*seen_by).sample
        transformer(hidden_states=seen_by[0], timestep=seen_by[1], encoder_hidden_states=seen_by[2])
    transformer(*seen_by)
    assert torch.equal(before, during) and {len(calls) for calls in maps.values()} == {2}
    assert [*maps] == [f"blocks.{i}.attn{k}" for i in range(6) for k in (1, 2)]
    own, text = (maps[f"blocks.3.attn{k}"][0] for k in (1, 2))
    assert own.shape == (2, 3, 2, 4, 3, 2, 4) and text.shape == (2, 3, 2, 4, 24)
    torch.testing.assert_close(own.sum((4, 5, 6)), torch.ones(2, 3, 2, 4))
    torch.testing.assert_close(text.sum(-1), torch.ones(2, 3, 2, 4))


class OneHot(torch.nn.Module):
    """As values: which of 24 things each of them is, once for each of 6 heads."""

    def forward(self, x):
        return torch.eye(24).repeat(1, 6).expand(len(x), -1, -1)


@pytest.mark.parametrize("name", ["blocks.2.attn1", "blocks.2.attn2"])
def test_token_attention_is_what_the_layer_mixes_by(transformer, seen_by, name):
    """With one-hot values, what a layer gives before its last projection is its attention; 24 tokens, 24 words."""
    layer, given = transformer.get_submodule(name), {}
    hook = layer.register_forward_pre_hook(lambda module, args: given.update(args=args))
    with probes.record_token_attention(transformer) as maps:
        transformer(*seen_by)
    hook.remove()
    layer = copy.deepcopy(layer)
    layer.to_v, layer.to_out = OneHot(), torch.nn.ModuleList([torch.nn.Identity()] * 2)
    mixed = layer(*given["args"]).unflatten(2, (6, 24)).mean(2)
    torch.testing.assert_close(maps[name][0].reshape(2, 24, 24), mixed)
