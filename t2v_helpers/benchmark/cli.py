"""Compare the recipe of ModelScope's model card with this project's default, on one device and in one run.

The architecture is ModelScope's, the weights are random (nothing is downloaded): seconds and memory are those of the
published weights, pictures are not. On a CPU, by default, a small configuration goes through the same program.
"""

import contextlib
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
from .report import AGAIN, DEFAULT, KEPT, LEFT_OUT, RECIPE

EPILOG = "Exit code: 0 measured, 1 recipe or default cannot run here, 2 bad input (one line says why), 130 interrupted."
EPILOG = "\n  ".join(["variants (quote each name):", *variants.VARIANTS]) + f"\n\n{EPILOG}"
EPILOG = "ModelScope's architecture (tiny: a small one like it), random weights: nothing is downloaded.\n\n" + EPILOG
CONTROLS = {"another prompt": {"prompt": "a sailing boat in a storm"}, "guidance 1": {"guidance": 1}}


class Bench:
    """The two sides on one device: each pipeline is loaded anew from the folder, as a user would load it.

    until: the time (`time.monotonic`) from which on only the default's second turn is measured. plan: of the last clip.
    """

    def __init__(self, folder, config, device, repeats, until=math.inf):
        self.folder, self.config, self.device, self.repeats, self.until = folder, config, device, repeats, until
        self.model, self.plan = as_model(folder, config), None

    def recipe(self):
        """Measure the recipe."""
        clip = functools.partial(recipe_clip, config=self.config)
        return timing.measure(RECIPE, lambda: load_recipe(self.folder, self.device), clip, self.device, self.repeats)

    def default(self, row=DEFAULT, changes=(), prompt=PROMPT, plan=None, repeats=None, **settings):
        """Measure the default, or with `changes` (names of variants), by a plan, with other settings of `generate`."""
        from ..models import generate, load_pipeline

        def load():
            with contextlib.redirect_stdout(sys.stderr):  # what it says of its plan is no part of the report
                return load_pipeline(self.model, device=self.device, plan=plan)

        def clip(pipe):
            with contextlib.redirect_stdout(sys.stderr):
                generate(prompt, pipe, seed=SEED, **settings)
            self.plan = pipe.t2v_plan

        self.plan = None
        if time.monotonic() > self.until and row not in (DEFAULT, AGAIN):
            return timing.Measured(row, not_here=LEFT_OUT)
        repeats = self.repeats if repeats is None else repeats
        return timing.measure(row, load, clip, self.device, repeats, lambda pipe: variants.apply(changes, pipe))


def compare(bench, plans, gigabytes, names):
    """Measure recipe and default, plans, emulated cards, every variant alone and those that pay together.

    Yields one and the same dict after each measurement, the ones that tell most first: rows; controls: differences of
    latents that are wrong; kept: names of variants, None until all are measured; placed: [(row, what `placed` says)].
    The default is measured a second time after the variants, so that a machine that has slowed down or sped up shows.
    """
    found = {"rows": [], "controls": {}, "kept": None, "placed": []}
    rows = found["rows"]

    def add(row):
        if row.not_here and row.name in (RECIPE, DEFAULT):
            raise command.Failed(f"{row.name} cannot be run here: {row.not_here}")
        rows.append(row)
        row.compare(rows[0])
        return found

    yield add(bench.recipe())
    yield add(bench.default())
    for where in [{"plan": name} for name in plans] + [{"gigabytes": size} for size in gigabytes]:
        found["placed"].append(placed(bench, **where))
        yield found
    for what, change in CONTROLS.items():
        row = bench.default(f"control: {what}", repeats=0, **change)
        row.compare(rows[0])
        if not row.not_here:
            found["controls"][what] = row.difference
    for name in names:
        yield add(bench.default(name, [name]))
    default, *alone = rows[1:]
    if alone:
        yield add(bench.default(AGAIN))
    found["kept"] = worth_keeping((default, rows[-1]), alone)
    yield add(bench.default(KEPT, found["kept"])) if len(found["kept"]) > 1 else found


def worth_keeping(defaults, rows):
    """The variants that pay, the fastest of each kind.

    Its median is 2 % below both medians of the default and below its fastest clip, its latents are within 2 %, and it
    holds less than 6 GB.
    """
    bar = min(min(0.98 * default.seconds, *default.warm) for default in defaults if default.warm)
    best = {}
    for row in rows:
        kind = row.name.split(":")[0]
        if not row.not_here and row.seconds < bar and row.difference < 0.02 and (row.reserved or 0) < 6e9:
            best[kind] = min(best.get(kind, row), row, key=lambda row: row.seconds)
    return [row.name for row in best.values()]


