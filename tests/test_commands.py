"""Bad calls of the five commands: exit code 2, one line on stderr, nothing on stdout, no file written or changed.

As a program, this file makes the calls of WITHOUT_TORCH in one process and prints what they did, as JSON.
"""

import contextlib
import importlib
import io
import json
import os
import pathlib
import shlex
import subprocess
import sys

import pytest

COMMANDS = {
    "t2v_helpers": "t2v_helpers.models.cli",
    "t2v_helpers.batch": "t2v_helpers.batch.cli",
    "t2v_helpers.training": "t2v_helpers.training.cli",
    "t2v_helpers.evaluate": "t2v_helpers.evaluate.cli",
    "t2v_helpers.benchmark": "t2v_helpers.benchmark.cli",
}
P = "'a red circle moving left'"
# What is typed => what the line says. These are refused before torch is imported.
WITHOUT_TORCH = {
    "t2v_helpers": rf"""
        => required: PROMPT
        '' => the prompt is empty
        ' \n' => the prompt is empty
        'a red circle \xff' => the prompt holds the byte 0xff, expected text in UTF-8: 'a red circle ?'
        a red circle => unrecognized arguments: red circle
        {P} --step 3 => unrecognized arguments: --step 3
        {P} --steps => --steps: expected one argument
        {P} --steps ten => --steps: 'ten', expected a whole number
        {P} --steps 0 => steps 0: expected a whole number from 1
        {P} --guidance nan => --guidance: 'nan', expected a finite number
        {P} --guidance 0.5 => guidance 0.5: expected 0
        {P} --seed -1 => seed -1: expected a whole number from 0 below 2**63
        {P} --frames 0 => num_frames 0: expected
        {P} --size 64 => --size: '64', expected width and height in pixels
        {P} --size 0x64 => width 0: expected
        {P} --dtype half => --dtype: invalid choice: 'half'
        {P} --fps 0 => fps 0.0
        {P} --fps inf => --fps: 'inf', expected a finite number
        {P} --fps 120 --output clip.gif => fps 120.0
        {P} --output no/folder/clip.mp4 => does not exist
        {P} --output clip.avi => 'clip.avi'
        {P} --output . => got output file '.'
        {P} --output old.mp4 => old.mp4' exists already
        {P} --frames-dir no/folder => does not exist
        {P} --frames-dir full => full' holds 'mine.txt'
        {P} --frames-dir . --overwrite => expected a new folder
    """,
    "t2v_helpers.batch": """
        => required: PROMPTS, --output-dir
        prompts.txt => required: --output-dir
        no.txt --output-dir clips => No such file or directory: 'no.txt'
        empty.txt --output-dir clips => empty.txt holds no prompts
        latin.txt --output-dir clips => latin.txt, line 1: byte 0xff is not UTF-8
        full --output-dir clips => t2v_helpers.batch: full is a folder, expected a file with one prompt per line
        wide.txt --output-dir clips => wide.txt, line 2: byte 0xd8 is not UTF-16, expected a text file in UTF-8
        half.jsonl --output-dir clips --model no/such => half.jsonl line 1: the prompt holds half a character, '\\ud83d'
        bad.jsonl --output-dir clips --model no/such => bad.jsonl line 1: '{': expected an object
        prompts.txt --output-dir no/such/folder => does not exist
        prompts.txt --output-dir old.mp4 => old.mp4' is a file, expected a folder
        prompts.txt --output-dir clips --format avi => 'avi'
        prompts.txt --output-dir clips --dtype fp16 => --dtype: invalid choice: 'fp16'
        prompts.txt --output-dir clips --model wrong => t2v_settings.json: 'frames', expected an object
        prompts.txt --output-dir clips --fps 0 => fps 0.0
        prompts.txt --output-dir clips --model nope => model 'nope': expected one of auto, tiny, tiny-wan, modelscope
        prompts.txt --output-dir clips --model wan --frames 80 => num_frames 80: expected 4N + 1
        prompts.txt --output-dir clips --size 60x64 --model tiny => size 60x64 pixels: expected multiples of 8
    """,
    "t2v_helpers.evaluate": """
        nosuch => model 'nosuch': expected one of
        tiny more => model 'more': expected one of
        wrong => t2v_settings.json: 'frames', expected an object
        --dtype int8 => --dtype: invalid choice: 'int8'
        --scenes 0 => --scenes: '0', expected a whole number from 1
        --steps 0 => steps 0: expected a whole number from 1
        --guidance nan => --guidance: 'nan', expected a finite number
        --guidance 0 => guidance 0: expected 1 or more
        modelscope => model 'modelscope': expected tiny, tiny-wan, or a folder
        --json no/folder/out.json => does not exist
        --json full => 'full' is not a file
        tiny tiny --json e.json => --json is for one model, got 2: tiny, tiny
        --strips s.png --sweep => --strips with --sweep: expected one of them
        --work no/such/folder => does not exist
        --work old.mp4 => does not exist
    """,
    "t2v_helpers.benchmark": """
        nosuch => unrecognized arguments: nosuch
        --repeats 0 => --repeats: '0', expected a whole number from 1
        --variants speed => variant 'speed': expected some of memory format
        --memory-cap -1 => --memory-cap: '-1', expected a number above 0
        --budget 0 => --budget: '0', expected a number above 0
        --config huge => invalid choice: 'huge'
        --json no/folder/b.json => does not exist
        --markdown full => 'full' is not a file
    """,
}
# These need torch, to read a model or to ask for a device; SCALE is a folder with a scale model.
WITH_TORCH = {
    "t2v_helpers": rf"""
        'a red dragon' --model SCALE => says 'dragon', which the scale model does not know; it knows a, and, around
        {P} --model SCALE --negative-prompt dragon => the negative prompt says 'dragon'
        {P} --model SCALE --size 60x64 => size 60x64 pixels: expected multiples of 8
        {P} --model SCALE --steps 1001 => steps 1001: expected at most 1000
        {P} --model nope => model 'nope': expected one of auto, tiny, tiny-wan, modelscope
        {P} --model no/such => no/such is no folder here and not in the hub's cache
        {P} --model . => is not a pipeline: it has no model_index.json
        {P} --model 'two\nlines' => two lines is not a pipeline
    """,
    "t2v_helpers.training": """
        => required: --output
        --output model --data nowhere => nowhere is not a folder, expected clips with metadata.jsonl
        --output model --data full => full has no clips, expected clips with metadata.jsonl
        --output model --data full --size 64x48 => --size 64x48: expected a square
        --output prompts.txt => --output prompts.txt is a file, expected a folder or the name of a new one
        --output model --work prompts.txt => --work prompts.txt is a file, expected a folder
        --output model --any-captions => --any-captions is for clips of your own, expected --data
        --output model --unet-lr 0 => --unet-lr: '0', expected a number above 0
        --output model --clip-steps -3 => --clip-steps: '-3', expected a whole number from 1
        --output model --model nosuch => --model: invalid choice: 'nosuch'
        --output model --model tiny-wan --unet-lr 1 => --unet-lr: expected a stage of tiny-wan: frames, autoencoder
        --output model --every 0 => --every: '0', expected a whole number from 1
    """,
    "t2v_helpers.benchmark": """
        --device cuda => has no CUDA GPU
        --device nonsense => device 'nonsense': expected
        --memory-cap 6 --device cpu => expected a CUDA GPU to cap
    """,
}


