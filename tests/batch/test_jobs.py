"""What a file of prompts asks for: every bad line is named before a clip is made, and no name leaves the folder."""

import os
import pathlib
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from t2v_helpers.batch import cli, jobs


def test_every_bad_line_is_named_before_anything_is_made(scale_folder, tmp_path, capsys):
    lines = ['{"prompt": "a red dragon"}', '{"prompt": "a red circle falling"}', "{", '{"seed": 1}', '{"prompt": " "}']
    lines += ['{"prompt": 3}', '{"prompt": "a red box", "seed": -1}', '{"prompt": "a red box", "sead": 1}', "[]"]
    lines += ['{"prompt": "a red box", "negative_prompt": "elf"}', '{"prompt": "a red box", "seed": "1"}']
    (tmp_path / "p.jsonl").write_text("\n".join(lines))
    made = ["--output-dir", str(tmp_path / "clips"), "--model", str(scale_folder)]
    assert cli.main([str(tmp_path / "p.jsonl"), *made]) == 2
    out, err = capsys.readouterr()
    told = [re.fullmatch(r"t2v_helpers\.batch: .*p\.jsonl line (\d+): (.+)", line) for line in err.splitlines()]
    assert [int(line[1]) for line in told] == [1, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert "'dragon'" in told[0][2] and "'sead'" in told[6][2] and "'elf'" in told[8][2]
    assert out == "" and not (tmp_path / "clips").exists()


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_warnings_name_their_line_once(cached, tmp_path, capsys):
    (tmp_path / "p.txt").write_text("a dog\n\nein Hund und eine Katze\n")
    small = "--model modelscope --size 64x64 --steps 1 --frames 2".split()
    assert cli.main([str(tmp_path / "p.txt"), "--output-dir", str(tmp_path / "clips"), *small]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("t2v_helpers")]
    assert len(lines) == 1 and lines[0].startswith(f"t2v_helpers.batch: {tmp_path / 'p.txt'} line 3: the prompt does")


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
