"""Every form in which the hub's client leaves a cache is read, counted once, and completed without a second copy."""

import hashlib
import os
import re
import shutil
from unittest import mock

import fake_hub
import pytest

from t2v_helpers import ASSETS
from t2v_helpers.models import checkpoint, hub
from t2v_helpers.models.registry import MODELS, Model

REPO, OTHER = fake_hub.REPO, "1" * 40
UNET = "unet/diffusion_pytorch_model.fp16.safetensors"
OLD = "damo-vilab/text-to-video-ms-1.7b"
PINNED = MODELS["modelscope"]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def repo_folder(cache, repo=REPO):
    return cache / f"models--{repo.replace('/', '--')}"


def files_that_are_read(repository):
    """Half-precision weights and small files."""
    return [name for name in repository if ".fp16.safetensors" in name or name.endswith((".json", ".txt"))]


def moved(snapshot):  # by the client, on a disk without links
    for file in [path for path in snapshot.rglob("*") if path.is_symlink()]:
        content = file.read_bytes()
        file.unlink()
        file.write_bytes(content)
    shutil.rmtree(snapshot.parents[1] / "blobs")


def copied(snapshot):  # such as cp -rL, or a network drive
    blobs = snapshot.parents[1] / "blobs"
    shutil.copytree(blobs, kept := blobs.with_name("kept"))
    moved(snapshot)
    kept.rename(blobs)


def two_snapshots(snapshot):
    shutil.copytree(snapshot, snapshot.with_name(OTHER), symlinks=True)


def two_snapshots_without_links(snapshot):
    moved(snapshot)
    shutil.copytree(snapshot, snapshot.with_name(OTHER))


def shared_store(snapshot):  # huggingface_hub 2 keeps one blob for several repositories there, by its xet hash
    for blob in (snapshot.parents[1] / "blobs").iterdir():
        shared = snapshot.parents[2] / "blobs" / blob.name[:2] / blob.name
        shared.parent.mkdir(parents=True, exist_ok=True)
        blob.rename(shared)
        blob.symlink_to(os.path.relpath(shared, blob.parent))


def absolute_links(snapshot):  # of old clients
    for file in [path for path in snapshot.rglob("*") if path.is_symlink()]:
        target = file.resolve()
        file.unlink()
        file.symlink_to(target)


def under_both_names(snapshot):
    shutil.copytree(repo_folder(snapshot.parents[2]), repo_folder(snapshot.parents[2], OLD), symlinks=True)


FORMS = [
    None,
    moved,
    copied,
    two_snapshots,
    two_snapshots_without_links,
    shared_store,
    absolute_links,
    under_both_names,
]


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_read_and_counted_once(cache, repository, form):
    snapshot = fake_hub.write_hub_cache(cache)
    if form:
        form(snapshot)
    assert hub.locate(PINNED, download=False).folder == hub.locate(Model(REPO)).folder == snapshot
    size = sum(len(repository[name]) for name in files_that_are_read(repository))
    assert hub.cached_bytes(PINNED.repo, *PINNED.also) == size
    blobs = repo_folder(cache) / "blobs"
    blobs.mkdir(exist_ok=True)
    for name, begun in (("half.part", 500), ("1f.incomplete", 70), ("2e.1a2b3c4d.incomplete", 9)):
        (blobs / name).write_bytes(b"x" * begun)
    assert hub.cached_bytes(PINNED.repo, *PINNED.also) == size + 579


def test_what_is_counted_is_what_is_read(cache):
    """Single precision counts where there is no half; pickles never do."""
    snapshot = fake_hub.write_hub_cache(cache)
    for file in [path for path in snapshot.rglob("*") if ".fp16." in path.name]:
        file.resolve().unlink(missing_ok=True)
        file.unlink()
    found = hub.locate(PINNED)
    assert {variant for *_, variant in found.components.values()} == {"", None}
    kept = [path for path in snapshot.rglob("*") if path.suffix in (".json", ".txt", ".safetensors")]
    assert hub.cached_bytes(REPO) == sum(path.stat().st_size for path in kept)
    assert hub.cached_bytes("org/name") == 0


@pytest.mark.parametrize("left", ["nothing", "a ref", "an empty snapshot", "a ref to a snapshot that is gone"])
def test_a_cache_that_holds_no_snapshot(cache, left):
    folder = repo_folder(cache)
    if "ref" in left:
        (folder / "refs").mkdir(parents=True)
        (folder / "refs" / "main").write_text(fake_hub.REVISION)
    if "snapshot" in left:
        (folder / "snapshots" / (OTHER if "gone" in left else fake_hub.REVISION)).mkdir(parents=True)
    for model in (PINNED, Model(REPO)):
        with pytest.raises(FileNotFoundError, match=rf"^{REPO} is no folder here and not in the hub's cache$"):
            hub.locate(model, download=False)
    assert hub.cached_bytes(REPO) == 0


def copies(cache):
    """{content: how many files on the disk hold it}, of all files that are large enough to matter."""
    files = {(path.stat().st_dev, path.stat().st_ino): path for path in cache.rglob("*") if path.is_file()}
    sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files.values() if path.stat().st_size > 2000]
    return {one: sums.count(one) for one in sums}


