"""Clips come back from every format as they went in, show inline, and are on the disk whole or not at all."""

import base64
import errno
import html.parser
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import textwrap
import warnings

import imageio.v3 as iio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from t2v_helpers import shapes, video
from t2v_helpers.frames import to_uint8
from t2v_helpers.video import InlineVideo, check_frames_folder, check_output, save_frames, save_video, show_video

CLIP = shapes.render("a red circle moving left", seed=0)
OTHER = shapes.render("a yellow triangle growing", seed=1)
ROOT = pathlib.Path(__file__).parent.parent


def read(path):
    """Frames (F, H, W, 3) in 0..255 as another program reads them from a file."""
    if path.suffix == ".mp4":
        return by_ffmpeg(iio.imread, path).astype(float)
    return np.stack([np.asarray(image.convert("RGB")) for image in images(path)]).astype(float)


def by_ffmpeg(function, path):
    """What imageio reads through ffmpeg, whose pipes it leaves open, with a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        return function(path, plugin="FFMPEG")


def images(path):
    with Image.open(path) as image:
        for i in range(getattr(image, "n_frames", 1)):
            image.seek(i)
            yield image.copy()


def psnr(a, b):
    """Peak signal-to-noise ratio in dB of pictures in 0..255."""
    return 10 * np.log10(255**2 / max(np.square(a - b).mean(), 1e-9))


def noise(frames=4, height=8, width=8, seed=0):
    return np.random.default_rng(seed).random((frames, height, width, 3), dtype=np.float32)


def boxes(data):
    """Names of the top-level boxes of an mp4, in order."""
    names, at = [], 0
    while at < len(data):
        names.append(data[at + 4 : at + 8].decode())
        at += int.from_bytes(data[at : at + 4], "big")
    assert at == len(data)
    return names


# --- round trips ---


@pytest.mark.parametrize("ending, least", [(".mp4", 33), (".gif", 60), (".webp", 80)])
@pytest.mark.parametrize("caption", ["a red circle moving left", "a blue square growing", "a yellow triangle rising"])
def test_a_clip_comes_back_with_its_colours(tmp_path, ending, least, caption):
    frames = shapes.render(caption, seed=3)
    save_video(frames, tmp_path / f"clip{ending}")
    back = read(tmp_path / f"clip{ending}")
    assert back.shape == frames.shape
    assert psnr(back, 255 * frames) > least or np.abs(back - to_uint8(frames)).max() == 0
    assert np.abs(back.mean((0, 1, 2)) - 255 * frames.mean((0, 1, 2))).max() < 2
    assert shapes.judge(back / 255) == shapes.parse(caption)


@pytest.mark.parametrize("name", shapes.COLORS)
def test_a_flat_colour_is_off_by_three_levels_of_255_at_most(tmp_path, name):
    frames = np.broadcast_to(np.float32(shapes.COLORS[name]), (3, 32, 32, 3))
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
    for ending in video.ENDINGS:
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


@pytest.mark.parametrize("fps", [0.5, 7, 8, 12, 23.976, 30, np.float32(12.5), np.int64(10)])
@pytest.mark.parametrize("ending, unit", [(".gif", 10), (".webp", 1)])
def test_delays_keep_the_length_of_the_clip(tmp_path, ending, unit, fps):
    frames = noise(9)
    save_video(frames, tmp_path / f"clip{ending}", fps)
    delays = []
    for image in images(tmp_path / f"clip{ending}"):
        image.load()
    with Image.open(tmp_path / f"clip{ending}") as image:
        for i in range(9):
            image.seek(i)
            image.load()
            delays.append(image.info["duration"])
        assert image.info["loop"] == 0  # for ever
    starts = np.cumsum(delays)
    assert np.abs(starts - 1000 / float(fps) * np.arange(1, 10)).max() <= unit / 2 + 1e-6


@pytest.mark.parametrize("fps", [0.01, 0.3, 7.5, 23.976, 240])
def test_mp4_keeps_the_rate(tmp_path, fps):
    save_video(noise(3), tmp_path / "clip.mp4", fps)
    meta = by_ffmpeg(iio.immeta, tmp_path / "clip.mp4")
    assert meta["duration"] == pytest.approx(3 / fps, abs=0.011)


def test_a_frame_that_repeats_lengthens_the_delay(tmp_path):
    frames = noise(3)[[0, 0, 0, 1, 2]]
    save_video(frames, tmp_path / "clip.gif", fps=10)
    with Image.open(tmp_path / "clip.gif") as image:
        assert (image.n_frames, image.info["duration"]) == (3, 300)
    save_video(frames, tmp_path / "clip.mp4", fps=10)
    assert len(read(tmp_path / "clip.mp4")) == 5


# --- bad input ---


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), "8", None, True, 1e9, 1e-9, 8j])
def test_bad_fps_is_refused_and_leaves_no_file(tmp_path, fps):
    for call in (lambda: save_video(CLIP, tmp_path / "clip.mp4", fps), lambda: show_video(CLIP, fps)):
        with pytest.raises(ValueError, match=r"got fps .*expected a number from 0\.01 to 240") as error:
            call()
        assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_gif_and_webp_refuse_what_browsers_slow_down(tmp_path):
    for ending in (".gif", ".webp"):
        save_video(noise(), tmp_path / f"clip{ending}", fps=50)
        with pytest.raises(ValueError, match=f"fps 51, expected a number from 0.01 to 50 .* for {ending}"):
            save_video(noise(), tmp_path / f"more{ending}", fps=51)
    assert len(list(tmp_path.iterdir())) == 2


BAD_CLIPS = {
    "NaN": np.full((2, 4, 4, 3), np.nan),
    "empty clip": np.zeros((0, 4, 4, 3)),
    "shape": np.zeros((4, 4, 3)),
    "batch": np.zeros((1, 2, 4, 4, 3)),
    "values": np.full((2, 4, 4, 3), 2.0),
}


@pytest.mark.parametrize("what", BAD_CLIPS)
@pytest.mark.parametrize("ending", video.ENDINGS)
def test_bad_clips_leave_the_old_file(tmp_path, ending, what):
    path = tmp_path / f"clip{ending}"
    path.write_text("old")
    for call in (lambda: save_video(BAD_CLIPS[what], path), lambda: save_frames(BAD_CLIPS[what], tmp_path / "f")):
        with pytest.raises(ValueError, match=what):
            call()
    with pytest.raises(ValueError, match=what):
        show_video(BAD_CLIPS[what])
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("name", ["clip.avi", "clip", ".mp4", "clip.mp4.txt", "", "clip.mp"])
def test_unknown_endings_are_refused(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=re.escape(f"got output file {str(pathlib.Path(name))!r}, expected an ending")):
        save_video(CLIP, name)
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written_are_refused(tmp_path, monkeypatch):
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "old.mp4").write_text("old")
    for error, name, overwrite, message in [
        (FileNotFoundError, "no/clip.mp4", True, "no' does not exist, expected an existing one"),
        (FileNotFoundError, "old.mp4/clip.mp4", True, "old.mp4' does not exist"),
        (FileExistsError, "folder.mp4", True, "folder.mp4' is a folder, expected the name of a file"),
        (FileExistsError, "old.mp4", False, "old.mp4' exists already, expected a new name"),
    ]:
        for call in (check_output, lambda path, overwrite: save_video(CLIP, path, overwrite=overwrite)):
            with pytest.raises(error, match=message) as raised:
                call(str(tmp_path / name), overwrite=overwrite)
            assert "\n" not in str(raised.value)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match="is not writable"):
        save_video(CLIP, tmp_path / "new.mp4")
    assert sorted(os.listdir(tmp_path)) == ["folder.mp4", "old.mp4"]


def test_check_output_writes_nothing_and_gives_the_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert check_output("CLIP.MP4") == tmp_path / "CLIP.MP4"
    assert check_frames_folder("frames") == tmp_path / "frames"
    assert not list(tmp_path.iterdir())


def test_a_link_stays_and_what_it_points_to_is_written(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "clip.gif").symlink_to(tmp_path / "real")
    save_video(CLIP, check_output(tmp_path / "clip.gif"))
    assert (tmp_path / "clip.gif").is_symlink() and (tmp_path / "real").read_bytes()[:3] == b"GIF"


def test_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "plain").touch()
    save_video(CLIP, tmp_path / "clip.mp4")
    save_frames(CLIP, tmp_path / "frames")
    (tmp_path / "plain folder").mkdir()
    assert (tmp_path / "clip.mp4").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "frames").stat().st_mode == (tmp_path / "plain folder").stat().st_mode


# --- whole or not at all ---


def fail(error):
    def raise_error(*args, **kwargs):
        raise error

    return raise_error


FAILURES = [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), MemoryError()]


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("name", ["fsync", "replace"])
@pytest.mark.parametrize("ending", video.ENDINGS)
@pytest.mark.parametrize("old", [None, "old"])
def test_a_failure_leaves_the_old_file_or_none(tmp_path, monkeypatch, error, name, ending, old):
    path = tmp_path / f"clip{ending}"
    if old:
        path.write_text(old)
    monkeypatch.setattr(os, name, fail(error))
    with pytest.raises(type(error)):
        save_video(CLIP, path)
    assert [file.read_text() for file in tmp_path.iterdir()] == [old] * bool(old)


def test_an_interrupt_of_the_encoder_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(video.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(subprocess, "run", fail(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        save_video(CLIP, tmp_path / "clip.mp4")
    assert not list(tmp_path.iterdir())


def run(folder, code):
    """A program of its own, in which the clips and the folder have the names that they have here."""
    head = f"""
        import os, pathlib, resource, sys
        import numpy as np
        from t2v_helpers import video
        folder = pathlib.Path({str(folder)!r})
        CLIP, OTHER = np.load(folder / "clips.npy")
    """
    code = textwrap.dedent(head) + textwrap.dedent(code)
    options = {"cwd": ROOT, "env": os.environ | {"TMPDIR": str(folder / "temp")}, "text": True}
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


@pytest.fixture
def folder(tmp_path):
    np.save(tmp_path / "clips.npy", [CLIP, OTHER])
    (tmp_path / "temp").mkdir()
    return tmp_path


def names(folder):
    return sorted(set(os.listdir(folder)) - {"clips.npy", "temp"})


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
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
    assert names(folder) == [f"clip{ending}"] and (folder / f"clip{ending}").read_text() == "old"


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_kill_in_the_middle_of_writing_leaves_the_old_file(folder):
    save_video(OTHER, folder / "clip.mp4")
    old = (folder / "clip.mp4").read_bytes()
    code = """
        import time
        os.fsync = lambda _: (print("written, not moved yet", flush=True), time.sleep(60))
        video.save_video(CLIP, folder / "clip.mp4")
    """
    program = run(folder, code)
    assert program.stdout.readline() == "written, not moved yet\n"
    program.kill()
    program.communicate()
    assert (folder / "clip.mp4").read_bytes() == old
    assert [name for name in names(folder) if not name.startswith(".")] == ["clip.mp4"]


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
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
    for name in [name for name in names(folder) if name.startswith("clip")]:
        back = read(folder / name)
        assert max(psnr(back, 255 * CLIP), psnr(back, 255 * OTHER)) > 30  # 12 where it is neither
    if (folder / "frames").exists():
        assert len(os.listdir(folder / "frames")) == 16
    if sign == "SIGINT":  # cleans up, unless it comes while the frames that were replaced are being deleted
        assert not [name for name in names(folder) if name.startswith(".") and not name.endswith(".old")]


# --- folders of frames ---


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


# --- inline ---


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.videos, self.captions = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "video":
            self.videos.append(dict(attrs))

    def handle_data(self, data):
        if self.tags[-1] == "figcaption":
            self.captions.append(data)


def carried(attrs, tmp_path):
    data = attrs["src"].removeprefix("data:video/mp4;base64,")
    (tmp_path / "carried.mp4").write_bytes(base64.b64decode(data, validate=True))
    return read(tmp_path / "carried.mp4")


def test_inline_video_carries_its_bytes_and_plays_by_itself(tmp_path):
    (attrs,) = Page(InlineVideo(CLIP).html).videos
    assert {"controls", "loop", "muted", "autoplay", "playsinline"} <= attrs.keys()
    assert (attrs["width"], attrs["height"]) == ("256", "256") and "image-rendering:pixelated" in attrs["style"]
    back = carried(attrs, tmp_path)
    assert back.shape == (16, 128, 128, 3)
    assert psnr(back[:, ::2, ::2], 255 * CLIP) > 44  # colour at full resolution: better than the file's 34


def test_every_inline_size_keeps_its_proportions(tmp_path):
    for shape, width, expected in [
        ((2, 31, 61, 3), None, ("244", "124", (62, 122))),
        ((2, 32, 32, 3), 32, ("32", "32", (32, 32))),
        ((2, 20, 30, 3), 45, ("45", "30", (20, 30))),
        ((2, 320, 576, 3), None, ("576", "320", (320, 576))),
        ((2, 320, 576, 3), 288, ("288", "160", (320, 576))),
        ((1, 1, 1, 3), None, ("256", "256", (2, 2))),
    ]:
        (attrs,) = Page(InlineVideo(np.zeros(shape), width=width).html).videos
        assert (attrs["width"], attrs["height"], carried(attrs, tmp_path).shape[1:3]) == expected
        assert ("pixelated" in attrs["style"]) == (int(attrs["width"]) > shape[2])


def test_caption_is_escaped_everywhere():
    nasty = """<script>alert(1)</script> " onerror='x' & </video></figure><img src=x>"""
    page = Page(InlineVideo(CLIP, caption=nasty).html)
    assert page.tags == ["div", "figure", "video", "figcaption"]
    assert page.captions == [nasty] and nasty in page.videos[0]["title"]
    assert not {"onerror", "src=x"} & page.videos[0].keys()


