"""as_frames takes every form of a clip to the same frames and refuses what is none; film_strip lays frames out."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from t2v_helpers.video import as_frames, film_strip, to_uint8

FORMS = {
    "uint8": lambda clip: clip,
    "float32": lambda clip: clip / np.float32(255),
    "float64": lambda clip: clip / 255,
    "not contiguous": lambda clip: np.flip(np.flip(clip, 1).copy(), 1),
    "tensor uint8": lambda clip: torch.from_numpy(clip).movedim(-1, 1),
    "tensor float": lambda clip: torch.from_numpy(clip).movedim(-1, 1) / 255,
    "tensor that learns": lambda clip: (torch.from_numpy(clip).movedim(-1, 1) / 255).requires_grad_(),
    "tensor, channels last": lambda clip: torch.from_numpy(clip),
    "PIL images": lambda clip: [Image.fromarray(frame) for frame in clip],
    "list of arrays": lambda clip: list(clip),
    "list of tensors": lambda clip: [torch.from_numpy(frame).movedim(-1, 0) for frame in clip],
    "tuple of float arrays": lambda clip: tuple(clip / 255),
}


@st.composite
def clips(draw):
    shape = draw(st.tuples(st.integers(1, 5), st.integers(4, 9), st.integers(4, 9)))
    return np.random.default_rng(draw(st.integers(0, 99))).integers(0, 256, (*shape, 3), dtype=np.uint8)


@pytest.mark.parametrize("form", FORMS)
@given(clip=clips())
@settings(max_examples=20, deadline=None)
def test_every_form_gives_the_same_frames(form, clip):
    frames = as_frames(FORMS[form](clip))
    assert (frames.dtype, frames.shape) == (np.float32, clip.shape)
    assert np.abs(frames - clip / 255).max() < 1e-7
    assert (to_uint8(frames) == clip).all()


def test_levels_are_the_nearest():
    assert to_uint8(np.float32([0, 0.001, 0.003, 0.5, 0.997, 0.999, 1])).tolist() == [0, 0, 1, 128, 254, 255, 255]


def test_grey_is_repeated():
    grey = np.random.default_rng(0).integers(0, 256, (2, 4, 5), dtype=np.uint8)
    expected = np.repeat(grey[..., None], 3, axis=-1) / np.float32(255)
    for form in (grey[..., None], torch.from_numpy(grey)[:, None], [Image.fromarray(frame) for frame in grey]):
        assert (as_frames(form) == expected).all()


RAMP = np.linspace(0, 1, 256)[None].repeat(4, 0)


@pytest.mark.parametrize(
    "ramp",
    [
        Image.fromarray((RAMP * 65535).round().astype(np.uint16)),
        Image.frombytes("I;16B", (256, 4), (RAMP * 65535).round().astype(">u2").tobytes()),
        Image.fromarray(RAMP.astype(np.float32)),
        (RAMP * 65535).round().astype(np.uint16)[..., None],
        torch.from_numpy((RAMP * 65535).round().astype(np.uint16))[None],
        torch.from_numpy(RAMP)[None].half(),
        Image.fromarray((RAMP * 255).round().astype(np.uint8)).convert("CMYK"),
        Image.fromarray((RAMP * 255).round().astype(np.uint8)).convert("YCbCr"),
        Image.merge("LA", [Image.fromarray((RAMP * 255).round().astype(np.uint8)), Image.new("L", (256, 4), 255)]),
        Image.fromarray((255 * (1 - RAMP)).round().astype(np.uint8)),
    ],
    ids="I;16 I;16B F uint16 torch-uint16 half CMYK YCbCr LA alpha".split(),
)
def test_a_ramp_is_a_ramp_in_every_depth_and_mode(ramp, request):
    if request.node.callspec.id == "alpha":  # black that vanishes: on white it is the same ramp
        black = Image.new("L", ramp.size)
        ramp = Image.merge("RGBA", [black, black, black, ramp])
    assert np.abs(as_frames([ramp])[0] - RAMP[..., None]).max() < 5e-3


def test_numbers_whose_white_is_not_known_are_refused():
    wide = Image.fromarray(np.full((2, 2), 70000, dtype=np.int32))
    for bad, says in [
        ([wide], "mode I, whose white is not known"),
        ([Image.fromarray(np.float32([[0, 255]]))], r"values from 0 to 255, expected \[0, 1\]"),
        (
            [np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2, 3), np.uint16)],
            "frames of uint16 and uint8, expected all of",
        ),
        (np.zeros((1, 2, 2, 3), np.uint32), "dtype uint32"),
    ]:
        with pytest.raises(ValueError, match=says):
            as_frames(bad)


def test_pictures_with_a_palette_are_read_as_rgb():
    assert (as_frames([Image.new("RGB", (4, 4), (255, 0, 0)).convert("P")])[0, 0, 0] == (1, 0, 0)).all()


def test_values_a_rounding_outside_are_clipped_in_a_copy():
    frames = np.full((1, 2, 2, 3), 1.0005, dtype=np.float32)
    assert as_frames(frames).max() == 1 and frames.max() > 1


def test_axis_1_of_a_tensor_is_the_channels_where_it_can_be():
    assert as_frames(torch.zeros(2, 3, 5, 3, dtype=torch.bfloat16)).shape == (2, 5, 3, 3)


GOOD = np.zeros((2, 4, 4, 3), dtype=np.float32)
NAN = GOOD.copy()
NAN[1, 2, 3, 0] = np.nan


@pytest.mark.parametrize(
    "bad, message",
    [
        (NAN, r"NaN or infinite values in 1 of 2 frames, expected"),
        (GOOD + 255, r"values from 255 to 255, expected \[0, 1\]"),
        (GOOD[None], r"four axes, .* shape \(1, 2, 4, 4, 3\), expected \(F, H, W, 3\)"),
        (GOOD[0], r"shape \(4, 4, 3\), expected \(F, H, W, 3\)"),
        (GOOD[..., :2], r"shape \(2, 4, 4, 2\)"),
        (GOOD[:0], r"empty clip, shape \(0, 4, 4, 3\)"),
        (GOOD[:, :0], r"empty clip, shape \(2, 0, 4, 3\)"),
        ([], r"empty clip, expected at least one frame"),
        (GOOD.astype(bool), r"dtype bool"),
        (torch.zeros(2, 3, 4, 4, dtype=torch.int32), r"dtype int32"),
        ("clip.mp4", r"got a str"),
        ([GOOD[0], GOOD[0, :2]], r"different shapes, \(2, 4, 3\) and \(4, 4, 3\)"),
        ([None, None], r"dtype object"),
    ],
)
def test_what_is_no_clip_is_refused_in_one_line(bad, message):
    with pytest.raises(ValueError, match=message) as error:
        as_frames(bad)
    assert "\n" not in str(error.value)
    assert "expected" in str(error.value)


@pytest.mark.parametrize("form", FORMS)
def test_one_clip_and_a_list_of_clips_are_told_apart(form):
    clip = np.random.default_rng(0).integers(0, 256, (3, 5, 7, 3), dtype=np.uint8)
    one, two = film_strip(FORMS[form](clip)), film_strip([FORMS[form](clip), FORMS[form](clip[:2])])
    assert one.size == (3 * 25 * 7 + 2 * 8, 25 * 5) and two.size == (one.width, 2 * one.height + 8)
    assert shown(one) == shown(two) and len(shown(two, y=140)) == 2


def numbered(count):
    """Frames that can be told by their brightness, frame i being 10 i of 255."""
    return np.full((count, 8, 8, 3), np.arange(0, 10 * count, 10, dtype=np.uint8)[:, None, None, None])


def shown(strip, y=4):
    """The brightness of each picture in a row of a strip of 128-pixel pictures; the gaps are transparent."""
    row = np.asarray(strip)[y]
    assert (row[row[:, 3] == 0] == 0).all()
    starts = np.flatnonzero(np.diff(np.r_[0, row[:, 3] > 0]) == 1)
    return (row[starts, 0] // 10).tolist()


@pytest.mark.parametrize(
    "count, expected",
    [(8, [0, 2, 4, 6, 9, 11, 13, 15]), (1, [0]), (2, [0, 15]), (16, list(range(16))), (99, list(range(16)))],
)
def test_film_strip_takes_frames_from_the_first_to_the_last(count, expected):
    strip = film_strip(numbered(16), count)
    assert shown(strip) == expected
    assert strip.size == (len(expected) * 136 - 8, 128)


def test_film_strip_enlarges_by_whole_pixels_and_never_shrinks():
    checker = np.indices((1, 64, 64)).sum(0)[..., None].repeat(3, -1).astype(np.uint8) % 2 * 255
    assert (np.asarray(film_strip(checker))[:, :, 0] == checker[0, :, :, 0].repeat(2, 0).repeat(2, 1)).all()
    assert film_strip(np.zeros((1, 32, 64, 3))).size == (256, 128)
    assert film_strip(np.zeros((3, 256, 320, 3))).size == (3 * 328 - 8, 256)


@pytest.mark.parametrize("count", [0, 2.5, "8", None])
def test_film_strip_refuses_a_bad_count(count):
    with pytest.raises(ValueError, match=r"count .* expected"):
        film_strip(numbered(2), count)


def test_film_strip_in_a_notebook_is_one_png_and_a_text_without_addresses():
    from IPython.core.formatters import DisplayFormatter

    data, _ = DisplayFormatter().format(film_strip(numbered(4)))
    assert set(data) == {"image/png", "text/plain"}
    assert data["text/plain"] == "<PIL.Image.Image image mode=RGBA size=536x128>"
