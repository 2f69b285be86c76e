"""The benchmark, run whole on its small configuration, and its judgements on figures that are known."""

import dataclasses
import json
import math
import types

import pytest
import torch

from t2v_helpers.benchmark import cli, report, variants
from t2v_helpers.benchmark.model import CONFIGS
from t2v_helpers.benchmark.timing import Measured, measure
from t2v_helpers.models import budget

TINY = dataclasses.replace(CONFIGS["tiny"], steps=2)
CPU = torch.device("cpu")
NEEDS_GPU = {f"compile: {how}" for how in ("default", "CUDA graphs", "tuned")} | {"convolutions: timed"}
NEEDS_GPU |= {"attention: efficient", "attention: cuDNN"}
# diffusers' DPM-Solver calls np.array on a tensor
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def damped(pipe):
    """A mistake of 5 % in what the UNet predicts."""
    forward = pipe.unet.forward
    pipe.unet.forward = lambda *args, **kwargs: (0.95 * forward(*args, **kwargs)[0],)


def broken(pipe):
    raise ValueError("no\ngood | at all")


def test_a_whole_run_with_two_variants_that_are_mistakes(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(CONFIGS, "tiny", TINY)
    monkeypatch.setitem(variants.VARIANTS, "wrong: damped", damped)
    monkeypatch.setitem(variants.VARIANTS, "wrong: broken", broken)
    files = ["--json", str(tmp_path / "b.json"), "--markdown", str(tmp_path / "b.md")]
    assert cli.main(["--device", "cpu", "--config", "tiny", "--repeats", "2", *files]) == 0
    found, page = json.loads((tmp_path / "b.json").read_text()), (tmp_path / "b.md").read_text()
    rows = {row["name"]: row for row in found["rows"]}
    assert list(rows)[:2] == [cli.RECIPE, cli.DEFAULT] and cli.AGAIN in rows and set(variants.VARIANTS) < set(rows)
    assert {name for name, row in rows.items() if row["not_here"]} == NEEDS_GPU | {"wrong: broken"}
    assert rows["wrong: broken"]["not_here"] == "ValueError: no good | at all"

    for row in (row for row in rows.values() if not row["not_here"]):
        assert len(row["warm"]) == len(row["denoising"]) == 2 and row["load"] > 0 and row["cold"] > 0
        assert all(0 < part < whole for part, whole in zip(row["denoising"], row["warm"], strict=True))
        assert row["seconds"] == pytest.approx(sum(row["warm"]) / 2)  # the median of two
        share = found["step_flops"] * TINY.steps / (sum(row["denoising"]) / 2) / found["attainable_rate"]
        assert row["share"] == pytest.approx(share)

    # The bar of 2 % tells: what is right is far below, a damped UNet, another prompt and no guidance are above it.
    differences = {name: row["difference"] for name, row in rows.items() if not row["not_here"]}
    assert differences.pop("wrong: damped") > 0.02 and "wrong: damped" not in found["kept"]
    assert max(differences.values()) < 1e-4
    assert set(found["controls"]) == {"another prompt", "guidance 1"} and min(found["controls"].values()) > 0.02

    here = found["circumstances"]
    assert f"    {here['command']}\n" in page and here["command"].startswith("python -m t2v_helpers.benchmark --device")
    for word in (here["date"], here["device"], f"torch {torch.__version__}", "diffusers 0.", "CPU"):
        assert word in page
    for name, row in rows.items():
        (line,) = [line for line in page.splitlines() if line.startswith(f"| {name} |")]
        assert line.count("|") == 9
        assert (f"{row['seconds']:.3f}" in line) if not row["not_here"] else ("not here" in line)
    assert page.count("| owed |") == 6 and report.GPU_COMMAND in page and capsys.readouterr().out == page


@pytest.mark.parametrize("last, ranked", [(1.05, True), (1.2, False), (0.8, False)])
def test_a_default_that_drifts_ranks_nothing(last, ranked):
    rows = [{"name": name, "seconds": s, "not_here": ""} for name, s in ((cli.DEFAULT, 1.0), (cli.AGAIN, last))]
    (said,) = report.drift(rows)
    assert f"took {last:.3f} s where it had taken 1.000 s" in said and ("no row can be ranked" not in said) == ranked
    assert report.drift(rows[:1]) == []


def test_the_command_that_is_owed_can_be_run():
    args = cli.parser().parse_args(report.GPU_COMMAND.removeprefix("python -m t2v_helpers.benchmark ").split())
    assert args.memory_cap and args.json and args.markdown and args.variants == [*variants.VARIANTS]


@pytest.mark.parametrize("until", [math.inf, 0])
def test_what_tells_most_is_measured_first_and_a_spent_budget_leaves_out_the_rest(until, monkeypatch):
    def measure(row, load, clip, device, repeats, change=None):
        return Measured(row, 1, 1, (1.0,) * repeats, (1.0,) * repeats, latents=torch.ones(1))

    monkeypatch.setattr(cli.timing, "measure", measure)
    bench, order = cli.Bench("", TINY, CPU, 2, until), []
    for found in cli.compare(bench, ["vae-slicing"], (), ["attention: math", "compile: default"]):
        seen = [*found["rows"], *(row for row, _ in found["placed"])]
        order += [row for row in seen if row not in order]
        assert len(order) == len(seen), "one more row each time"
    two, rest = [cli.RECIPE, cli.DEFAULT], [f"{cli.DEFAULT}, vae-slicing", "attention: math", "compile: default"]
    assert [row.name for row in order] == [*two, *rest, cli.AGAIN] and found["kept"] == []
    assert [row.name for row in order if not row.not_here] == [*two, *(rest if until else []), cli.AGAIN]
    assert bool(found["controls"]) == bool(until) and {row.not_here for row in order} <= {"", report.LEFT_OUT}
    assert list(variants.VARIANTS)[-3:] == [f"compile: {how}" for how in ("default", "CUDA graphs", "tuned")]


def test_a_run_that_is_stopped_leaves_what_it_had(monkeypatch, tmp_path):
    def stopped(*args, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.Bench, "default", stopped)
    files = ["--json", str(tmp_path / "b.json"), "--markdown", str(tmp_path / "b.md")]
    assert cli.main(["--repeats", "1", "--device", "cpu", *files]) == 130
    assert [row["name"] for row in json.loads((tmp_path / "b.json").read_text())["rows"]] == [cli.RECIPE]
    page = (tmp_path / "b.md").read_text()
    assert f"| {cli.RECIPE} |" in page and "**Stopped before the end**" in page


def test_what_pays_is_kept():
    defaults = Measured("default", warm=(1.00, 1.02, 1.04)), Measured("again", warm=(0.98, 1.00, 1.02))
    rows = [
        Measured("a: fast", warm=(0.80, 0.90), difference=0.001),
        Measured("a: faster", warm=(0.70, 0.80), difference=0.001),
        Measured("b: inside the spread", warm=(0.98, 0.99), difference=0.001),
        Measured("c: other latents", warm=(0.5, 0.5), difference=0.03),
        Measured("d: too much memory", warm=(0.5, 0.5), difference=0.001, reserved=7_000_000_000),
        Measured("e: good", warm=(0.9, 0.9), difference=0.001, reserved=5_000_000_000),
        Measured("f: not here", not_here="reason"),
        Measured("g: NaN", warm=(0.5, 0.5), difference=math.nan),
    ]
    assert cli.worth_keeping(defaults, rows) == ["a: faster", "e: good"]


def test_the_first_clip_is_not_among_the_warm_ones(monkeypatch):
    now = iter(range(1000))
    monkeypatch.setattr("t2v_helpers.benchmark.timing.clock", lambda device: next(now))
    ticks = iter([100, 2, 3])

    def clip(pipe):
        for _ in range(next(ticks)):
            next(now)
        pipe.prepare_latents()
        pipe.decode_latents(torch.tensor([0.0, 4.0]))

    pipe = types.SimpleNamespace(prepare_latents=lambda: None, decode_latents=lambda latents: None)
    result = measure("x", lambda: pipe, clip, CPU, 2)
    assert (result.cold, result.warm, result.denoising) == (103, (5, 6), (1, 1))
    result.compare(Measured("y", latents=torch.tensor([3.0, 0.0])))
    assert result.difference == pytest.approx(5 / 3)


def full(**changes):
    """A report of the full model on a GPU that meets every bar, but for the changes."""
    good = {"speed": 3.0, "difference": 0.005, "share": 0.5, "reserved": 5.5e9, "not_here": ""}
    rows = [{"name": cli.DEFAULT} | good | changes]
    placed = [{"plan": plan, "gigabytes": None, "not_here": ""} for plan in budget.PLANS if plan != "int8-text"]
    for row, peak in zip(placed, (5.5e9, 4.5e9, 3.6e9, 4.0e9, 1.1e9), strict=True):
        row |= {"predicted": peak, "allocated": 1.1 * peak, "reserved": 1.2 * peak}
    return {"on": "full, cuda", "rows": rows, "placed": placed}


def test_bars_of_the_full_model():
    cases = {}, {"speed": 2.4}, {"difference": 0.021}, {"share": 0.39}, {"reserved": 6.1e9}
    for missed, changes in enumerate(cases, -1):
        assert [bar[2] for bar in report.bars(full(**changes))] == [i != missed for i in range(6)], changes
    known = full()
    known["placed"][2]["allocated"] *= 1.2
    known["placed"][4]["reserved"] = 3.6e9
    assert [bar[2] for bar in report.bars(known)][4:] == [False, False]
    known["placed"][0]["not_here"] = "OutOfMemoryError"
    assert report.bars(known)[5][1:] == (None, None)  # four plans are not five


def test_without_the_recipe_there_is_no_report(monkeypatch, capsys, tmp_path):
    def fails(folder, device):
        raise OSError("no space left")

    monkeypatch.setattr(cli, "load_recipe", fails)
    assert cli.main(["--repeats", "1", "--device", "cpu", "--markdown", str(tmp_path / "b.md")]) == 1
    out, err = capsys.readouterr()
    assert out == "" and "the model card's recipe cannot be run here: OSError: no space left" in err
    assert not list(tmp_path.iterdir())
