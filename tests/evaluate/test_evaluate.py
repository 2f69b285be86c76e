"""The evaluation of models that draw what they are asked for, or are wrong on purpose, and of random weights."""

import json
import pathlib
import shutil
import types

import numpy as np
import pytest
import torch

from t2v_helpers import shapes
from t2v_helpers.evaluate import cli, clips, report
from t2v_helpers.models import SETTINGS, Request
from t2v_helpers.shapes import read, render

ASKED = Request("a red circle moving left", None, 0, 2, 1.0, 16, 64, 64)


class Renderer:
    """Called as a pipeline is, it draws what the prompt says and then spoils it; without a prompt it draws anything."""

    def __init__(self, spoil=lambda scene, frames, seed: frames):
        self.spoil, self.calls = spoil, 0

    def __call__(self, prompts, generator, num_frames, height, width, **settings):
        assert height == width and len(prompts) <= clips.BATCH
        self.calls += 1
        done = []
        for prompt, g in zip(prompts, generator, strict=True):
            scene = read(prompt) if prompt else shapes.sample_scene(g)
            done.append(self.spoil(scene, render(scene, g, num_frames, width), g.initial_seed()))
        return types.SimpleNamespace(frames=np.stack(done))


def tower(frames):
    """Features that are easy to check: the mean colour of each quarter of the clip."""
    return torch.cat([part.flatten(2).mean(2) for part in frames.tensor_split(4, 2)], 1)


def made(scenes, spoil=lambda scene, frames, seed: frames, times=1):
    return clips.generate_clips(Renderer(spoil), {"a": clips.Job(scenes, times)}, ASKED)["a"]


@pytest.fixture(scope="module", params=(False, True), ids=("whole world", "first world"))
def right(request):
    first, asked = (
        request.param,
        Request("a red circle moving left", None, 0, 2, 1.0, 17 if request.param else 16, 64, 64),
    )
    known = (
        {word for text in shapes.captions(first=True) for word in text.split()} | {"disc"} if first else shapes.words()
    )
    jobs = report.jobs(10, first, tuple(known))
    return first, report.evaluate(Renderer(), jobs, asked, tower, False)


def test_what_is_drawn_as_asked_for_is_right_and_the_controls_are_not(right):
    first, (rows, others, done) = right
    kinds = {"one thing, held out": True, report.ONE: False}
    kinds |= {} if first else {"two things, held-out pairs": True, report.TWO: False}
    for name, held_out in kinds.items():
        assert rows[name]["all"].mean >= 0.9 and rows[name]["all"].n == (20 if "two" in name else 10)
        scenes = done[name].scenes
        assert len(set(scenes)) == len(scenes)
        some = shapes.combinations(held_out, first=True)
        assert all(s.things[0] in some if first else shapes.is_held_out(s) == held_out for s in scenes)
    assert done[report.ONE].frames.shape[1] == (17 if first else 16)
    for name in [name for name in (report.ONE, report.TWO) if name in rows]:
        assert rows[f"rendered: {name}"]["all"].mean >= 0.9
        assert rows[f"captions shuffled: {name}"]["all"].mean < 0.2 and rows[f"no text: {name}"]["all"].mean < 0.4
        wordings = done[f"other wordings, {name.split(',')[0]}"]
        assert all(p != str(s) and read(p) == s for p, s in zip(wordings.prompts, wordings.scenes, strict=True))
    assert ("binding" in rows.get(report.TWO, {})) != first and "binding" not in rows[report.ONE]
    assert others["outline IoU, square"]["generated"].mean > 0.96 and ("outline IoU, heart" in others) != first
    mean, error, _ = others["overlap beside the data's"]["generated"]
    assert abs(mean - 1) < 4 * error
    generated, floor = next(values for name, values in others.items() if name.startswith("Fréchet")).values()
    assert abs(generated.mean - floor.mean) < 4 * (generated.error + floor.error)


