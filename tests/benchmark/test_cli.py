"""The benchmark, run whole on its small configuration, and its judgements on figures that are known."""

import json
import math
import types

import pytest
import torch

from t2v_helpers.benchmark import cli, report, variants
from t2v_helpers.benchmark.model import CONFIGS
from t2v_helpers.benchmark.timing import Measured, difference, measure
from t2v_helpers.models import budget

TINY = CONFIGS["tiny"]
CPU = torch.device("cpu")
NEEDS_GPU = {
    "compile: default",
    "compile: CUDA graphs",
    "compile: tuned",
    "attention: efficient",
    "attention: cuDNN",
    "convolutions: timed",
}
# diffusers' DPM-Solver calls np.array on a tensor
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def damped(pipe):
    """A mistake of 5 % in what the UNet predicts."""
    variants._wrap(pipe.unet, "forward", lambda forward: lambda *a, **kw: (0.95 * forward(*a, **kw)[0],))


def broken(pipe):
    raise ValueError("no\ngood | at all")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """One run of the whole program: (the report, the page, what it printed), with two variants that are mistakes."""
    import contextlib
    import gc
    import io

    folder = tmp_path_factory.mktemp("reports")
    files = ["--json", str(folder / "b.json"), "--markdown", str(folder / "b.md")]
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setitem(variants.VARIANTS, "wrong: damped", damped)
        patch.setitem(variants.VARIANTS, "wrong: broken", broken)
        gc.freeze()  # it collects garbage before each row, a quarter of a second each with all that tests have loaded
        assert cli.main(["--device", "cpu", "--config", "tiny", "--repeats", "2", *files]) == 0
    gc.unfreeze()
    return json.loads((folder / "b.json").read_text()), (folder / "b.md").read_text(), out.getvalue()


@pytest.mark.long
def test_every_variant_is_in_the_report_and_only_those_for_a_gpu_did_not_run(ran):
    rows = {row["name"]: row for row in ran[0]["rows"]}
    assert list(rows)[:2] == [cli.RECIPE, cli.DEFAULT] and cli.AGAIN in rows
    assert set(variants.VARIANTS) < set(rows)
    assert {name for name, row in rows.items() if row["not_here"]} == NEEDS_GPU | {"wrong: broken"}
    assert rows["wrong: broken"]["not_here"] == "ValueError: no good | at all"


@pytest.mark.long
def test_the_latents_agree_and_a_mistake_does_not(ran):
    """The bar of 2 % tells: what is right is far below, a damped UNet, another prompt and no guidance are above it."""
    rows = {row["name"]: row["difference"] for row in ran[0]["rows"] if not row["not_here"]}
    assert rows.pop("wrong: damped") > 0.02
    assert max(rows.values()) < 1e-4
    assert set(ran[0]["controls"]) == {"another prompt", "guidance 1"} and min(ran[0]["controls"].values()) > 0.02
    assert "wrong: damped" not in ran[0]["kept"]


@pytest.mark.long
def test_what_is_timed(ran):
    for row in ran[0]["rows"]:
        if not row["not_here"]:
            assert len(row["warm"]) == len(row["denoising"]) == 2 and row["load"] > 0 and row["cold"] > 0
            assert all(0 < part < whole for part, whole in zip(row["denoising"], row["warm"], strict=True))
            assert row["seconds"] == pytest.approx(sum(row["warm"]) / 2)  # the median of two
            share = ran[0]["step_flops"] * TINY.steps / (sum(row["denoising"]) / 2) / ran[0]["attainable_rate"]
            assert row["share"] == pytest.approx(share)


@pytest.mark.long
def test_the_page_says_what_was_measured_on_what_and_what_is_owed(ran):
    found, page, out = ran
    assert out == page
    here = found["circumstances"]
    assert f"    {here['command']}\n" in page and here["command"].startswith("python -m t2v_helpers.benchmark --device")
    for word in (here["date"], here["device"], f"torch {torch.__version__}", "diffusers 0.", "CPU"):
        assert word in page
    for row in found["rows"]:
        (line,) = [line for line in page.splitlines() if line.startswith(f"| {row['name']} |")]
        assert line.count("|") == 9
        assert (f"{row['seconds']:.3f}" in line) if not row["not_here"] else ("not here" in line)
    assert page.count("| owed |") == 6 and report.GPU_COMMAND in page


@pytest.mark.parametrize("last, ranked", [(1.05, True), (1.2, False), (0.8, False)])
def test_a_default_that_drifts_ranks_nothing(last, ranked):
    rows = [{"name": name, "seconds": s, "not_here": ""} for name, s in ((cli.DEFAULT, 1.0), (cli.AGAIN, last))]
    _, said = report.drift(rows)
    assert f"took {last:.3f} s where it had taken 1.000 s" in said and ("no row can be ranked" not in said) == ranked
    assert report.drift(rows[:1]) == []


def test_the_command_that_is_owed_can_be_run():
    """Its options are the program's: it may be months until somebody types it."""
    words = report.GPU_COMMAND.split()
    assert words[:3] == ["python", "-m", "t2v_helpers.benchmark"]
    args = cli.parser().parse_args(words[3:])
    assert args.memory_cap and args.json and args.markdown and args.variants is None
    assert "[GB ...]" in cli.parser().format_help()


