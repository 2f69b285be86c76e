"""Every figure holds the data that it was given, where they belong and in the colour of their role."""

import itertools

import matplotlib
import numpy as np
import pytest
import torch

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.colors import to_rgba

from t2v_helpers import NoiseSchedule, figures, shapes
from t2v_helpers.plots import COLORS
from t2v_helpers.video import InlineVideo


@pytest.fixture(autouse=True)
def _no_figure_left():
    yield
    plt.close("all")


def points(n=5, seed=0):
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed))


def drawn(draw, *args, **options):
    """The axes of what a function of `figures` draws, by title; it returns None, as a value would be printed."""
    assert draw(*args, **options) is None
    figure = plt.gcf()
    figure.canvas.draw()
    assert figure.get_figwidth() <= 9, "wider than a notebook's column"
    return {ax.get_title() or i: ax for i, ax in enumerate(figure.axes) if ax.get_visible()}


def legend(ax):
    return [text.get_text() for text in (ax.get_legend() or ax.figure.legends[0]).get_texts()]


def test_clouds_have_their_points_and_the_colour_of_their_role():
    x, y = points(), points(seed=1)
    panels = {"data": x, "GAN, seed 1": x, "t = 9": (x, "noise"), "a": x, "b": x, "c": x, "d": x}
    axes = drawn(figures.clouds, panels, behind=y, centres=y, reach=1.5)
    assert list(axes) == list(panels)  # the eighth place of two rows of four is empty
    for ax, role in zip(axes.values(), ("data", "gan", "noise"), strict=False):
        behind, cloud, crosses = ax.collections
        np.testing.assert_allclose(cloud.get_offsets(), x)
        np.testing.assert_allclose(cloud.get_facecolor()[0, :3], matplotlib.colors.to_rgb(COLORS[role]))
        np.testing.assert_allclose(behind.get_offsets(), y)
        np.testing.assert_allclose(crosses.get_offsets(), y)
        assert ax.get_xlim() == ax.get_ylim() == (-1.5, 1.5)


def test_flow_paths_run_from_noise_to_data_over_their_density():
    ways = torch.tensor([[2.0, -1.0], [0.5, 0.4], [1.0, 0.1]])
    ax = drawn(figures.flow_paths, {"a": ([1.0, 0.5, 0.0], ways)}, torch.tensor([[1.0]]).double(), 0.1)["a"]
    for line, way in zip(ax.lines, ways.T, strict=True):
        np.testing.assert_allclose(line.get_data(), ([1.0, 0.5, 0.0], way))
    assert ax.get_xlim() == (1, 0) and ax.lines[0].get_color() != ax.lines[1].get_color()
    other = drawn(figures.flow_paths, {"a": ([1.0, 0.5, 0.0], ways)}, torch.ones(1, 1).double(), 0.1, orange=[1])["a"]
    assert [line.get_color() for line in other.lines] == [line.get_color() for line in ax.lines[::-1]]
    darkest = ax.collections[-1].get_paths()[-1].vertices  # density is highest at the data, near t = 0
    assert darkest[:, 0].max() < 0.2 and abs(darkest[:, 1] - 1).max() < 0.3


def test_continuity_shows_the_first_coordinate_to_the_right():
    field = torch.zeros(9, 9)
    field[7, 4] = 2.0  # x_1 is large, x_2 in the middle
    axes = drawn(figures.continuity, {"a": field, "b": 9 * field})
    shown = axes["a"].images[0]
    assert shown.get_array()[4, 7] == 2 and shown.origin == "lower" and shown.get_extent() == [-3, 3, -3, 3]
    assert axes["b"].images[0].get_clim() == shown.get_clim() == (-2, 2)


def test_clocks_draw_log_snr_and_flows_as_full_lines():
    schedules = {"cosine": NoiseSchedule.cosine(9), "flow, shift 3": NoiseSchedule.flow(4, 3.0)}
    ax = drawn(figures.clocks, schedules)[0]
    for line, schedule in zip(ax.lines, schedules.values(), strict=False):
        np.testing.assert_allclose(line.get_xdata()[-1], 1)
        np.testing.assert_allclose(line.get_ydata()[:-1], schedule.snr[:-1].log())
    assert [line.get_linestyle() for line in ax.lines[:2]] == ["--", "-"] and legend(ax) == [*schedules]
    ax = drawn(figures.clocks, dict(reversed(schedules.items())), {"cosine": [3, 6]})[0]
    assert legend(ax) == [*schedules]  # from the top down
    np.testing.assert_allclose(ax.lines[1].get_xydata()[:, 0], [3 / 9, 6 / 9])
    np.testing.assert_allclose(ax.lines[1].get_ydata(), schedules["cosine"].snr[[2, 5]].log())


@pytest.mark.parametrize("axis, halves", [(1, lambda D: (D[30:], D[:30])), (0, lambda D: (D[:, 30:], D[:, :30]))])
def test_discriminators_are_drawn_the_right_way_up(axis, halves):
    x = points()
    ax = drawn(figures.discriminators, {"D": lambda p: 9 * p[:, axis]}, x, x + 1)["D"]
    high, low = halves(ax.images[0].get_array())  # rows from below, columns from the left
    assert ax.images[0].origin == "lower" and (high > 0.5).all() and (low < 0.5).all()
    np.testing.assert_allclose(ax.collections[0].get_offsets(), x + 1)
    assert legend(ax) == ["generated", "data"]


