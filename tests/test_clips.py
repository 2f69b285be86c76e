"""What each kind of clip file is read as: frames, size, times, colours; and what is refused, with the file and why.

The files are made here, by ffmpeg and Pillow, from one clip of five frames, 24 x 16: the left half of frame i has the
color COLORS[i], the right half is grey.
"""

import subprocess

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from t2v_helpers import read_video, save_video

COLORS = np.float32([[200, 40, 40], [40, 160, 40], [40, 40, 200], [200, 200, 40], [120, 40, 160]]) / 255
GREY = np.float32(128 / 255)
EVEN = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
UNEVEN = [0.0, 0.2, 0.4, 1.2, 1.4, 1.6]
CLIP = np.full((5, 16, 24, 3), GREY)
CLIP[:, :, :12] = COLORS[:, None, None]


def encode(path, *options, data=CLIP, form="rgb24", rate=5):
    """Write a clip with ffmpeg."""
    words = f"-v error -y -f rawvideo -pix_fmt {form} -r {rate} -s {data.shape[2]}x{data.shape[1]} -i -"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), *" ".join([words, *options]).split(), path]
    subprocess.run(command, input=(data * 255).round().astype(np.uint8).tobytes(), check=True)


def remux(path, *options, before=(), after=()):
    """Write a plain mp4, and copy it to `path` with other data about it."""
    encode(path.with_name("plain.mp4"), H264)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), *"-v error -y".split(), *before, "-i", path.with_name("plain.mp4")]
    subprocess.run([*command, *after, "-c", "copy", path], check=True)
    path.with_name("plain.mp4").unlink()


def pictures(mode="RGB"):
    """The frames as Pillow's images; ADAPTIVE keeps them exact in a palette."""
    images = (Image.fromarray((frame * 255).round().astype(np.uint8)) for frame in CLIP)
    return [image.convert(mode, palette=Image.Palette.ADAPTIVE) for image in images]


def with_alpha(alpha=127):
    """The clip with black in its right half, which is transparent so that it shows GREY on white."""
    images = []
    for frame in CLIP:
        rgba = np.zeros((16, 24, 4), np.uint8)
        rgba[:, :12] = [*(frame[0, 0] * 255).round(), 255]
        rgba[:, 12:, 3] = alpha
        images.append(Image.fromarray(rgba))
    return images


def animate(path, images, duration=200, **options):
    images[0].save(path, save_all=True, append_images=images[1:], duration=duration, **options)


def encode_alpha(path, *options):
    encode(path, *options, data=np.stack([np.asarray(image) for image in with_alpha()]) / 255, form="rgba")


def folder(path, names, images, **options):
    path.mkdir()
    for name, image in zip(names, images, strict=True):
        image.save(path / name, **options)


def wide_grey(path):
    """16-bit PNG pictures that an 8-bit reading makes all white or all black: left 40000, right 32896, of 65535."""
    left, right = np.full((16, 12), 40000, np.uint16), np.full((16, 12), 32896, np.uint16)
    folder(path, [f"{i}.png" for i in range(5)], [Image.fromarray(np.hstack([left, right]))] * 5)


