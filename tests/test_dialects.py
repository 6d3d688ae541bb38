"""Tables as people have them: separators, quotes, encodings, names and compressions. No row is lost, none made up."""

import bz2
import gzip
import io
import json
import lzma
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.data import sources
from sentiment.data.sources.review import probable_encoding
from sentiment.errors import InputError


def reading(**changes: Any) -> sources.Reading:
    """Return how a source is read by default, with changes."""
    return sources.AS_USUAL.model_copy(update=changes)


def read(path: Path, content: str | bytes, **changes: Any) -> list[tuple[str | None, str | None]]:
    """Write a file and return the texts and labels of its reviews."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [(review.text, review.label) for review in sources.read(path, reading(**changes))]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("suffix", ["csv", "tsv"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_separator_is_found(tmp_path: Path, separator: str, suffix: str, newline: str) -> None:
    lines = [["label", "text"], ["1", f'"good{separator} very ""good"""'], ["0", "bad"]]
    content = newline.join(separator.join(line) for line in lines)
    expected = [(f'good{separator} very "good"', "1"), ("bad", "0")]
    assert read(tmp_path / f"r.{suffix}", content) == expected
    assert read(tmp_path / f"r.{suffix}", "\ufeff" + content + newline) == expected
    assert read(tmp_path / f"r.{suffix}", f"sep={separator}{newline}{content}") == expected


GLUE = 'sentence\tlabel\nfine\t1\n"Great, one\t1\ndull\t0\nbad 3"\t0\na "b" c\t1\n"a" and "b"\t0\nend\t1\n'


def test_quotation_marks_without_a_meaning_swallow_no_rows(tmp_path: Path) -> None:
    expected = [
        ("fine", "1"),
        ('"Great, one', "1"),
        ("dull", "0"),
        ('bad 3"', "0"),
        ('a "b" c', "1"),
        ('"a" and "b"', "0"),
    ]
    assert read(tmp_path / "r.tsv", GLUE, text_column="sentence") == [*expected, ("end", "1")]
    rows = "".join(f"film {number},{number % 2}\n" for number in range(6))
    found = read(tmp_path / "r.csv", f'text,label\n{rows}"Great fun,1\nno fun,0\nfun again",1\n{rows}')
    assert len(found) == 15
    assert found[6:9] == [('"Great fun', "1"), ("no fun", "0"), ('fun again"', "1")]


def test_quotation_marks_begin_the_only_field_of_a_row() -> None:
    content = b'text\n"Great" movie\n"Two\nlines, \\"one\\" field"\n'
    with sources.open_table("r.csv", "csv", stream=io.BytesIO(content)) as table:
        assert [row.fields["text"] for row in table.rows()] == ['"Great" movie', 'Two\nlines, "one" field']


def test_fields_of_several_lines_are_kept_whole(tmp_path: Path) -> None:
    """Also where each of the lines has as many commas as the header."""
    rows = "".join(f"{number % 2},film {number}\n" for number in range(6))
    found = read(tmp_path / "r.csv", f'label,text\n{rows}1,"good, very\ngood, indeed\n"\n0,"a\n\nb"\n')
    assert found[6:] == [("good, very\ngood, indeed\n", "1"), ("a\n\nb", "0")]
    assert read(tmp_path / "r.tsv", 'label\ttext\n1\t"good\nvery"\n0\tbad\n') == [("good\nvery", "1"), ("bad", "0")]


def test_quotation_marks_after_a_backslash_are_read(tmp_path: Path) -> None:
    content = (
        'label\ttext\n1\t"\\"Odd\\" is its name, \\"odd\\""\n0\t"a ""b"" c"\n1\t"ends in \\"quotes\\""\n0\t"bad"\n'
    )
    expected = [('"Odd" is its name, "odd"', "1"), ('a "b" c', "0"), ('ends in "quotes"', "1"), ("bad", "0")]
    assert read(tmp_path / "r.tsv", content) == expected
    assert read(tmp_path / "r.csv", content.replace("\t", ",")) == expected
    assert read(tmp_path / "r.csv", 'text,label\n"one\nhe said \\"hi\\" ok",1\n') == [('one\nhe said "hi" ok', "1")]


