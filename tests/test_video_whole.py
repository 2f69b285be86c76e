"""Files of clips are on the disk whole or not at all: under failures, a full disk, a kill at any time."""

import os
import pathlib
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from clip_files import CLIP, OTHER, psnr, read

from t2v_helpers import video
from t2v_helpers.video import save_video

ROOT = pathlib.Path(__file__).parent.parent


def test_an_interrupt_of_the_encoder_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(video.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(subprocess, "run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_video(CLIP, tmp_path / "clip.mp4")
    assert not list(tmp_path.iterdir())


def run(folder, code):
    """A program of its own, in which the clips and the folder have the names that they have here."""
    head = f"""
        import pathlib, resource
        import numpy as np
        from t2v_helpers import video
        folder = pathlib.Path({str(folder)!r})
        CLIP, OTHER = np.load(folder.parent / "clips.npy")
    """
    code = textwrap.dedent(head) + textwrap.dedent(code)
    options = {"cwd": ROOT, "env": os.environ | {"TMPDIR": str(folder.parent)}, "text": True}
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


@pytest.fixture
def folder(tmp_path):
    np.save(tmp_path / "clips.npy", [CLIP, OTHER])
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


@pytest.mark.parametrize("ending, error", [(".mp4", "ffmpeg failed on 16 frames"), (".gif", "File too large")])
def test_a_disk_that_is_full_leaves_the_old_file(folder, ending, error):
    (folder / f"clip{ending}").write_text("old")
    code = f"""
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # bytes; a clip is larger
        for name in ("clip{ending}", "new{ending}"):
            try:
                video.save_video(CLIP, folder / name)
            except OSError as error:
                print(error)
        try:
            video.save_frames(np.repeat(CLIP, 64, 2), folder / "frames")
        except OSError as error:
            print(error)
    """
    out, err = run(folder, code).communicate()
    *videos, pictures = out.splitlines()
    assert len(videos) == 2 and all(error in line for line in videos) and "File too large" in pictures and not err
    assert os.listdir(folder) == [f"clip{ending}"] and (folder / f"clip{ending}").read_text() == "old"


@pytest.mark.parametrize("sign", ["SIGKILL", "SIGINT", "SIGTERM"])
def test_a_kill_at_any_time_leaves_a_whole_file(folder, sign):
    code = """
        print("begin", flush=True)
        while True:
            for clip in (CLIP, OTHER):
                video.save_video(clip, folder / "clip.mp4")
                video.save_video(clip, folder / "clip.gif")
                video.save_frames(clip, folder / "frames")
    """
    program = run(folder, code)
    assert program.stdout.readline() == "begin\n"
    with pytest.raises(subprocess.TimeoutExpired):
        program.wait(timeout=np.random.default_rng(len(sign)).uniform(0.3, 0.6))
    program.send_signal(getattr(signal, sign))
    program.communicate()
    for path in folder.glob("clip*"):
        back = read(path)
        assert max(psnr(back, 255 * CLIP), psnr(back, 255 * OTHER)) > 30  # 12 where it is neither
    if (folder / "frames").exists():
        assert len(os.listdir(folder / "frames")) == 16
    if sign == "SIGINT":  # cleans up, unless it comes while the frames that were replaced are being deleted
        assert not [name for name in os.listdir(folder) if name.startswith(".") and not name.endswith(".old")]
