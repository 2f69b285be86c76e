"""The report of `t2v_helpers.benchmark`: what was measured, on what, which bars it meets and which are still owed."""

import dataclasses
import datetime
import importlib.metadata
import platform
import shlex
import statistics

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


def figures(row, recipe, step_flops, steps, rate):
    """A `Measured` as a dict of plain numbers, with what follows from it and the recipe's."""
    numbers = {field.name: getattr(row, field.name) for field in dataclasses.fields(row) if field.name != "latents"}
    if not row.not_here:
        numbers["seconds"] = row.seconds
        numbers["share"] = step_flops * steps / statistics.median(row.denoising) / rate
        if not recipe.not_here:
            numbers["speed"] = recipe.seconds / row.seconds
    return numbers


def bars(report):
    """What the full-size model has to reach on a GPU: [(what, what was measured or None, whether that is enough)]."""
    rows = {row["name"]: row for row in report["rows"] if not row["not_here"]}
    measured = report["on"] == "full, cuda"
    default = rows.get("this project's default") if measured else None
    plans = {row["plan"]: row for row in report["placed"] if measured and not row["not_here"] and not row["gigabytes"]}
    smallest = min((row["reserved"] for row in plans.values()), default=None)
    errors = [row["predicted"] / row["allocated"] - 1 for row in plans.values()]

    def bar(what, value, enough, form):
        return (what, None, None) if value is None else (what, form.format(value), enough(value))

    def of(key):
        return default and default.get(key)

    return [
        bar("2.5 times the speed of the card's recipe", of("speed"), lambda x: x >= 2.5, "{:.2f}"),
        bar("final latents within 2 % of the recipe's", of("difference"), lambda x: x < 0.02, "{:.2%}"),
        bar("40 % of the attainable rate while denoising", of("share"), lambda x: x >= 0.4, "{:.0%}"),
        bar("a peak under 6 GB by default", of("reserved") and of("reserved") / 1e9, lambda x: x < 6, "{:.2f} GB"),
        bar("a peak under 3.5 GB in the smallest plan", smallest and smallest / 1e9, lambda x: x < 3.5, "{:.2f} GB"),
        bar(
            "five plans' predictions within 15 % of the peak",
            max(errors, key=abs) if len(errors) >= 5 else None,
            lambda x: abs(x) < 0.15,
            "{:+.0%} at worst",
        ),
    ]


def markdown(report):
    """The report as a page."""
    asked, here = report["asked"], report["circumstances"]
    versions = ", ".join(f"{name} {version}" for name, version in here["versions"].items())
    lines = [
        "# Benchmark: the model card's recipe and this project's default",
        "",
        f"    {here['command']}",
        "",
        f"printed this on {here['date']}. Device: {here['device']}. Versions: {versions}.",
        "",
        f"Architecture: {asked['about']}, random weights; a clip of {asked['num_frames']} frames of "
        f"{asked['size']}x{asked['size']}, {asked['steps']} steps, guidance 9. A step is {report['step_flops']:.3g} "
        f"floating-point operations (counted); a large matrix product reaches {report['attainable_rate']:.3g} a second "
        f"here (measured). n = {report['repeats']} warm clips in each row, seconds as median (least to most).",
        "",
        "| | load, s | first clip, s | a warm clip, s | times the recipe | peak, GB: tensors, held | latents differ by "
        "| share of the attainable rate |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *map(_line, report["rows"]),
        "",
        "Latents: relative difference of the final ones from the recipe's, "
        "|a - b| / |b|. For comparison: "
        + ("; ".join(f"{what} {value:.2g}" for what, value in report["controls"].items()) or "nothing")
        + ".",
        "",
    ]
    if report["kept"] is None:
        lines.append("**Stopped before the end**: more was asked for.")
    else:
        kept = ", ".join(report["kept"]) or "none"
        lines.append(
            "Kept, because each is faster than the default beyond 2 % and its spread, within 2 % of the latents and "
            f"under 6 GB: {kept}."
        )
    lines += drift(report["rows"])
    if report["on"] != "full, cuda":
        lines += [
            "",
            "**The times of this configuration say nothing about ModelScope's**: the run shows that it works.",
        ]
    if report["placed"]:
        lines += ["", "## By plan, and on smaller cards (emulated: the process is held to their memory)", ""]
        lines += ["One warm clip each.", ""]
        lines += _placed(report["placed"])
    lines += ["", "## The bars for the full-size model", "", "| | measured | |", "| --- | ---: | --- |"]
    owed = False
    for what, value, enough in bars(report):
        owed |= value is None
        lines.append(f"| {what} | {value or 'owed'} | {'' if value is None else 'met' if enough else 'not met'} |")
    if owed:
        lines += ["", "What is owed needs a CUDA GPU. This command measures all of it:", "", f"    {GPU_COMMAND}"]
    return "\n".join(lines) + "\n"


def drift(rows):
    """Lines that say how far the default's time had moved when it was measured again after all others."""
    seconds = {row["name"]: row["seconds"] for row in rows if not row["not_here"]}
    first, last = (seconds.get(name) for name in ("this project's default", "this project's default, again"))
    if not (first and last):
        return []
    said = f"The default, measured again at the end, took {last:.3f} s where it had taken {first:.3f} s before"
    rank = ": no row can be ranked by its time here." if abs(last / first - 1) > 0.1 else "."
    return ["", said + rank]


def _line(row):
    if row["not_here"]:
        return f"| {row['name']} | not here: {row['not_here'].replace('|', '/')} " + "| " * 6 + "|"
    warm, difference = row["warm"], row["difference"]
    cells = [
        row["name"],
        f"{row['load']:.2f}",
        f"{row['cold']:.2f}",
        f"{row['seconds']:.3f} ({min(warm):.3f} to {max(warm):.3f})",
        f"{row['speed']:.2f}" if "speed" in row else "",
        f"{row['allocated'] / 1e9:.2f}, {row['reserved'] / 1e9:.2f}" if row["allocated"] else "no GPU",
        "" if difference is None else f"{difference:.1e}",
        f"{row['share']:.1%}",
    ]
    return "| " + " | ".join(cells) + " |"


def _placed(rows):
    lines = [
        "| GPU | plan | a warm clip, s | peak, GB: tensors, held | predicted, GB | off by |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        cells = [f"of {row['gigabytes']:g} GB" if row["gigabytes"] else "all of this one", row["plan"] or "not known"]
        if row["not_here"]:
            cells += [f"not here: {row['not_here'].replace('|', '/')}", "", "", ""]
        else:
            cells += [f"{row['seconds']:.2f}", f"{row['allocated'] / 1e9:.2f}, {row['reserved'] / 1e9:.2f}"]
            cells += [f"{row['predicted'] / 1e9:.2f}", f"{row['predicted'] / row['allocated'] - 1:+.0%}"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines
