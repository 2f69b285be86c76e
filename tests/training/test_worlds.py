import json

import numpy as np
import pytest
import torch

from t2v_helpers import save_video, shapes
from t2v_helpers.training import loop, scale_model, worlds
from t2v_helpers.training.data import find_clips

NAMES = shapes.COMBINATIONS[:3]
LINE = json.dumps({"file_name": "00000.webp", "text": str(NAMES[0])})


@pytest.fixture
def folder(tmp_path):
    """Six clips of three kinds, as `write_folder` writes them."""
    worlds.write_folder(tmp_path / "clips", worlds.Rendered(NAMES, size=48, num_frames=8), 6)
    return tmp_path / "clips"


def test_the_whole_world_is_trained_on_but_for_what_is_held_out():
    world = worlds.Rendered()
    assert (len(world.trained), len(world.held_out)) == (264, 56)
    assert {str(names) for names in world.held_out} == shapes.HELD_OUT
    assert set(world.kinds) == set(shapes.COMBINATIONS) and world.kinds[:264] == world.trained
    many, some = worlds.whole(200), worlds.first()
    assert (len(some.trained), len(some.held_out)) == (90, 18) and set(some.kinds) == set(shapes.FIRST)
    assert [len(scene.things) for scene in many.trained] == [1] * 80 + [2] * 120
    assert not any(map(shapes.is_held_out, many.trained)) and all(map(shapes.is_held_out, many.held_out))


@pytest.mark.parametrize("world", [worlds.whole(40), worlds.small(4)], ids=["whole", "small"])
def test_what_is_painted_in_batches_is_what_is_rendered(world):
    pool = world.pool(1)
    which, frame = torch.arange(len(world.kinds)), torch.arange(len(world.kinds)) % world.num_frames
    clips = pool.paint(which)
    for kind, clip in enumerate(clips):
        frames = shapes.render(world.kinds[kind], loop.rng(0, kind, 0, "place"), world.num_frames, world.size)
        torch.testing.assert_close(clip, scale_model.to_model(frames), rtol=0, atol=1e-5)
    assert torch.equal(pool.paint(which, frame)[:, :, 0], clips[which, :, frame])


def test_a_confused_caption_is_nearly_right():
    world, swapped = worlds.whole(60), 0
    for kind, scene in enumerate(world.trained):
        other = shapes.read(world.confused(kind, loop.rng(kind)))
        wrong = [a != b for pair in zip(scene.things, other.things, strict=True) for a, b in zip(*pair, strict=True)]
        assert sum(wrong) in (1, 2) and scene.ground == other.ground
        if sum(wrong) == 2:
            swapped += 1
            assert sorted(sum(scene.things, ())) == sorted(sum(other.things, ()))
    assert 10 < swapped < 36


def test_clips_and_texts_show_and_say_what_their_kind_is():
    world = worlds.small()
    for kind, names in enumerate(world.kinds):
        frames = world.clip(kind, loop.rng(kind))
        assert frames.shape == (8, 32, 32, 3) and shapes.judge(frames) == names
        assert shapes.parse(world.text(kind, loop.rng(kind))) == names


def test_what_the_small_world_holds_out_has_every_word_in_other_company():
    world = worlds.small()
    assert len(world.held_out) >= 0.15 * len(world.kinds) and not set(world.held_out) & set(world.trained)
    for field in ("color", "shape", "motion"):
        assert {getattr(n, field) for n in world.held_out} <= {getattr(n, field) for n in world.trained}
    assert {n.motion for n in world.held_out} == {"left", "right", "up", "down"}


def test_a_folder_gives_the_clips_that_were_written(folder):
    world = worlds.Folder(folder)
    assert world.trained == tuple(NAMES) and world.held_out == () and (world.size, world.num_frames) == (48, 8)
    rendered = worlds.Rendered(NAMES, size=48, num_frames=8)
    written = [rendered.clip(n % 3, loop.rng(0, n, "folder")) for n in range(6)]
    for kind in range(3):
        clips = [world.clip(kind, loop.rng(i)) for i in range(9)]
        seen = {min((np.abs(clip - other).max(), n) for n, other in enumerate(written)) for clip in clips}
        assert max(error for error, _ in seen) < 1 / 255 and {n for _, n in seen} == {kind, kind + 3}
        assert shapes.parse(world.text(kind, loop.rng(0))) == NAMES[kind]


