"""Where reviews come from: tables of a user, and the Large Movie Review Dataset (Maas et al. 2011).

Every source is read as a stream of `Example`, in an order that does not depend on the machine. What cannot be read is
an `InputError` that names the file and the row.

.csv .tsv .jsonl (also .gz)   one review a row; ids are row numbers (.jsonl: line numbers), from 1
.parquet                      one review a row
a folder, .tar.gz, .tgz, .tar the data set's layout, {train,test}/{neg,pos}/<number>_<rating>.txt, with its own test
                              split; ids are the files' places in it, `test/pos/123_10`. Line <number> (from 0) of
                              train/urls_{neg,pos}.txt, where there is one, names the film of a training review
"""

import codecs
import csv
import gzip
import io
import json
import re
import tarfile
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from sentiment.config.paths import REVIEWS, leaves_repository
from sentiment.errors import InputError, printable, quote, reason
from sentiment.io.csv_file import LONGEST, csv_rows, repeated

AUTO = "auto"
TEXT_COLUMNS = ("text", "review")
LABEL_COLUMNS = ("label", "sentiment")
LABELS = {"0": 0, "1": 1, "neg": 0, "pos": 1, "negative": 0, "positive": 1}

TEXT_FORMS = ("csv", "tsv", "jsonl")

_TABLES = (".csv", ".tsv", ".jsonl", ".parquet")
_ARCHIVES = (".tar.gz", ".tgz", ".tar")
_KINDS = f"{', '.join(_TABLES)}, {', '.join(_ARCHIVES)} or a folder"
_FOLDERS = tuple((split, label) for split in ("test", "train") for label in ("neg", "pos"))
_FILMS = {f"urls_{label}.txt": label for label in ("neg", "pos")}
_REVIEW_FILE = re.compile(r"([0-9]{1,9})_[0-9]{1,9}\.txt")
_BROKEN_ARCHIVE = (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError)

# What a compressed file may unpack to, in times its size: reviews compress to a third, what is made to fill a disk to a
# thousandth.
_RATIO = 100
_ALWAYS = 2**26  # bytes that any file may unpack to

# Rows of a Parquet file that are in memory together: a dictionary lets a small file repeat a long text in each.
_PARQUET_ROWS = 16


class Example(NamedTuple):
    """A labelled review: 0 is negative, 1 positive.

    `split` is None where the source has no split of its own, `film` where it does not say what is reviewed.
    """

    id: str
    text: str
    label: int
    split: Literal["train", "test"] | None = None
    film: str | None = None


def locate(source: str) -> Path:
    """Return the path of a source. Raises InputError where it is missing, no source, or relative and outside.

    Queued experiments run in another folder, where a relative path that leaves the repository would mean another file.
    """
    path = Path(source)
    named = f"ingest.source: '{printable(source)}'"
    if not source.strip() or "\0" in source:
        raise InputError(f"{named} is no path; give one, data/sample/reviews.csv say")
    if leaves_repository(path):
        raise InputError(
            f"{named} leaves the repository; give its absolute path, since queued experiments run in another folder"
        )
    if not path.exists():
        hint = (
            "" if path.is_absolute() else "; a queued experiment sees only what Git or DVC track, or an absolute path"
        )
        raise InputError(f"{named} does not exist; check the path{hint}")
    if path.is_dir() and REVIEWS.train.resolve().is_relative_to(path.resolve()):
        raise InputError(f"{named} holds this pipeline's outputs; give the reviews' own folder")
    if not path.is_dir() and not path.name.lower().endswith(
        _ARCHIVES + _TABLES + tuple(f"{kind}.gz" for kind in _TABLES[:3])
    ):
        raise InputError(f"{named} is of no known kind; give {_KINDS}")
    return path


def read(path: Path, text_column: str = AUTO, label_column: str = AUTO) -> Iterator[Example]:
    """Yield the reviews of a source, one at a time. Raises InputError at the first row that cannot be used."""
    name = path.name.lower()
    if path.is_dir():
        return _imdb_folder(path)
    if name.endswith(_ARCHIVES):
        return _imdb_archive(path)
    if path.stat().st_size == 0:
        raise InputError(f"{path}: empty; it needs reviews with a text and a label each")
    if name.endswith(".parquet"):
        rows = _parquet_rows(path, text_column, label_column)
    else:
        rows = _text_rows(path, text_column, label_column)
    return _examples(path, rows)


class _Row(NamedTuple):
    place: str  # how an error names it, "row 3 (line 7)"
    number: int
    text: Any
    label: Any


def _examples(path: Path, rows: Iterable[_Row]) -> Iterator[Example]:
    for row in rows:
        where = f"{path}: {row.place}"
        if not isinstance(row.text, str):
            raise InputError(f"{where}: the text is {quote(row.text)}, not a string; correct or remove the row")
        yield Example(str(row.number), clean(where, row.text), _label(where, row.label))


