"""Whatever a video or a schedule function is given, it keeps its word or says in one line what was wrong."""

import pathlib
import tempfile

import numpy as np
import torch
from clip_files import Page
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from t2v_helpers._support.outputs import EXTENSIONS
from t2v_helpers.schedules import NoiseSchedule
from t2v_helpers.video import InlineVideo, as_frames, film_strip, save_frames, save_video, to_uint8

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
SHAPES = st.lists(st.integers(0, 4), max_size=5).map(tuple) | st.tuples(
    *[st.integers(1, 4)] * 3, st.sampled_from([1, 3])
)
TYPES = st.sampled_from([np.uint8, np.float16, np.float32, np.float64, np.int64, np.bool_, np.complex64, "U2", object])
UNIT = {"min_value": 0, "max_value": 1}


@st.composite
def things(draw):
    """Something that somebody may take for a clip: often one, of any type, size and memory layout."""
    dtype, shape = np.dtype(draw(TYPES)), draw(SHAPES)
    if dtype.kind == "f":
        unit, every = (st.floats(width=8 * dtype.itemsize, **bounds) for bounds in (UNIT, {}))
        values = draw(st.sampled_from([unit, unit, unit | st.just(np.nan), every]))
    else:
        values = st.integers(0, 255) if dtype.kind == "O" else arrays.from_dtype(dtype)
    clip = draw(arrays.arrays(dtype, shape, elements=values))
    forms = [lambda x: x, lambda x: x.T] + [list] * (len(shape) > 0)
    if dtype.kind in "fui":
        forms += [lambda x: torch.from_numpy(x.copy())]
    return draw(st.sampled_from(forms))(clip)


ANY_FPS = st.floats() | st.integers(-(10**30), 10**30) | st.sampled_from(["8", None, True, 8j, np.float32(8), [8]])


def made(function, *args):
    """What a call returns, or None if it raises a ValueError of one line."""
    try:
        return function(*args)
    except ValueError as error:
        assert "\n" not in str(error) and ("expected" in str(error) or "must" in str(error)), error


@given(things())
@settings(PATIENT, max_examples=300)
def test_a_clip_is_what_it_says_or_is_refused_in_one_line(thing):
    if (frames := made(as_frames, thing)) is None:
        return
    assert frames.dtype == np.float32 and frames.ndim == 4 and frames.shape[-1] == 3 and frames.size
    assert 0 <= frames.min() and frames.max() <= 1
    assert as_frames(frames) is frames
    assert film_strip(frames).height >= frames.shape[1]


@given(things(), ANY_FPS, st.sampled_from([*EXTENSIONS, ".GIF", ".avi", "", ".mp4.txt"]))
@PATIENT
def test_there_is_a_file_or_an_error_of_one_line(thing, fps, ending):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        saved = made(lambda: [save_video(thing, folder / f"clip{ending}", fps)])
        assert [file.name for file in folder.iterdir()] == [f"clip{ending}"] * bool(saved)


@given(things())
@PATIENT
def test_pictures_are_the_frames_or_there_is_no_folder(thing):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name) / "frames"
        if made(lambda: [save_frames(thing, folder)]) is None:
            assert not list(folder.parent.iterdir())
            return
        read = np.stack([np.asarray(Image.open(file)) for file in sorted(folder.iterdir())])
        assert (read == to_uint8(as_frames(thing))).all()


CLIP = np.zeros((2, 4, 4, 3), dtype=np.uint8)
PLAIN = Page(InlineVideo(CLIP, caption="plain").html)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
@example("</figcaption><script>alert(1)</script>")
@example("""<script>alert(1)</script> " onerror='x' & </video></figure><img src=x>""")
@example("&lt;b&gt; & \u2028 <!-- -->")
@settings(PATIENT, max_examples=30)
def test_a_caption_is_shown_as_it_is_and_adds_no_tag(caption):
    page = Page(InlineVideo(CLIP, caption=caption).html)
    assert (page.tags, page.attributes) == (PLAIN.tags, PLAIN.attributes)
    assert "".join(page.captions) == caption and page.videos[0]["title"].endswith(f": {caption}")


NUMBERS = st.floats() | st.integers(-5, 5) | st.sampled_from([None, "1", True, 0.5, 1e-4, 0.02])


def is_schedule(schedule):
    betas, bars = schedule.betas, schedule.alpha_bars
    assert betas.dtype == torch.float64 and len(schedule) == len(betas) >= 1
    assert ((betas > 0) & (betas <= 1)).all() and (betas[:-1] < 1).all()
    assert (bars.diff() <= 0).all() and (schedule.snr.diff() <= 0).all() and ((bars >= 0) & (bars < 1)).all()


@given(st.lists(NUMBERS, max_size=6) | arrays.arrays(np.float32, st.integers(0, 6)) | NUMBERS)
@settings(PATIENT, max_examples=300)
def test_a_table_of_betas_is_a_schedule_or_is_refused_in_one_line(betas):
    if (schedule := made(NoiseSchedule, betas)) is None:
        return
    is_schedule(schedule)
    assert torch.equal(schedule.betas, torch.as_tensor(np.asarray(betas, dtype=np.float64)))


@given(st.sampled_from(["linear", "scaled_linear", "sigmoid"]), st.integers(-3, 2000) | NUMBERS, NUMBERS, NUMBERS)
@settings(PATIENT, max_examples=300)
def test_a_family_of_any_length_and_ends_is_a_schedule_or_is_refused_in_one_line(family, T, start, end):
    if schedule := made(getattr(NoiseSchedule, family), T, start, end):
        is_schedule(schedule)
        assert len(schedule) == T