@pytest.mark.parametrize(
    "content, expected",
    [
        ('text,label\n"a"b,c,1\n', "row 1 (line 2): ',' expected after '\"'; fix its quotes"),
        ('text,label\n"a\nb\n', "row 1 (line 2): unexpected end of data; fix its quotes"),
        ('text,label\n"a",b,1\n', "row 1 (line 2): number of fields is 3, not 2; quote fields that"),
        ("text\tlabel\na\tb\t1\n", "row 1 (line 2): number of fields is 3, not 2; quote fields that"),
        ("text,label\na\n", "row 1 (line 2): number of fields is 1, not 2; quote fields that"),
        (f"{'a' * 99},{'a' * 99}\n", f"the header names '{'a' * 27}...{'a' * 28}' twice; rename one"),
        ('"a\tb"x\tc\n', "row 0 (line 1): '\\t' expected after '\"'; fix its quotes"),
    ],
)
def test_a_row_of_no_convention_is_refused(tmp_path: Path, content: str, expected: str) -> None:
    with pytest.raises(InputError, match=re.escape(expected)):
        read(tmp_path / ("r.tsv" if "\t" in content else "r.csv"), content)


WORDS = st.text(st.sampled_from('ab ",\\\n;|é'), max_size=12)  # no tabs, which are not expected in texts


@given(
    rows=st.lists(st.tuples(WORDS, st.sampled_from("01")), min_size=1, max_size=8), separator=st.sampled_from(",;\t|")
)
def test_what_a_writer_quotes_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], separator: str
) -> None:
    def quoted(field: str) -> str:
        return '"' + field.replace('"', '""') + '"'

    content = "".join(f"{quoted(text)}{separator}{label}\n" for text, label in [("text", "label"), *rows])
    path = tmp_path_factory.getbasetemp() / "quoted.csv"
    assert read(path, content) == rows


def test_columns_without_a_name_are_passed_over(tmp_path: Path) -> None:
    assert read(tmp_path / "r.csv", ",label,text,,,\n0,1,good,,,\n1,0,bad,,x,\n") == [("good", "1"), ("bad", "0")]


def test_a_file_without_header_gets_names(tmp_path: Path) -> None:
    content = '"0","1","Mon Apr 06","NO_QUERY","me","bad, really"\n"4","2","Mon","NO_QUERY","me","fine"\n'
    names = ["label", "id", "date", "query", "user", "text"]
    assert read(tmp_path / "r.csv", content, columns=names) == [("bad, really", "0"), ("fine", "4")]
    assert read(tmp_path / "r.tsv", "good, yes\t1\nbad\t0\n", columns=["text", "label"]) == [
        ("good, yes", "1"),
        ("bad", "0"),
    ]
    with pytest.raises(InputError, match=r"row 1 \(line 1\): number of fields is 6, not 2"):
        read(tmp_path / "r.csv", content, columns=["label", "text"])
    with pytest.raises(InputError, match="names its own columns; ingest.columns and --columns are for"):
        read(tmp_path / "r.jsonl", "{}", columns=["label", "text"])


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"columns": []}, r"columns: \[\] is neither header nor a list such as \[label, text\]"),
        ({"columns": ["a", "a"]}, "columns: names 'a' twice; rename one"),
        ({"columns": "a,b"}, "columns: 'a,b' is neither header nor a list"),
        ({"encoding": "rot13"}, "encoding: 'rot13' is not known; try cp1252 or utf-16"),
        ({"encoding": "no such"}, "encoding: 'no such' is not known"),
    ],
)
def test_a_way_to_read_that_cannot_be_is_refused(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        sources.Reading.model_validate(sources.AS_USUAL.model_dump() | changes)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "cp1251", "utf-8"])
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json"])
def test_a_named_encoding_is_read(tmp_path: Path, encoding: str, suffix: str) -> None:
    text = "хорошо" if encoding == "cp1251" else "charmé"
    content = {
        "csv": f"text,label\n{text},1\n",
        "jsonl": f'{{"text": "{text}", "label": 1}}\n',
        "json": f'[{{"text": "{text}", "label": 1}}]\n',
    }[suffix]
    assert read(tmp_path / f"r.{suffix}", content.encode(encoding), encoding=encoding) == [(text, "1")]


