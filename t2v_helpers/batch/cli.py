"""A clip for every prompt of a file; several processes, each with its own copy of the model, share the prompts."""

import datetime
import os
import pathlib
import sys
import time
import warnings

from .. import video
from .._support import command, files
from ..models import MODELS, Request, add_options, describe, identity, load_pipeline, make
from . import jobs

EPILOG = """\
PROMPTS has one prompt per line; blank lines and lines that start with # are skipped. In a .jsonl file, each line is an
object like this one, where "seed" and "negative_prompt" are optional and replace --seed and --negative-prompt:
  {"prompt": "a red circle falling", "seed": 3, "negative_prompt": "blue"}

A clip is named after the number and the words of its line, as in 0007-a-red-circle-falling.mp4. Each finished clip gets
a line in DIR/manifest.jsonl. If you start the command again, it skips every clip that is whole and whose line, prompt,
seed, settings and model have not changed, and makes the others. It recognizes a model by the contents of its files, not
by where they are. So add new prompts at the end, and put # before a prompt that you no longer want.

on several GPUs:  accelerate launch -m t2v_helpers.batch PROMPTS --output-dir DIR
on several CPUs:  torchrun --nproc-per-node 2 -m t2v_helpers.batch PROMPTS --output-dir DIR

Exit code: 0 every clip is there, 1 some failed (one line each), 2 bad input (one line for each bad line, and no clip
is made), 130 interrupted (start it again to resume). The launchers above turn any but 0 into 1.
"""


def parser():
    """The command line's arguments."""
    p = command.Parser("t2v_helpers.batch", "Generate a video for every prompt of a file.", EPILOG)
    path, about = pathlib.Path, "a text file with one prompt per line, or a .jsonl file"
    p.add_argument("prompts", metavar="PROMPTS", type=path, help=about)
    about = "folder for the clips; created if it does not exist (its parent folder must)"
    p.add_argument("--output-dir", metavar="DIR", type=path, required=True, help=about)
    about = f"auto, {', '.join(MODELS)}, a folder or a hub id (default: %(default)s)"
    p.add_argument("--model", metavar="MODEL", default="auto", help=about)
    add_options(p)
    about = "video format (default: %(default)s)"
    p.add_argument("--format", choices=("mp4", "gif", "webp"), default="mp4", help=about)
    return p


def check(args):
    """All that can be checked without torch: (jobs, bad lines), see `read_jobs`; ValueError or OSError in one line."""
    asked = Request.from_args(args, "a red circle")  # each line puts its own prompt there
    asked.check_shape(args.model)
    if args.fps is not None:
        video.check_fps(args.fps, f".{args.format}")
    if args.format == "mp4":
        video.find_ffmpeg()
    folder = args.output_dir.resolve()
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{str(args.output_dir)!r} is a file, expected a folder")
    files.check_folder(folder if folder.exists() else folder.parent)
    asked, bad = jobs.read_jobs(args.prompts, asked)
    if bad and args.model != "auto" and not os.path.isdir(os.path.expanduser(describe(args.model).repo)):
        raise command.Refused(
            *named(args, bad)
        )  # a model of the hub is not loaded for them: only the scale model knows more bad lines
    return asked, bad


def named(args, messages):
    """A text for each (line, message), in the order of the lines, that names the file."""
    return [f"{args.prompts} line {line}: {message}" for line, message in sorted(messages)]


def processes():
    """PartialState of accelerate: this process among those that the launcher started; gloo where there is no GPU."""
    import torch
    from accelerate import PartialState

    cpu = os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true") or not torch.cuda.is_available()
    return PartialState(cpu=cpu, timeout=datetime.timedelta(days=30))  # that one process waits for another's clips


def work(args):
    """Make this process's share of the clips that are missing; `command.Failed` names those that failed in any."""
    asked, bad = check(args)
    from accelerate.utils import gather_object
    from tqdm.auto import tqdm

    state = processes()
    with state.local_main_process_first():  # which downloads, if need be, for all
        device = str(state.device) if state.device.type == "cuda" else "cpu"
        pipe = load_pipeline(args.model, device=device, dtype=args.dtype)
    pipe.set_progress_bar_config(disable=True)
    asked, unfit, notes = jobs.fit_jobs(asked, pipe)
    if bad or unfit:
        raise command.Refused(*named(args, bad + unfit))
    for note in named(args, notes):
        warnings.warn(note, stacklevel=1)

    folder, fps = args.output_dir, args.fps or pipe.t2v_model.fps
    model = identity(pipe)
    entries = {job: jobs.entry_of(job, model, fps, f".{args.format}") for job in asked}
    if state.is_main_process:
        folder.mkdir(exist_ok=True)
        jobs.tidy(folder)
    state.wait_for_everyone()
    todo = jobs.still_to_do(entries, folder)
    state.wait_for_everyone()  # none may write before all have read what is there
    print(f"{folder}: {len(entries) - len(todo)} of {len(entries)} clips are there, {len(todo)} to make")

    failed = []
    with state.split_between_processes(todo) as share:
        which = f" of process 1 of {state.num_processes}" if state.num_processes > 1 else ""
        for job in tqdm(share, desc=f"clips{which}", disable=not state.is_main_process):
            try:
                _make(job.request, entries[job], pipe, folder)
            except Exception as error:  # the other prompts can do without this one
                failed.append((job.line, " ".join(str(error).split()) or type(error).__name__))
    failed = gather_object(failed)
    print(f"{folder}: {len(todo) - len(failed)} clips were made" + (f", {len(failed)} failed" if failed else ""))
    if failed:
        raise command.Failed(*named(args, failed))


def _make(asked, entry, pipe, folder):
    begin, path = time.perf_counter(), folder / entry["file"]
    video.save_video(make(asked, pipe), path, entry["settings"]["fps"])
    seconds = round(time.perf_counter() - begin, 3)
    repo = pipe.t2v_model.repo
    name = next((name for name, known in MODELS.items() if known.repo == repo), repo)
    jobs.record(entry | {"model_name": name, "sha256": jobs.digest(path), "seconds": seconds}, folder)


def main(arguments=None):
    """Run the command; returns the exit code."""
    if os.environ.get("RANK", "0") != "0":  # the first process speaks for all
        sys.stdout = sys.stderr = open(os.devnull, "w")
    code = command.run(parser(), work, arguments, "interrupted; start it again to resume")
    if os.environ.get("WORLD_SIZE", "1") != "1" and code != 130:
        processes().wait_for_everyone()  # the launcher ends all once one has ended with an error
        processes().destroy_process_group()
    return code