def _label(where: str, value: Any) -> int:
    known = str(int(value)) if isinstance(value, bool) else str(value).strip().lower()
    if known not in LABELS:
        raise InputError(f"{where}: unknown label {quote(value)}; the labels are {', '.join(LABELS)}")
    return LABELS[known]


def clean(where: str, text: str) -> str:
    """Return a text that can be stored. Raises InputError for a NUL byte, what was not UTF-8, and beyond LONGEST."""
    if len(text) > LONGEST:
        raise InputError(f"{where}: the text has more than {LONGEST:,} characters; shorten or remove it")
    if "\0" in text:
        raise InputError(f"{where}: the text holds a NUL byte; is the file text? Remove the byte")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{where}: the text is not valid UTF-8; convert the file to UTF-8") from None
    return text


def column(where: str, wanted: str, default: tuple[str, ...], parameter: str, found: list[str]) -> str:
    """Return the name of the column to read."""
    names = default if wanted == AUTO else (wanted,)
    present = [name for name in names if name in found]
    if not present:
        raise InputError(
            f"{where}: no column {' or '.join(map(quote, names))} among {', '.join(map(quote, found[:20]))}; "
            f"name it by {parameter}"
        )
    if found.count(present[0]) > 1:
        raise InputError(f"{where}: has two columns {quote(present[0])}; rename one")
    return present[0]


def _columns(where: str, text_column: str, label_column: str, found: list[str]) -> tuple[str, str]:
    """Return the names of the text's and of the label's column."""
    text = column(where, text_column, TEXT_COLUMNS, "ingest.text_column", found)
    label = column(where, label_column, LABEL_COLUMNS, "ingest.label_column", found)
    if text == label:
        raise InputError(f"{where}: ingest.text_column and ingest.label_column are both {quote(text)}; change one")
    return text, label


def _text_rows(path: Path, text_column: str, label_column: str) -> Iterator[_Row]:
    with open_text(str(path)) as stream:
        table = read_table(str(path), form_of(path.name) or "", stream)
        for place, number, fields, _ in table.records:
            where = f"{path}: {place}" if table.header is None else str(path)
            text, label = _columns(where, text_column, label_column, list(fields))
            yield _Row(place, number, fields[text], fields[label])


class Record(NamedTuple):
    """A row of a text file: how an error names it, its number from 1, its fields by column; of .jsonl also its line."""

    place: str
    number: int
    fields: dict[str, Any]
    line: str = ""


class Table(NamedTuple):
    """The rows of a text file, read as they are asked for. A .jsonl file has no header: each row has its own keys."""

    header: list[str] | None
    records: Iterator[Record]


def form_of(name: str) -> str | None:
    """Return csv, tsv or jsonl, as a file's name says, or None."""
    suffix = name.lower().removesuffix(".gz").rpartition(".")[2]
    return suffix if suffix in TEXT_FORMS else None


@contextmanager
def open_text(name: str, stream: IO[bytes] | None = None) -> Iterator[IO[str]]:
    """Open a text file, also a .gz one, or read `stream`. Bytes that are no UTF-8 pass, for `clean` to refuse."""
    options: dict[str, Any] = {"encoding": "utf-8-sig", "errors": "surrogateescape", "newline": ""}
    try:
        with ExitStack() as stack:
            raw = stream or stack.enter_context(open(name, "rb"))
            plain: Any = stack.enter_context(_unpacked(name, raw)) if name.lower().endswith(".gz") else raw
            plain = stack.enter_context(io.BufferedReader(plain)) if not hasattr(plain, "peek") else plain
            if plain.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                raise InputError(f"{name}: is UTF-16; save it as UTF-8")
            yield stack.enter_context(io.TextIOWrapper(plain, **options))
    except _BROKEN_ARCHIVE as error:
        raise InputError(f"{name}: damaged or cut off ({reason(error)}); fetch the file again") from None


class _Bounded(io.RawIOBase):
    """Reads a stream up to a limit. Raises InputError beyond."""

    def __init__(self, name: str, stream: gzip.GzipFile, limit: int) -> None:
        super().__init__()
        self._name, self._stream, self._limit, self._read = name, stream, limit, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._stream.read(len(buffer))
        buffer[: len(content)] = content
        self._read += len(content)
        if self._read > self._limit:
            raise InputError(
                f"{self._name}: unpacks to more than {self._limit:,} bytes, {_RATIO} times its size; do not trust it"
            )
        return len(content)


