"""Pipelines with random weights, and a GPU that is not there, for the tests of several modules."""

import types

import pytest


@pytest.fixture(scope="module")
def scale_folder(tmp_path_factory):
    """A pipeline folder like the scale model's."""
    import fake_hub

    return fake_hub.write_scale_model(tmp_path_factory.mktemp("models") / "scale")


@pytest.fixture(scope="module")
def scale(scale_folder):
    from t2v_helpers.models import pipelines

    return pipelines.load_pipeline(scale_folder, device="cpu")


@pytest.fixture(scope="module")
def hub_cache(tmp_path_factory):
    import fake_hub

    return fake_hub.write_hub_cache(tmp_path_factory.mktemp("hub")).parents[2]


@pytest.fixture
def cached(hub_cache, monkeypatch):
    """ModelScope's repository, with small random weights, in the hub's cache (HF_HUB_OFFLINE is set for all tests)."""
    from huggingface_hub import constants

    from t2v_helpers._support import logs

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(hub_cache))
    logs.print_once.cache_clear()
    return hub_cache


@pytest.fixture
def gpu(monkeypatch):
    """Simulates a GPU: the device is named "cuda" and has `free` bytes, but the pipeline stays on the CPU."""
    import torch

    from t2v_helpers.models import placing

    seen = types.SimpleNamespace(free=80e9, placed=None)
    monkeypatch.setattr(placing, "device_of", lambda name: torch.device("cuda" if name is None else name))
    monkeypatch.setattr(placing, "free_bytes", lambda device: seen.free)
    monkeypatch.setattr(placing, "place", lambda pipe, device, plan: setattr(seen, "placed", device))
    return seen