def test_walks_are_drawn_at_their_times_and_from_start_to_end():
    walk = [(t, points(seed=t), points(seed=t + 10)) for t in (2, 1, 0)]
    drawn(figures.chain, walk, [2, 0], points())
    shown = [ax.collections[0].get_offsets() for ax in plt.gcf().axes]
    for found, (state, which) in zip(shown, ((0, 1), (2, 1), (0, 2), (2, 2)), strict=True):
        np.testing.assert_allclose(found, walk[state][which])
    ax = drawn(figures.paths, {"DDPM": walk}, points(), count=2)["DDPM"]
    np.testing.assert_allclose(ax.lines[1].get_xydata(), [x[1].tolist() for _, x, _ in walk])
    np.testing.assert_allclose(ax.collections[1].get_offsets(), walk[-1][1][:2])
    assert len(ax.lines) == 2 and legend(ax) == ["$x_T$", "$x_0$"]
    for ends in ax.collections[:2]:  # each end has its path's colour
        np.testing.assert_allclose(ends.get_facecolors(), [to_rgba(line.get_color()) for line in ax.lines])
    ax = drawn(figures.paths, {"DDPM": walk}, points(), reach=1.0, names=("a", "b"))["DDPM"]
    assert ax.get_xlim() == (-1.0, 1.0) and (ax.get_xlabel(), ax.get_ylabel()) == ("a", "b")
    ax = drawn(figures.paths, {"a": [(1, points()[:3]), (0, points()[[0, 0, 1]])]}, points(), count=9, by_end=True)["a"]
    first, second, third = (line.get_color() for line in ax.lines)
    assert first == second != third  # the cluster where a path ends gives its colour


def test_a_film_moves_and_can_be_shown():
    walk = [(t, points(seed=t)) for t in range(5)]
    film = figures.film({"a": walk, "b": walk[:1] * 5}, behind={"a": points(9), "b": points(9)}, count=3)
    assert film.dtype == np.uint8 and film.shape[0] == 9 and film.shape[2:] == (800, 3)
    assert not np.array_equal(film[0], film[2]) and np.array_equal(film[2], film[8])
    assert np.array_equal(film[0, 60:, 410:], film[2, 60:, 410:])  # the walk on the right stays where it is
    assert len(figures.film({"a": walk})) == 5 + 6  # no state twice
    assert not plt.get_fignums()  # it leaves no figure for the notebook to draw
    assert str(InlineVideo(film, fps=4)) == "video, 9 frames of 800x460 at 4 fps"
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        figures.film({"a": walk, "b": walk[1:]})


def test_the_way_back_from_noise_to_data():
    drawn(figures.chain_diagram, {0: points(), 9: points(seed=1)}, "forward", "back")
    figure = plt.gcf()
    np.testing.assert_allclose(figure.axes[1].collections[0].get_offsets(), points(seed=1))
    assert [text.get_text() for text in figure.texts] == ["forward", "back"]
    centres = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    panels = {"a": (torch.tensor([[0.9, 0.0], [0.8, 0.0]]), centres.flip(0))}  # the second ends at the other centre
    dots, crosses, rings = drawn(figures.basins, panels, centres, ring=True)["a"].collections
    np.testing.assert_allclose(dots.get_facecolors(), crosses.get_facecolors()[[1, 0]])
    np.testing.assert_allclose(rings.get_offsets(), [[0.8, 0]])
    walk = [(t, torch.full((2, 1), t / 9)) for t in range(9, -1, -1)]
    ax = drawn(figures.density_paths, {"a": walk}, centres[:, :1], 0.1, NoiseSchedule([0.1] * 9))["a"]
    assert ax.lines[1].get_xydata()[[0, -1]].tolist() == [[9, 1], [0, 0]] and ax.get_xlim() == (9, 0)
    assert ax.collections[0].get_paths()[-1].get_extents().contains(1, 0.95)  # the densest level is at a centre
    moving = [(1, centres.flip(0) + 0.5), (0, centres)]
    film = figures.film({"a": moving}, centres=centres, by_end=True)
    assert (film[0] != figures.film({"a": moving}, centres=centres)[0]).any()


def test_lines_dots_errors_levels_and_marks():
    x, labels = [1, 2, 4], {"xlabel": "steps", "ylabel": "distance"}
    curves = {"discriminator": ([5, 6, 7], [0.1, 0.2, 0.3], [0.01] * 3), "generator": np.array([1.0, 2.0, 3.0])}
    compared = {"levels": {"floor": 0.5}, "marks": {"here": 2}}
    (ax,) = drawn(figures.lines, x, curves, ticks=x, log="x", **labels, **compared).values()
    one, *_, other, level, upright = ax.lines
    np.testing.assert_allclose(one.get_xydata(), [[5, 0.1], [6, 0.2], [7, 0.3]])
    np.testing.assert_allclose(other.get_xydata(), [[1, 1], [2, 2], [4, 3]])
    np.testing.assert_allclose(ax.collections[0].get_segments()[0], [[5, 0.09], [5, 0.11]])
    assert (one.get_color(), other.get_color()) == (COLORS["discriminator"], COLORS["gan"])
    assert (level.get_ydata(), upright.get_xdata()) == ([0.5, 0.5], [2, 2]) and ax.texts[0].get_text() == "here"
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "2", "4"]
    assert ax.get_xscale() == "log" and ax.get_yscale() == "linear"
    assert legend(ax) == ["discriminator", "generator", "floor"] and ax.get_xlabel() == "steps"
    (ax,) = drawn(figures.lines, range(600), {"a": range(600)}, dots={"GAN": ([3], [4])}, log="y", **labels).values()
    line, dots = ax.lines
    assert line.get_marker() == "None" and dots.get_linestyle() == "None" and dots.get_color() == COLORS["gan"]
    assert dots.get_xydata().tolist() == [[3, 4]] and ax.get_yscale() == "log"
    (ax,) = drawn(figures.lines, [4, 2, 1], {"a": [5, 6, 7]}, **labels).values()
    assert ax.get_legend() is None and ax.xaxis_inverted()


