"""A file of prompts to a folder of clips: in this process, in two, and in one that is killed."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch

from t2v_helpers import generate, save_video
from t2v_helpers.batch import cli
from t2v_helpers.models import SETTINGS

TEXT = """\
# moving shapes

a red circle moving left
a blue square growing
 \t
a red circle moving left
a green triangle falling
"""
WORDS = {3: "a-red-circle-moving-left", 4: "a-blue-square-growing", 6: "a-red-circle-moving-left"}
NAMES = [f"{line:04}-{words}.mp4" for line, words in (WORDS | {7: "a-green-triangle-falling"}).items()]


def options(scale, prompts, folder, *more):
    return [str(x) for x in (prompts, "--output-dir", folder, "--model", scale, "--steps", 1, "--frames", 2, *more)]


def run(scale, prompts, folder, *more):
    return cli.main(options(scale, prompts, folder, *more))


def clips(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != "manifest.jsonl"}


def manifest(folder):
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def process(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env=os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())},  # another number may round otherwise
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that it can be killed with what it has started
    )


@pytest.fixture(scope="module")
def alone(scale_folder, tmp_path_factory):
    """The prompts and the clips that one process makes of them."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "prompts.txt").write_text(TEXT)
    assert run(scale_folder, folder / "prompts.txt", folder / "clips") == 0
    return folder


@pytest.fixture
def here(tmp_path):
    (tmp_path / "prompts.txt").write_text(TEXT)
    return tmp_path


def test_every_prompt_becomes_the_clip_that_generate_gives(scale_folder, alone, tmp_path):
    assert list(clips(alone / "clips")) == NAMES
    frames = generate("a blue square growing", str(scale_folder), seed=0, steps=1, num_frames=2)
    save_video(frames, tmp_path / "one.mp4")
    assert clips(alone / "clips")[NAMES[1]] == (tmp_path / "one.mp4").read_bytes()
    entries = manifest(alone / "clips")
    assert [entry["file"] for entry in entries] == NAMES and [entry["index"] for entry in entries] == [3, 4, 6, 7]
    assert entries[1]["prompt"] == "a blue square growing" and entries[1]["seed"] == 0
    settings = {"steps": 1, "guidance": 2.0, "num_frames": 2, "height": 64, "width": 64, "fps": 8}
    assert entries[1]["settings"] == settings
    for entry in entries:
        assert entry["sha256"] == hashlib.sha256((alone / "clips" / entry["file"]).read_bytes()).hexdigest()
        assert entry["seconds"] > 0


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
def test_started_again_it_makes_what_has_changed(scale_folder, alone, here, capsys, text, more, again):
    shutil.copytree(alone / "clips", here / "clips")
    (here / "prompts.txt").write_text(text)
    assert run(scale_folder, here / "prompts.txt", here / "clips", *more) == 0
    assert [entry["index"] for entry in manifest(here / "clips")[4:]] == again
    assert f"{len(again)} to make" in capsys.readouterr().out


@pytest.mark.parametrize("harm", ["file cut", "file gone", "line cut", "line gone", "line nonsense"])
def test_a_clip_that_is_not_whole_is_made_again(scale_folder, alone, here, capsys, harm):
    folder = shutil.copytree(alone / "clips", here / "clips")
    file, lines = folder / NAMES[3], (folder / "manifest.jsonl").read_bytes().splitlines(keepends=True)
    ends = {"line cut": lines[-1][:50], "line gone": b"", "line nonsense": b"[7]\n7\n{}\n\xff\n"}
    if harm == "file gone":
        file.unlink()
    elif harm == "file cut":
        file.write_bytes(file.read_bytes()[:100])
    else:
        (folder / "manifest.jsonl").write_bytes(b"".join(lines[:-1]) + ends[harm])
    (folder / ".0123abcd.tmp").write_text("half a clip")
    assert run(scale_folder, here / "prompts.txt", folder) == 0 and "1 to make" in capsys.readouterr().out
    assert clips(folder) == clips(alone / "clips")
    assert run(scale_folder, here / "prompts.txt", folder) == 0 and "0 to make" in capsys.readouterr().out


def test_jsonl_lines_have_seeds_and_negative_prompts(scale_folder, here):
    own = {"seed": 5, "negative_prompt": "blue"}
    lines = [json.dumps({"prompt": "a red circle moving left"} | more) for more in (own, {})]
    (here / "p.jsonl").write_text("\n".join(lines))
    assert run(scale_folder, here / "p.jsonl", here / "clips", "--seed", 7, "--negative-prompt", "green") == 0
    said = [(entry["seed"], entry["negative_prompt"]) for entry in manifest(here / "clips")]
    assert said == [(5, "blue"), (7, "green")]
    frames = generate("a red circle moving left", str(scale_folder), steps=1, num_frames=2, **own)
    save_video(frames, here / "one.mp4")
    assert (here / "clips" / "0001-a-red-circle-moving-left.mp4").read_bytes() == (here / "one.mp4").read_bytes()


