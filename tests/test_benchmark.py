"""The benchmark: run whole on its small configuration, and its parts on figures that are known."""

import json
import math
import types

import pytest
import torch

from t2v_helpers import benchmark, benchmark_model, benchmark_report, benchmark_variants, pipelines, plans
from t2v_helpers.benchmark_model import CONFIGS
from t2v_helpers.benchmark_timing import Measured, difference, measure

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
    benchmark_variants._wrap(pipe.unet, "forward", lambda forward: lambda *a, **kw: (0.95 * forward(*a, **kw)[0],))


def broken(pipe):
    raise ValueError("no\ngood | at all")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "random"
    before = torch.random.get_rng_state()
    benchmark_model.write_pipeline(folder, TINY, "cpu")
    assert torch.equal(before, torch.random.get_rng_state())
    return folder


@pytest.fixture
def bench(folder):
    with benchmark_model.as_model(folder, TINY) as name:
        yield benchmark.Bench(folder, name, TINY, CPU, 1)


@pytest.fixture
def pipe(bench):
    return pipelines.load_pipeline(bench.name, device="cpu")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """One run of the whole program: (the report, the page, what it printed), with two variants that are mistakes."""
    import contextlib
    import io

    folder = tmp_path_factory.mktemp("reports")
    files = ["--json", str(folder / "b.json"), "--markdown", str(folder / "b.md")]
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setitem(benchmark_variants.VARIANTS, "wrong: damped", damped)
        patch.setitem(benchmark_variants.VARIANTS, "wrong: broken", broken)
        patch.setattr(benchmark, "_hush", lambda: None)  # which would hold for the tests after this one
        assert benchmark.main(["--device", "cpu", "--config", "tiny", "--repeats", "2", *files]) == 0
    return json.loads((folder / "b.json").read_text()), (folder / "b.md").read_text(), out.getvalue()


def test_every_variant_is_in_the_report_and_only_those_for_a_gpu_did_not_run(ran):
    rows = {row["name"]: row for row in ran[0]["rows"]}
    assert list(rows)[:2] == [benchmark.RECIPE, benchmark.DEFAULT] and benchmark.AGAIN in rows
    assert set(benchmark_variants.VARIANTS) < set(rows)
    assert {name for name, row in rows.items() if row["not_here"]} == NEEDS_GPU | {"wrong: broken"}
    assert rows["wrong: broken"]["not_here"] == "ValueError: no good | at all"


def test_the_latents_agree_and_a_mistake_does_not(ran):
    """The bar of 2 % tells: what is right is far below, a damped UNet, another prompt and no guidance are above it."""
    rows = {row["name"]: row["difference"] for row in ran[0]["rows"] if not row["not_here"]}
    assert rows.pop("wrong: damped") > 0.02
    assert max(rows.values()) < 1e-4
    assert set(ran[0]["controls"]) == {"another prompt", "guidance 1"} and min(ran[0]["controls"].values()) > 0.02
    assert "wrong: damped" not in ran[0]["kept"]


def test_what_is_timed(ran):
    for row in ran[0]["rows"]:
        if not row["not_here"]:
            assert len(row["warm"]) == len(row["denoising"]) == 2 and row["load"] > 0 and row["cold"] > 0
            assert all(0 < part < whole for part, whole in zip(row["denoising"], row["warm"], strict=True))
            assert row["seconds"] == pytest.approx(sum(row["warm"]) / 2)  # the median of two
            share = ran[0]["step_flops"] * TINY.steps / (sum(row["denoising"]) / 2) / ran[0]["attainable_rate"]
            assert row["share"] == pytest.approx(share)


