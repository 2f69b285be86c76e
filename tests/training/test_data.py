"""--data takes the layouts that people have, and says which file and line it cannot use."""

import json

import numpy as np
import pytest
import torch

from t2v_helpers import save_frames, save_video, shapes
from t2v_helpers.training import scale_model, worlds
from t2v_helpers.training.data import find_clips

RED, BLUE = "a red circle moving left", "a blue square growing"


@pytest.fixture
def folder(tmp_path):
    """Two clips, one in a subfolder, without captions."""
    (tmp_path / "clips" / "sub").mkdir(parents=True)
    for name, text in (("a.mp4", RED), ("sub/b.webp", BLUE)):
        save_video(shapes.render(text, 1, 8, 48), tmp_path / "clips" / name)
    return tmp_path / "clips"


def lines(*pairs, column="text"):
    return "".join(json.dumps({"file_name": name, column: text, "fps": 8}) + "\n" for name, text in pairs)


PAIRS = ("a.mp4", RED), ("sub/b.webp", BLUE)
LAYOUTS = {
    "jsonl": {"metadata.jsonl": lines(*PAIRS).encode()},
    "jsonl from Windows": {
        "metadata.jsonl": lines(*PAIRS).replace("/", r"\\").replace("\n", "\r\n").encode("utf-8-sig")
    },
    "jsonl from PowerShell": {"metadata.jsonl": lines(*PAIRS).encode("utf-16")},
    "jsonl with captions": {"metadata.jsonl": lines(*PAIRS, column="caption").encode()},
    "jsonl in each folder": {
        "metadata.jsonl": lines(PAIRS[0]).encode(),
        "sub/metadata.jsonl": lines(("b.webp", BLUE)).encode(),
    },
    "csv": {"metadata.csv": f"file_name,text\na.mp4,{RED}\nsub/b.webp,{BLUE}\n".encode()},
    "csv from Excel": {
        "metadata.csv": f"file_name;text\r\na.mp4;{RED}\r\nsub\\b.webp;{BLUE}\r\n;\r\n".encode("utf-8-sig")
    },
    "csv of columns in another order": {
        "metadata.csv": f"id,prompt,file_name\n0,{RED},a.mp4\n1,{BLUE},sub/b.webp".encode()
    },
    "text files": {"a.txt": RED.encode(), "sub/b.txt": f"{BLUE}\r\n\r\n".encode("utf-16")},
    "text files of macOS": {"a.txt": RED.encode(), "sub/b.TXT": BLUE.encode(), "._a.mp4": b"x", ".DS_Store": b"x"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_is_read_in_every_layout(folder, layout):
    for name, data in LAYOUTS[layout].items():
        (folder / name).write_bytes(data)
    world = worlds.Folder(folder)
    assert [str(kind) for kind in world.trained] == [RED, BLUE] and (world.size, world.num_frames) == (48, 8)
    assert shapes.judge(world.clip(1, worlds.rng(0))) == shapes.parse(BLUE) and world.text(1, worlds.rng(0)) == BLUE


@pytest.mark.parametrize(
    "files, says",
    [
        ({}, r"a.mp4 has no caption: a.txt is missing beside it, expected clips with metadata.jsonl or metadata.csv"),
        ({"a.txt": b" \n", "sub/b.txt": b"x"}, r"a.txt is empty, expected the caption of a.mp4"),
        ({"a.txt": b"ok\n\xff"}, r"a.txt, line 2: byte 0xff is not UTF-8"),
        (
            {"metadata.jsonl": lines(PAIRS[0], ("b.webp", None)).encode()},
            "metadata.jsonl, line 2: got .*expected file_name",
        ),
        ({"metadata.jsonl": lines(("a.mp4", " ")).encode()}, "line 1: got .*expected file_name and text"),
        (
            {"metadata.jsonl": b'{"file_name": "a.mp4", "text": "\\ud800"}'},
            "line 1: the caption holds half a character",
        ),
        ({"metadata.jsonl": lines(("/etc/a.mp4", RED)).encode()}, "line 1: file_name '/etc/a.mp4' leads out of"),
        ({"metadata.jsonl": lines((r"..\a.mp4", RED)).encode()}, r"line 1: file_name .* leads out of"),
        ({"metadata.csv": b"file_name,text\na.mp4\n"}, "metadata.csv, line 2: got .*expected file_name and text"),
        (
            {"metadata.csv": f"a.mp4,{RED}\na.mp4,{RED}".encode()},
            "metadata.csv, line 2: got .*expected file_name and text",
        ),
        (
            {"metadata.csv": b"", "metadata.jsonl": b""},
            "holds both metadata.jsonl and metadata.csv, expected one of them",
        ),
        ({"metadata.csv": b"file_name,text\n"}, "metadata.csv has no clips, expected clips with"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(folder, files, says):
    for name, data in files.items():
        (folder / name).write_bytes(data)
    with pytest.raises((ValueError, OSError), match=says) as error:
        worlds.Folder(folder)
    assert "\n" not in str(error.value)


def test_links_and_folders_of_frames_are_clips_as_well(folder, tmp_path):
    (folder / "a.mp4").rename(tmp_path / "elsewhere.mp4")
    (folder / "a.mp4").symlink_to(tmp_path / "elsewhere.mp4")
    save_frames(shapes.render(BLUE, 2, 8, 48), folder / "frames")
    (folder / "metadata.jsonl").write_text(lines(("a.mp4", RED), ("frames", BLUE)))
    assert len(worlds.Folder(folder).trained) == 2 and len(find_clips(folder)) == 2


def test_any_captions_any_sizes_and_any_lengths(folder):
    (folder / "c").mkdir()
    save_frames(np.random.default_rng(0).random((12, 30, 50, 3)), folder / "c" / "frames")
    said = "Un café, près du LAC!", "a red circle moving left", "un cafe\u0301, près du lac"
    (folder / "metadata.jsonl").write_text(lines(("a.mp4", said[0]), ("sub/b.webp", said[1]), ("c/frames", said[2])))
    with pytest.raises(ValueError, match=r"line 1: caption 'Un café.*names no color.*\(--any-captions takes any"):
        worlds.Folder(folder)
    with pytest.raises(ValueError, match=r"frames has frames of 50x30 pixels, expected square .*--size crops"):
        worlds.Folder(folder, judged=False)
    with pytest.raises(
        ValueError, match=r"frames has frames \(12, 32, 32, 3\), expected \(8, .*--frames make them alike"
    ):
        worlds.Folder(folder, judged=False, size=(32, 32))
    world = worlds.Folder(folder, judged=False, size=(32, 32), num_frames=6)
    assert world.trained == ("un café, près du lac", RED) and world.examples_per_kind == 2 and not world.judged
    assert world.pool().paint(torch.tensor([1])).shape == (1, 3, 6, 32, 32)
    assert world.text(0, worlds.rng(0)) == "un café, près du lac"
    with pytest.raises(ValueError, match=r"which is 3 frames at 3 fps, expected at least 6"):
        worlds.Folder(folder, judged=False, size=(32, 32), num_frames=6, fps=3)


@pytest.mark.parametrize(
    "text", ["un café rouge", "日本の猫 runs", "it's 42 (of 99) -- so!", "naïve 🙂 face", "İstanbul"]
)
def test_a_tokenizer_of_any_captions_reads_them_all(text):
    from t2v_helpers.models.request import check_prompt, plain

    tokenizer = scale_model.new_tokenizer([plain(text), "a dog"])
    ids = tokenizer(plain(text)).input_ids[1:-1]
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.decode(ids).replace(" ", "") == plain(text).replace(" ", "")
    assert check_prompt(text, tokenizer) == (plain(text), [])
    with pytest.raises(ValueError, match="says 'wolf', which the scale model does not know"):
        check_prompt("a wolf", tokenizer)
