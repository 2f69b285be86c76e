"""The report of `t2v_helpers.benchmark`: what was measured, on what, which bars it meets and which are still owed."""

import dataclasses
import datetime
import importlib.metadata
import platform
import shlex
import statistics

RECIPE, DEFAULT, KEPT = "the model card's recipe", "this project's default", "all that is kept"
AGAIN = f"{DEFAULT}, again"
LEFT_OUT = "left out, as the time budget was spent"
GPU_COMMAND = "python -m t2v_helpers.benchmark --memory-cap 15 6 4 --json benchmark.json --markdown benchmark.md"


def circumstances(arguments, device):
    """The command, the date, the device and the versions that the figures hold for."""
    import torch

    packages = ("torch", "diffusers", "transformers", "accelerate")
    versions = {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in packages}
    if device.type == "cuda":
        gpu = torch.cuda.get_device_properties(device)
        name = f"{gpu.name}, {gpu.total_memory / 1e9:.1f} GB"
        versions |= {"CUDA": torch.version.cuda, "cuDNN": torch.backends.cudnn.version()}
    else:
        name = f"CPU, {platform.machine()} with {torch.backends.cpu.get_cpu_capability()}, "
        name += f"threads: {torch.get_num_threads()}"
    return {
        "command": shlex.join(["python", "-m", "t2v_helpers.benchmark", *arguments]),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "device": name,
        "versions": versions,
    }


def figures(row, recipe, least):
    """A `Measured` as a dict of plain numbers; least: seconds of a clip's denoising at the attainable rate."""
    numbers = {field.name: getattr(row, field.name) for field in dataclasses.fields(row) if field.name != "latents"}
    if not row.not_here:
        numbers["seconds"] = row.seconds
        numbers["share"] = least / statistics.median(row.denoising)
        numbers["speed"] = recipe.seconds / row.seconds
    return numbers


def bars(report):
    """What the full-size model has to reach on a GPU: [(what, what was measured or None, whether that is enough)]."""
    full = report["on"] == "full, cuda"
    rows, placed = ([row for row in report[key] if full and not row["not_here"]] for key in ("rows", "placed"))
    default = next((row for row in rows if row["name"] == DEFAULT), {"reserved": None})
    plans = {row["plan"]: row for row in placed if not row["gigabytes"]}.values()
    smallest = min((row["reserved"] for row in plans), default=None)
    errors = [row["predicted"] / row["allocated"] - 1 for row in plans]
    worst = max(errors, key=abs) if len(errors) >= 5 else None
    table = [
        ("2.5 times the speed of the card's recipe", default.get("speed"), "{:.2f}", lambda x: x >= 2.5),
        ("final latents within 2 % of the recipe's", default.get("difference"), "{:.2%}", lambda x: x < 0.02),
        ("40 % of the attainable rate while denoising", default.get("share"), "{:.0%}", lambda x: x >= 0.4),
        ("a peak under 6 GB by default", default["reserved"], None, lambda x: x < 6e9),
        ("a peak under 3.5 GB in the smallest plan", smallest, None, lambda x: x < 3.5e9),
        ("five plans' predictions within 15 % of the peak", worst, "{:+.0%} at worst", lambda x: abs(x) < 0.15),
    ]
    return [
        (what, None, None) if value is None else (what, form.format(value) if form else f"{_gb(value)} GB", met(value))
        for what, value, form, met in table
    ]


