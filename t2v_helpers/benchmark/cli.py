"""The model card's recipe for ModelScope beside this project's default, on one device in one run.

    python -m t2v_helpers.benchmark --markdown report.md

The architecture is ModelScope's, the weights are random (nothing is downloaded): seconds and memory are those of the
published weights, pictures are not. On a CPU, by default, a small configuration of the same shape goes through the
same program.
"""

import contextlib
import dataclasses
import functools
import json
import math
import pathlib
import sys
import tempfile
import time

from .._support import command, files
from .._support.logs import quiet
from ..models import budget, placing
from . import report, timing, variants
from .model import CONFIGS, PROMPT, SEED, as_model, load_recipe, recipe_clip, step_flops, write_pipeline

EPILOG = (
    "Exit code: 0 measured, 1 one of the two sides cannot run here, 2 bad input (one line says what), 130 interrupted."
)
OTHER_PROMPT = "a sailing boat in a storm"
RECIPE, DEFAULT, KEPT = "the model card's recipe", "this project's default", "all that is kept"
AGAIN = f"{DEFAULT}, again"


class CannotRun(command.Failed):
    """There is nothing to compare."""


class Bench:
    """The two sides on one device: each pipeline is loaded anew from the folder, as a user would load it.

    until: the time (`time.monotonic`) from which on only the default's second turn is measured.
    """

    def __init__(self, folder, model, config, device, repeats, until=math.inf):
        self.folder, self.model, self.config, self.device = folder, model, config, device
        self.repeats, self.until = repeats, until

    def recipe(self):
        clip = functools.partial(recipe_clip, config=self.config)
        return self._measure(RECIPE, lambda: load_recipe(self.folder, self.device), clip, self.repeats)

    def default(self, row=DEFAULT, changes=(), prompt=PROMPT, plan=None, seen=None, repeats=None, **settings):
        """changes: names of variants; plan: a name of `budget.PLANS`; seen: called with the pipeline after each
        clip; repeats: warm clips, None is the bench's; settings: of `generate`."""
        from ..models.pipelines import generate, load_pipeline

        def load():
            with contextlib.redirect_stdout(sys.stderr):  # what it says of its plan is no part of the report
                return load_pipeline(self.model, device=self.device, plan=plan)

        def clip(pipe):
            with contextlib.redirect_stdout(sys.stderr):
                generate(prompt, pipe, seed=SEED, **settings)
            if seen:
                seen(pipe)

        if time.monotonic() > self.until and row not in (DEFAULT, AGAIN):
            return timing.Measured(row, not_here="left out, as the time budget was spent")
        repeats = self.repeats if repeats is None else repeats
        return self._measure(row, load, clip, repeats, lambda pipe: variants.apply(changes, pipe))

    def _measure(self, row, load, clip, repeats, change=None):
        print(f"measuring {row}", file=sys.stderr, flush=True)
        return timing.measure(row, load, clip, self.device, repeats, change)


@dataclasses.dataclass
class Found:
    """What has been measured: rows of the comparison; controls: differences of latents that are wrong, by what is
    wrong; kept: names of variants, None until all are measured; placed: [(row, what `placed` says of it)]."""

    rows: list = dataclasses.field(default_factory=list)
    controls: dict = dataclasses.field(default_factory=dict)
    kept: list | None = None
    placed: list = dataclasses.field(default_factory=list)


def compare(bench, plans=(), gigabytes=(), names=tuple(variants.VARIANTS)):
    """Measure recipe and default, plans, emulated cards, every variant alone and those that pay together.

    plans: names of `budget.PLANS`; gigabytes: of the cards; names: of variants. Yields one and the same `Found` after
    each measurement, the ones that tell most first. The default is measured a second time after the variants, so that
    a machine that has slowed down or sped up shows. Raises CannotRun if the recipe or the default cannot be run.
    """
    found = Found()

    def add(row):
        if row.not_here and row.name in (RECIPE, DEFAULT):
            raise CannotRun(f"{row.name} cannot be run here: {row.not_here}")
        found.rows.append(row)
        _compare_latents(row, found.rows[0])
        return found

    yield add(bench.recipe())
    yield add(bench.default())
    for where in [{"plan": name} for name in plans] + [{"gigabytes": size} for size in gigabytes]:
        found.placed.append(placed(bench, **where))
        yield found
    for what, change in {"another prompt": {"prompt": OTHER_PROMPT}, "guidance 1": {"guidance": 1}}.items():
        row = bench.default(f"control: {what}", repeats=0, **change)
        _compare_latents(row, found.rows[0])
        if not row.not_here:
            found.controls[what] = row.difference
    for name in names:
        yield add(bench.default(name, [name]))
    default, *alone = found.rows[1:]
    if alone:
        yield add(bench.default(AGAIN))
    found.kept = worth_keeping((default, found.rows[-1]), alone)
    yield add(bench.default(KEPT, found.kept)) if len(found.kept) > 1 else found


def _compare_latents(row, recipe):
    if not row.not_here:
        row.difference = timing.difference(row.latents, recipe.latents)


def worth_keeping(defaults, rows, most=6e9):
    """The names of the variants that pay: of each kind the fastest, if its median is 2 % below both medians of the
    default and below its fastest clip, its latents are within 2 % and it holds less than `most` bytes."""
    bar = min(min(0.98 * default.seconds, *default.warm) for default in defaults if default.warm)
    best = {}
    for row in rows:
        kind = row.name.split(":")[0]
        if not row.not_here and row.seconds < bar and row.difference < 0.02 and (row.reserved or 0) < most:
            best[kind] = min(best.get(kind, row), row, key=lambda row: row.seconds)
    return [row.name for row in best.values()]