def test_a_loss_is_its_least_and_a_distance_and_names_can_stand_over_peaks():
    (ax,) = drawn(figures.lines, [1, 2, 3], {"a": [0, 5, 1]}, xlabel="x", ylabel="y", peaks=True).values()
    assert ax.texts[0].get_text() == "a" and ax.texts[0].xy == (2, 5)
    drawn(figures.loss_parts, [1, 10], [2, 1], [5, 2], {"network 1": [3, 1], "b": [1, 1]})
    left, right = plt.gcf().axes
    assert left.collections[1].get_paths()[0].get_extents().y1 == 5 and left.lines[0].get_ydata().tolist() == [5, 2]
    assert [line.get_ydata()[0] for line in right.lines] == [3, 1] and right.texts[0].get_text() == "network 1"


def test_bars_are_dots_on_a_logarithmic_axis():
    (ax,) = drawn(figures.bars, {"a": 2.0, "b": 0.5}, xlabel="GB", line=("6 GB", 6, "8 GB", 8)).values()
    assert [bar.get_width() for bar in ax.patches] == [2, 0.5] and [line.get_xdata()[0] for line in ax.lines] == [6, 8]
    assert [text.get_text() for text in ax.texts] == ["2", "0.5", "6 GB", "8 GB"]
    (ax,) = drawn(figures.bars, {"a": 220.8}, xlabel="bits").values()
    assert ax.texts[0].get_text() == "221"
    (ax,) = drawn(figures.bars, {"ModelScope": 1e-4, "a": 0.0, "b": 0.5}, xlabel="GB", log=True).values()
    assert [line.get_xydata()[1].tolist() for line in ax.lines] == [[0.5, 0], [1e-4, 1], [2.5e-5, 2]]
    assert [line.get_marker() for line in ax.lines] == ["o", "o", "<"] and ax.texts[2].get_text() == "0"
    assert ax.lines[1].get_color() != ax.lines[0].get_color() and not ax.patches


def test_scores_and_brightness():
    panels = {"ring": {"GAN": [1.0, 2.0], "diffusion": torch.tensor([0.5, 0.7]), "floor": 0.1}}
    ax = drawn(figures.scores, panels, ylabel="distance")["ring"]
    assert [c.get_offsets()[:, 1].tolist() for c in ax.collections[::2]] == [[1.0, 2.0], pytest.approx([0.5, 0.7])]
    assert [c.get_segments()[0][:, 1].tolist() for c in ax.collections[1::2]] == [[1.5, 1.5], pytest.approx([0.6, 0.6])]
    assert ax.lines[0].get_ydata() == [0.1, 0.1] and -0.1 < ax.get_ylim()[0] < 0 and legend(ax) == ["floor"]
    ax = drawn(figures.brightness, {"a": torch.zeros(9), "b": np.arange(8)}, 4)[0]
    assert ax.images[0].get_array().tolist() == [[0, 0, 0, 0], [0.875, 2.625, 4.375, 6.125]]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a:\n0% of the range", "b:\n100% of the range"]


def test_a_sweep_has_its_seeds_side_by_side_and_its_names_in_the_last_panel():
    one = {"GAN": ([1.0], [[0.4, 0.5]]), "diffusion, a": ([1.0, 2.0], [[1, 3], [0.2, 0.4]])}
    panels = {"left": one, "right": one | {"diffusion, b": ([1.0, 2.0], [[1, 3], [0.1, 0.1]])}}
    labels = {"xlabel": "x", "ylabel": "y", "ticks": {"half": 1, "all": 2}, "levels": {"level": 2.0}}
    left, right = drawn(figures.sweep, panels, **labels).values()
    level, across, _, one, two, line, dots, _ = left.lines
    assert (level.get_ydata()[0], across.get_ydata()[0]) == (2, 0.45) and line.get_ydata()[0] == 2
    assert one.get_xdata() < two.get_xdata() and dots.get_ydata().tolist() == [1, 0.2]
    assert [tick.get_text() for tick in left.get_xticklabels()] == ["half", "all"] and not left.texts
    named = {text.get_text(): text.get_color() for text in right.texts}
    assert [*named] == ["diffusion, b", "diffusion, a", "GAN", "level"] and len({*named.values()}) == 4
    ax = drawn(figures.sweep, {"": {"a": ([1.0, 2.0], [[1, 3], [0.2, 0.4]])}}, **labels, each=("one", "two"))[0]
    assert [line.get_ydata().tolist() for line in ax.lines[1:]] == [[1, 0.2], [3, 0.4]]
    assert [text.get_text() for text in ax.texts] == ["a: one", "a: two", "level"]
    assert ax.lines[0].get_linestyle() == ":"