def test_several_clips_stand_side_by_side_in_one_row():
    page = Page(InlineVideo([CLIP, OTHER[:8]], caption=["one", shapes.parse("a red circle rising")]).html)
    assert page.tags == ["div", *["figure", "video", "figcaption"] * 2]
    assert page.captions == ["one", "a red circle moving up"]
    assert Page(InlineVideo([CLIP, OTHER], caption=("one", "two")).html).captions == ["one", "two"]
    assert [attrs["title"][:9] for attrs in page.videos] == ["16 frames", "8 frames "]
    assert "display:flex" in InlineVideo([CLIP, CLIP]).html


def test_one_clip_takes_any_caption():
    for caption in ("text", ["text"], shapes.parse("a red circle rising")):
        assert len(Page(InlineVideo(CLIP, caption=caption).html).captions) == 1
    assert Page(InlineVideo([CLIP]).html).captions == []


@pytest.mark.parametrize("caption", ["one for two", ["one"], ["1", "2", "3"]])
def test_captions_have_to_match(caption):
    with pytest.raises(ValueError, match=r"got \d captions for 2 clips, expected"):
        show_video([CLIP, OTHER], caption=caption)


@pytest.mark.parametrize("width", [0, -5, 2.5, "100%"])
def test_bad_width_is_refused(width):
    with pytest.raises(ValueError, match=r"got width .*expected"):
        show_video(CLIP, width=width)


