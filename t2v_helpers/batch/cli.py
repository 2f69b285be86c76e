"""A clip for every prompt of a file: `python -m t2v_helpers.batch request.txt --output-dir clips`.

A clip is written as soon as it is there; started again, the command makes those that are missing. Several processes,
each with its own copy of the model, share the prompts (accelerate's PartialState).
"""

import contextlib
import datetime
import os
import pathlib
import time
import warnings

from .._support import command, files
from ..models import request
from ..models.registry import MODELS, check_shape, describe
from . import jobs

EPILOG = """\
PROMPTS has one prompt a line; blank lines and lines that start with # are skipped. In a .jsonl file a line is this:
  {"prompt": "a red circle falling", "seed": 3, "negative_prompt": "blue"}     (the last two if wanted)

A clip is named by its line and its words, 0007-a-red-circle-falling.mp4, and has a line in DIR/manifest.jsonl once it
is finished. Started again, the command skips a clip that is whole and whose line, prompt, seed, settings and model are
the same, and makes the others. So add prompts at the end, and put # before one that is not wanted: no number changes.

on several GPUs:  accelerate launch -m t2v_helpers.batch PROMPTS --output-dir DIR
on several CPUs:  torchrun --nproc-per-node 2 -m t2v_helpers.batch PROMPTS --output-dir DIR

Exit code: 0 every clip is there, 1 some failed (they are listed), 2 bad input (every bad line is listed, no clip is
made), 130 interrupted (start it again to go on).
"""


def parser():
    """The command line's arguments."""
    p = command.Parser("t2v_helpers.batch", "Generate a video for every prompt of a file.", EPILOG)
    path = pathlib.Path
    p.add_argument("prompts", metavar="PROMPTS", type=path, help="a text file with one prompt a line, or a .jsonl file")
    about = "folder for the clips; created if it does not exist"
    p.add_argument("--output-dir", metavar="DIR", type=path, required=True, help=about)
    about = f"auto, {', '.join(MODELS)}, a folder or a hub id (default: %(default)s)"
    p.add_argument("--model", metavar="MODEL", default="auto", help=about)
    request.add_options(p)
    p.add_argument(
        "--format", choices=("mp4", "gif", "webp"), default="mp4", help="video format (default: %(default)s)"
    )
    return p


def check(args):
    """All that can be told without torch: (jobs, bad lines), see `read_jobs`; ValueError or OSError with one line."""
    from .. import video

    request.check_settings(seed=args.seed, **_settings(args))
    if args.fps is not None:
        video.check_fps(args.fps, f".{args.format}")
    local = args.model == "auto"
    if not local:
        model, (width, height) = describe(args.model), args.size or (None, None)
        check_shape(model, args.frames, height, width)
        local = os.path.isdir(os.path.expanduser(model.repo))
    folder = args.output_dir.resolve()
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{str(args.output_dir)!r} is a file, expected a folder")
    files.check_folder(folder if folder.exists() else folder.parent)
    asked, bad = jobs.read_jobs(args.prompts, args.seed, args.negative_prompt)
    if bad and not local:  # a model of the hub is not loaded for them: other than the scale model, it refuses no words
        jobs.check_jobs(args.prompts, [], None, bad)
    return asked, bad


def _settings(args):
    width, height = args.size or (None, None)
    settings = {"steps": args.steps, "guidance": args.guidance, "num_frames": args.frames}
    return settings | {"height": height, "width": width}


def processes():
    """accelerate's PartialState: this process among those that the launcher started; gloo where there is no GPU."""
    import torch
    from accelerate import PartialState

    cpu = os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true") or not torch.cuda.is_available()
    return PartialState(cpu=cpu, timeout=datetime.timedelta(days=30))  # that one process waits for another's clips


def run(args, asked, bad):
    """Make this process's share of the clips; returns what failed in any process: [(line, message)].

    asked, bad: as `check` gives them. Raises ValueError or OSError before anything is generated.
    """
    from accelerate.utils import gather_object
    from tqdm.auto import tqdm

    from ..models import pipelines

    state = processes()
    with state.local_main_process_first():  # which downloads, if need be, for all
        pipe = pipelines.load_pipeline(args.model, device=str(state.device) if state.device.type == "cuda" else "cpu")
    pipe.set_progress_bar_config(disable=True)
    folder, model = args.output_dir, pipe.t2v_model
    for note in jobs.check_jobs(args.prompts, asked, pipe.tokenizer, bad, limit=model.tokens, english=model.english):
        warnings.warn(f"{args.prompts} {note}", stacklevel=1)

    fps = args.fps or model.fps
    given = {name: value for name, value in _settings(args).items() if value is not None}
    settings = {"steps": model.steps, "guidance": model.guidance, "num_frames": model.num_frames} | given | {"fps": fps}
    entries = [jobs.entry_of(job, _identity(model), settings, f".{args.format}") for job in asked]
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
        for entry in tqdm(share, desc=f"clips{which}", disable=not state.is_main_process):
            try:
                _make(entry, pipe, given, folder, fps)
            except Exception as error:  # the other prompts can do without this one
                failed.append((entry["index"], " ".join(str(error).split()) or type(error).__name__))
    failed = sorted(gather_object(failed))
    print(f"{folder}: {len(todo) - len(failed)} clips were made" + (f", {len(failed)} failed" if failed else ""))
    return failed


def _identity(model):
    """A name of the model that changes with its weights: with the revision, or the last change of a file in its folder.

    For a hub id without a revision it does not: main is taken as it was when it was fetched.
    """
    name = next((name for name, known in MODELS.items() if known.repo == model.repo), model.repo)
    stamps = (file.stat().st_mtime_ns for file in pathlib.Path(os.path.expanduser(model.repo)).glob("*/*"))
    return f"{name}@{model.revision or max(stamps, default='main')}"


def _make(entry, pipe, given, folder, fps):
    from .. import video
    from ..models import pipelines

    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # they were told before, with their lines
        asked = {"seed": entry["seed"], "negative_prompt": entry["negative_prompt"], **given}
        frames = pipelines.generate(entry["prompt"], pipe, **asked)
    path = folder / entry["file"]
    video.save_video(frames, path, fps)
    seconds = round(time.perf_counter() - begin, 3)
    jobs.record(entry | {"sha256": jobs.digest(path), "seconds": seconds}, folder)


def work(args):
    """Do what the parsed arguments ask for; `command.Failed` names the lines whose clip could not be made."""
    failed = run(args, *check(args))
    if failed:
        raise command.Failed(*(f"{args.prompts} line {line}: {message}" for line, message in failed))


def main(arguments=None):
    """Run the command; returns the exit code."""
    with contextlib.ExitStack() as quiet:
        if os.environ.get("RANK", "0") != "0":  # the first process speaks for all
            null = quiet.enter_context(open(os.devnull, "w"))
            quiet.enter_context(contextlib.redirect_stdout(null))
            quiet.enter_context(contextlib.redirect_stderr(null))
        code = command.run(parser(), work, arguments, "interrupted; start it again to resume")
        if os.environ.get("WORLD_SIZE", "1") != "1" and code != 130:
            processes().wait_for_everyone()  # the launcher ends all once one has ended with an error
            processes().destroy_process_group()
    return code