def test_matrices_images_and_digits():
    ax = drawn(figures.heatmap, [[0.5, -1]], ["row"], ["a", "b"], low=-1, high=1, title="cosine")["cosine"]
    assert [text.get_text() for text in ax.texts] == ["0.50", "−1.00"]
    ax = drawn(figures.heatmap, [[8, -0.01]], ["row"], ["a", "b"], low=0, high=8, title="clips", digits=0)["clips"]
    assert [text.get_text() for text in ax.texts] == ["8", "0"]
    look = {"low": 0, "high": 8, "title": "groups", "gaps": ([1], [2]), "groups": ("two", "one")}
    ax = drawn(figures.heatmap, np.eye(3), "abc", "def", **look)["groups"]
    assert (ax.get_xticks().tolist(), ax.get_yticks().tolist()) == ([0, 1, 2.15], [0, 1.15, 2.15])
    assert [(text.get_text(), text.xy) for text in ax.texts[:2]] == [("two", (0.5, 1)), ("one", (2.15, 1))]
    look = {"low": -10, "high": 10, "title": "bar", "digits": 1, "frames": [(1, 0, 2, 2)], "gaps": ([2], [1])}
    ax, bar = drawn(figures.heatmap, [[30, 9.94], [-4, 1], [0, 0]], "abc", "de", **look).values()
    assert bar.get_xlabel() == "bar" and [text.get_text() for text in ax.texts[:3]] == ["30", "9.9", "−4.0"]
    np.testing.assert_allclose(ax.patches[-1].get_bbox().bounds, (-0.5, 0.5, 2.15, 2.15))
    (ax,) = drawn(figures.heatmap, np.eye(3) * (1 + 1e-7), "abc", "def", "", 0, 1, table=True).values()  # no bar
    assert ax.figure.get_figwidth() == 9
    assert all(tick.label2.get_visible() and not tick.label1.get_visible() for tick in ax.xaxis.get_major_ticks())
    ax = drawn(figures.winners, {"ring": ["GAN", "no clear winner"]}, ["half", "all"], "budget")[0]
    assert [text.get_text() for text in ax.texts] == ["GAN", "–"]
    assert ax.images[0].get_array()[0, 0].tolist() == pytest.approx(to_rgba(COLORS["gan"])[:3])
    axes = drawn(figures.images, [np.full((2, 2, 3), i / 6) for i in range(7)], titles=list("abcdefg"))
    assert list(axes)[:7] == list("abcdefg") and (axes["g"].images[0].get_array() == 1).all()
    x = torch.stack([torch.full((64,), v) for v in (-1.0, 0.0, 5.0)])
    drawn(figures.digit_sheet, {"data": x, "GAN": x}, count=3)
    picture = plt.gcf().axes[0].images[0].get_array()
    assert picture.shape == (8, 3 * 9) and picture.max() == 1 and (picture[:, :9] == -1).all()


def test_intervals_reach_as_far_as_they_were_measured():
    measured = {"one": {"a": (0.5, 0.1), "b": (0.9, 0.02)}, "two": {"a": (0.6, 0.1), "b": (0.9, 0.3)}}
    (ax,) = drawn(
        figures.intervals, measured, expected={"two": {"a": 0.6, "b": 0.8}}, xlabel="share", line=("c", 0.5)
    ).values()
    reach = [bar.get_segments()[0][:, 0] for bar in ax.collections[:4]]
    np.testing.assert_allclose(reach, [[0.4, 0.6], [0.88, 0.92], [0.5, 0.7], [0.6, 1.0]])
    assert [text.get_text() for text in ax.texts] == ["one  50.0%", "90.0%", "two  60.0%", "90.0%", "c"]
    diamonds = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "D"]
    np.testing.assert_array_equal(diamonds, [np.nan, np.nan, 0.6, 0.8])


def test_a_strip_has_its_pictures_in_order_and_a_clock_shows_the_share():
    pictures = {t: np.full((4, 4, 3), t / 9) for t in (0, 3, 9)}
    axes = drawn(figures.forward_strip, pictures, ["a", "b", "c"])
    assert list(axes) == ["$x_{0}$", "$x_{3}$", "$x_{9}$"] and axes["$x_{3}$"].get_xlabel() == "b"
    assert [ax.images[0].get_array().max() for ax in axes.values()] == [0, 3 / 9, 1]
    frames = torch.full((2, 4, 8, 3), 0.5)
    film = figures.with_clock(frames, [0.25, 1.0])
    assert film.shape == (2, 6, 8, 3) and (film[:, :4] == 0.5).all() and (frames == 0.5).all()
    assert (film[:, 4:] != 0.8).all(3).mean((1, 2)).tolist() == [0.25, 1.0] and (film[0, -1, :2, 0] < 0.1).all()


def test_runs_are_a_curve_for_each_seed_with_the_name_at_the_end():
    values = torch.tensor([[1.0, 3.0], [2.0, 4.0], [2.5, 4.5]])
    curves = {"A": values, "A with B": values + 0.01, "B": values + 9}
    ax = drawn(figures.runs, [0, 1, 2], curves, xlabel="round", ylabel="y", levels={"floor": 0.5}, log="y")[0]
    np.testing.assert_allclose([line.get_ydata() for line in ax.lines[:2]], values.T)
    assert ax.lines[0].get_color() == ax.lines[2].get_color() != ax.lines[4].get_color() and ax.get_yscale() == "log"
    assert [line.get_linestyle() for line in ax.lines[::2]] == ["-", "--", "-", "--"]
    assert [text.get_text() for text in ax.texts] == ["floor", "A", "A with B", "B"] and ax.texts[0].xy == (2, 0.5)
    low, high = (text.get_window_extent() for text in ax.texts[1:3])
    assert low.y1 - 1 < high.y0, "names that end at one height don't overlap"


def test_runs_in_a_band_are_their_mean_between_the_least_and_the_largest():
    values = torch.tensor([[1.0, 3.0], [2.0, 6.0]])
    ax = drawn(figures.runs, [0, 1], {"A": values}, xlabel="round", ylabel="y", band=True)[0]
    assert ax.lines[0].get_ydata().tolist() == [2, 4] and len(ax.lines) == 1
    assert {tuple(xy) for xy in ax.collections[0].get_paths()[0].vertices} == {(0, 1), (0, 3), (1, 2), (1, 6)}
    drawn(figures.run_panels, [0, 1], {"a": {"A": values}, "b": {"B": values}}, xlabel="x", levels={"floor": 0.5})
    left, right = plt.gcf().axes
    assert [ax.get_ylabel() for ax in (left, right)] == ["a", "b"] and right.get_yscale() == "log"
    assert [[text.get_text() for text in ax.texts] for ax in (left, right)] == [["floor", "A"], ["B"]]


