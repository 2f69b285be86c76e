"""Clips inline in a page: they carry their bytes, play by themselves, and escape what is written under them."""

import base64
import json
import pathlib
import re

import numpy as np
import pytest
from clip_files import CLIP, OTHER, Page, psnr, read

from t2v_helpers import shapes
from t2v_helpers.video import InlineVideo, show_video

ROOT = pathlib.Path(__file__).parent.parent


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


def test_several_clips_stand_side_by_side_in_one_row():
    page = Page(InlineVideo([CLIP, OTHER[:8]], caption=["one", shapes.parse("a red circle rising")]).html)
    assert page.tags == ["div", *["figure", "video", "figcaption"] * 2]
    assert page.captions == ["one", "a red circle moving up"]
    assert Page(InlineVideo([CLIP, OTHER], caption=("one", "two")).html).captions == ["one", "two"]
    assert [attrs["title"][:9] for attrs in page.videos] == ["16 frames", "8 frames "]
    marked = Page(InlineVideo([CLIP, OTHER], marks=[False, True]).html).videos
    assert ["outline" in attrs["style"] for attrs in marked] == [False, True]


def test_one_clip_takes_any_caption():
    for caption in ("text", ["text"], shapes.parse("a red circle rising")):
        assert len(Page(InlineVideo(CLIP, caption=caption).html).captions) == 1
    assert Page(InlineVideo([CLIP]).html).captions == []


@pytest.mark.parametrize(
    "bad, says",
    [({"caption": c}, "got [13] captions for 2 clips, expected") for c in ("one for two", ["one"], ["1", "2", "3"])]
    + [({"width": width}, "got width .*expected") for width in (0, 2.5, "100%")]
    + [({"marks": [True]}, "got 1 marks for 2 clips, expected one for each")],
)
def test_bad_captions_and_widths_are_refused(bad, says):
    with pytest.raises(ValueError, match=says):
        show_video([CLIP, OTHER], **({"caption": ["1", "2"]} | bad))


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
    others = compared(CLIP[:15]), compared(CLIP, 9), compared(CLIP, caption="x"), compared([CLIP] * 2)
    assert len({compared(CLIP), *others}) == 5
