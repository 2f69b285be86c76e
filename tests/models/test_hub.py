"""Models found in the hub's cache, and downloads from a hub on loopback, in processes of their own for HF_ENDPOINT."""

import os
import pathlib
import subprocess
import sys
from unittest import mock

import fake_hub
import loopback
import pytest

from t2v_helpers.models import hub
from t2v_helpers.models.registry import Model

ROOT = pathlib.Path(__file__).parents[2]
UNET = "unet/diffusion_pytorch_model.fp16.safetensors"
CODE = """
import sys
from huggingface_hub import constants
from t2v_helpers.models import hub
from t2v_helpers.models.registry import Model
constants.DOWNLOAD_CHUNK_SIZE = 10_000  # of 10 MB: the files here are small
if len(sys.argv) > 3:  # an emulated disk
    import shutil
    free = int(sys.argv[3])
    shutil.disk_usage = lambda path: type("Usage", (), {"free": free, "total": free, "used": 0})
try:
    print("folder", hub.locate(Model(sys.argv[1], sys.argv[2] or None)).folder)
except (ValueError, OSError) as error:
    print(type(error).__name__, str(error))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """ModelScope's repository with small random weights, as {name: bytes}."""
    snapshot = fake_hub.write_hub_cache(tmp_path_factory.mktemp("source"))
    return {str(path.relative_to(snapshot)): path.read_bytes() for path in snapshot.rglob("*") if path.is_file()}


@pytest.fixture
def served(files):
    with loopback.serving(loopback.Hub(fake_hub.REPO, dict(files))) as served:
        yield served


@pytest.fixture
def locate(served, tmp_path):
    """Ask for a model in a process of its own: (the line it prints last, everything it prints)."""

    def run(repo=fake_hub.REPO, revision=fake_hub.REVISION, *free, **environment):
        env = os.environ | {"HF_ENDPOINT": served.address, "HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "0"}
        env |= {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]]), "HF_TOKEN": ""} | environment
        command = [sys.executable, "-c", CODE, repo, revision or "", *map(str, free)]
        made = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
        assert made.returncode == 0, made.stderr
        return made.stdout.splitlines()[-1], made.stdout

    return run


def test_half_precision_safetensors_and_no_more_are_fetched_once(locate, served, tmp_path, files):
    line, out = locate()
    folder = tmp_path / "models--ali-vilab--text-to-video-ms-1.7b" / "snapshots" / fake_hub.REVISION
    assert line == f"folder {folder}"
    took = {name for name in files if name.endswith((".json", ".txt")) or ".fp16.safetensors" in name}
    assert set(served.served) == took and not any(name.endswith(".bin") for name in served.served)
    assert all(served.served[name] == len(files[name]) for name in took), "each once"
    assert all((folder / name).read_bytes() == files[name] for name in took)
    assert f"downloading {fake_hub.REPO}: 0.00 GB into {tmp_path}" in out
    assert not list(tmp_path.rglob("*.part*")), "nothing is left beside the blobs"
    assert locate(revision=None)[0] == line, "main, at the same commit, is remembered from then on"
    served.down = True
    assert locate()[0] == locate(revision=None)[0] == line, "the cache is enough from then on"


def test_an_interrupted_download_goes_on_where_it_stopped(locate, served, files, tmp_path):
    served.drop = {UNET: 300_000}
    line, _ = locate()
    assert line.startswith("ConnectionError ") and "what came is kept" in line
    (part,) = tmp_path.rglob("*.part")
    came = part.stat().st_size
    assert 0 < came <= 300_000 < len(files[UNET])
    served.down = False
    before = served.served[UNET]
    assert locate()[0].startswith("folder ")
    assert served.ranges == [(UNET, came)]
    assert served.served[UNET] - before == len(files[UNET]) - came, "what came is not sent again"
    assert all(served.served[n] == len(files[n]) for n in served.served if n != UNET), "nor another file"


