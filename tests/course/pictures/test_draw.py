"""The pictures of assets/figures: all are drawn by tools/pictures, used, readable, and say what the models are."""

import io
import itertools
import json
import os
import re

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from t2v_helpers import generate, plots
from tools import course
from tools.pictures import chains, draw, sheet, trace

PAGES = [course.ROOT / "README.md", course.ROOT / "assets/tiny-t2v/README.md", *(course.ROOT / "docs").glob("*.md")]
drawn = pytest.mark.parametrize("name", draw.DRAWN)


@pytest.fixture(autouse=True)
def agg():
    plots.pyplot().switch_backend("agg")
    yield
    plots.pyplot().close("all")


@pytest.fixture(scope="module")
def sheets():
    """Every figure but the moving one, drawn: a dict of name to matplotlib figure."""
    made = {}
    with matplotlib.rc_context(plots.STYLE):
        for name, function in draw.DRAWN.items():
            function()
            made[name] = plots.pyplot().gcf()
    return made


def texts(figure):
    return [text for ax in figure.axes for text in ax.texts if text.get_text()]


def said(figure):
    return "\n".join(text.get_text() for text in texts(figure))


def coarse(picture):
    """Means over blocks of 20 x 20 pixels: what letters and rounding differ in hardly shows."""
    pixels = np.asarray(picture.convert("RGB"), dtype=float)
    height, width = (side // 20 * 20 for side in pixels.shape[:2])
    return pixels[:height, :width].reshape(height // 20, 20, width // 20, 20, 3).mean((1, 3))


def test_the_folder_holds_what_the_tool_draws_and_nothing_else():
    assert {path.name for path in draw.FOLDER.iterdir()} == set(draw.FILES.values())
    assert all(path.stat().st_size <= draw.LIMIT for path in draw.FOLDER.iterdir())


@pytest.mark.parametrize("file", draw.FILES.values())
def test_a_page_shows_it_and_says_in_words_what_it_shows(file):
    found = []
    for page in PAGES:
        for words, target in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            if (page.parent / target).resolve() == draw.FOLDER / file:
                found.append(words)
    assert found and all(len(words.split()) >= 15 for words in found)


@drawn
def test_the_file_is_opaque_and_what_is_drawn_today(name):
    path = draw.FOLDER / draw.FILES[name]
    stored, new = Image.open(path), Image.open(io.BytesIO(draw.png(draw.DRAWN[name])))
    assert stored.size == new.size and stored.width == sheet.WIDTH
    assert np.asarray(stored.convert("RGBA"))[..., 3].min() == 255  # its ground is white in a dark theme too
    assert np.abs(coarse(stored) - coarse(new)).max() < 12, "stale: make figures"


@drawn
def test_letters_can_be_read_at_half_size_and_none_lies_on_another(sheets, name):
    figure = sheets[name]
    figure.set_dpi(sheet.WIDTH / figure.get_figwidth())
    FigureCanvasAgg(figure).draw()
    for text in texts(figure):
        x_height = 0.547 * text.get_fontsize() * figure.dpi / 72  # of DejaVu Sans
        assert x_height / 2 >= 7, text.get_text()
    extents = [(text, text.get_window_extent()) for text in texts(figure)]
    for text, box in extents:
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, text.get_text()
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1, text.get_text()
    for (one, a), (other, b) in itertools.combinations(extents, 2):
        assert not a.overlaps(b), f"{one.get_text()!r} lies on {other.get_text()!r}"


def stored_weights(part):
    """How many numbers a part's safetensors holds, by the header of the file."""
    (path,) = (course.ROOT / "assets" / "tiny-t2v" / part).glob("*.safetensors")
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return sum(int(np.prod(tensor["shape"])) for name, tensor in header.items() if name != "__metadata__")


def test_the_counts_and_shapes_are_the_models_own(sheets):
    own = {part: stored_weights(part) for part in ("text_encoder", "unet", "vae")}
    published = {"text_encoder": 340_387_840, "unet": 1_411_233_860, "vae": 83_653_863}  # by their safetensors
    lines = said(sheets["beside_modelscope"]).split("\n")
    for part, count in own.items():
        assert f"{count / 1e6:.1f} million" in lines and f"{published[part] / 1e6:,.0f} million" in lines
        assert f"{count:,}" in said(sheets["pipeline"])
    counts = sum(own.values()), sum(published.values())
    assert f"in all 5.6 million weights beside 1,835 million: {counts[1] / counts[0]:.0f} times as many" in lines
    unet, tokenizer = trace.tiny().unet.config, trace.tiny().tokenizer
    side, tokens = unet.sample_size, tokenizer.model_max_length
    for words in (
        f"{tokens} × {unet.cross_attention_dim}",
        f"{unet.in_channels} × 16 × {side} × {side}",
        f"16 × 3 × {8 * side} × {8 * side}",
    ):
        assert words in lines
    for words in ("77 × 1024", "4 × 16 × 32 × 32", "16 × 3 × 256 × 256"):  # ModelScope's, by its published configs
        assert words in lines
    assert f"noise {unet.in_channels} × 16 × {side} × {side}" in said(sheets["pipeline"])


def test_areas_are_in_proportion_to_weights(sheets):
    squares = [patch for patch in sheets["beside_modelscope"].axes[0].patches if patch.get_linewidth() == 0]
    areas = [square.get_width() * square.get_height() for square in squares]
    weights = [count for run in (trace.scale_model(), trace.modelscope()) for count in run.weights.values()]
    assert len(areas) == 6
    np.testing.assert_allclose(np.divide(areas, weights), areas[0] / weights[0], rtol=1e-6)


def test_the_loop_that_is_recorded_is_the_one_that_made_the_clip():
    run = trace.scale_model()
    assert "step" not in vars(trace.tiny().scheduler)  # nothing is left of the recording
    times = [t for t, *_ in run.walk]
    assert len(times) == trace.STEPS and times[0] == 1000 and times == sorted(times, reverse=True)
    for (*_, after), (_, before, _, _) in itertools.pairwise(run.walk):
        assert after.flatten().tolist() == before.flatten().tolist()
    np.testing.assert_allclose(trace.decode(run.walk[-1][3]), run.frames, atol=1e-4)


def test_the_forward_chain_ends_in_noise_alone(sheets):
    notes = [line for line in said(sheets["forward_chain"]).split("\n") if "bar" in line and "=" in line]
    alpha_bars = trace.tiny().scheduler.alphas_cumprod
    expected = [1.0, *(float(alpha_bars[t - 1]) for t in chains.TIMES[1:])]
    assert [note.split("= ")[1] for note in notes] == [f"{alpha_bar:.3f}" for alpha_bar in expected]
    assert notes[-1].endswith("0.000")


def test_one_name_writes_one_file_and_the_same_bytes_again(tmp_path, monkeypatch):
    monkeypatch.setattr(draw, "FOLDER", tmp_path)
    written = []
    for _ in range(2):
        assert draw.main(["gan"]) == 0
        (path,) = tmp_path.iterdir()
        written.append(path.read_bytes())
    assert path.name == "gan.png" and written[0] == written[1]


def test_an_unknown_name_is_one_line(capsys):
    assert draw.main(["gan", "gans"]) == 2
    error = capsys.readouterr().err
    assert "got 'gans', expected one of prompts, latent_walk, word_swaps, gan," in error and error.count("\n") == 1


def test_the_moving_picture_moves_and_is_what_the_tool_makes_today():
    """Two of its six clips, for time; T2V_LONG=1 takes all, as CI does."""
    stored, wide = Image.open(draw.FOLDER / "prompts.webp"), 192 + 8
    assert stored.size == (6 * wide, 192 + 174) and stored.n_frames == 16
    story = list(draw.STORY.items())
    for number in range(6) if os.environ.get("T2V_LONG") else (1, 5):
        line, prompt = story[number]
        cells = draw.labelled(generate(prompt, trace.tiny(), seed=0), line, prompt)
        pictures = []
        for frame in (0, 5, 15):
            stored.seek(frame)
            pictures.append(coarse(stored.crop((number * wide, 0, (number + 1) * wide, cells.shape[1]))))
            assert np.abs(pictures[-1] - coarse(Image.fromarray(cells[frame]))).max() < 12, "stale: make figures"
        assert np.ptp(pictures, axis=0).max() > 50