def test_every_clip_of_a_folder_is_an_example_and_none_is_lost_or_drawn_twice(folder):
    lines = (folder / worlds.METADATA[0]).read_text().splitlines(keepends=True)
    (folder / worlds.METADATA[0]).write_text("".join(lines[:5]))  # of the third kind one clip alone
    world = worlds.Folder(folder)
    assert world.examples_per_kind == 2
    clips = (world.pool().paint(torch.arange(6)) / 2 + 0.5).movedim(1, -1).numpy()
    assert len(world.pool()) == 6 and [shapes.judge(clip) for clip in clips] == [NAMES[i // 2] for i in range(6)]
    assert [np.array_equal(clips[2 * kind], clips[2 * kind + 1]) for kind in range(3)] == [False, False, True]


@pytest.mark.parametrize(
    "lines, says",
    [
        (["", "  "], r"metadata.jsonl has no clips, expected clips with"),
        ([LINE, "{"], r"metadata.jsonl, line 2: got '\{', expected file_name and text"),
        (['{"file_name": "00000.webp"}'], "line 1: .* expected file_name and text"),
        ([LINE.replace("00000", "9")], r"9.webp is missing, and .*metadata.jsonl, line 1 names it"),
        ([LINE.replace("00000.webp", "../x.webp")], r"'../x.webp' leads out of"),
        ([LINE.replace("red", "mauve")], "names no color, expected one of: red"),
        ([LINE.replace("red", "blue")], r"00000.webp is captioned 'a blue circle .*', and shows a red"),
    ],
)
def test_bad_metadata_is_told_in_one_line(folder, lines, says):
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    with pytest.raises((ValueError, OSError), match=says) as error:
        worlds.Folder(folder)
    assert "\n" not in str(error.value)


def test_no_folder_no_metadata_and_a_broken_clip(tmp_path, folder):
    with pytest.raises(NotADirectoryError, match=r"nowhere is not a folder, expected clips with metadata.jsonl"):
        worlds.Folder(tmp_path / "nowhere")
    (folder / "00000.webp").write_bytes(b"no clip")
    with pytest.raises(ValueError, match=r"00000.webp cannot be read as a clip"):
        worlds.Folder(folder)
    (folder / "metadata.jsonl").unlink()
    with pytest.raises(FileNotFoundError, match=r"00000.webp has no caption: 00000.txt is missing beside it, expected"):
        worlds.Folder(folder)


def test_clips_of_another_size_or_not_square_are_refused(folder):
    save_video(shapes.render(NAMES[1], 1, 8, 64), folder / "00001.webp")
    with pytest.raises(ValueError, match=r"00001.webp has frames \(8, 64, 64, 3\), expected \(8, 48, 48, 3\)"):
        worlds.Folder(folder)
    save_video(shapes.render(NAMES[0], 1, 8, 64)[:, :48], folder / "00000.webp")
    with pytest.raises(ValueError, match=r"00000.webp has frames of 64x48 pixels, expected square ones"):
        worlds.Folder(folder)


def test_a_world_without_kinds_or_with_one_on_both_sides():
    with pytest.raises(ValueError, match="trained is empty"):
        worlds.Rendered([])
    with pytest.raises(ValueError, match="'a red circle moving left' is both trained and held out"):
        worlds.Rendered(NAMES, NAMES[:1])


def test_clips_of_rare_endings_folders_of_pictures_and_capital_letters_are_found(tmp_path):
    """Each with its caption in a text file beside it, or in a metadata file."""
    for name in ("a.mp4", "b.m2ts", "c.MXF", "d.avif"):
        (tmp_path / name).touch()
    (tmp_path / "e").mkdir()
    for name in "abcde":
        (tmp_path / f"{name}.txt").write_text(name)
    (tmp_path / "README.txt").write_text("about these clips")
    assert [(clip.path.name, clip.text) for clip in find_clips(tmp_path)] == list(
        zip(("a.mp4", "b.m2ts", "c.MXF", "d.avif", "e"), "abcde", strict=True)
    )
    (tmp_path / "f.xyz").touch()
    (tmp_path / "f.txt").write_text("f")
    with pytest.raises(ValueError, match=r"f\.xyz has a text file beside it, and an ending that is no clip's"):
        find_clips(tmp_path)
    (tmp_path / "Metadata.JSONL").write_text('{"file_name": "a.mp4", "text": "a"}')
    assert [clip.path.name for clip in find_clips(tmp_path)] == ["a.mp4"]