def test_a_generator_is_drawn_as_what_it_makes_of_noise_and_of_a_circle():
    axes = drawn(figures.noise_map, {"GAN": lambda z: 0.5 * z + 1}, points())
    noise, made = axes["noise $z$"], axes["GAN"]
    np.testing.assert_allclose(made.lines[0].get_xydata(), 0.5 * noise.lines[0].get_xydata() + 1, atol=1e-6)
    before, after = noise.collections[0], made.collections[0]
    np.testing.assert_allclose(after.get_offsets(), 0.5 * before.get_offsets() + 1, atol=1e-6)
    assert (after.get_facecolors() == before.get_facecolors()).all() and len(
        np.unique(after.get_facecolors(), axis=0)
    ) > 9


def test_a_gan_is_drawn_on_its_discriminators_opinion_and_before_and_after_in_full():
    x, D = points(), torch.full((9, 9), 0.5)
    axes = drawn(figures.game_strip, {"round 1": (x, D), "round 2": (x + 1, D + 0.1)}, x)
    assert [axes[f"round {i}"].images[0].get_array()[0, 0] for i in (1, 2)] == pytest.approx([0.5, 0.6])
    np.testing.assert_allclose(axes["round 2"].collections[1].get_offsets(), x + 1)
    axes = drawn(figures.before_after, torch.stack([x, x]), torch.stack([x + 1, 90 * x + 90]), x)
    far = axes["GAN 1"]
    assert [c.get_label() for c in far.collections] == ["data", "before", "after"]
    assert far.get_xlim()[1] > 90 and (far.get_xscale(), far.get_yscale()) == ("symlog", "symlog")


def test_digits_move_in_a_film_and_are_dark_where_they_are_1():
    x = torch.full((3, 2, 64), -1.0)
    x[1, 1] = 1.0
    frames = figures.digit_film({"GAN 0": x, "GAN 1": -x})
    assert frames.dtype == np.uint8 and frames.shape[0] == 3 and frames.shape[2:] == (720, 3)
    upper, lower = np.array_split(frames.astype(float), 2, axis=1)
    assert (frames[0] == frames[2]).all() and upper[1].mean() < upper[0].mean() and lower[1].mean() > lower[0].mean()


@pytest.mark.parametrize("draw", [figures.gan_diagram, figures.gan_beside_diffusion])
def test_in_a_diagram_no_box_lies_on_another_and_the_discriminator_has_its_colour(draw):
    (ax,) = drawn(draw).values()
    boxes = {text.get_text(): text.get_bbox_patch() for text in ax.texts if text.get_bbox_patch()}
    extents = [box.get_window_extent() for box in boxes.values()]
    assert len(boxes) >= 6 and not [1 for a, b in itertools.combinations(extents, 2) if a.overlaps(b)]
    assert boxes["discriminator $D$"].get_edgecolor()[:3] == matplotlib.colors.to_rgb(COLORS["discriminator"])


def test_text_meets_video_by_all_its_tokens_and_no_box_lies_on_another():
    words = ["start", "a", "circle", "end"]
    (ax,) = drawn(figures.text_diagram, words, length=9).values()
    tokens = [patch for patch in ax.patches if isinstance(patch, matplotlib.patches.Rectangle)]
    assert len(tokens) == 2 * 9 + 1  # the tokens, their vectors, and the text tower
    colored = [patch.get_facecolor()[:3] == matplotlib.colors.to_rgb(COLORS["gan"]) for patch in tokens[:-1:2]]
    assert colored == [True] * 4 + [False] * 5
    said = [text.get_text() for text in ax.texts]
    assert [text for text in said if text in words] == words and "padding: 5 more end tokens" in said
    boxes = [text.get_bbox_patch().get_window_extent() for text in ax.texts if text.get_bbox_patch()]
    assert len(boxes) == 9 and not [1 for a, b in itertools.combinations(boxes, 2) if a.overlaps(b)]
    (ax,) = drawn(figures.guidance_diagram).values()
    assert [text.xy[0] for text in ax.texts if not text.get_text()] == [0, 1, 2, 4]  # where arrows end: at w


def test_maps_of_words_are_drawn_as_multiples_of_their_mean_with_the_outline_of_the_object():
    frames, seen = np.zeros((3, 8, 8, 3)), np.ones((3, 2, 2))
    frames[:, 2:6, 2:6, 0], seen[2, 0, 1] = 1, 13
    axes = list(drawn(figures.word_maps, frames, {"red": seen}, shown=[0, 2]).values())
    assert [ax.get_title() for ax in axes[:2]] == ["frame 0", "frame 2"] and axes[2].get_ylabel() == "red"
    np.testing.assert_allclose(axes[2].images[0].get_array(), 0.5)  # the mean is 2
    np.testing.assert_allclose(axes[3].images[0].get_array(), [[0.5, 6.5], [0.5, 0.5]])
    outline = axes[3].collections[0].get_paths()[0].vertices
    np.testing.assert_allclose([outline.min(0), outline.max(0)], [[2, 2], [6, 6]], atol=0.1)
    axes = list(drawn(figures.word_maps, frames, {"red": seen}, shown=[0, 2], octaves=2).values())
    np.testing.assert_allclose(axes[2].images[0].get_array(), -1)  # half the mean, in doublings
    assert [label.get_text() for label in axes[4].get_yticklabels()] == ["0.25", "0.5", "1", "2", "4"]


def test_the_patch_that_looks_is_marked_on_its_frame_of_the_clip():
    frames, seen = np.zeros((2, 8, 8, 3)), np.ones((2, 2, 2))
    marks = {"titles": ["first", "then"], "patch": (1, 0, 1)}
    first, then, *maps = drawn(figures.word_maps, frames, {"block 1": seen}, [0, 1], **marks).values()
    assert (first.get_title(), then.get_title()) == ("first", "then")
    assert [len(ax.patches) for ax in (first, then, *maps[:2])] == [0, 1, 0, 0]
    assert then.patches[0].get_bbox().bounds == (3.5, -0.5, 4, 4)