def test_the_page_says_what_was_measured_on_what_and_what_is_owed(ran):
    report, page, out = ran
    assert out == page
    here = report["circumstances"]
    assert f"    {here['command']}\n" in page and here["command"].startswith("python -m t2v_helpers.benchmark --device")
    for word in (here["date"], here["device"], f"torch {torch.__version__}", "diffusers 0.", "CPU"):
        assert word in page
    for row in report["rows"]:
        (line,) = [line for line in page.splitlines() if line.startswith(f"| {row['name']} |")]
        assert line.count("|") == 9
        assert (f"{row['seconds']:.3f}" in line) if not row["not_here"] else ("not here" in line)
    assert page.count("| owed |") == 6 and benchmark_report.GPU_COMMAND in page


def test_the_command_that_is_owed_can_be_run():
    """Its options are the program's: it may be months until somebody types it."""
    words = benchmark_report.GPU_COMMAND.split()
    assert words[:3] == ["python", "-m", "t2v_helpers.benchmark"]
    args = benchmark.parser().parse_args(words[3:])
    assert args.memory_cap and args.json and args.markdown and args.variants is None
    assert "[GB ...]" in benchmark.parser().format_help()


def test_a_step_of_the_full_model():
    assert CONFIGS["full"].unet is benchmark_model.modelscope.UNET
    assert benchmark_model.step_flops(CONFIGS["full"]) == pytest.approx(9.77e12, rel=1e-3)


def test_recipe_is_the_model_cards(folder, bench):
    pipe = benchmark_model.load_recipe(folder, CPU)
    assert type(pipe.scheduler).__name__ == "DPMSolverMultistepScheduler" and not pipe.vae.use_slicing
    batches = []
    pipe.unet.register_forward_pre_hook(lambda module, args: batches.append(len(args[0])))
    asked = dict(CONFIGS["full"].__dict__)
    assert (asked["steps"], asked["num_frames"], asked["size"]) == (25, 16, 256)
    assert benchmark_model.recipe_clip(pipe, TINY).shape == (4, 64, 64, 3)
    assert batches == [2] * TINY.steps


def test_recipe_offloads_on_a_gpu(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "diffusers.DiffusionPipeline.enable_model_cpu_offload", lambda self, device: asked.append(device)
    )
    pipe = benchmark_model.load_recipe(folder, torch.device("cuda", 0))
    assert asked == [torch.device("cuda", 0)] and pipe.unet.dtype == pipe.vae.dtype == torch.float16


def test_random_weights_that_hide_nothing(folder, pipe):
    assert sorted(file.name for file in folder.glob("*/*.safetensors")) == [
        "diffusion_pytorch_model.fp16.safetensors",
        "diffusion_pytorch_model.fp16.safetensors",
        "model.fp16.safetensors",
    ]
    dead = [name for name, p in pipe.unet.named_parameters() if p.ndim > 1 and not p.any()]
    assert not dead  # diffusers starts the last temporal convolutions at zero: a change there would not be seen
    noise = benchmark_model.step_inputs(TINY.unet, 4, "cpu", torch.float32, torch.randn)
    with torch.no_grad():
        assert 0.5 < pipe.unet(*noise).sample.std() < 2


def test_the_models_table_is_as_before(folder):
    before = dict(pipelines.MODELS)
    with pytest.raises(KeyError), benchmark_model.as_model(folder, TINY) as name:
        assert pipelines.describe(name).steps == TINY.steps
        raise KeyError
    assert before == pipelines.MODELS


def clip(pipe):
    return pipelines.generate(benchmark_model.PROMPT, pipe)


def count_calls(thing, name, size):
    """The size of each call's first argument, from here on."""
    seen, call = [], getattr(thing, name)
    setattr(thing, name, lambda x, *args, **kw: seen.append(size(x)) or call(x, *args, **kw))
    return seen


@pytest.mark.parametrize(
    ("variant", "part", "name", "expected"),
    [
        (None, "unet", "forward", [2] * TINY.steps),
        ("guidance: two calls", "unet", "forward", [1] * 2 * TINY.steps),
        ("decoding: 4 frames at once", "vae", "decode", [4]),
        ("decoding: all at once", "vae", "_decode", [4]),
        ("decoding: frame by frame", "vae", "_decode", [1] * 4),
    ],
)
def test_how_much_goes_through_at_once(pipe, variant, part, name, expected):
    seen = count_calls(getattr(pipe, part), name, len)
    with benchmark_variants.apply([variant] if variant else [], pipe):
        clip(pipe)
    assert seen == expected


