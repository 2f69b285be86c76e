"""Models found in the hub's cache, and downloads from a hub on loopback, in processes of their own for HF_ENDPOINT."""

import fake_hub
import pytest

from t2v_helpers.models import hub
from t2v_helpers.models.registry import Model

UNET = "unet/diffusion_pytorch_model.fp16.safetensors"


def test_half_precision_safetensors_and_no_more_are_fetched_once(locate, served, tmp_path, repository):
    line, out = locate()
    folder = tmp_path / "models--ali-vilab--text-to-video-ms-1.7b" / "snapshots" / fake_hub.REVISION
    assert line == f"folder {folder}"
    took = {name for name in repository if name.endswith((".json", ".txt")) or ".fp16.safetensors" in name}
    assert set(served.served) == took and not any(name.endswith(".bin") for name in served.served)
    assert all(served.served[name] == len(repository[name]) for name in took), "each once"
    assert all((folder / name).read_bytes() == repository[name] for name in took)
    assert f"downloading {fake_hub.REPO}: 0.00 GB into {tmp_path}" in out
    assert not list(tmp_path.rglob("*.part*")), "nothing is left beside the blobs"
    assert locate(revision=None)[0] == line, "main, at the same commit, is remembered from then on"
    served.down = True
    assert locate()[0] == locate(revision=None)[0] == line, "the cache is enough from then on"


def test_an_interrupted_download_goes_on_where_it_stopped(locate, served, repository, tmp_path):
    served.drop = {UNET: 300_000}
    line, _ = locate()
    assert (
        line.startswith("ConnectionError ") and "what was downloaded is kept" in line and "the hub answers 503" in line
    )
    (part,) = tmp_path.rglob("*.part")
    came = part.stat().st_size
    assert 0 < came <= 300_000 < len(repository[UNET])
    served.down = False
    before = served.served[UNET]
    assert locate()[0].startswith("folder ")
    assert served.ranges == [(UNET, came)]
    assert served.served[UNET] - before == len(repository[UNET]) - came, "what came is not sent again"
    assert all(served.served[n] == len(repository[n]) for n in served.served if n != UNET), "nor another file"


def test_a_connection_that_drops_is_taken_up_again_at_once(locate, served, repository):
    served.cut = {UNET: len(repository[UNET]) // 2}
    assert locate()[0].startswith("folder ")
    ((name, start),) = served.ranges
    assert name == UNET and 0 < start <= len(repository[UNET]) // 2


# The hub's cache. `cache` has ModelScope's layout at its pinned commit; HF_HUB_OFFLINE is set for all tests.
PINNED = Model(fake_hub.REPO, fake_hub.REVISION)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return fake_hub.write_hub_cache(tmp_path)


def test_a_cached_model_is_found_without_the_hub(cache):
    for model in (PINNED, Model(fake_hub.REPO)):
        found = hub.locate(model)
        assert found.folder == cache and found.components["unet"] == ("diffusers", "UNet3DConditionModel", "fp16")


def test_what_is_not_here_is_not_downloaded_unasked(cache, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^the folder \S+/gone is missing$"):
        hub.locate(Model(str(tmp_path / "gone")))
    with pytest.raises(FileNotFoundError, match="not in the hub's cache"):
        hub.locate(Model(fake_hub.REPO, "0" * 40), download=False)


def test_a_blob_that_is_gone_is_named_and_asked_for_again(cache):
    (cache / UNET).resolve().unlink()
    with pytest.raises(FileNotFoundError, match=r"diffusion_pytorch_model.fp16.safetensors is missing$"):
        hub.locate(PINNED, download=False)
    with pytest.raises(ConnectionError, match=r"^[^\n]*fp16.safetensors is missing, and HF_HUB_OFFLINE or [^\n]*$"):
        hub.locate(PINNED)


def test_a_truncated_blob_is_named_by_its_own_path(cache):
    blob = (cache / UNET).resolve()
    blob.write_bytes(blob.read_bytes()[:1000])
    with pytest.raises(ValueError, match=f"broken or cut short .*: delete {blob} and get it again"):
        hub.locate(PINNED)