def markdown(report):
    """The report as a page."""
    asked, here, rows = report["asked"], report["circumstances"], report["rows"]
    versions = ", ".join(f"{name} {version}" for name, version in here["versions"].items())
    controls = "; ".join(f"{what} {value:.2g}" for what, value in report["controls"].items())
    kept = "**Stopped before the end**: more was asked for."
    if report["kept"] is not None:
        kept = "Variants to keep (faster than the default by over 2 % and its spread, latents within 2 %, "
        kept += f"under 6 GB): {', '.join(report['kept']) or 'none'}."
        if any(row["not_here"] == LEFT_OUT for row in rows):
            kept += " Those left out could not be judged."
    parts = [
        "# Benchmark: the model card's recipe and this project's default",
        f"    {here['command']}",
        f"printed this on {here['date']}. Device: {here['device']}. Versions: {versions}.",
        f"Architecture: {asked['about']}, random weights; a clip of {asked['num_frames']} frames of "
        f"{asked['size']}x{asked['size']}, {asked['steps']} steps, guidance 9. A step is {report['step_flops']:.3g} "
        f"floating-point operations (counted); a large matrix product reaches {report['attainable_rate']:.3g} a second "
        f"here (measured). n = {report['repeats']} warm clips in each row, seconds as median (least to most).",
        "| | load, s | first clip, s | a warm clip, s | times the recipe | peak, GB: tensors, held | latents differ by "
        "| share of the attainable rate |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        + "\n".join(map(_line, rows)),
        "Latents: relative difference of the final ones from the recipe's, "
        f"|a - b| / |b|. For comparison: {controls or 'nothing'}.",
        kept,
        *drift(rows),
    ]
    if report["on"] != "full, cuda":
        parts.append("**The times of this configuration say nothing about ModelScope's**: the run shows that it works.")
    if report["placed"]:
        parts += [
            "## By plan, and on smaller cards (emulated: the process is held to their memory)",
            "One warm clip each.",
            "| GPU | plan | a warm clip, s | peak, GB: tensors, held | predicted, GB | off by |\n"
            "| --- | --- | ---: | ---: | ---: | ---: |\n" + "\n".join(map(_placed, report["placed"])),
        ]
    met = {None: "", True: "met", False: "not met"}
    judged = [_row([what, value or "owed", met[enough]]) for what, value, enough in bars(report)]
    parts += ["## Goals at full size", "| | measured | |\n| --- | ---: | --- |\n" + "\n".join(judged)]
    if "| owed |" in parts[-1] or any(row["not_here"] == LEFT_OUT for row in rows):
        parts += [
            "To measure what is owed or was left out, run this on a machine with a CUDA GPU:",
            f"    {GPU_COMMAND}",
        ]
    return "\n\n".join(parts) + "\n"


def drift(rows):
    """What to say of the default's time, which was measured again after all others: a list of a text or none."""
    seconds = {row["name"]: row["seconds"] for row in rows if not row["not_here"]}
    first, last = seconds.get(DEFAULT), seconds.get(AGAIN)
    if not (first and last):
        return []
    said = f"The default, measured again at the end, took {last:.3f} s where it had taken {first:.3f} s before"
    return [said + (": no row can be ranked by its time here." if abs(last / first - 1) > 0.1 else ".")]


def _gb(size):
    return f"{size / 1e9:.2f}"


def _row(cells):
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _line(row):
    if row["not_here"]:
        return _row([row["name"], f"not here: {row['not_here']}", *[""] * 6])
    cells = [row["name"], f"{row['load']:.2f}", f"{row['cold']:.2f}"]
    cells += [f"{row['seconds']:.3f} ({min(row['warm']):.3f} to {max(row['warm']):.3f})", f"{row['speed']:.2f}"]
    cells.append(f"{_gb(row['allocated'])}, {_gb(row['reserved'])}" if row["allocated"] else "no GPU")
    return _row([*cells, f"{row['difference']:.1e}", f"{row['share']:.1%}"])


def _placed(row):
    cells = [f"of {row['gigabytes']:g} GB" if row["gigabytes"] else "all of this one", row["plan"] or "not known"]
    if row["not_here"]:
        return _row([*cells, f"not here: {row['not_here']}", "", "", ""])
    cells += [f"{row['seconds']:.2f}", f"{_gb(row['allocated'])}, {_gb(row['reserved'])}", _gb(row["predicted"])]
    return _row([*cells, f"{row['predicted'] / row['allocated'] - 1:+.0%}"])
