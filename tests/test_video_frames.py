"""Folders of numbered frames: exact, in order, replaced as a whole, and never where something else lies."""

import os
import pathlib

import imageio.v3 as iio
import numpy as np
import pytest
from clip_files import CLIP, FAILURES, OTHER
from PIL import Image

from t2v_helpers.video import check_frames_folder, save_frames, to_uint8


def test_frames_come_back_exactly(tmp_path):
    save_frames(CLIP, tmp_path / "frames")
    files = sorted(os.listdir(tmp_path / "frames"))
    assert files == [f"frame_{i:03d}.png" for i in range(16)]
    assert (np.stack([iio.imread(tmp_path / "frames" / name) for name in files]) == to_uint8(CLIP)).all()
    assert os.listdir(tmp_path) == ["frames"]


def test_names_sort_in_the_order_of_time(tmp_path):
    save_frames(np.zeros((1001, 1, 1, 3)), tmp_path / "frames")
    files = sorted(os.listdir(tmp_path / "frames"))
    assert (files[0], files[1], files[-1], len(files)) == ("frame_0000.png", "frame_0001.png", "frame_1000.png", 1001)


def test_no_frame_of_a_longer_clip_stays(tmp_path):
    for count in (16, 5):
        save_frames(CLIP[:count], tmp_path / "frames")
    assert len(os.listdir(tmp_path / "frames")) == 5
    assert os.listdir(tmp_path) == ["frames"]


def test_an_empty_folder_is_taken_and_a_link_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "frames").symlink_to(tmp_path / "real")
    save_frames(CLIP, tmp_path / "frames")
    assert (tmp_path / "frames").is_symlink() and len(os.listdir(tmp_path / "real")) == 16


@pytest.mark.parametrize("other", ["notes.txt", "frame_000.jpg", "frame_1.png.bak", ".hidden", "frame_9.png/x"])
def test_a_folder_with_anything_else_is_left_alone(tmp_path, other):
    save_frames(CLIP[:2], tmp_path / "frames")
    (tmp_path / "frames" / other).parent.mkdir(exist_ok=True)
    (tmp_path / "frames" / other).write_text("mine")
    for call in (check_frames_folder, lambda folder: save_frames(CLIP, folder)):
        with pytest.raises(FileExistsError, match=f"holds '{other.split('/')[0]}', expected"):
            call(tmp_path / "frames")
    assert (tmp_path / "frames" / other).read_text() == "mine" and len(os.listdir(tmp_path / "frames")) == 3


def test_folders_that_cannot_be_written_are_refused(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    save_frames(CLIP[:2], tmp_path / "old")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for error, place, overwrite in [
        (FileExistsError, tmp_path / "file", True),
        (FileExistsError, tmp_path / "old", False),
        (FileNotFoundError, tmp_path / "no" / "frames", True),
        (ValueError, ".", True),
    ]:
        with pytest.raises(error, match="expected") as raised:
            save_frames(CLIP, place, overwrite=overwrite)
        assert "\n" not in str(raised.value)
    assert sorted(os.listdir(tmp_path)) == ["file", "here", "old"] and len(os.listdir(tmp_path / "old")) == 2


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("old", [0, 3])
@pytest.mark.parametrize("step", ["fifth picture", "first rename", "second rename"])
def test_a_failure_leaves_the_old_frames_or_none(tmp_path, monkeypatch, error, old, step):
    if old:
        save_frames(OTHER[:old], tmp_path / "frames")
    calls = {"save": 0, "rename": 0}

    def failing(kind, original, at):
        def call(*args):
            calls[kind] += 1
            if calls[kind] == at:
                raise error
            return original(*args)

        return call

    if step == "fifth picture":
        monkeypatch.setattr(Image.Image, "save", failing("save", Image.Image.save, 5))
    else:
        at = 1 if step == "first rename" or not old else 2
        monkeypatch.setattr(pathlib.Path, "rename", failing("rename", pathlib.Path.rename, at))
    with pytest.raises(type(error)):
        save_frames(CLIP, tmp_path / "frames")
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["frames"] * bool(old)
    for i in range(old):
        assert (iio.imread(tmp_path / "frames" / f"frame_{i:03d}.png") == to_uint8(OTHER[i])).all()