def flip(file, place):
    """Change one byte, and make the file look older, as a copy that is put back does."""
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    os.utime(file, (1, 1))


def edit(file, change):
    """Change a JSON file's object."""
    change(what := json.loads(file.read_text()))
    file.write_text(json.dumps(what))


def swap_words(tokenizer):
    words = tokenizer["model"]["vocab"]
    words["red</w>"], words["blue</w>"] = words["blue</w>"], words["red</w>"]


MODEL_CHANGES = {
    "another folder": (lambda model: None, (), 0),
    "touched": (lambda model: [file.touch() for file in model.rglob("*")], (), 0),
    "a readme": (lambda model: (model / "README.md").write_text("mine"), (), 0),
    "a byte of a weight": (lambda model: flip(model / "unet" / "diffusion_pytorch_model.safetensors", -1), (), 4),
    "the scheduler": (lambda m: edit(m / "scheduler" / "scheduler_config.json", lambda x: x.update(eta=1)), (), 4),
    "a vocabulary": (lambda model: edit(model / "tokenizer" / "tokenizer.json", swap_words), (), 4),
    "the decoder's scale": (lambda m: edit(m / "vae" / "config.json", lambda x: x.update(scaling_factor=0.2)), (), 4),
    "the settings": (lambda model: (model / SETTINGS).write_text('{"guidance": 3}'), (), 4),
    "the precision": (lambda model: None, ("--dtype", "bfloat16"), 4),
}


@pytest.mark.parametrize(("change", "more", "to_make"), MODEL_CHANGES.values(), ids=MODEL_CHANGES)
def test_a_model_is_what_its_files_hold(scale_folder, alone, here, capsys, change, more, to_make):
    shutil.copytree(alone / "clips", here / "clips")
    model = shutil.copytree(scale_folder, here / "model")
    change(model)
    assert run(model, here / "prompts.txt", here / "clips", *more) == 0
    assert f"{to_make} to make" in capsys.readouterr().out
    if to_make:
        assert manifest(here / "clips")[-1]["model_name"] == str(model)
        assert run(model, here / "prompts.txt", here / "clips", *more) == 0
        assert "0 to make" in capsys.readouterr().out


def test_one_prompt_that_fails_does_not_stop_the_others(scale_folder, alone, here, capsys):
    in_the_way = here / "clips" / NAMES[1]
    in_the_way.mkdir(parents=True)
    assert run(scale_folder, here / "prompts.txt", here / "clips") == 1
    out, err = capsys.readouterr()
    assert "3 clips were made, 1 failed" in out
    assert err.splitlines()[-1].startswith(f"t2v_helpers.batch: {here / 'prompts.txt'} line 4: {str(in_the_way)!r}")
    in_the_way.rmdir()
    assert run(scale_folder, here / "prompts.txt", here / "clips") == 0
    assert clips(here / "clips") == clips(alone / "clips")


@pytest.mark.long
def test_two_processes_make_what_one_makes(scale_folder, alone, here):
    made = process(
        "torch.distributed.run",
        *("--nproc-per-node", "2", "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"),
        *("-m", "t2v_helpers.batch", *options(scale_folder, here / "prompts.txt", here / "clips")),
    )
    out, err = made.communicate(timeout=300)
    assert made.returncode == 0, err
    assert clips(here / "clips") == clips(alone / "clips")
    assert sorted(entry["file"] for entry in manifest(here / "clips")) == NAMES
    assert out.count("4 to make") == 1 and out.count("4 clips were made") == 1  # one process speaks
    assert "clips of process 1 of 2: 100%" in err and "2/2" in err  # and made half of them


@pytest.mark.long
def test_killed_in_the_middle_and_started_again(scale_folder, alone, here):
    """The launcher that the help names for GPUs; SIGKILL lets nothing be tidied up."""
    text = TEXT + "a red circle falling\n" * 40
    (here / "prompts.txt").write_text(text)
    made = process(
        *("accelerate.commands.launch", "--cpu", "--num_processes", "1", "--num_machines", "1"),
        *("--mixed_precision", "no", "--dynamo_backend", "no", "-m", "t2v_helpers.batch"),
        *options(scale_folder, here / "prompts.txt", here / "clips"),
    )
    lines = here / "clips" / "manifest.jsonl"
    until = time.monotonic() + 240
    while made.poll() is None and time.monotonic() < until and not (lines.exists() and lines.read_bytes().count(b"\n")):
        time.sleep(0.01)
    os.killpg(made.pid, signal.SIGKILL)
    made.communicate(timeout=60)
    whole = [name for name in clips(here / "clips") if not name.startswith(".")]
    assert 1 <= len(whole) < 44 and 0 <= len(whole) - len(manifest(here / "clips")) <= 1
    (here / "prompts.txt").write_text(TEXT)
    assert run(scale_folder, here / "prompts.txt", here / "clips") == 0
    after = clips(here / "clips")
    assert {name: after[name] for name in NAMES} == clips(alone / "clips")
    assert not [name for name in after if name.startswith(".")]
