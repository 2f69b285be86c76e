"""Pipelines with random weights, and a GPU that is not there, for the tests of several modules."""

import os
import pathlib
import subprocess
import sys
import types

import pytest

ROOT = pathlib.Path(__file__).parents[1]
LOCATE = """
import sys, time
from huggingface_hub import constants
from t2v_helpers.models import hub
from t2v_helpers.models.registry import Model
constants.DOWNLOAD_CHUNK_SIZE = 10_000  # of 10 MB: the files here are small
time.sleep = lambda seconds: None  # between the client's tries
if len(sys.argv) > 4:  # an emulated disk
    import shutil
    free = int(sys.argv[4])
    shutil.disk_usage = lambda path: type("Usage", (), {"free": free, "total": free, "used": 0})
try:
    print("folder", hub.locate(Model(sys.argv[1], sys.argv[2] or None, tuple(sys.argv[3].split()))).folder)
except (ValueError, OSError) as error:
    print(type(error).__name__, str(error))
"""


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
    monkeypatch.setattr(placing, "has_bfloat16", lambda device: True)
    monkeypatch.setattr(placing, "place", lambda pipe, device, plan: setattr(seen, "placed", device))
    return seen


@pytest.fixture(scope="session")
def repository(tmp_path_factory):
    """ModelScope's repository with small random weights, as {name: bytes}."""
    import fake_hub

    snapshot = fake_hub.write_hub_cache(tmp_path_factory.mktemp("source"))
    return {str(path.relative_to(snapshot)): path.read_bytes() for path in snapshot.rglob("*") if path.is_file()}


@pytest.fixture
def served(repository):
    """The repository, on a hub of our own."""
    import fake_hub
    import loopback

    with loopback.serving(loopback.Hub(fake_hub.REPO, dict(repository))) as served:
        yield served


@pytest.fixture
def locate(served, tmp_path):
    """Ask for a model in a process of its own: (the line it prints last, everything it prints)."""
    import fake_hub

    def run(repo=fake_hub.REPO, revision=fake_hub.REVISION, *free, also=(), **environment):
        env = os.environ | {"HF_ENDPOINT": served.address, "HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "0"}
        env |= {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]]), "HF_TOKEN": ""} | environment
        env = {name: value for name, value in env.items() if value is not None}
        command = [sys.executable, "-c", LOCATE, repo, revision or "", " ".join(also), *map(str, free)]
        made = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
        assert made.returncode == 0, made.stderr
        return made.stdout.splitlines()[-1], made.stdout

    return run
