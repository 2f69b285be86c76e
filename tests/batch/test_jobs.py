"""What a file of prompts asks for: every bad line is named before a clip is made, and no name leaves the folder."""

import os
import pathlib
import re

import pytest
from batches import TEXT, count_clips, run
from hypothesis import example, given, settings
from hypothesis import strategies as st

from t2v_helpers.batch import jobs
from t2v_helpers.models import pipelines


def test_every_bad_line_is_named_before_anything_is_made(scale_folder, tmp_path, capsys, monkeypatch):
    lines = ['{"prompt": "a red dragon"}', '{"prompt": "a red circle falling"}', "{", '{"seed": 1}', '{"prompt": " "}']
    lines += ['{"prompt": 3}', '{"prompt": "a red box", "seed": -1}', '{"prompt": "a red box", "sead": 1}', "[]"]
    lines += ['{"prompt": "a red box", "negative_prompt": "elf"}', '{"prompt": "a red box", "seed": "1"}']
    (tmp_path / "p.jsonl").write_text("\n".join(lines))
    made = count_clips(monkeypatch)
    assert run(scale_folder, tmp_path / "p.jsonl", tmp_path / "clips") == 2
    out, err = capsys.readouterr()
    told = [re.fullmatch(r"t2v_helpers: .*p\.jsonl line (\d+): (.+)", line) for line in err.splitlines()]
    assert [int(line[1]) for line in told] == [1, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert "'dragon'" in told[0][2] and "'sead'" in told[6][2] and "'elf'" in told[8][2]
    assert out == "" and not made and not (tmp_path / "clips").exists()


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
def test_bad_arguments_are_told_before_a_model_is_loaded(scale_folder, tmp_path, monkeypatch, capsys, more, said):
    (tmp_path / "prompts.txt").write_text(TEXT)
    monkeypatch.setattr(pipelines, "load_pipeline", None)
    assert run(scale_folder, tmp_path / "prompts.txt", tmp_path / "clips", *more) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("t2v_helpers: ") and said in err and err.count("\n") == 1
    assert not (tmp_path / "clips").exists()


@pytest.mark.parametrize(("content", "said"), [(b"\n# a\n", "holds no prompts"), (b"a \xff", "not UTF-8"), (None, "")])
def test_files_that_hold_no_prompts(scale_folder, tmp_path, capsys, content, said):
    file = tmp_path / "other.txt"
    if content is not None:
        file.write_bytes(content)
    assert run(scale_folder, file, tmp_path / "clips") == 2
    err = capsys.readouterr().err
    assert str(file) in err and said in err and err.count("\n") == 1


@settings(deadline=None)
@given(st.integers(1, 10**6), st.text())
@example(1, "../../etc/passwd")
@example(1, "/absolute")
@example(1, "\x00\n\\..\\con")
@example(1, "日本")
@example(1, "a" * 300)
def test_names_never_leave_the_folder(line, prompt):
    name = jobs.file_name(line, prompt)
    folder = pathlib.Path("/some/folder")
    assert os.path.normpath(folder / name) == str(folder / name) and (folder / name).parent == folder
    assert re.fullmatch(r"\d{4,}-[a-z0-9]([a-z0-9-]*[a-z0-9])?\.mp4", name, re.ASCII) and len(name) <= 80
    assert int(name.split("-")[0]) == line  # so that no two lines share one
