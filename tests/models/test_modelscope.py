import pytest

from t2v_helpers.models import modelscope


@pytest.fixture(scope="module")
def skeleton():
    return modelscope.skeleton()


@pytest.mark.parametrize(
    "part, count", [("text_encoder", 340_387_840), ("unet", 1_411_233_860), ("vae", 83_653_863)]
)  # the published safetensors' shapes, summed
def test_counts_of_the_full_model(skeleton, part, count):
    assert modelscope.count_parameters(skeleton[part]) == count


def test_nothing_is_allocated(skeleton):
    assert {p.device.type for part in skeleton.values() for p in part.parameters()} == {"meta"}


def test_half_precision_weights_are_the_download_that_is_stated(skeleton):
    weights = sum(modelscope.count_parameters(part) for part in skeleton.values())
    assert 2 * weights / 1e9 == pytest.approx(3.67, abs=0.01)


def test_temporal_layers_are_a_bit_over_half_a_billion(skeleton):
    names = ("temp_convs", "temp_attentions", "transformer_in")
    temporal = sum(p.numel() for n, p in skeleton["unet"].named_parameters() if any(word in n for word in names))
    assert temporal / 1e9 == pytest.approx(0.54, abs=0.02)