@pytest.mark.parametrize("links", [True, False])
def test_a_download_keeps_one_copy(locate, served, cache, repository, links):
    environment = {} if links else {"HF_HUB_DISABLE_SYMLINKS": "1"}
    line, _ = locate(**environment)
    folder = repo_folder(cache) / "snapshots" / fake_hub.REVISION
    assert line == f"folder {folder}" and (folder / UNET).is_symlink() is links
    assert set(copies(cache).values()) == {1}
    size = sum(len(repository[name]) for name in files_that_are_read(repository))
    assert hub.cached_bytes(REPO) == size
    served.down = True
    assert locate(**environment)[0] == line


def blob_of(cache, repository, name=UNET):
    return repo_folder(cache) / "blobs" / hashlib.sha256(repository[name]).hexdigest()


@pytest.mark.parametrize("suffix", [".incomplete", ".1a2b3c4d.incomplete", ".part"])
def test_what_an_older_client_began_is_resumed(locate, served, cache, repository, suffix):
    blob = blob_of(cache, repository)
    blob.parent.mkdir(parents=True)
    blob.with_name(blob.name + suffix).write_bytes(repository[UNET][:200_000])
    line, _ = locate()
    assert line.startswith("folder ") and served.ranges == [(UNET, 200_000)]
    assert served.served[UNET] == len(repository[UNET]) - 200_000
    assert not [path for path in blob.parent.iterdir() if path.suffix in (".incomplete", ".part")]


@pytest.mark.parametrize("begun", [b"x" * 1000, b"x" * 10**6, b"no part can be had"], ids=["other", "too long", "416"])
def test_a_beginning_that_is_not_the_files_is_fetched_anew(locate, served, cache, repository, begun):
    blob = blob_of(cache, repository)
    blob.parent.mkdir(parents=True)
    blob.with_name(blob.name + ".part").write_bytes(begun)
    if begun.startswith(b"no"):
        served.unranged.add(UNET)
    assert locate()[0].startswith("folder ")
    assert (repo_folder(cache) / "snapshots" / fake_hub.REVISION / UNET).read_bytes() == repository[UNET]


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("where", ["another commit", "the old name", "the old name's other commit", "a blob"])
def test_weights_that_are_here_are_not_fetched_again(locate, served, cache, repository, where, links):
    """Under another commit or name; the same commit is found as it is, without the hub."""
    repo, commit = OLD if "old" in where else REPO, OTHER if "other" in where else fake_hub.REVISION
    parts = {name: repository[name] for name in repository if ".fp16.safetensors" in name}
    snapshot = fake_hub.store_files(cache, parts if "other" in where else repository, repo, commit)
    if not links:
        moved(snapshot)
    if where == "a blob":
        shutil.rmtree(snapshot)
        if not links:
            blob_of(cache, repository).parent.mkdir()
            for name in parts:
                blob_of(cache, repository, name).write_bytes(parts[name])
    served.down = where == "the old name"
    line, out = locate(also=(OLD,), **({} if links else {"HF_HUB_DISABLE_SYMLINKS": "1"}))
    assert line == f"folder {repo_folder(cache, repo if served.down else REPO)}/snapshots/{fake_hub.REVISION}"
    assert not any(".safetensors" in name for name in served.served)
    assert served.down or ": 0.00 GB into" in out
    assert all(copies(cache)[hashlib.sha256(content).hexdigest()] == 1 for content in parts.values())


def test_weights_of_the_same_name_and_size_are_not_taken_for_the_same(locate, served, cache, repository):
    other = repository[UNET][:-1] + b"?"
    fake_hub.store_files(cache, {UNET: other}, OLD, OTHER)
    line, _ = locate(also=(OLD,))
    assert (repo_folder(cache) / "snapshots" / fake_hub.REVISION / UNET).read_bytes() == repository[UNET]
    assert line.startswith("folder ") and served.served[UNET] == len(other)
    assert (repo_folder(cache, OLD) / "snapshots" / OTHER / UNET).read_bytes() == other


@pytest.mark.parametrize("name", ["modelscope", "cogvideox"])
def test_a_repository_that_moved_is_found_under_its_old_name(cache, name):
    """Only at the same commit: main of another name may be anything."""
    model = MODELS[name]
    (old,) = model.also
    snapshot = fake_hub.write_hub_cache(cache, old)
    with pytest.raises(FileNotFoundError if name == "cogvideox" else AssertionError):
        hub.locate(model, download=False)
        raise AssertionError("ModelScope's pinned commit is the fake cache's")
    snapshot.rename(pinned := snapshot.with_name(model.revision))
    assert hub.locate(model, download=False).folder == pinned
    assert hub.cached_bytes(model.repo) == 0 < hub.cached_bytes(model.repo, *model.also)
    with pytest.raises(FileNotFoundError, match=r"^\S+ is no folder here and not in the hub's cache$"):
        hub.locate(Model(model.repo, None, model.also), download=False)