def test_pieces_are_no_larger_than_said(pipe):
    seen = count_calls(pipe.vae, "_decode", len)
    with benchmark_variants.apply(["decoding: 4 frames at once"], pipe):
        pipelines.generate(benchmark_model.PROMPT, pipe, num_frames=6, steps=1)
    assert seen == [4, 2]


@pytest.mark.parametrize(("variant", "calls"), [((), 4), (("prompt: encoded once",), 2)])
def test_prompts_are_encoded_once(pipe, variant, calls):
    seen = count_calls(pipe.text_encoder, "forward", lambda ids: ids.shape)
    with benchmark_variants.apply(variant, pipe):
        clip(pipe), clip(pipe)
    assert len(seen) == calls  # of the prompt and of the empty one, for two clips


def test_weights_are_laid_out_and_fused(pipe):
    benchmark_variants.apply(["memory format: channels last", "projections: fused"], pipe)
    last = {m.weight.is_contiguous(memory_format=torch.channels_last) for m in pipe.unet.modules() if conv2d(m)}
    assert last == {True} and any(getattr(m, "fused_projections", False) for m in pipe.unet.modules())


def conv2d(module):
    return isinstance(module, torch.nn.Conv2d) and min(module.kernel_size) > 1


@pytest.mark.parametrize(("variant", "flash", "math"), [("flash", True, False), ("math", False, True)])
def test_attention_goes_to_the_kernel_that_is_named(pipe, variant, flash, math):
    allowed = set()
    net = pipe.unet.conv_in  # deep inside, while the UNet runs
    net.register_forward_hook(
        lambda *_: allowed.add((torch.backends.cuda.flash_sdp_enabled(), torch.backends.cuda.math_sdp_enabled()))
    )
    with benchmark_variants.apply([f"attention: {variant}"], pipe):
        clip(pipe)
    assert allowed == {(flash, math)}


def test_the_compiler_gets_the_whole_unet_after_all_else(monkeypatch):
    done = []
    unet = types.SimpleNamespace(
        compile=lambda **kw: done.append(kw), fuse_qkv_projections=lambda: done.append("fused")
    )
    pipe = types.SimpleNamespace(unet=unet, _execution_device=torch.device("cuda"))
    benchmark_variants.apply(["compile: CUDA graphs", "projections: fused"], pipe)
    assert done == ["fused", {"mode": "reduce-overhead"}]


def test_outside_effects_are_taken_back(monkeypatch):
    pipe = types.SimpleNamespace(_execution_device=torch.device("cuda"))
    monkeypatch.setitem(benchmark_variants.VARIANTS, "wrong: broken", broken)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    with benchmark_variants.apply(["convolutions: timed"], pipe):
        assert torch.backends.cudnn.benchmark
    assert not torch.backends.cudnn.benchmark
    with pytest.raises(ValueError, match="good"):
        benchmark_variants.apply(["convolutions: timed", "wrong: broken"], pipe)
    assert not torch.backends.cudnn.benchmark  # also where the next one fails


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
    assert benchmark.worth_keeping(defaults, rows) == ["a: faster", "e: good"]


def test_difference():
    assert difference(torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0])) == pytest.approx(5 / 4)


def test_the_first_clip_is_not_among_the_warm_ones(monkeypatch):
    now = iter(range(1000))
    monkeypatch.setattr("t2v_helpers.benchmark_timing.clock", lambda device: next(now))
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
    rows = [{"name": benchmark.DEFAULT} | good | changes]
    names = zip(plans.PLANS, (5.5e9, 4.5e9, 3.6e9, 4.0e9, 1.1e9), strict=True)
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
    enough = [bar[2] for bar in benchmark_report.bars(full(**changes))]
    assert enough == [i != missed for i in range(6)]


