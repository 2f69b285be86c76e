import itertools

import matplotlib
import numpy as np
import pytest
import torch

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from t2v_helpers import figures
from t2v_helpers.plots import COLORS
from t2v_helpers.video import InlineVideo


@pytest.fixture(autouse=True)
def _no_figure_left():
    yield
    plt.close("all")


def points(n=5, seed=0):
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed))


def rgb(color):
    return matplotlib.colors.to_rgb(color)


def test_clouds():
    x = points()
    assert figures.clouds({"data": x, "GAN, seed 1": x, "noise": x}, behind=x, columns=2) is None
    shown = [ax for ax in plt.gcf().axes if ax.get_visible()]
    assert [ax.get_title() for ax in shown] == ["data", "GAN, seed 1", "noise"]
    for ax, role in zip(shown, ("data", "gan", "noise"), strict=True):
        np.testing.assert_allclose(ax.collections[-1].get_offsets(), x)
        np.testing.assert_allclose(ax.collections[-1].get_facecolor()[0, :3], rgb(COLORS[role]))


def test_discriminators_are_drawn_the_right_way_up():
    x = points()
    assert figures.discriminators({"upper half": lambda p: 9 * p[:, 1:]}, x, x, points=20) is None
    ax = plt.gcf().axes[0]
    D = ax.images[0].get_array()  # rows from below, columns from the left
    assert ax.images[0].origin == "lower" and (D[10:] > 0.5).all() and (D[:10] < 0.5).all()
    figures.discriminators({"right half": lambda p: 9 * p[:, :1]}, x, x, points=20)
    D = plt.gcf().axes[0].images[0].get_array()
    assert (D[:, 10:] > 0.5).all() and (D[:, :10] < 0.5).all()


def test_digit_sheet():
    x = torch.stack([torch.full((64,), v) for v in (-1.0, 0.0, 5.0)])
    assert figures.digit_sheet({"data": x, "GAN": x}, count=3) is None
    picture = plt.gcf().axes[0].images[0].get_array()
    assert picture.shape == (8, 3 * 9) and picture.max() == 1 and (picture[:, :9] == -1).all()


def test_scores():
    panels = {"ring": {"GAN": [1.0, 2.0], "diffusion": torch.tensor([0.5, 0.7]), "floor": 0.1}}
    assert figures.scores(panels, ylabel="distance") is None
    (ax,) = plt.gcf().axes
    assert [c.get_offsets()[:, 1].tolist() for c in ax.collections] == [[1.0, 2.0], pytest.approx([0.5, 0.7])]
    assert ax.lines[0].get_ydata() == [0.1, 0.1] and ax.get_ylabel() == "distance" and ax.get_yscale() == "log"


def test_against_cost():
    by_steps = {1: [0.3, 0.5], 10: [0.1, 0.1]}
    assert figures.against_cost([10, 100], by_steps.values(), 5, [0.2, 0.2], 0.01) is None
    (ax,) = plt.gcf().axes
    np.testing.assert_allclose(ax.lines[0].get_xydata(), [[10, 0.4], [100, 0.1]])
    assert "FLOP" in ax.get_xlabel() and len(ax.get_legend().get_texts()) == 3


@pytest.mark.parametrize("draw", [figures.gan_diagram, figures.gan_beside_diffusion])
def test_diagrams_draw_and_no_box_lies_on_another(draw):
    assert draw() is None
    figure = plt.gcf()
    figure.canvas.draw()
    boxes = [text.get_bbox_patch().get_window_extent() for text in figure.axes[0].texts if text.get_bbox_patch()]
    assert len(boxes) >= 6 and not [1 for a, b in itertools.combinations(boxes, 2) if a.overlaps(b)]


def test_a_film_moves_and_can_be_shown():
    snapshots = [points(), points(seed=1), points(seed=1)]
    frames = figures.clip_of_clouds(snapshots, ["1", "2", "2"], points(9))
    assert frames.dtype == np.uint8 and frames.shape[0] == 3 and frames.shape[-1] == 3
    assert not np.array_equal(frames[0], frames[1]) and np.array_equal(frames[1], frames[2])
    assert not plt.get_fignums()  # it leaves no figure for the notebook to draw
    assert str(InlineVideo(frames, fps=4)).startswith("video, 3 frames")
    with pytest.raises(ValueError, match="got 3 snapshots and 1 captions"):
        figures.clip_of_clouds(snapshots, ["1"], points())


def test_the_explorer_shows_the_round_and_the_seed_that_are_chosen():
    import time

    snapshots = [torch.stack([points(50), points(50, seed=1)]) * scale for scale in (0.1, 1.0)]
    beliefs = [torch.full((2, 40, 40), 0.5), torch.full((2, 40, 40), 0.25)]
    explorer = figures.training_explorer(snapshots, beliefs, [0, 10], points(50))
    first = explorer.picture.value, explorer.words.value
    begin = time.perf_counter()
    explorer.controls["at"].value = 1
    assert time.perf_counter() - begin < 5  # 0.2 s on idle cores; this only sees it hang
    assert explorer.picture.value != first[0] and "D is 0.25" in explorer.words.value
    assert "D is 0.50" in first[1]
    second = explorer.picture.value
    explorer.controls["seed"].value = 1
    assert explorer.picture.value != second
    assert figures.plane(40).shape == (1600, 2)


@pytest.mark.parametrize("draw", [figures.gan_diagram, figures.gan_beside_diffusion])
def test_the_discriminator_has_one_colour_in_every_figure(draw):
    draw()
    box = next(text for text in plt.gca().texts if text.get_text().startswith("discriminator"))
    assert box.get_bbox_patch().get_edgecolor()[:3] == rgb(COLORS["discriminator"])
    figures.lines([0, 1], {"discriminator": [0, 1], "generator": [1, 0]}, xlabel="", ylabel="")
    assert [line.get_color() for line in plt.gca().lines] == [COLORS["discriminator"], COLORS["gan"]]
