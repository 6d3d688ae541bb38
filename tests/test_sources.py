"""Sources: every format gives the same reviews, and an error names the row that cannot be read."""

import csv
import gzip
import io
import json
import tarfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sentiment.data import sources
from sentiment.data.sources import Review
from sentiment.data.sources.delimited import Csv
from sentiment.data.sources.parquet_pages import pages
from sentiment.errors import InputError
from tests.support.imports import ROOT


def reading(**changes: Any) -> sources.Reading:
    """Return how a source is read by default, with changes."""
    return sources.AS_USUAL.model_copy(update=changes)


ROWS = [
    ('Good, "very" good.\nTwo lines.', "positive"),
    ("NA", "0"),
    ("", "neg"),
    ("a\tb 🎬 é", "1"),
    ("word " * 100_000, "POS "),
]
EXPECTED = [
    Review(str(number), text, label)
    for number, ((text, _), label) in enumerate(zip(ROWS, ["positive", "0", "neg", "1", "POS"], strict=True), 1)
]


def write_csv(
    path: Path, rows: list[tuple[str, str]], header: tuple[str, str] = ("text", "label"), delimiter: str = ","
) -> Path:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter).writerows([header, *rows])
    content = stream.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def write_jsonl(path: Path, rows: list[tuple[str, Any]]) -> Path:
    content = "".join(json.dumps({"label": label, "text": text, "more": [1]}) + "\n" for text, label in rows).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def write_parquet(path: Path, rows: list[tuple[str, Any]]) -> Path:
    texts, labels = zip(*rows, strict=True)
    pq.write_table(pa.table({"text": pa.array(texts), "label": pa.array(labels)}), path)
    return path