def test_a_connection_that_drops_is_taken_up_again_at_once(locate, served, files):
    served.cut = {UNET: len(files[UNET]) // 2}
    assert locate()[0].startswith("folder ")
    ((name, start),) = served.ranges
    assert name == UNET and 0 < start <= len(files[UNET]) // 2


def test_a_file_that_arrives_damaged_is_thrown_away(locate, served, tmp_path):
    served.damage = {UNET}
    assert locate()[0] == f"ValueError {fake_hub.REPO}/{UNET} arrived damaged and was thrown away: try again"
    assert not list(tmp_path.rglob("*.part"))
    served.damage = set()
    assert locate()[0].startswith("folder ")


GATED = f"is gated: accept its terms at hf.co/{fake_hub.REPO}, then run 'hf auth login'"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda served: served.missing.add(UNET), f"FileNotFoundError {fake_hub.REPO} on the hub has no {UNET}"),
        (lambda served: setattr(served, "gated", True), f"ValueError {fake_hub.REPO} {GATED}"),
        (
            lambda served: served.files.pop("model_index.json"),
            f"FileNotFoundError {fake_hub.REPO} on the hub is not a pipeline: it has no model_index.json",
        ),
        (
            lambda served: [served.files.pop(name) for name in [*served.files] if ".safetensors" in name],
            "has only pickled weights",
        ),
        (
            lambda served: served.files.update({"model_index.json": b'{"_class_name": "Evil"}'}),
            "is for the pipeline 'Evil', expected TextToVideoSDPipeline",
        ),
    ],
)
def test_what_cannot_be_had_is_not_fetched(locate, served, change, said):
    change(served)
    line, _ = locate()
    assert said in line and UNET not in served.served and not any(name.endswith(".bin") for name in served.served)


def test_no_such_repository_or_revision(locate):
    line, _ = locate("org/name")
    assert line == "ValueError 'org/name' is no folder here, and the hub has no model of this name, or hides it"
    assert locate(revision="0" * 40)[0] == f"ValueError {fake_hub.REPO} on the hub has no revision {'0' * 40}"


def test_no_space_is_reported_before_anything_large_is_fetched(locate, served, tmp_path):
    line, _ = locate(fake_hub.REPO, fake_hub.REVISION, 1000)
    why = "for 10 files (0.00 GB are needed and 0.00 GB are free): free some, or set HF_HOME"
    assert line == f"OSError no space left in {tmp_path} {why}"
    assert set(served.served) == {"model_index.json"}


@pytest.mark.parametrize("how", ["down", "nobody", "offline"])
def test_no_network(locate, served, how):
    served.down = how == "down"
    more = {"nobody": {"HF_ENDPOINT": "http://127.0.0.1:9"}, "offline": {"HF_HUB_OFFLINE": "1"}}.get(how, {})
    line, _ = locate(**more)
    assert line.startswith(f"ConnectionError {fake_hub.REPO} is no folder here and not in the hub's cache, and the hub")
    assert line.endswith("connect and try again (what came is kept), or take the model 'tiny', which needs no network")


def test_a_disk_that_fills_up_on_the_way(monkeypatch):
    """The disk is simulated at the client's function that asks for the list of files."""
    monkeypatch.setattr("huggingface_hub.model_info", mock.Mock(side_effect=OSError(28, "No space left on device")))
    with pytest.raises(OSError, match=r"^no space left in [^\n]* for model_index.json \(No space left on device\): fr"):
        hub.locate(Model("org/name"))


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
    blobs = cache.parents[1] / "blobs"
    (blobs / "half.part").write_bytes(b"x" * 500)
    (blobs / "half.part.lock").write_bytes(b"x")
    names = {file.resolve() for file in cache.rglob("*") if file.is_file()}
    assert hub.cached_bytes(fake_hub.REPO) == sum(file.stat().st_size for file in names) + 500


def test_what_is_not_here_is_not_downloaded_unasked(cache, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^the folder \S+/gone is missing$"):
        hub.locate(Model(str(tmp_path / "gone")))
    with pytest.raises(FileNotFoundError, match="not in the hub's cache"):
        hub.locate(Model(fake_hub.REPO, "0" * 40), download=False)


def test_a_blob_that_is_gone_is_named_and_asked_for_again(cache):
    (cache / UNET).resolve().unlink()
    with pytest.raises(FileNotFoundError, match=r"diffusion_pytorch_model.fp16.safetensors is missing$"):
        hub.locate(PINNED, download=False)
    with pytest.raises(ConnectionError, match=r"^[^\n]*fp16.safetensors is missing, and the hub cannot [^\n]*$"):
        hub.locate(PINNED)


def test_a_truncated_blob_is_named_by_its_own_path(cache):
    blob = (cache / UNET).resolve()
    blob.write_bytes(blob.read_bytes()[:1000])
    with pytest.raises(ValueError, match=f"broken or cut short .*: delete {blob} and get it again"):
        hub.locate(PINNED)
