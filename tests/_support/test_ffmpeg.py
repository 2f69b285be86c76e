"""Without an ffmpeg that works, every command says so in one line before it loads a model."""

import os
import sys

import imageio_ffmpeg
import pytest

from t2v_helpers import read_video, save_video
from t2v_helpers._support import ffmpeg
from t2v_helpers.batch import cli as batch_cli
from t2v_helpers.models import cli

P = "a red circle moving left"
ADVICE = "run pip install --force-reinstall imageio-ffmpeg, or set IMAGEIO_FFMPEG_EXE to an ffmpeg that works"


def script(path, text, mode=0o755):
    path.write_bytes(text)
    path.chmod(mode)


UNUSABLE = {
    "nowhere": (lambda path: None, r"does not run \(No such file or directory\)"),
    "not executable": (lambda path: script(path, b"#!/bin/sh\n", 0o644), r"does not run \(Permission denied\)"),
    "a folder": (lambda path: path.mkdir(), r"does not run \(Permission denied\)"),
    "for another machine": (
        lambda path: script(path, b"\x7fELF\x02\x01\x01" + bytes(57)),
        r"does not run \(Exec format",
    ),
    "cut short": (lambda path: script(path, b""), r"does not run \(Exec format"),
    "lacks a library": (
        lambda path: script(path, b"#!/bin/sh\necho libx.so not found >&2; exit 127\n"),
        "not a working",
    ),
    "another program": (lambda path: script(path, b"#!/bin/sh\nexit 0\n"), "is not a working ffmpeg"),
    "without h264": (
        lambda path: script(path, b"#!/bin/sh\necho \"Codec 'libx264' is not recognized by FFmpeg.\" >&2\n"),
        "cannot encode h264",
    ),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_an_ffmpeg_that_does_not_work_is_told_first_with_advice(tmp_path, monkeypatch, capsys, kind):
    make, says = UNUSABLE[kind]
    make(tmp_path / "ffmpeg")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "ffmpeg"))
    monkeypatch.setattr(cli, "load_pipeline", lambda *_: pytest.fail("a model was loaded"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts.txt").write_text(P)
    for main, arguments in [
        (cli.main, [P, "--model", "tiny"]),
        (batch_cli.main, ["prompts.txt", "--output-dir", "clips", "--model", "tiny"]),
    ]:
        assert main(arguments) == 2
        line = capsys.readouterr().err
        assert line.count("\n") == 1 and ADVICE in line and "IMAGEIO_FFMPEG_EXE, '" in line
    with pytest.raises(OSError, match=says) as error:
        ffmpeg.find_ffmpeg()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("missing", ["package", "binary"])
def test_no_ffmpeg_at_all(monkeypatch, missing):
    def nothing():
        raise RuntimeError("No ffmpeg exe could be found.")

    if missing == "package":
        monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", nothing)
    with pytest.raises(OSError, match=f"found no ffmpeg, which mp4 files need: {ADVICE}"):
        ffmpeg.find_ffmpeg()


def test_gif_needs_none(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "none"))
    import numpy as np

    save_video(np.zeros((2, 8, 8, 3)), tmp_path / "clip.gif")
    assert os.listdir(tmp_path) == ["clip.gif"] and len(read_video(tmp_path / "clip.gif")[0]) == 2
