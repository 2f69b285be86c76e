"""Clips come back from every format as they went in; what cannot be written is refused before anything is."""

import errno
import itertools
import os
import pathlib
import re
import subprocess

import imageio.v3 as iio
import numpy as np
import pytest
from clip_files import CLIP, OTHER, by_ffmpeg, noise, psnr, read
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from t2v_helpers import read_video, shapes
from t2v_helpers._support.ffmpeg import find_ffmpeg
from t2v_helpers._support.outputs import EXTENSIONS
from t2v_helpers.video import check_frames_folder, check_output, save_frames, save_video, show_video, to_uint8


def boxes(data):
    """Names of the top-level boxes of an mp4, in order."""
    names, at = [], 0
    while at < len(data):
        names.append(data[at + 4 : at + 8].decode())
        at += int.from_bytes(data[at : at + 4], "big")
    assert at == len(data)
    return names


# --- round trips ---


@pytest.mark.parametrize("ending, least", [(".mp4", 33), (".gif", 50), (".webp", 50)])
def test_a_clip_comes_back_with_its_colours(tmp_path, ending, least):
    frames = shapes.render("a red circle moving left", seed=3)
    save_video(frames, tmp_path / f"clip{ending}")
    back = read(tmp_path / f"clip{ending}")
    assert back.shape == frames.shape and psnr(back, 255 * frames) > least
    assert np.abs(back.mean((0, 1, 2)) - 255 * frames.mean((0, 1, 2))).max() < 2


def test_a_flat_colour_is_off_by_three_levels_of_255_at_most(tmp_path):
    frames = np.broadcast_to(np.float32([*shapes.COLORS.values()])[:, None, None], (8, 32, 32, 3))
    save_video(frames, tmp_path / "clip.mp4")
    assert np.abs(read(tmp_path / "clip.mp4") - 255 * frames).max() <= 3


def test_mp4_is_what_browsers_play(tmp_path):
    save_video(CLIP, tmp_path / "clip.mp4")
    meta = by_ffmpeg(iio.immeta, tmp_path / "clip.mp4")
    assert (meta["codec"], meta["fps"], meta["duration"], meta["size"]) == ("h264", 8, 2, (64, 64))
    assert meta["pix_fmt"].startswith("yuv420p(tv, bt470bg/bt709/iec61966-2-1")  # bt470bg: BT.601's matrix
    assert [name for name in boxes((tmp_path / "clip.mp4").read_bytes()) if name != "free"] == ["ftyp", "moov", "mdat"]