@contextmanager
def _unpacked(name: str, packed: IO[bytes]) -> Iterator[IO[bytes]]:
    """Read a gzip stream, which may be a bomb."""
    size = 0
    if packed.seekable():
        size = packed.seek(0, io.SEEK_END)
        packed.seek(0)
    limit = max(_ALWAYS, _RATIO * size)
    with gzip.open(packed) as plain, io.BufferedReader(_Bounded(name, plain, limit), 1 << 17) as bounded:
        yield bounded


def read_table(name: str, form: str, stream: IO[str]) -> Table:
    """Read the rows of a csv, tsv or jsonl stream, called `name` in errors."""
    if form == "jsonl":
        return Table(None, _json_records(name, stream))
    rows = csv_rows(stream, "\t" if form == "tsv" else ",")
    with _csv_errors(name, rows, 0):
        header = next(rows, [])
    if not header:
        raise InputError(f"{name}: empty")
    if (twice := repeated(header)) is not None:
        raise InputError(f"{name}: the header names {quote(twice)} twice; rename one")
    return Table(header, _csv_records(name, rows, header))


@contextmanager
def _csv_errors(name: str, rows: Any, number: int) -> Iterator[None]:
    try:
        yield
    except csv.Error as error:
        raise InputError(f"{name}: row {number} (line {rows.line_num}): {reason(error)}; mend its quotes") from None


def _csv_records(name: str, rows: Any, header: list[str]) -> Iterator[Record]:
    number = 0
    while True:
        with _csv_errors(name, rows, number + 1):
            row = next(rows, None)
        if row is None:
            return
        if not row:
            continue  # an empty line
        number += 1
        place = f"row {number} (line {rows.line_num})"
        if len(row) != len(header):
            raise InputError(
                f"{name}: {place}: {len(row)} fields where the header has {len(header)}; quote what holds a separator"
            )
        yield Record(place, number, dict(zip(header, row, strict=True)))


def _json_records(name: str, stream: IO[str]) -> Iterator[Record]:
    for number, line in enumerate(iter(lambda: stream.readline(LONGEST), ""), start=1):
        if not line.strip():
            continue
        where = f"{name}: row {number}"
        if len(line) == LONGEST and not line.endswith("\n"):
            raise InputError(f"{where}: longer than {LONGEST:,} characters; shorten or remove it")
        try:
            row = json.loads(line, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where}: not JSON ({reason(error)}); write one object a line") from None
        if not isinstance(row, dict):
            raise InputError(f"{where}: holds {quote(row)}, not an object; write one object a line")
        yield Record(f"row {number}", number, row, line)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if (twice := repeated(name for name, _ in pairs)) is not None:
        raise ValueError(f"the key {quote(twice)} stands twice in an object")
    return dict(pairs)


def _parquet_rows(path: Path, text_column: str, label_column: str) -> Iterator[_Row]:
    number = 0
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            names = _columns(str(path), text_column, label_column, file.schema_arrow.names)
            for name in names:
                _require_plain(path, name, file.schema_arrow.field(name).type)
            _refuse_parquet_bomb(path, file, names)
            for batch in file.iter_batches(_PARQUET_ROWS, columns=names, use_threads=False):
                for text, label in zip(*(batch[name].to_pylist() for name in names), strict=True):
                    number += 1
                    yield _Row(f"row {number}", number, text, label)
    except UnicodeDecodeError:
        raise InputError(f"{path}: after row {number}: a text is not valid UTF-8; convert it to UTF-8") from None
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({reason(error)})") from None


def _require_plain(path: Path, name: str, kind: pa.DataType) -> None:
    """Raise InputError where a column holds neither text nor plain numbers: dates and lists can be no text or label."""
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    text = pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value)
    number = pa.types.is_primitive(value) and not pa.types.is_temporal(value)  # Arrow calls booleans and dates so
    if not (text or number or pa.types.is_null(value)):
        raise InputError(f"{path}: column {quote(name)} holds {quote(str(kind))}; store it as text or whole numbers")


def _refuse_parquet_bomb(path: Path, file: pq.ParquetFile, names: tuple[str, str]) -> None:
    """Raise InputError where some columns unpack to far more than the file has."""
    limit = max(_ALWAYS, _RATIO * path.stat().st_size)
    groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
    chunks = [group.column(place) for group in groups for place in range(group.num_columns)]
    size = sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in names)
    if size > limit:
        raise InputError(f"{path}: unpacks to more than {limit:,} bytes, {_RATIO} times its size; do not trust it")


def _imdb_folder(path: Path) -> Iterator[Example]:
    root = path / "aclImdb" if (path / "aclImdb").is_dir() else path
    files: list[_Key] = []
    for split, label in _FOLDERS:
        folder = root / split / label
        if folder.is_dir():
            files += (key for file in folder.iterdir() if (key := _key(split, label, file.name)))
    _check_layout(path, files)
    lists = {label: root / "train" / name for name, label in _FILMS.items()}
    films = {label: _films(file.read_bytes()) for label, file in lists.items() if file.is_file()}
    for key in sorted(files):
        file = root / key.split / key.label / f"{key.stem}.txt"
        if (size := file.stat().st_size) > LONGEST:
            raise InputError(f"{file}: has {size:,} bytes; remove it")
        yield key.example(path, file.read_bytes(), films)