def swap_colors(scene, frames, seed):
    """Each thing in the other's colour; one thing alone in the next colour."""
    names = list(shapes.COLORS)
    colors = [thing.color for thing in reversed(scene.things)]
    colors = colors if len(colors) == 2 else [names[names.index(colors[0]) - 1]]
    things = tuple(thing._replace(color=color) for thing, color in zip(scene.things, colors, strict=True))
    return render(scene._replace(things=things), seed)


WRONG = {  # what is wrong => the measure that has to see it, and one that must not
    "colors swapped": (swap_colors, "color", "shape"),
    "frozen": (lambda scene, frames, seed: frames[:1].repeat(16, 0), "motion", "color"),
    "no ground": (lambda scene, frames, seed: render(scene._replace(ground=None), seed), "ground", "motion"),
}


@pytest.mark.parametrize("things", (1, 2))
@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_seen(what, things):
    spoil, seen, unseen = WRONG[what]
    shares = report.adherence(made(clips.draw_scenes(things, False, 8), spoil))
    assert shares["all"].mean < 0.5 and shares[seen].mean < 0.5 < 0.8 < shares[unseen].mean
    assert things == 1 or (shares["binding"].mean > 0.8) == (what == "colors swapped")


def tremble(scene, frames, seed):
    """Every other frame one pixel to the right."""
    return np.stack([np.roll(frame, i % 2, axis=1) for i, frame in enumerate(frames)])


def test_measures_of_clips_see_what_is_wrong():
    job = clips.Job(clips.draw_scenes(1, False, 10, grounds=False), 2)
    with pytest.raises(ValueError, match="at most 224"):
        clips.draw_scenes(1, True, 225)
    real = report.features(tower, clips.rendered_clips(job, ASKED, 10**7))

    def measured(spoil=lambda scene, frames, seed: frames):
        done = made(*job[:1], spoil, 2)
        distance = report.frechet(report.features(tower, done), real)
        return report.jerk(done, report.STRAIGHT).mean, report.overlaps(done).mean(), distance.mean

    right = measured()
    spoils = tremble, lambda scene, frames, seed: render(scene, 0), lambda scene, frames, seed: frames * 0.7
    for k, spoil in enumerate(spoils):
        assert measured(spoil)[k] > 2 * right[k]


@pytest.mark.parametrize(
    ("numbers", "times", "share", "expected"),
    [
        ([1, 2, 3, 4], 1, False, (2.5, np.std([1, 2, 3, 4], ddof=1) / 2, 4)),
        ([1, 1, 3, 3], 2, False, (2, 1, 4)),
        ([1, np.nan, np.nan, np.nan], 2, False, (1, None, 1)),
        ([1] * 8, 1, True, (1, (9 * 1 / (10**2 * 11)) ** 0.5, 8)),  # Beta(9, 1)
    ],
)
def test_errors_are_over_scenes(numbers, times, share, expected):
    assert report.value(numbers, times, share) == pytest.approx(expected)
    assert report.value([np.nan]) is None


def test_ratio_and_jackknife_agree_with_what_they_estimate():
    rng, ratios, distances = np.random.default_rng(0), [], []
    for _ in range(200):
        each = rng.random(40)
        noise = 0.1 * rng.standard_normal((2, 40))
        ratios.append(report.ratio(1.2 * each + noise[0], each + noise[1]))
        clouds = torch.tensor(rng.standard_normal((2, 60, 2))) + torch.tensor([[[1.0]], [[0.0]]])
        distances.append(report.frechet(*clouds))
    for values in (ratios, distances):
        means, errors, _ = np.array(values).T
        assert np.sqrt((errors**2).mean()) == pytest.approx(means.std(), rel=0.25)
    assert np.mean([r.mean for r in ratios]) == pytest.approx(1.2, rel=0.02)


def test_it_resumes_and_never_with_another_model_or_settings(tmp_path):
    pipe, scenes = Renderer(), clips.draw_scenes(1, False, 3)

    def generate(model="model", times=1, **settings):
        jobs = {"a": clips.Job(scenes, times, settings=settings)}
        return clips.generate_clips(pipe, jobs, ASKED, model, tmp_path)["a"].frames

    first = generate()
    assert np.array_equal(generate(), first) and pipe.calls == 1
    for calls, other in enumerate(({"model": "other"}, {"steps": 3}, {"guidance": 2.0}, {"times": 2}), 2):
        generate(**other)
        assert pipe.calls == calls
    assert {path.suffix for path in tmp_path.iterdir()} == {".npy"}