def test_mp4_repeats_byte_for_byte_and_carries_no_version(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        save_video(noise(16, 32, 32), tmp_path / name)
    data = (tmp_path / "a.mp4").read_bytes()
    assert data == (tmp_path / "b.mp4").read_bytes()
    assert not re.search(rb"x264 - core|Lavf\d|Lavc\d", data)


@given(st.integers(1, 5), st.integers(1, 19), st.integers(1, 19))
@settings(max_examples=12, deadline=None)
def test_every_size_is_kept_and_mp4_pads_it_to_an_even_one(tmp_path_factory, count, height, width):
    folder, frames = tmp_path_factory.mktemp("sizes"), noise(count, height, width)
    for ending in EXTENSIONS:
        save_video(frames, folder / f"clip{ending}")
    assert read(folder / "clip.mp4").shape == (count, height + height % 2, width + width % 2, 3)
    assert read(folder / "clip.gif").shape == (count, height, width, 3)
    assert (read(folder / "clip.webp") == to_uint8(frames)).all()


def test_padding_repeats_the_edge_and_moves_nothing(tmp_path):
    frames = np.zeros((2, 31, 33, 3), dtype=np.float32)
    frames[:, -1], frames[:, :, -1] = 1, 1  # a white edge, below and to the right
    save_video(frames, tmp_path / "clip.mp4")
    back = read(tmp_path / "clip.mp4")
    assert back.shape == (2, 32, 34, 3)
    assert back[:, -2:].min() > 200 and back[:, :, -2:].min() > 200 and back[:, :29, :31].max() < 60


@pytest.mark.parametrize("fps", [0.5, 7, 23.976, np.float32(12.5), np.int64(10)])
@pytest.mark.parametrize("ending, unit", [(".gif", 10), (".webp", 1)])
def test_delays_keep_the_length_of_the_clip(tmp_path, ending, unit, fps):
    frames = noise(9)
    save_video(frames, tmp_path / f"clip{ending}", fps)
    delays = []
    with Image.open(tmp_path / f"clip{ending}") as image:
        for i in range(9):
            image.seek(i)
            image.load()
            delays.append(image.info["duration"])
        assert image.info["loop"] == 0  # for ever
    starts = np.cumsum(delays)
    assert np.abs(starts - 1000 / float(fps) * np.arange(1, 10)).max() <= unit / 2 + 1e-6


@pytest.mark.parametrize("fps", [0.01, 23.976, 240])
def test_mp4_keeps_the_rate(tmp_path, fps):
    save_video(noise(3), tmp_path / "clip.mp4", fps)
    meta = by_ffmpeg(iio.immeta, tmp_path / "clip.mp4")
    assert meta["duration"] == pytest.approx(3 / fps, abs=0.011)


@pytest.mark.parametrize("ending, least", [(".mp4", 10), (".gif", 24), (".webp", 50)])
@pytest.mark.parametrize("order", [[0, 0, 0, 1, 2], [0, 1, 1, 0, 0], [2, 2], [1] * 9])
def test_frames_that_repeat_are_kept_with_their_times(tmp_path, ending, least, order):
    frames = noise(3, 32, 32)[order]
    save_video(frames, tmp_path / f"clip{ending}", fps=10)
    back, times = read_video(tmp_path / f"clip{ending}")
    assert back.shape == frames.shape and psnr(255 * back, 255 * frames) > least
    assert np.abs(times - np.arange(len(order) + 1) / 10).max() < 1e-6
    assert (read(tmp_path / f"clip{ending}") == to_uint8(back)).all()  # as Pillow and imageio see them
    if ending != ".mp4":  # and as ffmpeg does
        command = f"-v error -i {tmp_path}/clip{ending} -fps_mode passthrough -f rawvideo -pix_fmt rgb24 -".split()
        raw = subprocess.run([find_ffmpeg(), *command], capture_output=True, check=True).stdout
        assert raw == to_uint8(back).tobytes()


# --- bad input ---


@pytest.mark.parametrize("fps", [0, float("nan"), "8", None, True, 241, 8j])
def test_bad_fps_is_refused_and_leaves_no_file(tmp_path, fps):
    for call in (lambda: save_video(CLIP, tmp_path / "clip.mp4", fps), lambda: show_video(CLIP, fps)):
        with pytest.raises(ValueError, match=r"got fps .*expected a number from 0\.01 to 240"):
            call()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [".gif", ".webp"])
def test_gif_and_webp_refuse_what_browsers_slow_down(tmp_path, ending):
    save_video(noise(), tmp_path / f"clip{ending}", fps=50)
    with pytest.raises(ValueError, match=f"fps 51, expected a number from 0.01 to 50 .* for {ending}"):
        save_video(noise(), tmp_path / f"more{ending}", fps=51)


@pytest.mark.parametrize("name", ["clip.avi", "clip", ".mp4", "clip.mp4.txt", ""])
def test_unknown_endings_are_refused(name):
    with pytest.raises(ValueError, match=f"got output file '{name or '.'}', expected the extension"):
        save_video(CLIP, name)


def test_places_that_cannot_be_written_are_refused(tmp_path, monkeypatch):
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "old.mp4").write_text("old")
    for error, name, overwrite, message in [
        (FileNotFoundError, "no/clip.mp4", True, "no' does not exist, expected an existing one"),
        (FileNotFoundError, "old.mp4/clip.mp4", True, "old.mp4' does not exist"),
        (FileExistsError, "folder.mp4", True, "folder.mp4' is not a file, expected the name of a file"),
        (FileExistsError, "old.mp4", False, "old.mp4' exists already, expected a new name"),
    ]:
        for call in (check_output, lambda path, overwrite: save_video(CLIP, path, overwrite=overwrite)):
            with pytest.raises(error, match=message):
                call(str(tmp_path / name), overwrite=overwrite)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match="is not writable"):
        save_video(CLIP, tmp_path / "new.mp4")
    assert sorted(os.listdir(tmp_path)) == ["folder.mp4", "old.mp4"]


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert check_output("~/clip.gif") == tmp_path / "clip.gif"
    save_video(CLIP, "~/clip.gif")
    save_frames(CLIP[:2], "~/frames")
    assert sorted(os.listdir(tmp_path)) == ["clip.gif", "frames"] and len(os.listdir(tmp_path / "frames")) == 2