WRITERS: dict[str, Callable[[Path, list[tuple[str, str]]], Path]] = {
    "r.csv": write_csv,
    "r.csv.gz": write_csv,
    "R.CSV": write_csv,
    "r.tsv": lambda path, rows: write_csv(path, rows, delimiter="\t"),
    "r.tsv.gz": lambda path, rows: write_csv(path, rows, delimiter="\t"),
    "semicolons.csv": lambda path, rows: write_csv(path, rows, delimiter=";"),
    "r.jsonl": write_jsonl,
    "r.jsonl.gz": write_jsonl,
    "r.parquet": write_parquet,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_table_format_gives_the_same_reviews(tmp_path: Path, name: str) -> None:
    path = WRITERS[name](tmp_path / name, ROWS)
    assert sources.locate(str(path)) == path
    assert list(sources.read(path)) == EXPECTED


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(b"\xef\xbb\xbftext,label\r\ngood,1\r\n")
    assert list(sources.read(path)) == [Review("1", "good", "1")]


@pytest.mark.parametrize(
    "label, expected",
    [
        (1, "1"), (0.0, "0"), (4.5, "4.5"), (True, "true"), ("True", "true"), (" 1.0", "1"), ("-1", "-1"),
        ("two  words", "two  words"), (None, None), (float("nan"), None), (" ", None),
    ],
)  # fmt: skip
def test_labels_mean_what_they_look_like(tmp_path: Path, label: Any, expected: str | None) -> None:
    for path in (
        write_jsonl(tmp_path / "r.jsonl", [("x", label)]),
        write_parquet(tmp_path / "r.parquet", [("x", label)]),
    ):
        assert [review.label for review in sources.read(path)] == [expected]


@pytest.mark.parametrize(
    "column, expected",
    [
        (pa.array([Decimal("1.00"), Decimal("0.5"), None]), ["1", "0.5", None]),
        (pa.array([1, 0, None], pa.int64()), ["1", "0", None]),
        (pa.array([True, False, None]), ["true", "false", None]),
        (pa.array(["good", "bad", None]).dictionary_encode(), ["good", "bad", None]),
        (pa.array([5, 1, None], pa.int8()).dictionary_encode(), ["5", "1", None]),
    ],
)
def test_a_column_of_any_type_of_labels_is_read(tmp_path: Path, column: pa.Array, expected: list[str | None]) -> None:
    pq.write_table(pa.table({"text": ["a", "b", "c"], "label": column}), tmp_path / "r.parquet")
    assert [review.label for review in sources.read(tmp_path / "r.parquet")] == expected


def class_label(path: Path, labels: list[int | None], names: list[str]) -> Path:
    """Write a table as Hugging Face's `datasets` does, which names its classes in the schema's metadata."""
    features = {"text": {"dtype": "string", "_type": "Value"}, "label": {"names": names, "_type": "ClassLabel"}}
    table = pa.table(
        {"text": [f"film {number}" for number in range(len(labels))], "label": pa.array(labels, pa.int64())}
    )
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return path


def test_the_names_of_labels_in_a_parquet_file_are_obeyed(tmp_path: Path) -> None:
    path = class_label(tmp_path / "r.parquet", [0, 1, -1, None], ["pos", "neg"])
    assert [review.label for review in sources.read(path)] == ["pos", "neg", None, None]
    path = class_label(tmp_path / "r.parquet", [0, 2], ["pos", "neg"])
    with pytest.raises(InputError, match="row 2: 'label' is 2, but the file's metadata names the classes 0 to 1;"):
        list(sources.read(path))


def test_the_usual_columns_are_found(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "r.csv", ROWS, header=("review", "sentiment"))
    assert list(sources.read(path)) == EXPECTED
    path = write_csv(tmp_path / "r.csv", ROWS, header=("body", "class"))
    assert list(sources.read(path, reading(text_column="body", label_column="class"))) == EXPECTED


@pytest.mark.parametrize(
    "name, content, expected",
    [
        ("r.csv", b"", "empty"),
        ("r.csv", b"words,label\na,1\n", "no column 'text' or 'review' among 'words', 'label'; set ingest.text_column"),
        ("r.csv", b"text,stars\na,1\n", "no column 'label' or 'sentiment' among 'text', 'stars'"),
        ("r.csv", b"text,text,label\na,b,1\n", "names 'text' twice"),
        ("r.jsonl", b'{"text": "a", "label": 1, "label": 0}\n', "row 1: not JSON .the key 'label' appears twice in an"),
        ("r.csv", b"text,label\n\xff,1\n", r"row 1 \(line 2\): the text is not valid UTF-8"),
        ("r.csv", b"text,label\na,b,1\n", r"row 1 \(line 2\): number of fields is 3, not 2"),
        ("r.csv", b'text,label\n"a\nb,1\n', r"row 1 \(line 2\): unexpected end of data; fix its quotes"),
        ("r.csv", b"text,label\na,1\nb\xff,1\n", r"row 2 \(line 3\): the text is not valid UTF-8"),
        ("r.csv", b"text,label\na\0b,1\n", r"row 1 \(line 2\): the text contains a NUL byte"),
        ("r.csv.gz", b"text,label\na,1\n", "damaged or cut off"),
        # mtime=0: a test's name holds its bytes, and all workers must find the same names.
        ("r.csv.gz", gzip.compress(b"text,label\na,1\n", mtime=0)[:-9], "damaged or cut off"),
        ("r.jsonl", b'{"text": "a", "label": 1}\n{"text": "a"\n', "row 2: not JSON"),
        ("r.jsonl", b"[1]\n", "row 1: contains"),
        ("r.jsonl", b'{"text": "a"}\n{"text": "b"}\n', "row 1: no column 'label' or 'sentiment' among 'text'"),
        ("r.jsonl", b'{"text": "a", "label": [1]}\n', r"row 1: the label is \[1\], neither a word nor a number"),
        ("r.csv", b"text,label\na,b\x1b[2J\n", r"row 1 \(line 2\): the label is .*printable"),
        ("r.jsonl", b'{"text": 5, "label": 1}\n', "row 1: the text is 5, not a string"),
        ("r.jsonl", b'{"text": "\\u0000", "label": 1}\n', "row 1: the text contains a NUL byte"),
        ("r.jsonl", b'{"text": "\\ud800", "label": 1}\n', r"row 1: the text contains '\\ud800', half of a char"),
        ("r.parquet", b"PAR1 but not really", "not a readable Parquet file"),
    ],
)  # fmt: skip
def test_an_error_names_the_row_that_cannot_be_used(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=expected) as caught:
        list(sources.read(path))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_missing_texts_and_labels_are_passed_on(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a", None], "label": [None, 0]}), tmp_path / "r.parquet")
    assert list(sources.read(tmp_path / "r.parquet")) == [Review("1", "a", None), Review("2", None, "0")]
    (tmp_path / "r.csv").write_text("text,label\na,\n,1\n", encoding="utf-8")
    assert list(sources.read(tmp_path / "r.csv")) == [Review("1", "a", None), Review("2", "", "1")]
    (tmp_path / "r.jsonl").write_text('{"text": "a"}\n{"text": "b", "label": 1}\n{"label": 1}\n', encoding="utf-8")
    assert [review[1:3] for review in sources.read(tmp_path / "r.jsonl")] == [("a", None), ("b", "1"), (None, "1")]


def test_columns_of_the_same_name_in_parquet_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    pq.write_table(
        pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"]), pa.array([1])], ["text", "text", "label"]), path
    )
    with pytest.raises(InputError, match="has two columns 'text'; rename one"):
        list(sources.read(path))


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl", "r.parquet"])
def test_one_column_for_text_and_label_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text('{"label": "1"}\n' if name == "r.jsonl" else "label\n1\n", encoding="utf-8")
    if name == "r.parquet":
        pq.write_table(pa.table({"label": ["1"]}), path)
    with pytest.raises(InputError, match="ingest.text_column and ingest.label_column are both 'label'; change one"):
        list(sources.read(path, reading(text_column="label")))


def test_a_path_that_is_not_a_source_is_refused(workspace: Path) -> None:
    (workspace / "notes.txt").touch()
    for source, expected in {
        "": "is not a path; give one",
        "a\0b.csv": "is not a path; give one",
        ".": "contains this pipeline's outputs; give the reviews' own folder",
        "missing.csv": "does not exist",
        "notes.txt": "has no known format; give .csv, .*, .tar or the IMDb folder",
        "../elsewhere.csv": "'../elsewhere.csv' leaves the repository; give its absolute path",
        "data/../../elsewhere.csv": "leaves the repository",
        "data/sample/none": "ingest.source: 'data/sample/none' stands for no reviews; give a source",
    }.items():
        with pytest.raises(InputError, match=expected):
            sources.locate(source)


def test_a_format_is_added_by_one_line_in_the_registry(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class PipeSeparated(Csv):
        separator = "|"

    monkeypatch.setitem(sources.TEXT_FORMATS, "psv", PipeSeparated)
    for name in ("r.psv", "r.psv.gz"):
        path = write_csv(workspace / name, ROWS, delimiter="|")
        assert list(sources.read(sources.locate(name))) == EXPECTED
        written = io.StringIO()
        stream = io.BytesIO(path.read_bytes())
        with sources.open_table(name, "psv", stream=stream) as table, table.writer(written, {"more": float}) as write:
            write([(list(table.rows())[1], {"more": 1})])
        assert written.getvalue() == "text|label|more\r\nNA|0|1\r\n"
    with pytest.raises(InputError, match=r"no known format; give .csv, .*, .psv \(also .gz .* .zip\), .parquet"):
        sources.locate("params.yaml")


def test_params_yaml_lists_the_formats() -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    comment = text[text.index("  source:") : text.index("  text_column:")]
    assert all(f".{suffix}" in comment for suffix in sources.table_formats())
    assert all(word in comment for word in ("compressed", ".tar.gz", "folder"))


Member = tuple[str, bytes]
REVIEWS: list[Member] = [
    ("aclImdb/README", b"about"),
    ("aclImdb/train/unsup/1_0.txt", b"no label"),
    ("aclImdb/train/pos/10_8.txt", b"ten"),
    ("aclImdb/train/pos/9_8.txt", b"nine"),
    ("aclImdb/train/neg/0_2.txt", b"zero \xc3\xa9"),
    ("aclImdb/test/pos/3_9.txt", b"three"),
    ("aclImdb/test/neg/4_1.txt", b""),
    ("aclImdb/test/urls_neg.txt", b"not read"),
    ("aclImdb/train/urls_pos.txt", b"".join(b"tt%d\n" % (number // 5) for number in range(11))),
]
IMDB = [
    Review("test/neg/4_1", "", "neg", "test"),
    Review("test/pos/3_9", "three", "pos", "test"),
    Review("train/neg/0_2", "zero é", "neg", "train"),
    Review("train/pos/9_8", "nine", "pos", "train", "tt1"),
    Review("train/pos/10_8", "ten", "pos", "train", "tt2"),
    Review("train/unsup/1_0", "no label", None, "unlabelled"),
]  # fmt: skip


def archive(path: Path, members: list[Member], more: Callable[[tarfile.TarFile], object] = lambda tar: None) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix != ".tar" else "w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        more(tar)
    return path


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tgz", "a.tar"])
@pytest.mark.parametrize("members", [REVIEWS, REVIEWS[::-1]], ids=["as listed", "reversed"])
def test_an_archive_and_its_folder_give_the_same_reviews(tmp_path: Path, name: str, members: list[Member]) -> None:
    path = archive(tmp_path / name, members)
    assert list(sources.read(sources.locate(str(path)))) == IMDB
    for member, content in members:
        (tmp_path / "out" / member).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / member).write_bytes(content)
    assert list(sources.read(sources.locate(str(tmp_path / "out")))) == IMDB
    assert list(sources.read(tmp_path / "out/aclImdb")) == IMDB
    stars = [review.label for review in sources.read(path, reading(imdb_target="rating"))]
    assert stars == ["1", "9", "2", "8", "8", None]


def link(kind: bytes) -> Callable[[tarfile.TarFile], object]:
    info = tarfile.TarInfo("aclImdb/train/pos/1_1.txt")
    info.type, info.linkname = kind, "/etc/passwd"
    return lambda tar: tar.addfile(info)


def sparse(tar: tarfile.TarFile) -> None:
    """Add a review of one byte that says it is 8 MB long."""
    info = tarfile.TarInfo("aclImdb/train/pos/1_1.txt")
    info.size = 1
    info.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(2**23)}
    tar.addfile(info, io.BytesIO(b"x"))


@pytest.mark.parametrize(
    "members, more, expected",
    [
        ([*REVIEWS, ("aclImdb/../../x", b"")], None, "points outside the archive"),
        ([*REVIEWS, ("/etc/x", b"")], None, "points outside the archive"),
        (REVIEWS, link(tarfile.SYMTYPE), "is a link, a device or sparse"),
        ([*REVIEWS, REVIEWS[2]], None, "member 'aclImdb/train/pos/10_8.txt' appears twice"),
        ([*REVIEWS, ("train/urls_pos.txt", b"")], None, "member 'train/urls_pos.txt' appears twice"),
        ([*REVIEWS, ("aclImdb/train/pos/11_8.txt", b"x")], None, "names no film in line 12, for train/pos/11_8"),
        ([*REVIEWS, ("other/train/pos/10_8.txt", b"")], None, "member 'other/train/pos/10_8.txt' appears twice"),
        (REVIEWS, link(tarfile.LNKTYPE), "is a link, a device or sparse"),
        (REVIEWS, link(tarfile.CHRTYPE), "is a link, a device or sparse"),
        (REVIEWS, sparse, "is a link, a device or sparse"),
        ([("aclImdb/train/pos/1_9.txt", b"x")], None, "no reviews in test/neg, test/pos, train/neg"),
        ([*REVIEWS, ("aclImdb/train/neg/7_1.txt", b"a\0b")], None, "train/neg/7_1.txt: the text contains a NUL byte"),
        ([*REVIEWS, ("aclImdb/train/neg/7_1.txt", b"\xff")], None, "train/neg/7_1.txt: the text is not valid UTF-8"),
    ],
)
def test_a_bad_archive_is_refused(tmp_path: Path, members: list[Member], more: Any, expected: str) -> None:
    path = archive(tmp_path / "a.tar.gz", members, more or (lambda tar: None))
    with pytest.raises(InputError, match=expected):
        list(sources.read(path))


@pytest.mark.parametrize("kept", [0, 10, 0.5, -1])
def test_a_cut_off_archive_is_refused(tmp_path: Path, kept: float) -> None:
    members = [*REVIEWS, ("aclImdb/train/pos/99_9.txt", b"filler" * 9999)]
    path = archive(tmp_path / "a.tar.gz", members)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    with pytest.raises(InputError, match="damaged or cut off"):
        list(sources.read(path))


def test_an_altered_archive_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", REVIEWS)
    content = bytearray(path.read_bytes())
    content[-6] ^= 1  # in gzip's checksum
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged or cut off"):
        list(sources.read(path))


def test_a_file_that_is_not_an_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_text("<html>404</html>", encoding="utf-8")
    with pytest.raises(InputError, match="damaged or cut off"):
        list(sources.read(path))


def test_a_link_to_the_cache_of_dvc_is_followed(workspace: Path) -> None:
    cached = workspace.parent / "cache-elsewhere"
    write_csv(cached, ROWS)
    (workspace / "mine.csv").symlink_to(cached)
    assert list(sources.read(sources.locate("mine.csv"))) == EXPECTED


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl.gz"])
def test_utf_16_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    content = "text,label\ngood,1\n".encode("utf-16")
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with pytest.raises(InputError, match=f"{name}: is UTF-16; set ingest.encoding or --encoding to utf-16, or save"):
        list(sources.read(tmp_path / name))


def test_an_archive_that_would_fill_the_disk_is_refused(tmp_path: Path) -> None:
    """A few kilobytes that unpack to many megabytes, in many small members that are no reviews."""
    zeros = [(f"aclImdb/other/{number}", bytes(2**20)) for number in range(80)]
    path = archive(tmp_path / "a.tar.gz", [*REVIEWS, *zeros])
    assert path.stat().st_size < 200_000
    with pytest.raises(InputError, match="a.tar.gz: unpacks to more than 67,108,864 bytes, 100 times its size"):
        list(sources.read(path))


@pytest.mark.slow
def test_a_table_that_would_fill_the_disk_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.csv.gz"
    path.write_bytes(gzip.compress(b"text,label\n" + (b"good film " * 100 + b",1\n") * 80_000))
    assert path.stat().st_size < 300_000
    with pytest.raises(InputError, match="r.csv.gz: unpacks to more than 67,108,864 bytes"):
        for _ in sources.read(path):
            pass


@pytest.mark.parametrize(
    "name, content, expected",
    [
        (
            "r.csv",
            b'text,label\ngood,1\n"never closed,0\n' + b"word\n" * 4_000_000,
            "row 3 .*: number of fields is 1, not 2",
        ),
        (
            "r.jsonl",
            b'{"text": "good", "label": 1}\n{"text": "' + b"word " * 4_000_000,
            "row 2: longer than 16,777,216",
        ),
    ],
)
def test_a_review_that_would_fill_the_memory_is_refused(
    tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=expected):
        list(sources.read(tmp_path / name))


def test_a_parquet_file_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    """A dictionary holds a text once, however many rows have it; a page holds what zstd makes of zeros."""
    path = tmp_path / "r.parquet"
    longest = "0" * 2**24
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 2000), [longest])
    pq.write_table(pa.table({"text": repeated, "label": [1] * 2000}), path, compression="none", store_schema=False)
    assert path.stat().st_size < 2**25
    read = sources.read(path)
    assert sum(len(next(read).text or "") for _ in range(90)) == 90 * 2**24
    with pytest.raises(InputError, match="r.parquet: unpacks to more than 1,677,.* bytes, 100 times its size"):
        list(read)
    pq.write_table(pa.table({"text": [longest + "0"], "label": [1]}), path)
    with pytest.raises(InputError, match="row 1: the text has more than 16,777,216 characters; shorten or remove it"):
        list(sources.read(path))
    rows = {"text": [f"{number:07}" + longest[7:] for number in range(5)], "label": [1] * 5}
    pq.write_table(pa.table(rows), path, compression="zstd")
    assert path.stat().st_size < 200_000
    with pytest.raises(InputError, match="r.parquet: unpacks to more than 67,108,864 bytes, 100 times its size"):
        list(sources.read(path))


def test_the_footer_of_a_parquet_file_is_not_believed(tmp_path: Path) -> None:
    """It says 1,000 bytes of a page of 80 MB: 2.4 GB, if Arrow repeated its text in 16 rows and in Python."""
    path = tmp_path / "r.parquet"
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 16), ["0" * 80_000_000])
    options: dict[str, Any] = {"compression": "zstd", "write_statistics": False, "use_dictionary": ["text"]}
    pq.write_table(pa.table({"text": text, "label": [0, 1] * 8}), path, dictionary_pagesize_limit=2**31 - 1, **options)
    content = path.read_bytes()
    group = pq.read_metadata(path).row_group(0)
    for size in {group.total_byte_size, group.column(0).total_uncompressed_size}:
        content = content.replace(zigzag(size, 4), zigzag(1000, 4))
    path.write_bytes(content)
    assert pq.read_metadata(path).row_group(0).column(0).total_uncompressed_size == 1000
    before = pa.total_allocated_bytes()
    with pytest.raises(InputError, match="r.parquet: unpacks to more than 67,108,864 bytes, 100 times its size"):
        list(sources.read(path))
    assert pa.total_allocated_bytes() - before < 2**20