@contextlib.contextmanager
def card_of(gigabytes, device):
    """Let this process use no more of the GPU than a card of that size would give, less what CUDA itself takes."""
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
    """The default by a plan, or on an emulated card: (`Measured`, {"gigabytes", "plan", "predicted"}).

    The plan is the last one, to which `generate` may have stepped down; predicted is its peak.
    """
    with card_of(gigabytes, bench.device) if gigabytes else contextlib.nullcontext():
        row = bench.default(f"{DEFAULT}, {plan or f'on {gigabytes:g} GB'}", plan=plan, repeats=1)
    last = bench.plan
    return row, {"gigabytes": gigabytes, "plan": last.name if last else plan, "predicted": last and last.peak}


def parser():
    """The command line's arguments."""
    p = command.Parser("t2v_helpers.benchmark", __doc__.split("\n")[0], EPILOG)
    path, positive = pathlib.Path, command.positive
    about = "such as cuda, cuda:1 or cpu (default: cuda, else Apple's mps, else cpu)"
    p.add_argument("--device", metavar="NAME", help=about)
    p.add_argument("--config", choices=CONFIGS, help="size of the model (default: full on a CUDA GPU, otherwise tiny)")
    about = "clips to time in each row, after a warm-up clip (default: %(default)s); plans and emulated GPUs get one"
    p.add_argument("--repeats", metavar="N", type=command.count, default=5, help=about)
    about = "measure only these variants, see below; without a name, none (default: all)"
    p.add_argument("--variants", nargs="*", metavar="NAME", default=[*variants.VARIANTS], help=about)
    about = "after this many seconds start no new measurement, but the default's second one (default: no limit)"
    p.add_argument("--budget", metavar="SECONDS", type=positive, default=math.inf, help=about)
    about = "also measure on emulated GPUs with this much memory; 1 GB is 10^9 bytes"
    p.add_argument("--memory-cap", nargs="+", metavar="GB", type=positive, default=[], help=about)
    p.add_argument("--json", metavar="FILE", type=path, help="also write every number to this file, as JSON")
    p.add_argument("--markdown", metavar="FILE", type=path, help="also write the report to this file")
    return p


def work(args, arguments):
    """Measure, print the report, and write the files that the parsed arguments name, anew after each row."""
    for name in args.variants:
        if name not in variants.VARIANTS:
            raise ValueError(f"variant {name!r}: expected some of {', '.join(variants.VARIANTS)}")
    for path in filter(None, (args.json, args.markdown)):
        files.check_file(path)
    with quiet(bars=False):
        for found in run(args, arguments):  # a run that is stopped leaves what it had
            page = report.markdown(found)
            if args.json:
                files.write_whole(args.json, json.dumps(found, indent=1).encode() + b"\n")
            if args.markdown:
                files.write_whole(args.markdown, page.encode())
    print(page, end="")


def run(args, arguments):
    """Measure what the parsed arguments ask for: yields the report after each measurement, as JSON can hold it."""
    import torch

    until = time.monotonic() + args.budget
    device = placing.device_of(args.device)
    if device.type == "cuda":
        device = torch.device("cuda", device.index or 0)  # the allocator's functions want the number
    if args.memory_cap and device.type != "cuda":
        raise ValueError(f"memory-cap: expected a CUDA GPU to cap, got '{device}'")
    which = args.config or ("full" if device.type == "cuda" else "tiny")
    config, plans = CONFIGS[which], [p for p in budget.PLANS if p != "int8-text"] if device.type == "cuda" else ()
    with tempfile.TemporaryDirectory(prefix="t2v_") as folder:
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
        bench, least = Bench(folder, config, device, args.repeats, until), flops * config.steps / rate
        for found in compare(bench, plans, args.memory_cap, args.variants):
            rows = [report.figures(row, found["rows"][0], least) for row in found["rows"]]
            where = [report.figures(row, found["rows"][0], least) | where for row, where in found["placed"]]
            yield about | found | {"rows": rows, "placed": where}


def main(arguments=None):
    """Run the command; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    return command.run(parser(), lambda args: work(args, arguments), arguments)