def test_bars_of_the_plans():
    report = full()
    report["placed"][2]["allocated"] *= 1.2
    assert [bar[2] for bar in benchmark_report.bars(report)][5] is False
    report = full()
    report["placed"][4]["reserved"] = 3.6e9
    assert [bar[2] for bar in benchmark_report.bars(report)][4] is False
    report["placed"][0]["not_here"] = "OutOfMemoryError"
    assert benchmark_report.bars(report)[5][1:] == (None, None)  # four plans are not five


@pytest.fixture
def gpu(monkeypatch):
    """A GPU of 80 GB, of which CUDA takes half a one, and torch what `held` says."""
    state = types.SimpleNamespace(held=0, fraction=1.0)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: state.held)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (80e9 - 0.5e9 - state.held, 80e9))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda x, device: setattr(state, "fraction", x))
    return state


def test_a_smaller_card_is_emulated(gpu):
    device = torch.device("cuda", 0)
    with benchmark.card_of(6, device):
        assert torch.cuda.mem_get_info(device) == (5.5e9, 6e9)
        assert gpu.fraction == pytest.approx(5.5 / 80)
        gpu.held = 2e9
        assert torch.cuda.mem_get_info(device) == (3.5e9, 6e9)
    assert torch.cuda.mem_get_info(device)[1] == 80e9 and gpu.fraction == 1


def test_the_plan_in_the_end_is_reported(gpu, bench, monkeypatch):
    """On 4 GB of a card: placed by one plan, stepped down while the clip was made."""
    load, free = pipelines.load_pipeline, []

    def loaded(name, device, plan):
        free.append(torch.cuda.mem_get_info(device)[0])
        pipe = load(name, device="cpu")
        pipe.t2v_plan = types.SimpleNamespace(name=plans.PART, peak=3.6e9)
        pipe.unet.register_forward_hook(lambda *_: setattr(pipe, "t2v_plan", stepped))
        return pipe

    stepped = types.SimpleNamespace(name=plans.LAYER, peak=1.1e9)
    monkeypatch.setattr(pipelines, "load_pipeline", loaded)
    measured, found = benchmark.placed(bench, gigabytes=4)
    assert not measured.not_here and free == [3.5e9]
    assert found == {"gigabytes": 4, "plan": plans.LAYER, "predicted": 1.1e9}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--device", "cuda"), "has no CUDA GPU"),
        (("--device", "nonsense"), "device 'nonsense': expected"),
        (("--repeats", "0"), "repeats 0: expected a whole number from 1"),
        (("--variants", "speed"), "variant 'speed': expected some of compile: default"),
        (("--memory-cap", "6", "--device", "cpu"), "expected a CUDA GPU to cap"),
        (("--memory-cap", "-1"), "memory-cap -1: expected gigabytes"),
        (("--json", "no/such/file.json"), "'no/such/file.json': expected"),
        (("--config", "huge"), "invalid choice: 'huge'"),
    ],
)
def test_bad_arguments_are_told_before_anything_is_measured(monkeypatch, capsys, arguments, said):
    monkeypatch.setattr(benchmark, "write_pipeline", None)
    try:
        code = benchmark.main(list(arguments))
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    assert code == 2 and out == "" and said in err and err.count("\n") == 1


def test_without_the_recipe_there_is_no_report(monkeypatch, capsys, tmp_path):
    def fails(folder, device):
        raise OSError("no space left")

    monkeypatch.setattr(benchmark, "load_recipe", fails)
    monkeypatch.setattr(benchmark, "_hush", lambda: None)
    assert benchmark.main(["--repeats", "1", "--device", "cpu", "--markdown", str(tmp_path / "b.md")]) == 1
    out, err = capsys.readouterr()
    assert out == "" and "the model card's recipe cannot be run here: OSError: no space left" in err
    assert not list(tmp_path.iterdir())
