"""A file of prompts to a folder of clips: in this process, in two, and in one that is killed."""

import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import hub
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from t2v_helpers import batch, batch_jobs, pipelines, video

TEXT = """\
# moving shapes

a red circle moving left
a blue square growing
 \t
a red circle moving left
a green triangle falling
"""
NAMES = [
    "0003-a-red-circle-moving-left.mp4",
    "0004-a-blue-square-growing.mp4",
    "0006-a-red-circle-moving-left.mp4",
    "0007-a-green-triangle-falling.mp4",
]


@pytest.fixture(scope="module")
def scale(tmp_path_factory):
    return hub.write_scale_model(tmp_path_factory.mktemp("models") / "scale")


@pytest.fixture(scope="module")
def alone(scale, tmp_path_factory):
    """The prompts and the clips that one process makes of them."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "prompts.txt").write_text(TEXT)
    assert run(scale, folder / "prompts.txt", folder / "clips") == 0
    return folder


@pytest.fixture
def here(tmp_path):
    (tmp_path / "prompts.txt").write_text(TEXT)
    return tmp_path


def options(scale, prompts, folder, *more):
    return [str(x) for x in (prompts, "--output-dir", folder, "--model", scale, "--steps", 1, "--frames", 2, *more)]


def run(scale, prompts, folder, *more):
    try:
        return batch.main(options(scale, prompts, folder, *more))
    except SystemExit as stop:  # argparse leaves this way
        return stop.code


def clips(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != "manifest.jsonl"}


def manifest(folder):
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def count_clips(monkeypatch):
    """Calls of `generate` from here on, by prompt."""
    made, generate = [], pipelines.generate
    monkeypatch.setattr(pipelines, "generate", lambda p, *a, **kw: made.append(p) or generate(p, *a, **kw))
    return made


def process(*arguments):
    root = pathlib.Path(batch.__file__).parents[1]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    threads = str(torch.get_num_threads())  # another number of threads may round otherwise
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": threads},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that it can be killed with what it has started
    )


def test_every_prompt_becomes_the_clip_that_generate_gives(scale, alone, tmp_path):
    assert list(clips(alone / "clips")) == NAMES
    frames = pipelines.generate("a blue square growing", str(scale), seed=0, steps=1, num_frames=2)
    video.save_video(frames, tmp_path / "one.mp4")
    assert clips(alone / "clips")[NAMES[1]] == (tmp_path / "one.mp4").read_bytes()


def test_the_manifest_says_what_was_made(alone):
    entries = manifest(alone / "clips")
    assert [entry["file"] for entry in entries] == NAMES and [entry["index"] for entry in entries] == [3, 4, 6, 7]
    assert entries[1]["prompt"] == "a blue square growing" and entries[1]["seed"] == 0
    assert entries[1]["settings"] == {"steps": 1, "guidance": 2.0, "num_frames": 2, "fps": 8}
    for entry in entries:
        assert entry["sha256"] == hashlib.sha256((alone / "clips" / entry["file"]).read_bytes()).hexdigest()
        assert entry["seconds"] > 0


def test_each_clip_is_there_before_the_next_is_begun(scale, here, monkeypatch):
    seen, generate = [], pipelines.generate

    def watched(*args, **kw):
        lines = manifest(here / "clips") if (here / "clips" / "manifest.jsonl").exists() else []
        seen.append((len(clips(here / "clips")), len(lines)))
        return generate(*args, **kw)

    monkeypatch.setattr(pipelines, "generate", watched)
    assert run(scale, here / "prompts.txt", here / "clips") == 0
    assert seen == [(0, 0), (1, 1), (2, 2), (3, 3)]


CHANGES = {
    "nothing": (TEXT, (), []),
    "a prompt": (TEXT.replace("blue", "cyan"), (), [4]),
    "a prompt is added": (TEXT + "a red box falling\n", (), [8]),
    "a prompt is commented out": (TEXT.replace("a blue", "# a blue"), (), []),
    "the seed": (TEXT, ("--seed", 1), [3, 4, 6, 7]),
    "the guidance": (TEXT, ("--guidance", 3), [3, 4, 6, 7]),
    "the default guidance is said": (TEXT, ("--guidance", 2), []),
    "the negative prompt": (TEXT, ("--negative-prompt", "blue"), [3, 4, 6, 7]),
    "frames per second": (TEXT, ("--fps", 4), [3, 4, 6, 7]),
    "the format": (TEXT, ("--format", "gif"), [3, 4, 6, 7]),
}


@pytest.mark.parametrize(("text", "more", "again"), CHANGES.values(), ids=CHANGES)
def test_started_again_it_makes_what_has_changed(scale, alone, here, capsys, monkeypatch, text, more, again):
    (here / "clips").mkdir()
    for path in (alone / "clips").iterdir():
        (here / "clips" / path.name).write_bytes(path.read_bytes())
    (here / "prompts.txt").write_text(text)
    made = count_clips(monkeypatch)
    assert run(scale, here / "prompts.txt", here / "clips", *more) == 0
    assert made == [text.split("\n")[line - 1] for line in again]
    assert [entry["index"] for entry in manifest(here / "clips")[4:]] == again
    assert f"{len(again)} to make" in capsys.readouterr().out


@pytest.mark.parametrize("harm", ["file cut", "file gone", "line cut", "line gone", "line nonsense"])
def test_a_clip_that_is_not_whole_is_made_again(scale, alone, here, monkeypatch, harm):
    folder, victim = here / "clips", NAMES[3]
    folder.mkdir()
    for path in (alone / "clips").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    file, lines = folder / victim, (folder / "manifest.jsonl").read_bytes().splitlines(keepends=True)
    ends = {"line cut": lines[-1][:50], "line gone": b"", "line nonsense": b"[7]\n7\n{}\n\xff\n"}
    if harm == "file gone":
        file.unlink()
    elif harm == "file cut":
        file.write_bytes(file.read_bytes()[:100])
    else:
        (folder / "manifest.jsonl").write_bytes(b"".join(lines[:-1]) + ends[harm])
    (folder / ".0123abcd.tmp").write_text("half a clip")
    made = count_clips(monkeypatch)
    assert run(scale, here / "prompts.txt", folder) == 0 and made == ["a green triangle falling"]
    assert clips(folder) == clips(alone / "clips")
    assert run(scale, here / "prompts.txt", folder) == 0 and len(made) == 1  # the new line can be read


def test_weights_that_have_changed_make_other_clips(scale, alone, monkeypatch):
    old = batch._identity(pipelines.describe(str(scale)))
    config = scale / "unet" / "config.json"
    os.utime(config, (config.stat().st_atime, time.time() + 10))
    assert batch._identity(pipelines.describe(str(scale))) != old


def test_jsonl_lines_have_seeds_and_negative_prompts(scale, here):
    lines = [
        {"prompt": "a red circle moving left", "seed": 5, "negative_prompt": "blue"},
        {"prompt": "a red circle moving left"},
    ]
    (here / "p.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert run(scale, here / "p.jsonl", here / "clips", "--seed", 7, "--negative-prompt", "green") == 0
    said = [(entry["seed"], entry["negative_prompt"]) for entry in manifest(here / "clips")]
    assert said == [(5, "blue"), (7, "green")]
    wanted = dict(seed=5, negative_prompt="blue", steps=1, num_frames=2)
    video.save_video(pipelines.generate(lines[0]["prompt"], str(scale), **wanted), here / "one.mp4")
    made = clips(here / "clips")["0001-a-red-circle-moving-left.mp4"]
    assert made == (here / "one.mp4").read_bytes()


def test_every_bad_line_is_named_before_anything_is_made(scale, here, capsys, monkeypatch):
    lines = ['{"prompt": "a red dragon"}', '{"prompt": "a red circle falling"}', "{", '{"seed": 1}', '{"prompt": " "}']
    lines += ['{"prompt": 3}', '{"prompt": "a red box", "seed": -1}', '{"prompt": "a red box", "sead": 1}', "[]"]
    lines += ['{"prompt": "a red box", "negative_prompt": "elf"}', '{"prompt": "a red box", "seed": "1"}']
    (here / "p.jsonl").write_text("\n".join(lines))
    made = count_clips(monkeypatch)
    assert run(scale, here / "p.jsonl", here / "clips") == 2
    out, err = capsys.readouterr()
    told = [re.fullmatch(r"t2v_helpers: .*p\.jsonl line (\d+): (.+)", line) for line in err.splitlines()]
    assert [int(line[1]) for line in told] == [1, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert "'dragon'" in told[0][2] and "'sead'" in told[6][2] and "'elf'" in told[8][2]
    assert out == "" and not made and not (here / "clips").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--steps", 0), "steps 0: expected a whole number from 1"),
        (("--seed", -1), "seed -1: expected"),
        (("--fps", 0), "fps 0.0"),
        (("--format", "avi"), "'avi'"),
        (("--model", "nope"), "model 'nope': expected one of"),
        (("--output-dir", "no/such/folder"), "does not exist"),
        (("--output-dir", __file__), "is a file, expected a folder"),
    ],
)
def test_bad_arguments_are_told_before_a_model_is_loaded(scale, here, monkeypatch, capsys, more, said):
    monkeypatch.setattr(pipelines, "load_pipeline", None)
    assert run(scale, here / "prompts.txt", here / "clips", *more) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("t2v_helpers: ") and said in err and err.count("\n") == 1
    assert not (here / "clips").exists()


@pytest.mark.parametrize(("content", "said"), [(b"\n# a\n", "holds no prompts"), (b"a \xff", "not UTF-8"), (None, "")])
def test_files_that_hold_no_prompts(scale, here, capsys, content, said):
    file = here / "other.txt"
    if content is not None:
        file.write_bytes(content)
    assert run(scale, file, here / "clips") == 2
    err = capsys.readouterr().err
    assert str(file) in err and said in err and err.count("\n") == 1


def test_one_prompt_that_fails_does_not_stop_the_others(scale, alone, here, capsys, monkeypatch):
    generate = pipelines.generate

    def failing(prompt, *args, **kw):
        if "blue" in prompt:
            raise RuntimeError("out of\nmemory")
        return generate(prompt, *args, **kw)

    monkeypatch.setattr(pipelines, "generate", failing)
    assert run(scale, here / "prompts.txt", here / "clips") == 1
    out, err = capsys.readouterr()
    assert list(clips(here / "clips")) == [NAMES[0], *NAMES[2:]] and "3 clips were made, 1 failed" in out
    assert err.splitlines()[-1] == f"t2v_helpers: {here / 'prompts.txt'} line 4: out of memory"
    monkeypatch.setattr(pipelines, "generate", generate)
    assert run(scale, here / "prompts.txt", here / "clips") == 0
    assert clips(here / "clips") == clips(alone / "clips")


def test_interrupt_keeps_whole_files_only(scale, alone, here, capsys, monkeypatch):
    calls, replace = [], os.replace

    def interrupted(*paths):
        calls.append(paths)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)
        replace(*paths)

    monkeypatch.setattr(os, "replace", interrupted)
    assert run(scale, here / "prompts.txt", here / "clips") == 130
    assert "start it again to go on" in capsys.readouterr().err
    assert clips(here / "clips") == {NAMES[0]: clips(alone / "clips")[NAMES[0]]}
    assert [entry["file"] for entry in manifest(here / "clips")] == NAMES[:1]


@settings(deadline=None)
@given(st.integers(1, 10**6), st.text())
@example(1, "../../etc/passwd")
@example(1, "/absolute")
@example(1, "\x00\n\\..\\con")
@example(1, "日本")
@example(1, "a" * 300)
def test_names_never_leave_the_folder(line, prompt):
    name = batch_jobs.file_name(line, prompt)
    folder = pathlib.Path("/some/folder")
    assert os.path.normpath(folder / name) == str(folder / name) and (folder / name).parent == folder
    assert re.fullmatch(r"\d{4,}-[a-z0-9]([a-z0-9-]*[a-z0-9])?\.mp4", name, re.ASCII) and len(name) <= 80
    assert int(name.split("-")[0]) == line  # so that no two lines share one


def test_two_processes_make_what_one_makes(scale, alone, here):
    made = process(
        "torch.distributed.run",
        *("--nproc-per-node", "2", "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"),
        *("-m", "t2v_helpers.batch", *options(scale, here / "prompts.txt", here / "clips")),
    )
    out, err = made.communicate(timeout=300)
    assert made.returncode == 0, err
    assert clips(here / "clips") == clips(alone / "clips")
    assert sorted(entry["file"] for entry in manifest(here / "clips")) == NAMES
    assert out.count("4 to make") == 1 and out.count("4 clips were made") == 1  # one process speaks
    assert "clips of process 1 of 2: 100%" in err and "2/2" in err  # and made half of them


def test_killed_in_the_middle_and_started_again(scale, alone, here):
    """The launcher that the help names for GPUs; SIGKILL lets nothing be tidied up."""
    text = TEXT + "a red circle falling\n" * 40
    (here / "prompts.txt").write_text(text)
    made = process(
        *("accelerate.commands.launch", "--cpu", "--num_processes", "1", "--num_machines", "1"),
        *("--mixed_precision", "no", "--dynamo_backend", "no", "-m", "t2v_helpers.batch"),
        *options(scale, here / "prompts.txt", here / "clips"),
    )
    lines = here / "clips" / "manifest.jsonl"
    until = time.monotonic() + 240
    while made.poll() is None and time.monotonic() < until and not (lines.exists() and lines.read_bytes().count(b"\n")):
        time.sleep(0.01)
    os.killpg(made.pid, signal.SIGKILL)
    made.communicate(timeout=60)
    before = len(clips(here / "clips"))
    assert 1 <= before < 44
    (here / "prompts.txt").write_text(TEXT)
    assert run(scale, here / "prompts.txt", here / "clips") == 0
    after = clips(here / "clips")
    assert {name: after[name] for name in NAMES} == clips(alone / "clips")
    assert not [name for name in after if name.startswith(".")]