@pytest.mark.parametrize("encoding", ["DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_page_that_chooses_how_much_memory_it_takes_is_refused(tmp_path: Path, encoding: str, version: str) -> None:
    """With another count of lengths in its one page, such a file of a kilobyte made Arrow take 4 GiB."""
    options: dict[str, Any] = {"use_dictionary": False, "column_encoding": {"text": encoding}}
    rows = pa.table({"text": ["good", "bad"], "label": [1, 0]})
    pq.write_table(rows, tmp_path / "r.parquet", data_page_version=version, **options)
    with pytest.raises(InputError, match="r.parquet: column 'text' has a delta encoding, which .*; write the file"):
        list(sources.read(tmp_path / "r.parquet"))


def zigzag(number: int, size: int) -> bytes:
    """Return a number as Thrift writes it, in `size` bytes."""
    parts = [2 * number >> 7 * place & 127 for place in range(size)]
    return bytes(part | 128 for part in parts[:-1]) + bytes(parts[-1:])


@pytest.mark.parametrize(
    "options",
    [
        {"data_page_version": "2.0", "compression": "gzip"},
        {"use_dictionary": False, "data_page_size": 1000, "row_group_size": 100},
        {"use_dictionary": False, "column_encoding": {"label": "DELTA_BINARY_PACKED"}},
        {"write_page_checksum": True, "write_page_index": True, "compression": "none"},
    ],
)
def test_the_pages_of_a_parquet_file_are_found_however_it_was_written(tmp_path: Path, options: dict[str, Any]) -> None:
    rows = {"more": list(range(500)), "text": [f"film {number}" for number in range(500)], "label": [0, 1] * 250}
    pq.write_table(pa.table(rows), tmp_path / "r.parquet", **options)
    with pq.ParquetFile(tmp_path / "r.parquet") as file, (tmp_path / "r.parquet").open("rb") as stream:
        for group in range(file.num_row_groups):
            for column in range(3):
                chunk = file.metadata.row_group(group).column(column)
                size = sum(page.size for page in pages(stream, chunk))
                headers = chunk.total_uncompressed_size - size  # the footer's sum counts these too
                assert 0 < headers < size / 2 + 200
    assert [review.text for review in sources.read(tmp_path / "r.parquet")] == rows["text"]


def test_a_file_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    for name, content in [*REVIEWS, ("aclImdb/train/pos/8_9.txt", bytes(2**24 + 1))]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="train/pos/8_9.txt: is larger than 16,777,216 bytes; remove it"):
        list(sources.read(tmp_path))


def test_a_member_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar", [*REVIEWS, ("aclImdb/train/pos/8_9.txt", bytes(2**24 + 1))])
    with pytest.raises(InputError, match="'aclImdb/train/pos/8_9.txt' is larger than 16,777,216 bytes; remove it"):
        list(sources.read(path))