def test_a_text_that_is_not_utf_8_is_refused_with_its_probable_encoding(tmp_path: Path) -> None:
    expected = r"row 2 \(line 3\): the text is not valid UTF-8; it is probably cp1252; set ingest.encoding"
    with pytest.raises(InputError, match=expected):
        read(tmp_path / "r.csv", "text,label\ngood,1\nun été charmé,1\n".encode("cp1252"))
    for text, encoding in {"Очень хороший фильм": "cp1251", "这部电影很好看，演员出色": "gb18030"}.items():
        assert probable_encoding(text.encode(encoding).decode("utf-8", "surrogateescape")) == encoding
    with pytest.raises(InputError, match="row 1: the text contains '.ud83d', half of a character"):
        read(tmp_path / "r.jsonl", '{"text": "a \\ud83d", "label": 1}\n')


ARRAYS = [
    '[{"text": "good", "label": 1}, {"text": "bad", "label": 0}]',
    '\n [\n  {\n    "text": "good",\n    "label": 1\n  },\n  {"text": "bad", "label": 0}\n ]\n\n',
]


@pytest.mark.parametrize("content", [*ARRAYS, '{"text": "good", "label": 1}\n\n{"text": "bad", "label": 0}'])
@pytest.mark.parametrize("name", ["r.json", "r.jsonl", "r.ndjson", "reviews", "r.txt"])
def test_json_is_read_under_any_name(tmp_path: Path, content: str, name: str) -> None:
    assert read(tmp_path / name, content) == [("good", "1"), ("bad", "0")]


def test_a_long_array_is_read(tmp_path: Path) -> None:
    rows = [{"text": f"{number} " * (number % 997), "label": number % 2} for number in range(3000)]
    rows.append({"text": "long " * 100_000, "label": 1})
    expected = [(row["text"], str(row["label"])) for row in rows]
    assert read(tmp_path / "r.json", json.dumps(rows)) == expected
    assert read(tmp_path / "r.json", "[]") == []


@pytest.mark.parametrize(
    "content, expected",
    [
        ('[{"text": "a", "label": 1}', "row 2: not JSON; write a comma"),
        ('[{"text": "a", "label": 1} {"text"', "row 2: not JSON; write a comma"),
        ('[{"text": "a", "label": 1}, {"text"', "row 2: not JSON (Expecting ':' delimiter); write"),
        ('[{"text": "a", "label": 1}, 5]', "row 2: contains 5, not an object"),
        ('[{"text": "a", "label": 1}]\n[]', "row 2: text after the array; write all objects in one array"),
        ('[{"text": "a", "label": 1, "label": 0}]', "row 1: not JSON (the key 'label' appears twice in an object)"),
        ('[{"text": "' + "a" * 2**24, "row 1: longer than 16,777,216 characters"),
    ],
)  # fmt: skip
def test_an_array_that_is_damaged_is_refused(tmp_path: Path, content: str, expected: str) -> None:
    with pytest.raises(InputError, match=re.escape(expected)):
        read(tmp_path / "r.json", content)


def test_a_dotted_name_is_a_field_of_a_field(tmp_path: Path) -> None:
    names = {"text_column": "review.body.text", "label_column": "review.stars"}
    row = {"review": {"stars": 4.0, "body": {"text": "good"}}}
    assert read(tmp_path / "r.jsonl", json.dumps(row), **names) == [("good", "4")]
    pq.write_table(pa.table({"review": [row["review"], None]}), tmp_path / "r.parquet")
    found = [review[1:3] for review in sources.read(tmp_path / "r.parquet", reading(**names))]
    assert found == [("good", "4"), (None, None)]
    assert read(tmp_path / "r.csv", "a.b,label\ngood,1\n", text_column="a.b") == [("good", "1")]
    with pytest.raises(InputError, match="no column 'review.body.text' among 'review'"):
        read(tmp_path / "r.jsonl", '{"review": {"body": "good", "stars": 1}}', **names)


