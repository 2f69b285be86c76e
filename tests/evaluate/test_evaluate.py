"""The evaluation, with rendered clips in place of a model, and with models that are wrong on purpose."""

import json
import pathlib
import types

import numpy as np
import pytest
import torch

from t2v_helpers import shapes
from t2v_helpers.evaluate import cli, clips, report
from t2v_helpers.shapes import compare, read, render


class Autoencoder(torch.nn.Module):
    """An autoencoder that loses nothing."""

    dtype = torch.float32

    def encode(self, x):
        return types.SimpleNamespace(latent_dist=types.SimpleNamespace(mode=lambda: x))

    def decode(self, x):
        return types.SimpleNamespace(sample=x)


class Renderer:
    """A pipeline that draws what the prompt says and then spoils it; without a prompt it draws anything."""

    device, dtype, vae = torch.device("cpu"), torch.float32, Autoencoder()

    def __init__(self, spoil=lambda scene, frames, seed: frames):
        self.spoil, self.calls = spoil, 0

    def __call__(self, prompts, generator, **settings):
        self.calls += 1
        done = []
        for prompt, g in zip(prompts, generator, strict=True):
            scene = read(prompt) if prompt else shapes.sample_scene(g)
            done.append(self.spoil(scene, render(scene, g), g.initial_seed()))
        return types.SimpleNamespace(frames=np.stack(done))


class Tower(torch.nn.Module):
    """Features that are easy to check: the mean colour of each quarter of the clip, and its spread."""

    def forward(self, frames):
        return torch.cat([part.flatten(2).mean(2) for part in frames.tensor_split(4, 2)], 1)


def studio(pipe, folder=None, name="model"):
    return clips.Studio(pipe, 2, 1.0, name, folder, workers=0)


@pytest.fixture(scope="module")
def right():
    with studio(Renderer()) as made:
        return report.evaluate(made, cli.kinds_of_scenes(5, 2), Tower())


def test_rendered_clips_pass(right):
    rows, others, made = right
    for name in (report.ONE, "one thing, held out", report.TWO, "two things, held-out pairs", report.PLAIN):
        assert rows[name]["all"].mean >= 0.9 and rows[name]["all"].n == 10
    assert rows[report.TWO]["binding"].mean <= 0.1 and "binding" not in rows[report.ONE]
    assert rows[f"rendered: {report.TWO}"]["all"].mean == pytest.approx(rows[f"autoencoder: {report.TWO}"]["all"].mean)
    for name in (report.ONE, report.TWO):
        assert rows[f"captions shuffled: {name}"]["all"].mean < 0.2 and rows[f"no text: {name}"]["all"].mean < 0.2
    for shape in shapes.SHAPES:
        assert others[f"outline IoU, {shape}"]["generated"].mean > 0.96
    assert others["overlap beside the data's"]["generated"].mean == pytest.approx(1, abs=0.6)
    assert others["overlap beside the data's"]["rendered"].mean == 1
    generated, floor, _ = others["Fréchet distance, n = 20"].values()
    assert abs(generated.mean - floor.mean) < 4 * (generated.error + floor.error)
    assert all(is_held_out == shapes.is_held_out(scene) for name, is_held_out in (
        (report.ONE, False), ("one thing, held out", True), (report.TWO, False), ("two things, held-out pairs", True)
    ) for scene in made[name].scenes)  # fmt: skip


def swap_colors(scene, frames, seed):
    """Each thing in the other's colour; one thing alone in the next colour."""
    names = list(shapes.COLORS)
    colors = [thing.color for thing in reversed(scene.things)]
    colors = colors if len(colors) == 2 else [names[names.index(colors[0]) - 1]]
    things = tuple(thing._replace(color=color) for thing, color in zip(scene.things, colors, strict=True))
    return render(scene._replace(things=things), seed)