def test_two_architectures_side_by_side_and_no_box_lies_on_another():
    (ax,) = drawn(figures.two_architectures).values()
    boxes = {text.get_text(): text.get_bbox_patch() for text in ax.texts if text.get_bbox_patch()}
    extents = [box.get_window_extent() for box in boxes.values()]
    assert len(boxes) == 21 and not [1 for a, b in itertools.combinations(extents, 2) if a.overlaps(b)]
    page = ax.figure.bbox
    assert all(page.contains(*corner) for text in ax.texts for corner in text.get_window_extent().corners())


def test_tokens_are_numbered_and_the_patch_that_is_marked_is_one_of_them():
    (ax,) = drawn(figures.tokens).values()
    said = [text.get_text() for text in ax.texts]
    assert [word for word in said if word.isdigit()] == [f"{frame}" for frame in range(17)]
    assert {"80 tokens", "tokens 32 to 47"} <= {*said}
    page = ax.figure.bbox
    assert all(page.contains(*corner) for text in ax.texts for corner in text.get_window_extent().corners())


def test_bars_with_errors_are_signed_and_say_both():
    (ax,) = drawn(figures.bars, {"a": 0.5, "b": -0.25}, xlabel="x", errors={"a": 0.1, "b": 0.05}).values()
    assert {text.get_text() for text in ax.texts} >= {"+0.50 ± 0.10", "−0.25 ± 0.05"}
    assert [bar.get_width() for bar in ax.patches] == [0.5, -0.25]


