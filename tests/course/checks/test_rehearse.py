"""The cache that the rehearsal of notebook 09 reads, with small weights; make rehearse runs it with all."""

from t2v_helpers._support import logs
from t2v_helpers.models import load_pipeline
from tools.checks import rehearse


def test_random_weights_lie_in_the_cache_as_the_hubs_client_puts_them(tmp_path, monkeypatch):
    from huggingface_hub import constants, scan_cache_dir

    rehearse.write_cache(tmp_path, "tiny")
    (repo,) = scan_cache_dir(tmp_path).repos
    assert repo.repo_id == "ali-vilab/text-to-video-ms-1.7b" and not scan_cache_dir(tmp_path).warnings
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    logs.print_once.cache_clear()
    pipe = load_pipeline("modelscope", device="cpu")
    assert pipe.t2v_files.folder.parent.name == "snapshots" and type(pipe.scheduler).__name__.startswith("DPMSolver")
    assert all(file.is_symlink() for file in pipe.t2v_files.folder.rglob("*") if file.is_file())