def zipped(content: bytes, *names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return stream.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda content: gzip.compress(content, mtime=0),
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda content: pa.compress(content, "zstd", asbytes=True),
    ".zip": lambda content: zipped(content, "data/", "data/r.csv", "__MACOSX/data/._r.csv"),
}  # fmt: skip
CONTENT = b"text,label\n" + b"".join(b"film %d,%d\n" % (number, number % 2) for number in range(20_000))


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_compressed_file_is_read(tmp_path: Path, suffix: str) -> None:
    packed = PACKERS[suffix](CONTENT)
    expected = [(f"film {number}", str(number % 2)) for number in range(20_000)]
    assert read(tmp_path / f"r.csv{suffix}", packed) == expected
    if suffix == ".zip":
        assert read(tmp_path / "archive.zip", packed) == expected
    elif suffix != ".zst":
        half = CONTENT.index(b"\n", 50_000) + 1
        parts = PACKERS[suffix](CONTENT[:half]) + PACKERS[suffix](CONTENT[half:])
        assert read(tmp_path / f"r.csv{suffix}", parts + b"\r\n") == expected


# An archive may end with a comment, and pyarrow writes no checksum into a zstd stream.
UNNOTICED = {(".zip", "more"), (".zst", "changed"), (".zst", "empty")}
DAMAGES = [(suffix, damage) for suffix in PACKERS for damage in ("cut off", "changed", "empty", "more")]


