"""An exported notebook in a real browser: its clips play by themselves, in their colours, and captions stay text."""

import nbconvert
import nbformat
import numpy as np
import pytest

from t2v_helpers import shapes
from t2v_helpers.video import InlineVideo

CAPTION = "<script>document.title = 'run'</script> a red circle & more"
CLIP = shapes.render("a red circle moving left", seed=0)
FLAT = [np.broadcast_to(np.float32(color), (16, 64, 64, 3)) for color in shapes.COLORS.values()]
PIXELS = """video => {
    const canvas = Object.assign(document.createElement('canvas'), {width: video.videoWidth, height: video.videoHeight})
    const context = canvas.getContext('2d')
    context.drawImage(video, 0, 0)
    return [...context.getImageData(0, 0, canvas.width, canvas.height).data]
}"""
SEEK = """(video, second) => new Promise((done, fail) => {
    setTimeout(fail, 60000, 'the video cannot be wound')
    video.pause()
    video.onseeked = done
    video.currentTime = second
})"""


def pixels(video):
    """What a video shows at this moment: array (H, W, 3) in 0..255."""
    size = video.evaluate("video => [video.videoHeight, video.videoWidth, 4]")
    return np.reshape(video.evaluate(PIXELS), size)[..., :3]


@pytest.fixture(scope="module")
def page(open_page, tmp_path_factory):
    """The page that nbconvert makes of a notebook with clips stored in it."""
    shown = [InlineVideo(CLIP, caption=CAPTION), InlineVideo(FLAT)]
    outputs = [nbformat.v4.new_output("display_data", {"text/html": video.html}) for video in shown]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=outputs)])
    file = tmp_path_factory.mktemp("page") / "notebook.html"
    file.write_text(nbconvert.HTMLExporter().from_notebook_node(notebook)[0])
    page, _ = open_page(file.as_uri())  # what the export asks of the network is not needed
    return page


def test_clips_play_by_themselves_and_from_the_page_alone(page):
    page.wait_for_function("[...document.querySelectorAll('video')].every(v => v.currentTime > 0.2)")
    sizes = page.evaluate("[...document.querySelectorAll('video')].map(v => [v.videoWidth, v.videoHeight, v.duration])")
    assert sizes == [[128, 128, 2]] * (1 + len(FLAT))
    state = "[...document.querySelectorAll('video')].map(v => !v.paused && v.muted && v.loop && v.controls && !v.error)"
    assert page.evaluate(state) == [True] * (1 + len(FLAT))


def test_a_clip_shows_each_frame_at_its_time(page):
    video = page.query_selector("video")
    for i in (0, 5, 10, 15):
        video.evaluate(SEEK, (i + 0.5) / 8)
        shown = pixels(video)[::2, ::2]
        errors = [np.abs(shown - 255 * frame).mean() for frame in CLIP]
        assert np.argmin(errors) == i and min(errors) < 1


def test_colours_are_those_of_the_frames(page):
    page.wait_for_function("[...document.querySelectorAll('video')].every(v => v.readyState == 4)")
    for video, frames in zip(page.query_selector_all("video")[1:], FLAT, strict=True):
        assert np.abs(pixels(video) - 255 * frames[0, 0, 0]).max() < 4


def test_clips_stand_in_one_row_that_fits_the_page(page):
    boxes = [video.bounding_box() for video in page.query_selector_all("video")[1:]]
    assert len({box["y"] for box in boxes}) == 1
    assert boxes[-1]["x"] + boxes[-1]["width"] <= 1100
    assert all(box["width"] == pytest.approx(box["height"], abs=1) for box in boxes)


def test_a_caption_is_text(page):
    assert page.text_content("figcaption") == CAPTION
    assert page.title() != "run"