@pytest.mark.parametrize(
    ("variable", "inside"),
    [("HF_HOME", "hub"), ("XDG_CACHE_HOME", "huggingface/hub"), ("HUGGINGFACE_HUB_CACHE", ""), ("HF_HUB_CACHE", "")],
)
def test_the_cache_is_where_the_client_has_it(locate, served, tmp_path, variable, inside):
    snapshot = fake_hub.write_hub_cache(tmp_path / "here" / inside)
    served.down = True
    unset = dict.fromkeys(("HF_HOME", "XDG_CACHE_HOME", "HUGGINGFACE_HUB_CACHE", "HF_HUB_CACHE"))
    assert locate(**unset | {variable: str(tmp_path / "here")})[0] == f"folder {snapshot}"


def test_a_download_into_a_folder(cache, tmp_path, repository):
    """As `hf download --local-dir` leaves it: the files, and its own notes under .cache/huggingface."""
    folder = tmp_path / "mine"
    for name, content in repository.items():
        for file in (folder / name, folder / ".cache/huggingface/download" / f"{name}.metadata"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if file == folder / name else b"8227dddc\nabc\n1.0\n")
    assert hub.locate(Model(str(folder))).components["unet"][2] == "fp16"
    (folder / "vae" / "config.json").unlink()
    again = re.escape(f"is not complete, run 'hf download ... --local-dir {folder}' again")
    with pytest.raises(FileNotFoundError, match=rf"vae/config.json is missing: the download into this folder {again}$"):
        hub.locate(Model(str(folder)))


def test_nothing_is_written_to_read_a_cache(cache, monkeypatch):
    """It may be on a disk that is read-only."""
    fake_hub.write_hub_cache(cache)
    before = sorted((str(path), path.lstat().st_mtime_ns) for path in cache.rglob("*"))
    for call in ("os.mkdir", "os.link", "os.symlink", "os.rename", "os.replace", "os.unlink"):
        monkeypatch.setattr(call, mock.Mock(side_effect=OSError(30, "Read-only file system")))
    assert hub.locate(PINNED) and hub.cached_bytes(REPO)
    assert before == sorted((str(path), path.lstat().st_mtime_ns) for path in cache.rglob("*"))


# What a model needs beside its files.
PACKAGES = {"sentencepiece": "is_sentencepiece_available", "protobuf": "is_protobuf_available"}


@pytest.fixture
def packages(monkeypatch):
    """Say which of the packages are installed."""

    def say(*here):
        for name, check in PACKAGES.items():
            monkeypatch.setattr(f"transformers.utils.{check}", lambda name=name: name in here)

    return say


@pytest.mark.parametrize("here", [(), ("sentencepiece",), ("protobuf",), tuple(PACKAGES)])
def test_packages_that_a_tokenizer_needs(packages, here):
    packages(*here)
    lacking = " ".join(name for name in PACKAGES if name not in here)
    checkpoint.need_sentencepiece(["tokenizer.json", "spiece.model"], "tokenizer")
    if not lacking:
        return checkpoint.need_sentencepiece(["spiece.model"], "tokenizer")
    said = (
        f"tokenizer/spiece.model needs packages that are not installed here: pip install {lacking}, then restart Python"
    )
    with pytest.raises(ValueError, match=rf"^{said}$"):
        checkpoint.need_sentencepiece(["tokenizer_config.json", "spiece.model"], "tokenizer")


def test_packages_are_asked_for_before_the_first_byte_of_weights(served, cache, packages, monkeypatch, repository):
    """CogVideoX-2b's tokenizer comes as a SentencePiece model alone."""
    served.files["tokenizer/spiece.model"] = served.files.pop("tokenizer/vocab.json")
    for name, value in {"HF_HUB_OFFLINE": False, "ENDPOINT": served.address}.items():
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
    monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", served.address)
    template = served.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    packages("protobuf")
    with pytest.raises(ValueError, match=f"^{REPO}/tokenizer/spiece.model needs .*: pip install sentencepiece, then"):
        hub.locate(PINNED)
    assert set(served.served) == {"model_index.json"}
    packages(*PACKAGES)
    assert hub.locate(PINNED).components["tokenizer"]
    packages()
    with pytest.raises(ValueError, match="pip install sentencepiece protobuf"):
        hub.locate(PINNED)


def test_wan_runs_without_ftfy(monkeypatch):
    """diffusers 0.42's WanPipeline mends a prompt's broken letters with ftfy only if it is installed."""
    from diffusers.pipelines.wan import pipeline_wan

    monkeypatch.setattr(pipeline_wan, "is_ftfy_available", lambda: False)
    assert pipeline_wan.prompt_clean(" a  panda &amp; a dog ") == "a panda & a dog"


def test_the_page_names_the_models_of_the_table():
    (row,) = [
        line for line in (ASSETS.parent / "README.md").read_text().splitlines() if line.startswith("| `load_pipeline(")
    ]
    assert set(re.findall(r'`"([\w-]+)"`', row)) == {"auto", *MODELS}