def test_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "plain").touch()
    (tmp_path / "plain folder").mkdir()
    save_video(CLIP, tmp_path / "clip.mp4")
    save_frames(CLIP, tmp_path / "frames")
    for ours, usual in (("clip.mp4", "plain"), ("frames", "plain folder")):
        assert (tmp_path / ours).stat().st_mode == (tmp_path / usual).stat().st_mode


# --- folders of numbered frames ---


def test_frames_come_back_exactly_and_none_of_a_longer_clip_stays(tmp_path):
    for clip in (CLIP, OTHER[:5]):
        save_frames(clip, tmp_path / "frames")
        files = sorted(os.listdir(tmp_path / "frames"))
        assert files == [f"frame_{i:03d}.png" for i in range(len(clip))]
        assert (np.stack([iio.imread(tmp_path / "frames" / name) for name in files]) == to_uint8(clip)).all()
        assert os.listdir(tmp_path) == ["frames"]


def test_names_sort_in_the_order_of_time(tmp_path):
    save_frames(np.zeros((1001, 1, 1, 3)), tmp_path / "frames")
    assert sorted(os.listdir(tmp_path / "frames"))[::1000] == ["frame_0000.png", "frame_1000.png"]


def test_an_empty_folder_is_taken_and_a_link_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "frames").symlink_to(tmp_path / "real")
    save_frames(CLIP, tmp_path / "frames")
    assert (tmp_path / "frames").is_symlink() and len(os.listdir(tmp_path / "real")) == 16


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini", "._frame_000.png", ".ipynb_checkpoints/"])
def test_files_that_appear_by_themselves_are_no_obstacle(tmp_path, name):
    save_frames(OTHER[:5], tmp_path / "frames")
    (tmp_path / "frames" / name).mkdir() if name.endswith("/") else (tmp_path / "frames" / name).write_text("x")
    back, _ = read_video(tmp_path / "frames")
    assert (to_uint8(back) == to_uint8(OTHER[:5])).all()
    with pytest.raises(FileExistsError, match="holds frames already"):
        check_frames_folder(tmp_path / "frames", overwrite=False)
    save_frames(CLIP[:2], tmp_path / "frames")
    assert sorted(os.listdir(tmp_path / "frames")) == ["frame_000.png", "frame_001.png"]


@pytest.mark.parametrize("other", ["frame_000.jpg", "frame_1.png.bak", ".hidden", "frame_9.png/x"])
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
        with pytest.raises(error, match="expected"):
            save_frames(CLIP, place, overwrite=overwrite)
    assert sorted(os.listdir(tmp_path)) == ["file", "here", "old"] and len(os.listdir(tmp_path / "old")) == 2


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize(
    "old, owner, name, at",  # which call fails: of the fifth picture, or of a rename (the old frames away, the new in)
    [(0, Image.Image, "save", 5), (0, pathlib.Path, "rename", 1), (3, Image.Image, "save", 5)]
    + [(3, pathlib.Path, "rename", at) for at in (1, 2)],
)
def test_a_failure_leaves_the_old_frames_or_none(tmp_path, monkeypatch, error, old, owner, name, at):
    if old:
        save_frames(OTHER[:old], tmp_path / "frames")
    original, calls = getattr(owner, name), itertools.count(1)

    def failing(*args):
        if next(calls) == at:
            raise error
        return original(*args)

    monkeypatch.setattr(owner, name, failing)
    with pytest.raises(type(error)):
        save_frames(CLIP, tmp_path / "frames")
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["frames"] * bool(old)
    for i in range(old):
        assert (iio.imread(tmp_path / "frames" / f"frame_{i:03d}.png") == to_uint8(OTHER[i])).all()