def turned(path):
    """JPEG photos as a phone saves them: lying on their side, with the note to turn them."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by 90 degrees clockwise
    images = [image.transpose(Image.Transpose.ROTATE_90) for image in pictures()]
    folder(path, [f"IMG_{i}.JPG" for i in range(5)], images, exif=exif, quality=100, subsampling=0)


def with_default_image(path):
    """An APNG whose first picture is not a frame, but for viewers that show a still."""
    animate(path, [Image.new("RGB", (24, 16), "red"), *pictures()], 200, default_image=True)


def with_dot_files(path):
    folder(path, [f"{i}.png" for i in (1, 2, 3, 9, 10)], pictures())  # 10 comes after 9
    for name in (".DS_Store", "Thumbs.db", "._1.png"):
        (path / name).write_bytes(b"x")


H264 = "-c:v libx264 -crf 10 -pix_fmt yuv420p"
LATE = "-vf setpts='N+3*gte(N,3)' -fps_mode passthrough -enc_time_base 1:1000"
ALPHA = "-pix_fmt yuva420p -auto-alt-ref 0 -b:v 1M -c:v"
# name of the file => how it is made, what differs from (five frames of 24x16 that begin at EVEN and have CLIP's colors)
KINDS = {
    "h264.mp4": (lambda p: encode(p, H264), {}),
    "variable rate.mp4": (lambda p: encode(p, LATE, H264), {"times": UNEVEN}),
    "variable rate.mkv": (lambda p: encode(p, LATE, H264), {"times": UNEVEN}),
    "variable rate.webm": (lambda p: encode(p, LATE, "-c:v libvpx-vp9 -crf 10"), {"times": UNEVEN}),
    "hevc 10 bit.mp4": (
        lambda p: encode(p, "-c:v libx265 -crf 10 -pix_fmt yuv420p10le -x265-params log-level=none"),
        {},
    ),
    "h264 10 bit 4:4:4.mp4": (lambda p: encode(p, "-c:v libx264 -crf 10 -pix_fmt yuv444p10le"), {}),
    "turned by 90.mp4": (lambda p: remux(p, before=["-display_rotation", "90"]), {"turned": 1}),
    "turned by 180.mov": (lambda p: remux(p, before=["-display_rotation", "180"]), {"turned": 2}),
    "wide pixels.mp4": (
        lambda p: encode(p, "-vf scale=12:16,setsar=2/1", H264),
        {"within": 0.1},  # its 12 columns are shown as 24
    ),
    "in a row.mjpeg": (lambda p: encode(p, "-q:v 1"), {"times": [0.0, 0.125, 0.25, 0.375, 0.5, 0.625], "within": 0.1}),
    "late start.mkv": (lambda p: remux(p, after=["-output_ts_offset", "7"]), {}),
    "with sound.mp4": (lambda p: encode(p, "-f lavfi -i sine=d=1 -map 1:a -map 0:v", H264), {}),
    "fragmented.mp4": (lambda p: remux(p, after=["-movflags", "frag_keyframe+empty_moov"]), {}),
    "two endings.mp4.mkv": (lambda p: remux(p), {}),
    "100% #1 'q' ü.mp4": (lambda p: encode(p, H264), {}),
    "odd size.mkv": (lambda p: encode(p, "-c:v ffv1", data=CLIP[:, :15, :23]), {"size": (23, 15), "within": 0.01}),
    "bgr.avi": (lambda p: encode(p, "-c:v rawvideo -pix_fmt bgr24"), {"within": 0.003}),
    "mpeg4.avi": (lambda p: encode(p, "-c:v mpeg4 -q:v 1"), {}),
    "full range mjpeg.avi": (lambda p: encode(p, "-c:v mjpeg -q:v 1 -pix_fmt yuvj444p"), {}),
    "mpeg1.mpg": (lambda p: encode(p, "-c:v mpeg1video -q:v 1", rate=25), {"times": np.arange(6) / 25}),
    "h264.ts": (lambda p: encode(p, H264), {}),
    "windows.wmv": (lambda p: encode(p, "-c:v wmv2 -q:v 1"), {}),
    "flash.flv": (lambda p: encode(p, "-c:v flv1 -q:v 1"), {}),
    "theora.ogv": (lambda p: encode(p, "-c:v libtheora -q:v 10"), {}),
    "vp8.webm": (lambda p: encode(p, "-c:v libvpx -b:v 1M"), {}),
    "av1.mkv": (lambda p: encode(p, "-c:v libaom-av1 -cpu-used 8 -crf 5 -b:v 0"), {}),
    "prores.mov": (lambda p: encode(p, "-c:v prores_ks -profile:v 4 -pix_fmt yuv444p10le"), {}),
    "raw.y4m": (lambda p: encode(p, "-pix_fmt yuv444p -strict -1"), {}),
    "raw.h264": (lambda p: encode(p, H264), {}),
    "grey.mkv": (lambda p: encode(p, "-c:v ffv1 -pix_fmt gray"), {"grey": True}),
    "grey 10 bit.mkv": (lambda p: encode(p, "-c:v ffv1 -pix_fmt gray10le"), {"grey": True}),
    "grey 16 bit.mkv": (lambda p: encode(p, "-c:v ffv1 -pix_fmt gray16le"), {"grey": True}),
    "alpha.mov": (lambda p: encode_alpha(p, "-c:v qtrle"), {"within": 0.01}),
    "alpha 16 bit.mov": (lambda p: encode_alpha(p, "-c:v png -pix_fmt rgba64be"), {"within": 0.01}),
    "alpha prores.mov": (lambda p: encode_alpha(p, "-c:v prores_ks -profile:v 4 -pix_fmt yuva444p10le"), {}),
    "alpha vp9.webm": (lambda p: encode_alpha(p, ALPHA, "libvpx-vp9"), {}),
    "alpha vp8.webm": (lambda p: encode_alpha(p, ALPHA, "libvpx"), {}),
    "plain.gif": (lambda p: animate(p, pictures()), {"within": 0.003}),
    "variable rate.gif": (
        lambda p: animate(p, pictures(), [200, 200, 800, 200, 200]),
        {"times": UNEVEN, "within": 0.003},
    ),
    "no delays.gif": (lambda p: animate(p, pictures(), 0), {"times": np.arange(6) / 10, "within": 0.003}),
    "transparent.gif": (lambda p: animate(p, with_alpha(0), disposal=2), {"right": 1.0, "within": 0.01}),
    "saved here.gif": (lambda p: save_video(CLIP, p, 5), {"within": 0.003}),
    "saved here.webp": (lambda p: save_video(CLIP, p, 5), {"within": 0.003}),
    "lossy.webp": (lambda p: animate(p, pictures(), quality=95), {}),
    "alpha.webp": (lambda p: animate(p, with_alpha(), lossless=True, exact=True), {"within": 0.005}),
    "animated.png": (lambda p: animate(p, pictures()), {"within": 0.003}),
    "alpha.apng": (lambda p: animate(p, with_alpha(), format="PNG"), {"within": 0.005}),
    "default image.png": (with_default_image, {"within": 0.003}),
    "pages.tiff": (lambda p: animate(p, pictures()), {"times": np.arange(6) / 8, "within": 0.003}),
    "float pages.tiff": (
        lambda p: animate(p, [Image.fromarray(np.asarray(im, np.float32) / 255) for im in pictures("L")]),
        {"times": np.arange(6) / 8, "grey": True},
    ),
    "sequence.avif": (lambda p: animate(p, pictures(), quality=100), {}),
    "folder of palettes": (
        lambda p: folder(p, [f"{i}.png" for i in range(5)], pictures("P")),
        {"times": np.arange(6) / 8, "within": 0.003},
    ),
    "folder of cmyk": (
        lambda p: folder(p, [f"{i}.tif" for i in range(5)], pictures("CMYK")),
        {"times": np.arange(6) / 8, "within": 0.01},
    ),
    "folder of photos": (turned, {"times": np.arange(6) / 8, "within": 0.02}),
    "folder of 16 bit": (wide_grey, {"times": np.arange(6) / 8, "left": 40000 / 65535, "within": 1e-4}),
    "folder with files of its own": (with_dot_files, {"times": np.arange(6) / 8, "within": 0.003}),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_clip_is_read_as_its_file_holds_it(tmp_path, name):
    make, differs = KINDS[name]
    make(tmp_path / name)
    frames, times = read_video(tmp_path / name)
    width, height = differs.get("size", (24, 16))
    expected = CLIP[:, :height, :width].copy()
    expected[:, :, :12] = differs.get("left", expected[:, :, :12])
    expected[:, :, 12:] = differs.get("right", GREY)
    if differs.get("grey"):
        expected = (expected @ np.float32([0.299, 0.587, 0.114]))[..., None].repeat(3, -1)
    away = np.abs(np.rot90(frames, -differs.get("turned", 0), axes=(1, 2)) - expected)
    away[:, :, 10:14] = 0  # where the halves meet
    assert away.max() < differs.get("within", 0.06)
    assert times == pytest.approx(differs.get("times", EVEN), abs=2e-3)
    assert frames.dtype == np.float32


def test_thirteen_frames_at_their_own_times_are_thirteen(tmp_path):
    """imageio reads this file as 17 frames, at an even rate."""
    encode(
        tmp_path / "v.mp4",
        "-vf setpts='N+floor(N/3)' -fps_mode passthrough -enc_time_base 1:1000",
        H264,
        data=MANY[:13],
    )
    frames, times = read_video(tmp_path / "v.mp4")
    assert frames[:, 4, 4, 0] == pytest.approx(np.arange(13) / 16, abs=0.02)
    assert times[:-1] == pytest.approx([(i + i // 3) / 5 for i in range(13)], abs=1e-3)


# ---- taking some of the frames, at another size ----
MANY = np.broadcast_to(np.arange(17, dtype=np.float32)[:, None, None, None] / 16, (17, 16, 24, 3))


@pytest.mark.parametrize(
    "asked, taken, times",
    [
        ({"num_frames": 5}, [0, 4, 8, 12, 16], [0, 0.4, 0.8, 1.2, 1.6, 1.7]),
        ({"num_frames": 17}, range(17), np.arange(18) / 10),
        ({"num_frames": 1}, [0], [0, 1.7]),
        ({"fps": 5}, [0, 2, 4, 6, 8, 10, 12, 14, 16], np.arange(10) / 5),
        ({"fps": 5, "num_frames": 3}, [0, 2, 4], np.arange(4) / 5),
        ({"fps": 20, "num_frames": 4}, [0, 0, 1, 1], np.arange(5) / 20),
    ],
)
@pytest.mark.parametrize("ending", [".webp", ".mkv"])
def test_some_frames_are_those_on_show_at_these_times(tmp_path, ending, asked, taken, times):
    if ending == ".mkv":
        encode(tmp_path / "clip.mkv", "-c:v ffv1 -pix_fmt gray", data=MANY, rate=10)
    else:
        save_video(MANY, tmp_path / "clip.webp", fps=10)
    frames, at = read_video(tmp_path / f"clip{ending}", **asked)
    assert frames[:, 0, 0, 0] * 16 == pytest.approx(list(taken), abs=0.05) and at == pytest.approx(list(times))


def test_evenly_in_time_is_not_evenly_in_number(tmp_path):
    encode(tmp_path / "v.mkv", LATE, H264)
    frames, times = read_video(tmp_path / "v.mkv", num_frames=3)  # at 0, 0.7 and 1.4 s: the third is on show to 1.2
    assert frames[:, 8, 4] == pytest.approx(COLORS[[0, 2, 4]], abs=0.06) and times[:3] == pytest.approx([0, 0.7, 1.4])


def test_another_size_covers_and_crops_at_the_center(tmp_path):
    save_video(CLIP, tmp_path / "clip.webp")
    for size in [(16, 16), (32, 8), (8, 32), (24, 16), (7, 5)]:
        frames, _ = read_video(tmp_path / "clip.webp", size=size)
        assert frames.shape == (5, size[1], size[0], 3)
        assert np.abs(frames[:, 0, 0] - COLORS).max() < 0.05 and np.abs(frames[:, -1, -1] - GREY).max() < 0.05
        middle = frames[:, :, (size[0] - 1) // 2 : size[0] // 2 + 1].mean((1, 2))  # the halves meet there still
        assert np.abs(middle - (COLORS + GREY) / 2).max() < 0.05


# ---- what is refused ----
def cut(make, share=0.7):
    """A file that ends early."""

    def write(path):
        make(path)
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])

    return write


def cut_between_frames(path):
    animate(path, pictures())
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"!\xf9\x04")])


def sound(path, *more):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), *"-v error -y -f lavfi -i sine=d=1".split(), *more, path]
    subprocess.run(command, check=True)


def song_with_a_cover(path):
    pictures()[0].save(path.with_name("cover.png"))
    sound(path, "-i", path.with_name("cover.png"), *"-map 0 -map 1 -disposition:v attached_pic".split())


NOISE = np.random.default_rng(0).random((20, 64, 64, 3))
REFUSED = {
    "empty.mp4": (lambda p: p.touch(), "it is empty"),
    "text.mp4": (lambda p: p.write_text("not a clip"), "Invalid data"),
    "zeros.webm": (lambda p: p.write_bytes(bytes(5000)), "Invalid data"),
    "notes.txt": (lambda p: p.write_text("ffmpeg would film this as it is typed. " * 50), "it holds no video"),
    "photo.heic": (lambda p: p.write_bytes(b"\0\0\0\x18ftypheic" + bytes(99)), "it is a HEIC photo, expected JPEG"),
    "sound.m4a": (sound, "it holds no video"),
    "sound.mp4": (sound, "it holds no video"),
    "cover.mp3": (song_with_a_cover, "it holds no video"),
    "cut, index last.mp4": (cut(lambda p: encode(p, H264, data=NOISE)), "moov atom not found"),
    "cut, index first.mp4": (cut(lambda p: save_video(NOISE, p)), "corrupt|partial"),
    "cut.mkv": (cut(lambda p: encode(p, H264, data=NOISE)), "ended prematurely"),
    "cut.webm": (cut(lambda p: encode(p, "-c:v libvpx -b:v 1M", data=NOISE)), "ended prematurely"),
    "cut.gif": (cut(lambda p: animate(p, pictures())), "broken or cut short|truncated"),
    "cut between frames.gif": (cut_between_frames, "it is cut short"),
    "cut.webp": (cut(lambda p: animate(p, pictures())), "could not create decoder"),
    "cut.png": (cut(lambda p: animate(p, pictures())), "[Tt]runcated"),
    "row.png": (lambda p: encode(p, "-f image2pipe -c:v png"), "several pictures in a row"),
    "row.ppm": (lambda p: encode(p, "-f image2pipe -c:v ppm"), "several pictures in a row"),
    "an empty folder": (lambda p: p.mkdir(), "at least one frame"),
    "frames and notes": (
        lambda p: (folder(p, ["1.png"], pictures()[:1]), (p / "n.txt").write_text("x")),
        "in n.txt, exp",
    ),
    "frames and clips": (lambda p: (folder(p, ["1.png"], pictures()[:1]), animate(p / "2.gif", pictures())), "2.gif"),
    "of two sizes": (
        lambda p: folder(p, ["1.png", "2.png"], [pictures()[0], Image.new("L", (9, 9))]),
        "different shapes",
    ),
    "int pages.tiff": (lambda p: animate(p, [Image.new("I", (9, 9), i) for i in range(2)]), "mode I, whose white"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_a_whole_clip_is_refused_with_file_and_reason(tmp_path, name):
    make, says = REFUSED[name]
    make(tmp_path / name)
    with pytest.raises(ValueError, match=says) as error:
        read_video(tmp_path / name)
    assert str(error.value).startswith(f"{tmp_path / name} cannot be read as a clip (") and "\n" not in str(error.value)


def test_what_is_asked_for_in_vain(tmp_path, monkeypatch):
    save_video(MANY, tmp_path / "clip.webp", fps=10)
    for asked, says in [
        ({"num_frames": 18}, r"it lasts 1.7 s, which is 17 frames, expected at least 18"),
        ({"num_frames": 10, "fps": 5}, r"it lasts 1.7 s, which is 9 frames at 5 fps, expected at least 10"),
        ({"num_frames": 0}, "num_frames = 0, expected"),
        ({"fps": 0}, "fps = 0, expected"),
    ]:
        with pytest.raises(ValueError, match=says):
            read_video(tmp_path / "clip.webp", **asked)
    monkeypatch.setattr("t2v_helpers.clips.MOST", 10 * MANY[0].nbytes)
    with pytest.raises(
        ValueError, match="its first 11 frames take 4 GB of memory: cut it, or read it at a smaller size"
    ):
        read_video(tmp_path / "clip.webp")
    assert read_video(tmp_path / "clip.webp", size=(8, 8))[0].shape == (17, 8, 8, 3)
    with pytest.raises(FileNotFoundError, match=r"no.mp4 is missing, expected a clip"):
        read_video(tmp_path / "no.mp4")


def test_a_playlist_reaches_nothing_but_files(tmp_path):
    (tmp_path / "list.m3u8").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
    )
    with pytest.raises(ValueError, match=r"list.m3u8 cannot be read as a clip \(.*not on whitelist 'file'"):
        read_video(tmp_path / "list.m3u8")