def test_clips_are_those_of_generate(scale):
    from t2v_helpers.models import generate

    scenes = [read("a red circle moving left"), read("a blue square growing")]
    jobs = {"a": clips.Job(scenes, 2, settings={"guidance": 2.0}), "b": clips.Job(scenes[:1], settings={"guidance": 0})}
    done = clips.generate_clips(scale, jobs, ASKED)
    for name, k, seed, w in (("a", 0, 0, 2.0), ("a", 1, 10_000, 2.0), ("a", 2, 1, 2.0), ("b", 0, 0, 0)):
        alone = generate(done[name].prompts[k], scale, seed=seed, steps=2, guidance=w)
        assert np.abs(done[name].frames[k] - alone * 255).max() < 1


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(report, "STEPS", (2, 4))
    monkeypatch.setattr(report, "GUIDANCE", (1.0, 2.5))


def test_sweep(short):
    panels = report.sweep(Renderer(), report.jobs(4, False, shapes.words()), ASKED, tower)
    shares = panels["one thing: all right"]
    assert shares["steps"].keys() == {"2", "4"} and shares["guidance"].keys() == {"1", "2.5"}
    assert panels["outline IoU"]["rendered"][""].mean > 0.97 and panels["two things: all right"]["steps"]["2"].n == 8
    assert panels["two things: motion"]["rendered"][""].mean == 1
    assert 0 < panels["jerk, straight (px/frame³)"]["rendered"][""].mean < 0.5


@pytest.mark.long
def test_the_command_writes_what_it_prints(short, scale_folder, tmp_path, monkeypatch, capsys):
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    typed = [str(scale_folder), *"--scenes 2 --steps 1 --json out.json --work work --strips strips.png".split()]
    assert cli.main(typed) == 0
    printed, data = capsys.readouterr().out, json.loads(pathlib.Path("out.json").read_text())
    assert printed.startswith(f"{scale_folder}: frames 16, size 64, steps 1, guidance 2.0, scenes 2, video tower that")
    mean, error, n = data["adherence"][report.ONE]["color"]
    assert f"| {report.ONE} | {n} | {mean:.3f} ± {error:.3f} |" in printed and n == 2
    with Image.open("strips.png") as strip:
        assert strip.size == (2 * (8 * 64 + 400), 6 * 68) and list(pathlib.Path("work").iterdir())
    assert cli.main([*typed[:1], *"--scenes 2 --sweep --work work --json sweep.json".split()]) == 0
    assert json.loads(pathlib.Path("sweep.json").read_text())["panels"].keys() >= {"outline IoU", "Fréchet distance"}


@pytest.mark.parametrize("width, code, says", [(32, 0, "frames 4, size 32, steps 1"), (40, 2, "makes 40x32 pixels")])
def test_a_model_is_measured_at_its_own_size_and_length(scale_folder, tmp_path, monkeypatch, capsys, width, code, says):
    seen, look = set(), shapes.look
    monkeypatch.setattr(shapes, "look", lambda clip, *more: seen.add(clip.shape) or look(clip, *more))
    model = shutil.copytree(scale_folder, tmp_path / "model")
    (model / SETTINGS).write_text(json.dumps({"width": width, "height": 32, "num_frames": 4, "steps": 1}))
    assert cli.main([str(model), "--scenes", "1"]) == code and says in "".join(capsys.readouterr())
    assert seen == ({(4, 32, 32, 3)} if code == 0 else set())


def test_a_model_of_another_world_is_refused(cached, tmp_path, capsys):
    assert cli.main([str(next(cached.glob("models--*/snapshots/*")))]) == 2
    assert "expected one of the shapes' world" in capsys.readouterr().err