def _imdb_archive(path: Path) -> Iterator[Example]:
    """Read an archive once, as a stream, and unpack nothing: its reviews wait in one temporary file to be sorted.

    The members come in any order; sorted, the archive and its extracted folder give the same reviews in the same order.
    """
    files: dict[_Key, tuple[int, int]] = {}
    films: dict[str, list[str]] = {}
    with ExitStack() as stack:
        texts = stack.enter_context(tempfile.TemporaryFile())
        try:
            packed = stack.enter_context(path.open("rb"))
            plain: Any = stack.enter_context(_unpacked(str(path), packed)) if path.suffix.lower() != ".tar" else packed
            archive = stack.enter_context(tarfile.open(fileobj=plain, mode="r|"))
            for member in archive:
                key = _member(path, member)
                content = archive.extractfile(member) if key else None
                if key in files or key in films:
                    raise InputError(f"{path}: member {quote(member.name)} stands twice; do not trust this file")
                if key and member.size > LONGEST:
                    raise InputError(f"{path}: member {quote(member.name)} has {member.size:,} bytes; remove it")
                if isinstance(key, str) and content:
                    films[key] = _films(content.read())
                elif isinstance(key, _Key) and content:
                    files[key] = (texts.tell(), texts.write(content.read()))
            while plain.read(1 << 20):  # to the end, where gzip checks that nothing is missing or altered
                pass
        except (*_BROKEN_ARCHIVE, ValueError) as error:  # ValueError: numbers in a header that are none
            raise InputError(f"{path}: damaged or cut off ({reason(error)}); fetch the archive again") from None
        _check_layout(path, files)
        for key in sorted(files):
            start, size = files[key]
            texts.seek(start)
            yield key.example(path, texts.read(size), films)


class _Key(NamedTuple):
    """A review of the data set; sorts as the corpus is ordered: test, train; negative, positive; number."""

    split: Literal["train", "test"]
    label: str
    number: int
    stem: str

    def example(self, path: Path, content: bytes, films: dict[str, list[str]]) -> Example:
        """Return the review in a file's content; `films` are those of the training reviews, by label and number."""
        name = f"{self.split}/{self.label}/{self.stem}"
        text = clean(f"{path}: {name}.txt", content.decode("utf-8", errors="surrogateescape"))
        film = None
        if self.split == "train" and self.label in films:
            known = films[self.label]
            film = known[self.number] if self.number < len(known) else ""
            if not film:
                raise InputError(
                    f"{path}: train/urls_{self.label}.txt names no film in line {self.number + 1}, for {name}.txt; "
                    "fetch the data set again, or remove that file"
                )
        return Example(name, text, LABELS[self.label], self.split, film)


def _films(content: bytes) -> list[str]:
    return [line.strip() for line in content.decode("utf-8", errors="replace").split("\n")]


def _key(split: str, label: str, name: str) -> _Key | None:
    match = _REVIEW_FILE.fullmatch(name)
    if not match:
        return None
    return _Key("test" if split == "test" else "train", label, int(match[1]), name.removesuffix(".txt"))


def _member(path: Path, member: tarfile.TarInfo) -> _Key | str | None:
    """Return the review that a member holds, the label whose films it lists, or None.

    Raises InputError for a member that has no business there.
    """
    place = PurePosixPath(member.name)
    if place.is_absolute() or ".." in place.parts or "\\" in member.name:
        raise InputError(f"{path}: member {quote(member.name)} points outside the archive; do not trust this file")
    if not (member.isfile() or member.isdir()) or member.issparse():  # a sparse one has more bytes than it takes
        raise InputError(f"{path}: member {quote(member.name)} is a link, a device or sparse; do not trust this file")
    folder = place.parts[-3:-1]
    if not member.isfile() or len(place.parts) > 4:
        return None
    if folder in _FOLDERS:
        return _key(*folder, place.name)
    return _FILMS.get(place.name) if folder[-1:] == ("train",) else None


def _check_layout(path: Path, files: Iterable[_Key]) -> None:
    found = {(key.split, key.label) for key in files}
    missing = [f"{split}/{label}" for split, label in _FOLDERS if (split, label) not in found]
    if missing:
        raise InputError(
            f"{path}: no reviews in {', '.join(missing)}; a folder or an archive must have the layout of the Large "
            "Movie Review Dataset, {train,test}/{neg,pos}/<number>_<rating>.txt"
        )
