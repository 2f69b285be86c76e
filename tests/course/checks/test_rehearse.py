"""The caches that the rehearsals read, with small weights; make rehearse runs them with all."""

from t2v_helpers._support import logs
from t2v_helpers.models import counting, generate, load_pipeline
from tools.checks import rehearse


def test_random_weights_lie_in_the_cache_as_the_hubs_client_puts_them(tmp_path, monkeypatch):
    from huggingface_hub import constants, scan_cache_dir

    rehearse.write_cache(tmp_path, "modelscope", lambda folder: rehearse.write_modelscope(folder, "tiny"))
    (repo,) = scan_cache_dir(tmp_path).repos
    assert repo.repo_id == "ali-vilab/text-to-video-ms-1.7b" and not scan_cache_dir(tmp_path).warnings
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    logs.print_once.cache_clear()
    pipe = load_pipeline("modelscope", device="cpu")
    assert pipe.t2v_files.folder.parent.name == "snapshots" and type(pipe.scheduler).__name__.startswith("DPMSolver")
    assert all(file.is_symlink() for file in pipe.t2v_files.folder.rglob("*") if file.is_file())


def test_wans_weights_are_found_as_well(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(counting, "T5_XXL", {"d_model": 32, "d_kv": 8, "d_ff": 32, "num_heads": 4})
    monkeypatch.setattr(counting, "VOCABULARY", {"UMT5": 256})
    small = {"num_attention_heads": 2, "attention_head_dim": 16, "num_layers": 1, "ffn_dim": 32, "text_dim": 32}
    monkeypatch.setattr(counting, "WAN", small)
    rehearse.write_cache(tmp_path, "wan", rehearse.write_wan)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    logs.print_once.cache_clear()
    pipe = load_pipeline("wan", device="cpu")
    clip = rehearse.REHEARSED["wan"][1]["WAN_CLIP"]
    assert generate("a panda", pipe, **clip).shape == (5, 64, 64, 3)