class Scripted(cli.Bench):
    """Every clip takes a second, and nothing is run."""

    def _measure(self, row, load, clip, repeats, change=None):
        return Measured(row, 1, 1, (1.0,) * repeats, (1.0,) * repeats, latents=torch.ones(1))


def measured(names, **settings):
    """(what `compare` found, the names in the order in which it found them)."""
    order, found = [], None
    for found in cli.compare(Scripted("", "", TINY, CPU, 2, **settings), ["vae-slicing"], (), names):
        seen = [row.name for row in found.rows] + [row.name for row, _ in found.placed]
        order += sorted(set(seen) - set(order))
        assert len(order) == len(seen), "one more row each time"
    return found, order


def test_what_tells_most_is_measured_first():
    found, names = measured(["attention: math", "compile: default"])
    on_card = f"{cli.DEFAULT}, vae-slicing"
    assert names == [cli.RECIPE, cli.DEFAULT, on_card, "attention: math", "compile: default", cli.AGAIN]
    assert found.controls and found.kept == [] and [len(row.warm) for row in found.rows] == [2] * 5
    assert list(variants.VARIANTS)[-3:] == [f"compile: {how}" for how in ("default", "CUDA graphs", "tuned")]


def test_a_spent_budget_leaves_out_all_but_the_two_sides():
    found, names = measured(["attention: math"], until=0)
    run = [row.name for row in [*found.rows, found.placed[0][0]] if not row.not_here]
    assert run == [cli.RECIPE, cli.DEFAULT, cli.AGAIN] and len(names) == 5
    assert found.rows[2].not_here == "left out, as the time budget was spent" and found.controls == {}


def test_a_run_that_is_stopped_leaves_what_it_had(monkeypatch, tmp_path):
    def stopped(*args, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.Bench, "default", stopped)
    files = ["--json", str(tmp_path / "b.json"), "--markdown", str(tmp_path / "b.md")]
    assert cli.main(["--repeats", "1", "--device", "cpu", *files]) == 130
    assert [row["name"] for row in json.loads((tmp_path / "b.json").read_text())["rows"]] == [cli.RECIPE]
    page = (tmp_path / "b.md").read_text()
    assert f"| {cli.RECIPE} |" in page and "**Stopped before the end**" in page


def row(name, warm, difference=0.001, reserved=None, not_here=""):
    return Measured(name, 1, 1, warm, warm, reserved, reserved, difference, not_here)


def test_what_pays_is_kept():
    defaults = row("default", (1.00, 1.02, 1.04)), row("again", (0.98, 1.00, 1.02))
    rows = [
        row("a: fast", (0.80, 0.90)),
        row("a: faster", (0.70, 0.80)),
        row("b: inside the spread", (0.98, 0.99)),
        row("c: other latents", (0.5, 0.5), difference=0.03),
        row("d: too much memory", (0.5, 0.5), reserved=7_000_000_000),
        row("e: good", (0.9, 0.9), reserved=5_000_000_000),
        row("f: not here", (), not_here="reason"),
        row("g: NaN", (0.5, 0.5), difference=math.nan),
    ]
    assert cli.worth_keeping(defaults, rows) == ["a: faster", "e: good"]


def test_difference():
    assert difference(torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0])) == pytest.approx(5 / 4)


def test_the_first_clip_is_not_among_the_warm_ones(monkeypatch):
    now = iter(range(1000))
    monkeypatch.setattr("t2v_helpers.benchmark.timing.clock", lambda device: next(now))
    calls = []

    def clip(pipe):
        calls.append(pipe)
        for _ in range(100 if len(calls) == 1 else len(calls)):
            next(now)
        pipe.prepare_latents()
        pipe.decode_latents(torch.zeros(1))

    pipe = types.SimpleNamespace(prepare_latents=lambda: None, decode_latents=lambda latents: None)
    result = measure("x", lambda: pipe, clip, CPU, 2)
    assert (result.cold, result.warm, result.denoising) == (103, (5, 6), (1, 1))


def full(**changes):
    """A report of the full model on a GPU that meets every bar, but for the changes."""
    good = {"speed": 3.0, "difference": 0.005, "share": 0.5, "reserved": 5.5e9, "not_here": ""}
    rows = [{"name": cli.DEFAULT} | good | changes]
    names = zip(budget.PLANS, (5.5e9, 4.5e9, 3.6e9, 4.0e9, 1.1e9), strict=True)
    placed = [
        {"plan": plan, "gigabytes": None, "predicted": peak, "allocated": 1.1 * peak, "reserved": 1.2 * peak}
        for plan, peak in names
    ]
    return {"on": "full, cuda", "rows": rows, "placed": [p | {"not_here": ""} for p in placed]}


@pytest.mark.parametrize(
    ("changes", "missed"),
    [({}, None), ({"speed": 2.4}, 0), ({"difference": 0.021}, 1), ({"share": 0.39}, 2), ({"reserved": 6.1e9}, 3)],
)
def test_bars_of_the_full_model(changes, missed):
    enough = [bar[2] for bar in report.bars(full(**changes))]
    assert enough == [i != missed for i in range(6)]


def test_bars_of_the_plans():
    known = full()
    known["placed"][2]["allocated"] *= 1.2
    assert [bar[2] for bar in report.bars(known)][5] is False
    known = full()
    known["placed"][4]["reserved"] = 3.6e9
    assert [bar[2] for bar in report.bars(known)][4] is False
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
