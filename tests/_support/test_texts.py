"""Text files from any editor are read alike; what is not text is refused by file and line."""

import codecs

import pytest

from t2v_helpers._support.texts import check_text, read_csv, read_json, read_lines, read_text

TEXT = "a red circle\nun café, 日本\n\n"
ENCODED = {
    "UTF-8": TEXT.encode(),
    "UTF-8 with a mark (Notepad)": TEXT.encode("utf-8-sig"),
    "UTF-16 (PowerShell's >)": TEXT.encode("utf-16"),
    "UTF-16, big end first": codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    "UTF-32": TEXT.encode("utf-32"),
    "CRLF": TEXT.replace("\n", "\r\n").encode(),
    "CRLF in UTF-16": TEXT.replace("\n", "\r\n").encode("utf-16"),
    "CR (old Macs)": TEXT.replace("\n", "\r").encode(),
}


@pytest.mark.parametrize("form", ENCODED)
def test_every_form_is_the_same_text(tmp_path, form):
    (tmp_path / "t").write_bytes(ENCODED[form])
    assert read_text(tmp_path / "t") == TEXT
    assert read_lines(tmp_path / "t") == [(1, "a red circle"), (2, "un café, 日本")]


@pytest.mark.parametrize(
    "data, says",
    [
        (b"ok\nok\r\na \xff", "line 3: byte 0xff is not UTF-8, expected a text file in UTF-8"),
        ("ok\ncafé".encode("latin-1"), "line 2: byte 0xe9 is not UTF-8"),
        ("a\nb".encode("utf-16-le"), "line 1: a zero byte is not UTF-8"),
        (b"ok\n\0", "line 2: a zero byte is not UTF-8"),
        (codecs.BOM_UTF16_LE + "a\n".encode("utf-16-le") + b"\xd8\xd8\xd8\xd8", "line 2: byte 0xd8 is not UTF-16"),
        (codecs.BOM_UTF16_LE + "a\nb".encode("utf-16-le")[:-1], "line 2: byte 0x62 is not UTF-16"),
    ],
)
def test_what_is_not_text_is_refused_by_line(tmp_path, data, says):
    (tmp_path / "t.txt").write_bytes(data)
    with pytest.raises(ValueError, match=f"t.txt, {says}"):
        read_text(tmp_path / "t.txt")


def test_a_line_ends_only_where_json_says_so(tmp_path):
    (tmp_path / "t").write_text('{"text": "one\u2028line\x85only"}\n', encoding="utf-8")
    assert len(read_lines(tmp_path / "t")) == 1


def test_json_with_a_mark_and_json_that_is_none(tmp_path):
    (tmp_path / "t.json").write_bytes('{"a": "é"}'.encode("utf-16"))
    assert read_json(tmp_path / "t.json") == {"a": "é"}
    (tmp_path / "t.json").write_text('{\n"a": 1,\n}')
    with pytest.raises(ValueError, match=r"t.json is broken: line [23] is not JSON"):
        read_json(tmp_path / "t.json")


@pytest.mark.parametrize("divider", [",", ";", "\t"])
@pytest.mark.parametrize("head", ["file_name{}text\n", "sep={}\nFile_Name{}Text\n", '"file_name"{}"text"\n'])
def test_tables_of_any_spreadsheet(tmp_path, divider, head):
    lines = (
        head.replace("{}", divider)
        + f'a.mp4{divider}"a dog, ""Rex"";\ntwo lines"\n{divider}\n\nb.mp4{divider} a cat \n'
    )
    (tmp_path / "t.csv").write_bytes(lines.replace("\n", "\r\n").encode("utf-16" if divider == "\t" else "utf-8-sig"))
    rows = read_csv(tmp_path / "t.csv")
    assert [row for _, row in rows] == [
        {"file_name": "a.mp4", "text": 'a dog, "Rex";\ntwo lines'},
        {"file_name": "b.mp4", "text": "a cat"},
    ]
    assert lines.split("\n")[rows[1][0] - 1].startswith("b.mp4")


def test_a_table_with_an_open_quote_is_refused_by_line(tmp_path):
    (tmp_path / "t.csv").write_text('file_name,text\na.mp4,"a dog\n')
    with pytest.raises(ValueError, match=r"t.csv, line 2: unexpected end of data, expected a table as CSV"):
        read_csv(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("")
    assert read_csv(tmp_path / "t.csv") == []


def test_half_a_character_is_refused():
    assert check_text("it", "日本 🙂") == "日本 🙂"
    for bad, says in [
        ("a \udcff", "it holds the byte 0xff, .*: 'a \\?'"),
        ("\ud83d", r"it holds half a character, '.ud83d'"),
    ]:
        with pytest.raises(ValueError, match=says):
            check_text("it", bad)
