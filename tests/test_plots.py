import itertools
import math

import diffusers
import matplotlib
import nbclient
import nbformat
import numpy as np
import pytest
import torch

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from t2v_helpers import plots
from t2v_helpers.plots import plot_noise_schedule
from t2v_helpers.schedules import NoiseSchedule

BETAS = [0.1, 0.2, 0.4, 0.5]


@pytest.fixture(autouse=True)
def _no_figure_left():
    with plt.rc_context():
        yield
    plt.close("all")


def draw(*schedules):
    assert plot_noise_schedule(*schedules) is None  # a value would be printed under the cell
    return plt.gcf(), plt.gcf().axes


def legend_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_curves_are_those_of_the_schedule():
    _, (left, middle, right) = draw(NoiseSchedule(BETAS))
    left_over = [0.9, 0.9 * 0.8, 0.9 * 0.8 * 0.6, 0.9 * 0.8 * 0.6 * 0.5]
    for line, expected in (
        (left.lines[0], BETAS),
        (middle.lines[0], left_over),
        (right.lines[0], [math.log(a / (1 - a)) for a in left_over]),
    ):
        np.testing.assert_allclose(line.get_xdata(), [1, 2, 3, 4])  # step t is 1 ... T
        np.testing.assert_allclose(line.get_ydata(), expected)


def test_what_is_taken():
    scheduler = diffusers.DDIMScheduler(trained_betas=BETAS, num_train_timesteps=4)
    figure, (left, _, _) = draw(torch.tensor(BETAS), np.array(BETAS), BETAS, scheduler, NoiseSchedule(BETAS, "mine"))
    assert legend_of(figure) == ["betas", "betas", "betas", "DDIM (own betas)", "mine"]
    for line in left.lines:
        np.testing.assert_allclose(line.get_ydata(), BETAS, rtol=1e-6)


def test_schedules_of_other_kinds_share_a_figure():
    edm, flow = diffusers.EDMEulerScheduler(num_train_timesteps=9), diffusers.FlowMatchEulerDiscreteScheduler()
    figure, (left, middle, right) = draw(NoiseSchedule.cosine(50), flow, edm)
    assert legend_of(figure) == ["cosine, T = 50", "FlowMatchEulerDiscrete, T = 1000", "EDMEuler, T = 10"]
    for ax in (left, middle, right):
        assert ax.get_xlabel() == "$t / T$ (share of all steps)"
        for line, T in zip(ax.lines, (50, 1000, 10), strict=False):
            np.testing.assert_allclose(line.get_xdata(), np.arange(1, T + 1) / T)
    assert len({line.get_color() for line in left.lines}) == len({line.get_marker() for line in left.lines}) == 3


def test_no_two_of_many_curves_look_the_same():
    _, (left, _, _) = draw(*[NoiseSchedule.linear(T) for T in range(20, 40)])
    assert len({(line.get_color(), line.get_marker()) for line in left.lines}) == 20


def test_every_axis_is_labelled_and_beta_has_a_log_axis_where_a_straight_one_would_hide_it():
    _, axes = draw(NoiseSchedule.linear())
    for ax, unit in zip(axes, ("variance", "0 to 1", "natural log"), strict=True):
        assert ax.get_title() and unit in ax.get_ylabel() and "step $t$ (of $T$ = 1000)" == ax.get_xlabel()
    assert axes[0].get_yscale() == "linear"
    assert draw(NoiseSchedule.linear(), NoiseSchedule.cosine())[1][0].get_yscale() == "log"


def test_no_signal_left_is_marked_at_the_foot():
    _, (_, _, right) = draw(NoiseSchedule(BETAS).zero_terminal_snr(), NoiseSchedule(BETAS))
    zero, other, _ = right.lines
    assert np.isnan(zero.get_ydata()[-1]) and np.isfinite(zero.get_ydata()[:-1]).all()
    assert np.isfinite(other.get_ydata()).all()
    level, arrow = right.texts
    assert arrow.xy == (4, 0) and "no signal" in arrow.get_text() and arrow.get_color() == zero.get_color()
    _, (_, _, right) = draw(NoiseSchedule(BETAS))
    assert len(right.lines) == 2 and [text.get_text() for text in right.texts] == [level.get_text()]