def cases(table):
    """Each (command, what is typed, what the line says) of a table."""
    lines = [(command, line.split("=> ")) for command, text in table.items() for line in text.strip().split("\n")]
    typed = [typed.replace(r"\n", "\n").replace(r"\xff", "\udcff").strip(" ") for _, (typed, _) in lines]
    return [(command, line, said) for (command, (_, said)), line in zip(lines, typed, strict=True)]


def prepare():
    """Put files that must not change into the working folder."""
    texts = {"old.mp4": b"old", "full/mine.txt": b"mine", "prompts.txt": b"a red circle\n", "empty.txt": b"\n# a\n"}
    texts |= {"latin.txt": b"a \xff", "bad.jsonl": b"{\n", "two\nlines/file": b""}
    texts |= {"half.jsonl": b'{"prompt": "a \\ud83d"}', "wide.txt": b"\xff\xfea\0\n\0\xd8\xd8\n\0"}
    texts["wrong/t2v_settings.json"] = b'"frames"'
    for name, text in texts.items():
        pathlib.Path(name).parent.mkdir(exist_ok=True)
        pathlib.Path(name).write_bytes(text)


def call(command, typed):
    """Run a command here: exit code, stdout, stderr, whether no file changed, whether it imported torch."""
    out, err, before, torch = io.StringIO(), io.StringIO(), files(), "torch" in sys.modules
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = importlib.import_module(COMMANDS[command]).main(shlex.split(typed))
    return code, out.getvalue(), err.getvalue(), files() == before, "torch" in sys.modules and not torch


def files():
    return {str(path): path.is_dir() or path.read_bytes() for path in pathlib.Path().rglob("*")}


def refused(result, command, said):
    code, out, err, untouched, _ = result
    assert (code, out) == (2, "") and err.startswith(f"{command}: ") and said in err
    assert err.endswith("\n") and err.count("\n") == 1 and untouched


@pytest.fixture(scope="module")
def called(tmp_path_factory):
    """The calls of WITHOUT_TORCH, made by one process of their own: {(command, typed): what `call` returns}."""
    path = os.pathsep.join([str(pathlib.Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, __file__],
        cwd=tmp_path_factory.mktemp("here"),
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return {(command, typed): result for command, typed, result in json.loads(done.stdout)}


@pytest.mark.parametrize(("command", "typed", "said"), cases(WITHOUT_TORCH))
def test_bad_calls_are_refused_without_torch(called, command, typed, said):
    refused(called[command, typed], command, said)
    assert called[command, typed][-1] is False, "torch was imported"


@pytest.mark.parametrize(("command", "typed", "said"), cases(WITH_TORCH))
def test_bad_calls_are_refused(scale_folder, tmp_path, monkeypatch, command, typed, said):
    from huggingface_hub import constants

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "full"))
    prepare()
    refused(call(command, typed.replace("SCALE", str(scale_folder))), command, said)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_one_layout(command, capsys):
    with pytest.raises(SystemExit) as stop:
        importlib.import_module(COMMANDS[command]).main(["--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0 and text.startswith(f"usage: python -m {command} [-h]")
    assert "\noptions:\n" in text and "(default: " in text and "Exit code: 0" in text


if __name__ == "__main__":
    prepare()
    print(json.dumps([(command, typed, call(command, typed)) for command, typed, _ in cases(WITHOUT_TORCH)]))