def test_reach_is_white_where_nothing_moves_and_has_a_row_for_each_changed_frame():
    moved = np.array([[4.0, 2.0], [0.0, 1.0], [1e-9, 4.0]])
    ax = drawn(figures.reach, {"encoder": moved}, "latent frame", "changed frame")["encoder"]
    shown = ax.images[0].get_array()
    np.testing.assert_allclose(shown.filled(-1), [[1, 0.5], [-1, 0.25], [-1, 1]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("latent frame", "changed frame") and ax.get_ylim() == (2.5, -0.5)


def test_modulation_has_a_line_for_each_channel_and_runs_from_noise_to_data():
    values = np.array([[0.0, 1.0, 2.0], [1.0, 1.0, 5.0]])
    ax = drawn(figures.modulation, [0.0, 1.0], {"gate": values})["gate"]
    np.testing.assert_allclose([line.get_ydata() for line in ax.lines[:3]], values.T)
    assert ax.get_xlim() == (1, 0) and len(ax.lines) == 4
    middle = ax.collections[0].get_paths()[0].vertices
    assert middle[:, 1].min() == 0.5 and middle[:, 1].max() == 3.0


def test_solvers_are_drawn_with_their_slopes_their_floor_and_their_shrinking():
    axes = drawn(figures.orders, [16, 32], {"DDIM": [0.4, 0.2]}, {"DDIM": -1.02})
    np.testing.assert_allclose([line.get_ydata() for line in axes[0].lines], [[0.4, 0.2]] * 2)  # and a straight line
    assert [text.get_text() for text in axes[0].texts] == ["$n^{-1}$", "DDIM: slope $-1.02$"]
    curves = {"DDPM": ([3.0, 1.5], [0.1, 0.1]), "DDIM": ([2.0, 1.0], None)}
    axes = drawn(figures.quality, [8, 16], {"strays": curves, "width": curves}, {"strays": (0.5, 1), "width": (1, 2)})
    assert list(axes) == ["strays", "width"] and axes["strays"].get_yscale() == "log"
    assert [[text.get_text() for text in ax.texts] for ax in axes.values()] == [[], ["DDIM", "fresh data", "DDPM"]]
    np.testing.assert_allclose(axes["width"].lines[0].get_xydata(), [[8, 3], [16, 1.5]])
    assert axes["strays"].patches[0].get_y() == 0.5
    ax = drawn(figures.quality, [8, 16, 32], {"a": {"A": ([3.0, 1.0, 2.0], None)}}, lowest=True)["a"]
    assert ax.lines[-1].get_xydata().tolist() == [[16, 1]] and ax.lines[-1].get_markerfacecolor() == "none"
    ax = drawn(figures.shrinking, {"two steps": [np.pi / 2, np.pi / 4, 0]})["two steps,\nthe last turns 45°"]
    way, turn = (line.get_xydata() for line in ax.lines[1:])
    np.testing.assert_allclose(way, [[0, 1], [0.5, 0.5], [0.5, 0]], atol=1e-12)  # each cosine is the root of a half
    assert turn.tolist() == [[*way[1]], [0, 0]] and "width 0.50" in [text.get_text() for text in ax.texts]
    corners = torch.tensor([[1.0, 1.0], [-1.0, 1.0]])
    x = corners[:1] + torch.tensor([[0.1, 0.0], [0.0, 0.2], [0.3, 0.0]])
    panels = dict.fromkeys("ab", (x, "diffusion")) | {"c": (corners[:1] + (x - corners[:1]) / 2, "diffusion")}
    drawn(figures.enlarged, panels | {"data": (x, "data")}, corners, 0)
    radius = [circle.radius for ax in plt.gcf().axes[-2:] for circle in ax.patches]
    np.testing.assert_allclose(radius, [0.2, 0.1, 0.2, 0.2], rtol=1e-5)  # half of the data, and of what is drawn


def test_the_pipeline_fills_as_its_stages_are_opened():
    def edges():
        boxes = {text.get_text(): text.get_bbox_patch() for text in plt.gcf().axes[0].texts if text.get_bbox_patch()}
        return {name: matplotlib.colors.to_hex(box.get_edgecolor()).upper() for name, box in boxes.items()}

    drawn(figures.pipeline_diagram)
    closed = edges()
    things = {"tokenizer": "0 28 107", "text encoder": points(24), "scheduler": [1.0, 0.5], "UNet": None}
    things |= {"latents": np.full((8, 32, 3), 0.5), "decoder": np.zeros((64, 256, 3))}
    for i in range(1, len(things) + 1):
        some = [*things][:i]
        ax = drawn(figures.pipeline_diagram, {key: things[key] for key in some})[0]
        assert {key for key, color in edges().items() if color != closed[key]} == {*some} - {"latents"}
    words = "\n".join(text.get_text() for text in ax.texts).split("\n")
    text, curve, latents, frames = words.count("0 28 107"), *ax.child_axes[1:]
    assert {"24", "24 × 64", "8 × 16 × 8 × 8", "16 × 64 × 64 × 3", "the same three"} <= {*words}
    assert "the UNet's first guess" not in words  # nothing was given to draw for the UNet
    assert text == 1 and list(curve.lines[0].get_ydata()) == [1.0, 0.5]
    assert latents.images[0].get_array().shape == (8, 32, 3) and frames.images[0].get_array().shape == (64, 256, 3)
    with pytest.raises(ValueError, match=r"stages \['vae'\]: expected some of tokenizer"):
        figures.pipeline_diagram({"vae": None})


def test_strips_have_the_frames_of_each_clip_and_its_name():
    clip = np.linspace(0, 1, 5)[:, None, None, None] * np.ones((5, 20, 20, 3))
    axes = drawn(figures.strips, {"up": clip, "down": clip[::-1]}, count=3)
    for ax, name, levels in zip(axes.values(), ("up", "down"), ((0, 0.5, 1), (1, 0.5, 0)), strict=True):
        assert ax.get_ylabel() == name
        picture = np.asarray(ax.images[0].get_array())
        assert picture.shape == (20, 62, 3)
        np.testing.assert_allclose(picture[5, [10, 31, 52], 0], levels)
        np.testing.assert_allclose(picture[:, [20, 41]], 1)
    numbers = [[text.get_text() for text in ax.get_xticklabels()] for ax in axes.values()]
    assert numbers == [[], ["frame 0", "2", "4"]]
    np.testing.assert_allclose(ax.get_xticks(), [9.5, 30.5, 51.5])  # below the middle of each
    clip[0, 5:15, 8:12] = 1
    ax = drawn(figures.strips, {"a": clip}, 2, ["x", "y"], outline=True)[0]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["x", "y"]
    for lines, left in zip(ax.collections, (0, 21), strict=True):
        corners = lines.get_paths()[0].vertices
        np.testing.assert_allclose([corners.min(0), corners.max(0)], [[7.5 + left, 4.5], [11.5 + left, 14.5]])
    (ax,) = drawn(figures.strips, {"": clip}, count=2, columns=["first", "last"]).values()
    assert [text.get_text() for text in ax.get_xticklabels()] == ["first", "last"]
    assert not ax.texts
    (ax,) = drawn(figures.strips, {"": clip}, count=[1, 4]).values()
    assert [text.get_text() for text in ax.get_xticklabels()] == ["frame 1", "4"]
    np.testing.assert_allclose(np.asarray(ax.images[0].get_array())[19, [0, -1], 0], [0.25, 1])
    axes = drawn(figures.strips, {"up": clip, "down": clip}, marks=[True, False])
    assert [ax.texts[0].get_text() for ax in axes.values()] == ["✓ right", "✗ wrong"]
    with pytest.raises(ValueError):
        figures.strips({"up": clip, "down": clip}, marks=[True])


def test_trails_lead_from_the_first_frame_to_the_last():
    clips = {f"seed {seed}": shapes.render("a red square moving right", seed) for seed in (1, 2)}
    panels = drawn(figures.trails, clips)
    assert list(panels) == list(clips)
    for name, ax in panels.items():
        np.testing.assert_allclose(ax.lines[0].get_xydata(), shapes.track(clips[name])[0], atol=0.6)
        assert ax.get_ylim() == (64, 0) and len(ax.collections) == 2  # its first outline and its last


def test_a_clip_plays_while_it_is_made():
    states = [step * 100.0 + torch.arange(4.0).expand(1, 1, 4) for step in range(3)]
    played = figures.while_it_plays(states, times=2)[0, 0]
    assert played.tolist() == [0, 1, 2, 103, 100, 101, 202, 203, 200, 201, 202, 203]


def test_rows_of_dots_have_their_means_errors_and_levels():
    panels = {
        "fit": {"w = 1": (0.96, 0.01), "w = 4": (0.94, 0.02)},
        "overlap": {"w = 1": (0.3, 0.1), "w = 4": (0.4, 0.1)},
    }
    drawn(figures.dot_rows, panels, {"fit": ("data", 0.99)}, digits=3)
    for ax, (title, values) in zip(plt.gcf().axes, panels.items(), strict=True):
        dots, _, (bars,) = ax.containers[0]
        np.testing.assert_allclose(dots.get_xydata(), [(mean, row) for row, (mean, _) in enumerate(values.values())])
        ends = np.array(bars.get_segments())[:, :, 0]
        np.testing.assert_allclose(ends, [(mean - error, mean + error) for mean, error in values.values()])
        assert ax.get_title() == title
        said = [text.get_text() for text in ax.texts]
        assert said == ["data"] * (title == "fit") + [f"{mean:.3f}" for mean, _ in values.values()]
        assert ax.yaxis_inverted()
    assert [label.get_text() for label in plt.gcf().axes[0].get_yticklabels()] == ["w = 1", "w = 4"]
    counts = {"misses": {"w = 1": (5, 0), "w = 4": (-1, 0)}}
    (ax,) = drawn(figures.dot_rows, counts, {"misses": ("none", 1)}, 1, (-2, 6), strong=("w = 4",)).values()
    strong = ax.containers[-1][0]
    assert strong.get_xydata().tolist() == [[-1, 1]] and strong.get_marker() == "s"
    assert [text.get_text() for text in ax.texts] == ["none", "5", "−1"] and ax.get_xlim() == (-1, 7)
    assert [text.get_ha() for text in ax.texts[1:]] == ["left", "right"]  # each away from the level


def test_rows_of_dots_can_have_gaps_between_groups():
    panels = {"fit": {"a": (1.0, 0.1), "b": (2.0, 0.1), "c": (3.0, 0.1)}}
    (ax,) = drawn(figures.dot_rows, panels, {}, gaps=(1, 2), zero=True).values()
    assert ax.get_xlim()[0] == 0 and [text.get_ha() for text in ax.texts] == ["left"] * 3
    np.testing.assert_allclose(ax.get_yticks(), [0, 1.7, 3.4])
    np.testing.assert_allclose(ax.containers[0][0].get_xydata(), [(1, 0), (2, 1.7), (3, 3.4)])


def test_memory_is_stacked_with_its_sum_at_the_end():
    ax = drawn(figures.memory, {"all": {"a": 3.0, "b": 4.0}, "LoRA": {"a": 1.0, "b": 4.0}}, 5)[0]
    assert [bar.get_width() for bar in ax.patches] == [3, 1, 4, 4] and [bar.get_x() for bar in ax.patches[2:]] == [3, 1]
    assert [text.get_text() for text in ax.texts] == ["7.0", "5.0", "a GPU of 5 GB"] and legend(ax) == ["a", "b"]


def test_a_loras_areas_are_in_proportion():
    ax = drawn(figures.lora_diagram, 64, 4)[0]
    assert [patch.get_width() * patch.get_height() for patch in ax.patches] == [4096, 256, 256]
    assert ax.texts[0].get_text() == "$W$, frozen: 64 × 64 = 4,096"


def test_a_vertical_axis_ends_at_the_largest_score_there_can_be():
    drawn(figures.scores, {"a": {"one": [1, 2]}}, ylabel="of 18", top=18)
    assert plt.gca().get_yticks().tolist() == [0, 3, 6, 9, 12, 15, 18]
    ax = drawn(figures.runs, [0, 1], {"A": [[1, 2], [3, 4]]}, xlabel="s", ylabel="of 18", top=18)[0]
    assert ax.get_ylim() == (0, pytest.approx(18.72)) and ax.get_yticks().tolist() == [0, 3, 6, 9, 12, 15, 18]


def test_differences_are_sorted_and_counted_on_each_side_of_zero():
    panels = {"fit": ([0.3, -0.1, 0.2, 0.0], (0.0, 0.25)), "jerk": (torch.tensor([-1.0, -2.0]), (-2.0, -1.0))}
    drawn(figures.differences, panels)
    left, right = plt.gcf().axes
    zero, pairs, mean = left.lines[:3]
    assert zero.get_xdata() == [0, 0]
    np.testing.assert_allclose(pairs.get_xydata(), [[-0.1, 0], [0, 1], [0.2, 2], [0.3, 3]])
    np.testing.assert_allclose(mean.get_xydata(), [[0.1, -0.6]])
    np.testing.assert_allclose(left.collections[0].get_segments()[0][:, 0], [0.0, 0.25])
    assert [text.get_text() for text in left.texts] == ["1 below 0", "2 above 0", "mean, 95 % interval"]
    assert [text.get_text() for text in right.texts[:2]] == ["2 below 0", "0 above 0"]
    assert right.lines[1].get_xdata().tolist() == [-2, -1] and right.get_xlabel() == "jerk"
    plt.close("all")
    (ax,) = drawn(
        figures.differences, {"fit": ([0.3, -0.1, 0.2], (0.0, 0.25), {(0, 2): "this", (1,): "that"})}
    ).values()
    said = {text.get_text(): tuple(np.round(text.xy, 9)) for text in ax.texts if text.get_text() in ("this", "that")}
    assert said == {"this": (0.2, 1), "that": (-0.1, 0)}
    assert [[*line.get_xdata()] for line in ax.lines if line.get_markersize() == 13] == [[0.3, 0.2], [-0.1]]


def test_dots_of_a_curve_have_its_colour_and_rings_say_what_a_point_is():
    names = {"xlabel": "n", "ylabel": "d", "ticks": {"many": 0, "few": 1}}
    dots = {"a": ([1], [2.0]), "b": ([0.5], [1.0])}
    curves = {"b": [0.0, 2.0], "a": [0.0, 1.0]}
    ax = drawn(figures.lines, [0, 1], curves, dots=dots, rings={"this one": (1, 2.0), "that": (0.5, 1.0)}, **names)[0]
    b, a, dots_a, dots_b, *rings = ax.lines
    assert dots_a.get_color() == a.get_color() != b.get_color() == dots_b.get_color()
    assert [ring.get_xydata().tolist() for ring in rings] == [[[1, 2]], [[0.5, 1]]]
    assert [text.get_text() for text in ax.texts] == ["this one", "that"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["many", "few"]


def test_grains_are_carried_in_order():
    x, y = torch.tensor([3.0, 1.0, 2.0, 4.0]), torch.tensor([10.0, 30.0, 20.0, 40.0])
    ax = drawn(figures.carried, x, y, ("upper", "lower"), grains=2)[0]
    upper, lower = (line.get_xydata() for line in ax.lines)
    np.testing.assert_allclose(upper, [(1.75, 1), (3.25, 1)])
    np.testing.assert_allclose(lower, [(17.5, 0), (32.5, 0)])
    assert [text.get_text() for text in ax.texts] == ["upper", "lower", "", ""]
    assert [text.xy for text in ax.texts[2:]] == [(17.5, 0.02), (32.5, 0.02)]