@pytest.mark.parametrize("suffix, damage", [pair for pair in DAMAGES if pair not in UNNOTICED])
def test_a_damaged_compressed_file_is_refused(tmp_path: Path, suffix: str, damage: str) -> None:
    packed = bytearray(PACKERS[suffix](CONTENT))
    if damage == "changed":
        packed[len(packed) // 2] ^= 255
    content = {"cut off": packed[: len(packed) // 2], "empty": b"", "more": packed + b"more" * 9}.get(damage, packed)
    # Altered content may be no table, which is found before its checksum is.
    with pytest.raises(InputError, match=f"r.csv{suffix}: " + ("" if damage == "changed" else "damaged or cut off")):
        read(tmp_path / f"r.csv{suffix}", bytes(content))


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_compressed_file_that_would_fill_the_disk_is_refused(tmp_path: Path, suffix: str) -> None:
    packed = PACKERS[suffix](b"text,label\n" + (b" " * 2**20 + b",1\n") * 70)
    assert len(packed) < 300_000
    with pytest.raises(InputError, match=f"r.csv{suffix}: unpacks to more than 67,108,864 bytes, 100 times its size"):
        read(tmp_path / f"r.csv{suffix}", packed)


@pytest.mark.parametrize(
    "names, expected",
    [
        (["a.csv", "b.csv"], "the archive contains 2 files; unpack it and give the file with"),
        (["data/r.csv.gz"], "the archive contains 'r.csv.gz', which is compressed itself; unpack the archive"),
        (["r.parquet"], "the archive contains 'r.parquet'; unpack it, since Parquet is read unpacked only"),
        (["notes.txt"], "has no known format; give .csv"),
    ],
)
def test_an_archive_that_is_not_one_text_table_is_refused(tmp_path: Path, names: list[str], expected: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"archive.zip: {expected}")):
        read(tmp_path / "archive.zip", zipped(b"", *names))


@pytest.mark.parametrize("name", ["archive.zip", "r.csv.zip"])
def test_the_file_in_an_archive_decides_how_it_is_read(tmp_path: Path, name: str) -> None:
    assert read(tmp_path / name, zipped(b"good\n", "rt.pos")) == [("good", "pos")]
    assert read(tmp_path / name, zipped(b'{"text": "good", "label": 1}\n', "r.json")) == [("good", "1")]
    if name == "r.csv.zip":
        assert read(tmp_path / name, zipped(b"text,label\ngood,1\n", "reviews")) == [("good", "1")]


def write_parts(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(f"text,label\nfilm {number},{number % 2}\n", encoding="utf-8")


def test_the_parts_in_a_folder_are_one_source(tmp_path: Path) -> None:
    write_parts(tmp_path / "parts", "part-1.csv", "part-0.csv", ".hidden.csv", "_SUCCESS", "README.md")
    found = list(sources.read(sources.locate(str(tmp_path / "parts"))))
    expected = [("part-0.csv/1", "film 1", "1"), ("part-1.csv/1", "film 0", "0")]
    assert [review[:3] for review in found] == expected
    assert {review.split for review in found} == {None}
    (tmp_path / "parts/part-2.jsonl").touch()
    with pytest.raises(InputError, match="has tables of several formats, 'part-1.csv' and 'part-2.jsonl'; keep"):
        list(sources.read(tmp_path / "parts"))


@pytest.mark.parametrize(
    "expected, has_valid",
    [
        ({"train-0.csv": "train", "test-0.csv": "test", "more.csv": "train", "testimonials.csv": "train"}, False),
        ({"Training.csv": "train", "testing.csv": "test", "val_1.csv": "valid", "dev.csv": "valid"}, True),
        ({"train.csv": None, "validation-0.csv": "valid"}, True),
        ({"train.csv": None, "testimonials.csv": None, "devices.csv": None}, False),
        ({"test-0.csv": None, "valid-0.csv": None}, False),
    ],
)
def test_the_names_of_parts_give_their_splits(tmp_path: Path, expected: dict[str, str | None], has_valid: bool) -> None:
    write_parts(tmp_path / "parts", *expected)
    found = list(sources.read(tmp_path / "parts"))
    assert {review.id.removesuffix("/1"): review.split for review in found} == expected
    assert {review.has_valid for review in found} == {has_valid}


def test_folders_are_not_parts(tmp_path: Path) -> None:
    for name in ("neg", "pos", "part.csv"):
        (tmp_path / "parts" / name).mkdir(parents=True)
    with pytest.raises(InputError, match="parts: no reviews in test/neg, .* a folder without tables"):
        list(sources.read(tmp_path / "parts"))
    assert sources.table_format(tmp_path / "parts") is None


def test_the_suffix_of_a_file_of_lines_is_its_label(tmp_path: Path) -> None:
    (tmp_path / "rt-polarity.neg").write_bytes('dull , " flat " .\n'.encode("latin-1"))
    (tmp_path / "rt-polarity.pos").write_bytes("charm\u00e9 , a delight .\r\nfine .".encode("latin-1"))
    found = [review[1:3] for review in sources.read(tmp_path, reading(encoding="latin-1"))]
    assert found == [('dull , " flat " .', "neg"), ("charmé , a delight .", "pos"), ("fine .", "pos")]


@pytest.mark.parametrize(
    "name, content, expected",
    [
        ("r.csv", b"sep=;\r\ntext;label\r\n\"a;b\";1\r\n", b"sep=;\r\ntext;label;more\r\n\"a;b\";1;x\r\n"),
        ("r.tsv", b'text\tlabel\n"a\t1\n"b" c\t0\n', b'text\tlabel\tmore\n"a\t1\tx\n"b" c\t0\tx\n'),
        ("r.csv", b"\xef\xbb\xbftext,,\ngood,,", b"\xef\xbb\xbftext,,,more\ngood,,,x\n"),
        ("r.json", b'[{"a": 1e400},{"a" : 0} ]', b'[\n{"a": 1e400, "more": "x"},\n{"a" : 0, "more": "x"}\n]\n'),
        ("r.jsonl", b'{"text":1.50}', b'{"text":1.50, "more": "x"}\n'),
        ("r.pos", b"good\n", b"good\tx\n"),
    ],
)  # fmt: skip
def test_a_table_is_written_in_the_dialect_in_which_it_was_read(name: str, content: bytes, expected: bytes) -> None:
    written = io.BytesIO()
    format_ = sources.format_of(name) or ""
    with sources.open_table(name, format_, stream=io.BytesIO(content)) as table:
        assert isinstance(table.encoding, str)
        text = io.TextIOWrapper(written, encoding=table.encoding, errors="surrogateescape", newline="")
        with table.writer(text, {"more": str}) as write:
            write((row, {"more": "x"}) for row in table.rows(whole=True))
        text.flush()
    assert written.getvalue() == expected