def test_into_given_axes_goes_alpha_bar_alone():
    figure, ax = plt.subplots()
    plot_noise_schedule(NoiseSchedule(BETAS), NoiseSchedule.linear(50), ax=ax)
    assert figure.axes == [ax] and plt.get_fignums() == [figure.number] and len(ax.lines) == 2
    np.testing.assert_allclose(ax.lines[0].get_ydata(), NoiseSchedule(BETAS).alpha_bars)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["custom, T = 4", "linear, T = 50"]


def test_the_ground_is_solid_white_in_a_dark_theme_too():
    plt.style.use("dark_background")
    figure, axes = draw(NoiseSchedule(BETAS))
    white = (1.0, 1.0, 1.0, 1.0)
    assert figure.get_facecolor() == white and all(ax.get_facecolor() == white for ax in axes)
    dark = [ax.xaxis.label.get_color() for ax in axes] + [text.get_color() for text in figure.legends[0].get_texts()]
    assert set(dark) == {"#222222"}
    assert plt.rcParams["figure.facecolor"] == "black"  # the reader's own settings are left alone
    plots.use_style()
    assert plt.rcParams["figure.facecolor"] == "white"


@pytest.mark.parametrize("wrong", ["linear", None, torch.ones(3, 3) / 2, [0.5, 2.0]])
def test_what_is_no_schedule(wrong):
    with pytest.raises(ValueError) as error:
        plot_noise_schedule(NoiseSchedule.linear(), wrong)
    assert "\n" not in str(error.value) and not plt.get_fignums()


# --- colours


def linear_rgb(color):
    c = np.array(matplotlib.colors.to_rgb(color))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    to_xyz = np.array([[0.41246, 0.35758, 0.18044], [0.21267, 0.71515, 0.07217], [0.01933, 0.11919, 0.95030]])
    f = np.cbrt(to_xyz @ np.clip(rgb, 1e-4, 1) / [0.95047, 1, 1.08883])
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


SEEN = {  # Machado, Oliveira & Fernandes 2009, severity 1
    "all": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("eye", SEEN)
def test_the_roles_can_be_told_apart_by_every_eye(eye):
    for a, b in itertools.combinations(plots.COLORS.values(), 2):
        seen = [lab(np.array(SEEN[eye]) @ linear_rgb(color)) for color in (a, b)]
        assert np.linalg.norm(seen[0] - seen[1]) > 20  # two colours side by side differ from about 2


def test_the_roles_stand_out_against_white():
    for color in plots.COLORS.values():
        luminance = np.array([0.2126, 0.7152, 0.0722]) @ linear_rgb(color)
        assert 1.05 / (luminance + 0.05) >= 3  # WCAG 2.1, 1.4.11


def test_every_figure_of_a_fresh_notebook_is_shown_and_nothing_is_printed():
    draw = "plot_noise_schedule(NoiseSchedule([0.1, 0.5]))"
    sources = ["from t2v_helpers import NoiseSchedule, plot_noise_schedule", draw, draw]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    for cell in notebook.cells[1:]:
        (output,) = cell.outputs
        assert output.output_type == "display_data" and output.data["image/png"]


def test_every_figure_has_an_alternative_text_of_its_own_words():
    draw = "plots.plot_noise_schedule(NoiseSchedule([0.1, 0.5]), NoiseSchedule.linear(50))"
    sources = ["from t2v_helpers import NoiseSchedule, plots", draw, draw]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    (output,) = notebook.cells[2].outputs
    alt = output.metadata["image/png"]["alt"]
    assert output.data["image/png"] and alt.startswith("Figure: Noise added by each step; ") and "linear, T = 50" in alt
    assert not any(character in alt for character in "$\\{}\n")


def test_an_alternative_text_leaves_out_numbers_and_repetitions():
    figure, axes = plt.subplots(1, 2)
    for ax in axes:
        ax.imshow(np.zeros((2, 2)))
        ax.set(title=r"$\bar\alpha_t$", xlabel="step")
    axes[0].text(0, 0, "3.14")
    axes[1].plot([0], label="_hidden")
    assert plots.describe(figure) == "Figure: 2 pictures; bar alpha_t; step"
    assert plots.describe(plt.figure()) == "Figure: no words"