@contextlib.contextmanager
def card_of(gigabytes, device):
    """Let this process see and use no more of the GPU than a card of that size would give: 1e9 bytes each.

    What CUDA itself takes is taken from it, as it would be there.
    """
    import torch

    ask = torch.cuda.mem_get_info
    free, total = ask(device)
    usable = gigabytes * 1e9 - (total - free - torch.cuda.memory_reserved(device))

    def answer(device=device):
        return int(max(0, min(ask(device)[0], usable - torch.cuda.memory_reserved(device)))), int(gigabytes * 1e9)

    torch.cuda.set_per_process_memory_fraction(min(1.0, max(0.0, usable / total)), device)
    torch.cuda.mem_get_info = answer
    try:
        yield
    finally:
        torch.cuda.mem_get_info = ask
        torch.cuda.set_per_process_memory_fraction(1.0, device)


def placed(bench, plan=None, gigabytes=None):
    """The default by a plan, or on an emulated card of so many gigabytes by the plan that it takes there.

    Returns (`Measured`, {"gigabytes", "plan", "predicted"}): the plan in the end, after what `generate` may have
    stepped down to, and the peak that it predicts, bytes.
    """
    found = {"gigabytes": gigabytes, "plan": plan, "predicted": None}

    def seen(pipe):
        if pipe.t2v_plan is not None:
            found.update(plan=pipe.t2v_plan.name, predicted=pipe.t2v_plan.peak)

    with contextlib.ExitStack() as stack:
        if gigabytes is not None:
            stack.enter_context(card_of(gigabytes, bench.device))
        where = plan or f"on {gigabytes:g} GB"
        return bench.default(f"{DEFAULT}, {where}", plan=plan, seen=seen, repeats=1), found


def parser():
    """The command line's arguments."""
    p = command.Parser("t2v_helpers.benchmark", __doc__.split("\n")[0], EPILOG)
    path, positive = pathlib.Path, command.positive
    p.add_argument("--device", metavar="NAME", help="such as cuda, cuda:1 or cpu (default: cuda if there is a GPU)")
    p.add_argument("--config", choices=CONFIGS, help="size of the model (default: full on a GPU, tiny on a CPU)")
    about = "clips to time in each row, after a first one that is not counted (default: %(default)s)"
    p.add_argument("--repeats", metavar="N", type=command.count, default=5, help=about)
    about = f"measure these variants only, or none; quote each name (default: all of {', '.join(variants.VARIANTS)})"
    p.add_argument("--variants", nargs="*", metavar="NAME", help=about)
    about = "begin no new row after this many seconds (default: no limit)"
    p.add_argument("--budget", metavar="SECONDS", type=positive, help=about)
    about = "also measure on emulated GPUs with this much memory, in units of 1e9 bytes"
    p.add_argument("--memory-cap", nargs="+", metavar="GB", type=positive, default=[], help=about)
    p.add_argument("--json", metavar="FILE", type=path, help="also write every number to this file, as JSON")
    p.add_argument("--markdown", metavar="FILE", type=path, help="also write the report to this file")
    return p


def check(args):
    """Refuse arguments that would fail after the measuring: ValueError or OSError with one line."""
    for name in args.variants or ():
        if name not in variants.VARIANTS:
            raise ValueError(f"variant {name!r}: expected some of {', '.join(variants.VARIANTS)}")
    for path in filter(None, (args.json, args.markdown)):
        files.check_file(path)


def run(args, arguments):
    """Measure what the parsed arguments ask for: yields the report after each measurement, plain numbers and texts that
    JSON can hold."""
    import torch

    until = time.monotonic() + (args.budget or math.inf)
    device = placing.device_of(args.device)
    if device.type == "cuda":
        device = torch.device("cuda", device.index or 0)  # the allocator's functions want the number
    if args.memory_cap and device.type != "cuda":
        raise ValueError(f"memory-cap: expected a CUDA GPU to cap, got '{device}'")
    which = args.config or ("full" if device.type == "cuda" else "tiny")
    config = CONFIGS[which]
    with quiet(bars=False), tempfile.TemporaryDirectory(prefix="t2v_") as folder:
        write_pipeline(folder, config, device)
        rate, flops = timing.attainable_rate(device), step_flops(config)
        about = {
            "circumstances": report.circumstances(arguments, device),
            "on": f"{which}, {device.type}",
            "asked": {key: getattr(config, key) for key in ("about", "num_frames", "size", "steps")},
            "step_flops": flops,
            "attainable_rate": rate,
            "repeats": args.repeats,
        }
        bench = Bench(folder, as_model(folder, config), config, device, args.repeats, until)
        names = variants.VARIANTS if args.variants is None else args.variants
        plans = budget.PLANS if device.type == "cuda" else ()
        for found in compare(bench, plans, args.memory_cap, names):
            figures = functools.partial(
                report.figures, recipe=found.rows[0], step_flops=flops, steps=config.steps, rate=rate
            )
            yield about | {
                "rows": [figures(row) for row in found.rows],
                "controls": found.controls,
                "kept": found.kept,
                "placed": [figures(row) | where for row, where in found.placed],
            }


def work(args, arguments):
    """Measure, print the report, and write the files that the parsed arguments name, anew after each row."""
    check(args)
    for found in run(args, arguments):  # a run that is stopped leaves what it had
        page = report.markdown(found)
        if args.json:
            files.write_whole(args.json, json.dumps(found, indent=1).encode() + b"\n")
        if args.markdown:
            files.write_whole(args.markdown, page.encode())
    print(page, end="")


def main(arguments=None):
    """Run the command; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    return command.run(parser(), lambda args: work(args, arguments), arguments)