def test_outside_of_a_notebook_a_line_says_what_would_play(capsys):
    assert show_video([CLIP, OTHER[:3, :31]], fps=7.5, caption=["one", "two"]) is None
    assert capsys.readouterr().out == (
        "video, 16 frames of 64x64 at 7.5 fps: one\nvideo, 3 frames of 64x31 at 7.5 fps: two\n"
    )


def test_in_a_notebook_it_is_html_and_a_stable_text():
    from IPython.core.formatters import DisplayFormatter

    data, _ = DisplayFormatter().format(InlineVideo(CLIP))
    assert data == {"text/html": InlineVideo(CLIP).html, "text/plain": "video, 16 frames of 64x64 at 8 fps"}
    json.dumps(data)


def test_nbval_compares_all_but_the_bytes():
    plugin = pytest.importorskip("nbval.plugin")
    patterns = plugin.get_sanitize_patterns((ROOT / "tests" / "nbval_sanitize.cfg").read_text())

    def compared(*args, **options):
        text = InlineVideo(*args, **options).html
        for regex, replacement in patterns:
            text = re.sub(regex, replacement, text)
        return text

    assert InlineVideo(CLIP).html != InlineVideo(CLIP * 0.98).html
    assert compared([CLIP, OTHER], caption=["1", "2"]) == compared([CLIP * 0.98, OTHER**2], caption=["1", "2"])
    assert len(compared(CLIP)) < 1000
    different = [
        compared(CLIP),
        compared(CLIP[:15]),
        compared(CLIP, 9),
        compared(CLIP, caption="x"),
        compared([CLIP] * 2),
    ]
    assert len(set(different)) == 5


# --- the module ---


def test_nothing_heavy_is_imported_before_it_is_used():
    code = "import sys, t2v_helpers.video; print(sorted({m.partition('.')[0] for m in sys.modules}))"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "'numpy'" in out
    for name in ("torch", "PIL", "imageio", "imageio_ffmpeg", "IPython", "matplotlib"):
        assert f"'{name}'" not in out


def test_the_examples_in_the_docs_are_right():
    import doctest

    from t2v_helpers import frames

    for module, least in ((frames, 2), (video, 4)):
        result = doctest.testmod(module)
        assert result.failed == 0 and result.attempted >= least