def tremble(scene, frames, seed):
    """Every other frame one pixel to the right."""
    return np.stack([np.roll(frame, i % 2, axis=1) for i, frame in enumerate(frames)])


WRONG = {  # what is wrong => the measure that has to see it, and one that must not
    "colors swapped": (swap_colors, "color", "shape"),
    "frozen": (lambda scene, frames, seed: frames[:1].repeat(16, 0), "motion", "color"),
    "no ground": (lambda scene, frames, seed: render(scene._replace(ground=None), seed), "ground", "motion"),
}


@pytest.mark.parametrize("things", (1, 2))
@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_seen(what, things):
    spoil, seen, unseen = WRONG[what]
    with studio(Renderer(spoil)) as made:
        shares = report.adherence(report.seen(made.generated(clips.sample_scenes(things, False, 8))))
    assert shares["all"].mean < 0.5 and shares[seen].mean < 0.5 < 0.8 < shares[unseen].mean
    assert things == 1 or (shares["binding"].mean > 0.8) == (what == "colors swapped")


def test_measures_of_clips_see_what_is_wrong():
    scenes = clips.sample_scenes(1, False, 10, grounds=False)

    def measured(spoil):
        with studio(Renderer(spoil)) as made:
            done, real = report.seen(made.generated(scenes, 2)), made.rendered(scenes, 2)
            distance = report.frechet(report.features(made, Tower(), done), report.features(made, Tower(), real))
            return report.jerk(done, report.STRAIGHT).mean, report.overlaps(done).mean(), distance.mean

    right = measured(lambda scene, frames, seed: frames)
    for k, spoil in enumerate((
        tremble, lambda scene, frames, seed: render(scene, 0), lambda scene, frames, seed: frames * 0.7
    )):  # fmt: skip
        assert measured(spoil)[k] > 2 * right[k]


def test_a_thing_that_is_not_there_is_missing_not_misbound():
    asked = read("a red star rising and a blue star moving left")
    assert compare(asked, read("a red star rising")).binding == ()
    assert compare(asked, read("a blue star rising and a red star moving left")).binding == ("up", "left")


@pytest.mark.parametrize(("numbers", "times", "share", "expected"), [
    ([1, 2, 3, 4], 1, False, (2.5, np.std([1, 2, 3, 4], ddof=1) / 2, 4)),
    ([1, 1, 3, 3], 2, False, (2, 1, 4)),
    ([1, np.nan, np.nan, np.nan], 2, False, (1, None, 1)),
    ([1] * 8, 1, True, (1, (9 * 1 / (10**2 * 11)) ** 0.5, 8)),  # Beta(9, 1)
])  # fmt: skip
def test_errors_are_over_prompts(numbers, times, share, expected):
    assert report.value(numbers, times, share) == pytest.approx(expected)
    assert report.value([np.nan]) is None


def test_ratio_and_jackknife_agree_with_what_they_estimate():
    rng, ratios, distances = np.random.default_rng(0), [], []
    for _ in range(200):
        each = rng.random((40, 1))
        ratios.append(
            report.ratio(1.2 * each + 0.1 * rng.standard_normal((40, 2)), each + 0.1 * rng.standard_normal((40, 2)))
        )
        distances.append(
            report.frechet(*torch.tensor(rng.standard_normal((2, 60, 2))) + torch.tensor([[[1.0]], [[0.0]]]))
        )
    for values in (ratios, distances):
        means, errors, _ = np.array(values).T
        assert np.sqrt((errors**2).mean()) == pytest.approx(means.std(), rel=0.25)
    assert np.mean([r.mean for r in ratios]) == pytest.approx(1.2, rel=0.02)


