"""The model card's recipe for ModelScope beside this project's default, on one device in one run.

    python -m t2v_helpers.benchmark --markdown report.md

The architecture is ModelScope's, the weights are random (nothing is downloaded): seconds and memory are those of the
published weights, pictures are not. On a CPU, by default, a small configuration of the same shape goes through the
same program.
"""

import contextlib
import json
import pathlib
import sys
import tempfile

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
    """The two sides on one device: each pipeline is loaded anew from the folder, as a user would load it."""

    def __init__(self, folder, name, config, device, repeats):
        self.folder, self.name, self.config, self.device, self.repeats = folder, name, config, device, repeats

    def recipe(self):
        return self._measure(
            RECIPE, lambda: load_recipe(self.folder, self.device), lambda p: recipe_clip(p, self.config)
        )

    def default(self, row=DEFAULT, changes=(), prompt=PROMPT, plan=None, seen=None, **settings):
        """changes: names of variants; plan: a name of `budget.PLANS`; seen: called with the pipeline after each
        clip; settings: of `generate`."""
        from ..models.pipelines import generate, load_pipeline

        def load():
            with contextlib.redirect_stdout(sys.stderr):  # what it says of its plan is no part of the report
                return load_pipeline(self.name, device=self.device, plan=plan)

        def clip(pipe):
            with contextlib.redirect_stdout(sys.stderr):
                generate(prompt, pipe, seed=SEED, **settings)
            if seen:
                seen(pipe)

        return self._measure(row, load, clip, lambda pipe: variants.apply(changes, pipe))

    def _measure(self, row, load, clip, change=None):
        print(f"measuring {row}", file=sys.stderr, flush=True)
        return timing.measure(row, load, clip, self.device, self.repeats, change)


def compare(bench, names=tuple(variants.VARIANTS)):
    """Measure recipe, default, every variant alone and those that pay together: (rows, controls, kept).

    The default is measured a second time after the variants, so that a machine that has slowed down or sped up shows.
    Raises CannotRun if the recipe or the default cannot be run.
    """
    recipe, default = bench.recipe(), bench.default()
    for row in (recipe, default):
        if row.not_here:
            raise CannotRun(f"{row.name} cannot be run here: {row.not_here}")
    alone = [bench.default(name, [name]) for name in names]
    again = bench.default(AGAIN) if alone else default
    rows = [recipe, default, *alone] + ([again] if alone else [])
    _compare_latents(rows, recipe)
    kept = worth_keeping((default, again), alone)
    if len(kept) > 1:
        rows.append(bench.default(KEPT, kept))
        _compare_latents(rows[-1:], recipe)
    others = {
        "another prompt": bench.default("control: another prompt", prompt=OTHER_PROMPT),
        "guidance 1": bench.default("control: guidance 1", guidance=1),
    }
    _compare_latents(others.values(), recipe)
    return rows, {what: row.difference for what, row in others.items() if not row.not_here}, kept


def _compare_latents(rows, recipe):
    for row in rows:
        if not row.not_here:
            row.difference = timing.difference(row.latents, recipe.latents)


def worth_keeping(defaults, rows, most=6e9):
    """The names of the variants that pay: of each kind the fastest, if its median is 2 % below both medians of the
    default and below its fastest clip, its latents are within 2 % and it holds less than `most` bytes."""
    bar = min(min(0.98 * default.seconds, *default.warm) for default in defaults)
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
        return bench.default(f"{DEFAULT}, {where}", plan=plan, seen=seen), found


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
    """Measure what the parsed arguments ask for; returns the report, plain numbers and texts that JSON can hold."""
    import torch

    device = placing.device_of(args.device)
    if device.type == "cuda":
        device = torch.device("cuda", device.index or 0)  # the allocator's functions want the number
    if args.memory_cap and device.type != "cuda":
        raise ValueError(f"memory-cap: expected a CUDA GPU to cap, got '{device}'")
    which = args.config or ("full" if device.type == "cuda" else "tiny")
    config = CONFIGS[which]
    with quiet(bars=False), tempfile.TemporaryDirectory(prefix="t2v_") as folder, as_model(folder, config) as name:
        write_pipeline(folder, config, device)
        rate, flops = timing.attainable_rate(device), step_flops(config)
        bench = Bench(folder, name, config, device, args.repeats)
        names = variants.VARIANTS if args.variants is None else args.variants
        rows, controls, kept = compare(bench, names)
        chosen = [placed(bench, plan) for plan in budget.PLANS] if device.type == "cuda" else []
        chosen += [placed(bench, gigabytes=gigabytes) for gigabytes in args.memory_cap]

    def figures(row):
        return report.figures(row, rows[0], flops, config.steps, rate)

    return {
        "circumstances": report.circumstances(arguments, device),
        "on": f"{which}, {device.type}",
        "asked": {"about": config.about, "num_frames": config.num_frames, "size": config.size, "steps": config.steps},
        "step_flops": flops,
        "attainable_rate": rate,
        "repeats": args.repeats,
        "rows": [figures(row) for row in rows],
        "controls": controls,
        "kept": kept,
        "placed": [figures(row) | found for row, found in chosen],
    }


def work(args, arguments):
    """Measure, print the report, and write the files that the parsed arguments name."""
    check(args)
    found = run(args, arguments)
    page = report.markdown(found)
    print(page, end="")
    if args.json:
        files.write_whole(args.json, json.dumps(found, indent=1).encode() + b"\n")
    if args.markdown:
        files.write_whole(args.markdown, page.encode())


def main(arguments=None):
    """Run the command; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    return command.run(parser(), lambda args: work(args, arguments), arguments)