def test_it_resumes_and_never_with_other_weights_or_settings(tmp_path):
    pipe, scenes = Renderer(), clips.sample_scenes(1, False, 3)

    def generate(name="model", steps=2, guidance=1.0, times=1):
        with studio(pipe, tmp_path, name) as made:
            done = made.generated(scenes, times, steps=steps, guidance=guidance)
            return done, made.reconstructed(made.rendered(scenes))

    first, calls = generate(), pipe.calls
    again = generate()
    assert pipe.calls == calls and all(np.array_equal(a.frames, b.frames) for a, b in zip(first, again, strict=True))
    block = next(path for path in tmp_path.iterdir() if np.array_equal(np.load(path)["frames"], first[0].frames))
    block.write_bytes(block.read_bytes()[:1000])  # what no interruption leaves, since blocks appear whole
    assert np.array_equal(generate()[0].frames, first[0].frames) and pipe.calls == calls + 1
    for other in ({"name": "other"}, {"steps": 3}, {"guidance": 2.0}, {"times": 2}):
        calls = pipe.calls
        generate(**other)
        assert pipe.calls == calls + 1
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".npz"]


def test_identity_is_of_weights_not_of_the_card(tmp_path):
    (tmp_path / "unet").mkdir()
    names = []
    for name, text in (("unet/w.safetensors", "1"), ("evaluation.json", ""), ("unet/w.safetensors", "2")):
        (tmp_path / name).write_text(text)
        names.append(clips.identity(tmp_path))
    assert names[0] == names[1] != names[2]


def test_clips_are_those_of_generate(scale):
    from t2v_helpers.models import generate

    scenes = [read("a red circle moving left"), read("a blue square growing")]
    with studio(scale) as made:
        done = made.generated(scenes, times=2, guidance=2.0)
    for prompt, seed, frames in zip(done.prompts, done.seeds, done.frames, strict=True):
        alone = generate(prompt, scale, seed=seed, steps=2, guidance=2.0)
        assert np.abs(frames - alone * 255).max() < 1


def test_judges_in_other_processes_see_the_same():
    scenes = clips.sample_scenes(2, False, 3)
    with clips.Studio(Renderer(), 1, 1.0, workers=2) as made:
        there = list(made.rendered(scenes).sights)
    with studio(Renderer()) as made:
        here = list(made.rendered(scenes).sights)
    assert [s.scene for s in there] == [s.scene for s in here]
    assert all(map(np.array_equal, [s.things[0].center for s in there], [s.things[0].center for s in here]))


def test_sweep_and_its_figure():
    import matplotlib.pyplot as plt

    from t2v_helpers import figures

    with studio(Renderer()) as made:
        panels = report.sweep(made, cli.kinds_of_scenes(4, 1), Tower(), (2, 4), (1.0, 2.0))
    assert panels["one thing: all right"]["2 steps"].keys() == {"1", "2"}
    assert panels["outline IoU"]["rendered"][""].mean > 0.97
    figures.sweep(json.loads(json.dumps(panels)), default=2)
    texts = {t.get_text() for ax in plt.gcf().axes for t in ax.texts}
    assert len(plt.gcf().axes) == len(panels) and texts == {"2", "4", "2 steps", "4 steps"} & texts and texts
    plt.close("all")


def test_the_command(scale_folder, tmp_path, monkeypatch, capsys):
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(clips.os, "cpu_count", lambda: 1)
    typed = [str(scale_folder), *"--prompts 2 --seeds 1 --steps 1 --json out.json --work work".split()]
    assert cli.main([*typed, "--strips", "strips.png"]) == 0
    printed, data = capsys.readouterr().out, json.loads(pathlib.Path("out.json").read_text())
    assert f"| {report.ONE} | {data['adherence'][report.ONE]['color'][0]:.3f} ±" in printed
    assert {"sha256", "steps", "guidance", "prompts", "seeds"} <= data["settings"].keys()
    with Image.open("strips.png") as strip:
        assert strip.size == (2 * (8 * 64 + 400), 2 * 68) and list(pathlib.Path("work").iterdir())
    assert cli.main([*typed, "--sweep", "--strips", "strips.png"]) == 2
