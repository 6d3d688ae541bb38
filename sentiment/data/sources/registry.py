"""The formats of a source, one line for each, and how a path is opened in its format."""

import codecs
import io
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from sentiment.config.paths import NO_REVIEWS, REVIEWS, Split, leaves_repository
from sentiment.data.decompression import (
    DAMAGED,
    SUFFIXES,
    compression_suffix,
    open_compressed,
    unpacked_name,
    zip_member,
)
from sentiment.data.sources import imdb
from sentiment.data.sources.columns import AUTO, LABEL_COLUMNS, TEXT_COLUMNS, candidates, present_name, value_of
from sentiment.data.sources.delimited import Csv, Delimited, Tsv
from sentiment.data.sources.json_table import Json
from sentiment.data.sources.lines import Lines
from sentiment.data.sources.parquet import Parquet
from sentiment.data.sources.parts import Parts
from sentiment.data.sources.reading import AS_USUAL, Reading
from sentiment.data.sources.review import Review, check_text, label_of
from sentiment.data.sources.table import Row, Table, TextTable
from sentiment.errors import InputError, printable, quote, reason

Reader = Callable[[Path, Reading], Iterator[Review]]

# Files with one review per row, by suffix. `sentiment predict --file` reads and writes them too.
TEXT_FORMATS: dict[str, type[TextTable]] = {
    "csv": Csv,
    "tsv": Tsv,
    "neg": Lines,
    "pos": Lines,
    "jsonl": Json,
    "ndjson": Json,
    "json": Json,
}
PARQUET = "parquet"

# Archives of the IMDb data set.
ARCHIVES = ("tar.gz", "tgz", "tar")

# Parts of a source whose names begin with one of these words, without a letter after it, are a split of their own.
_SPLITS: dict[str, Split] = {
    "train": "train", "training": "train",
    "valid": "valid", "validation": "valid", "val": "valid", "dev": "valid",
    "test": "test", "testing": "test",
}  # fmt: skip


def table_formats() -> list[str]:
    return [*TEXT_FORMATS, PARQUET]


def known_formats() -> str:
    """Return the formats, as listed in an error."""
    text, archives = (", ".join(f".{suffix}" for suffix in formats) for formats in (TEXT_FORMATS, ARCHIVES))
    return f"{text} (also {' '.join(SUFFIXES)}), .{PARQUET}, a folder of such files, {archives} or the IMDb folder"


def format_of(name: str) -> str | None:
    """Return the format of a table by its file's name, or None.

    >>> format_of("reviews.CSV.gz"), format_of("reviews.parquet"), format_of("reviews.tar.gz"), format_of("csv")
    ('csv', 'parquet', None, None)
    """
    _, dot, suffix = unpacked_name(name).lower().rpartition(".")
    known = suffix in TEXT_FORMATS or (suffix == PARQUET and not compression_suffix(name))
    return suffix if dot and known else None


def table_format(path: Path) -> str | None:
    """Return the format of a table, or None if the path is not a table.

    The format follows from the name of the file in a zip archive, from the file's own name, or from the first bytes.
    The format of a folder is that of its parts. Raises InputError for a zip archive of several files, or of a file that
    must be unpacked, and for parts of several formats.
    """
    if path.is_dir():
        parts = parts_of(path)
        return table_format(parts[0]) if parts else None
    if compression_suffix(path.name) == ".zip":
        return _format_in_zip(path) or format_of(path.name)
    if (found := format_of(path.name)) or path.name.lower().endswith(tuple(f".{suffix}" for suffix in ARCHIVES)):
        return found
    with path.open("rb") as stream:
        start = stream.read(512).removeprefix(codecs.BOM_UTF8)
    if start.startswith(b"PAR1"):
        return PARQUET
    return "json" if start.lstrip()[:1] in (b"{", b"[") else None


def _format_in_zip(path: Path) -> str | None:
    try:
        with path.open("rb") as stream:
            member = zip_member(str(path), stream)
    except DAMAGED as error:
        raise _damaged(str(path), error) from None
    found = format_of(PurePosixPath(member).name)
    if found == PARQUET:
        raise InputError(
            f"{path}: the archive contains {quote(member)}; unpack it, since Parquet is read unpacked only"
        )
    return found


def locate(source: str, option: str = "ingest.source") -> Path:
    """Return the path of a source, which `option` sets. Raises InputError if it is missing or has no known format.

    A relative path must stay in the repository: queued experiments run in another folder, where `../file` is
    another file.
    """
    path = Path(source)
    named = f"{option}: '{printable(source)}'"
    if path == NO_REVIEWS:
        if option == "ingest.source":
            raise InputError(f"{named} stands for no reviews; give a source, such as data/sample/reviews.csv")
        return path
    if not source.strip() or "\0" in source:
        raise InputError(f"{named} is not a path; give one, such as data/sample/reviews.csv")
    if leaves_repository(path):
        raise InputError(
            f"{named} leaves the repository; give its absolute path, since queued experiments run in another folder"
        )
    if not path.exists():
        hint = "" if path.is_absolute() else "; a queued experiment sees only absolute paths and tracked files"
        raise InputError(f"{named} does not exist; check the path{hint}")
    if path.is_dir() and REVIEWS.train.resolve().is_relative_to(path.resolve()):
        raise InputError(f"{named} contains this pipeline's outputs; give the reviews' own folder")
    if _reader(path) is None:
        raise InputError(f"{named} has no known format; give {known_formats()}")
    return path


def read(path: Path, reading: Reading = AS_USUAL) -> Iterator[Review]:
    """Yield the reviews of a source, one at a time. Raises InputError at the first row that cannot be used."""
    reader = _reader(path)
    if reader is None:
        raise InputError(f"{path}: has no known format; give {known_formats()}")
    return reader(path, reading)


def _reader(path: Path) -> Reader | None:
    if path == NO_REVIEWS:
        return lambda path, reading: iter(())
    if path.is_dir():
        return _read_parts if parts_of(path) else imdb.read_folder
    if path.name.lower().endswith(tuple(f".{suffix}" for suffix in ARCHIVES)):
        return imdb.read_archive
    return _read_table if table_format(path) else None


def parts_of(folder: Path) -> list[Path]:
    """Return the tables in a folder, sorted by name. Raises InputError if they differ in format."""
    parts = sorted(
        path for path in folder.iterdir() if path.name[0] not in "._" and format_of(path.name) and not path.is_dir()
    )
    formats = {TEXT_FORMATS.get(format_of(path.name) or "", Parquet): path.name for path in parts}
    if len(formats) > 1:
        raise InputError(
            f"{folder}: has tables of several formats, {' and '.join(map(quote, formats.values()))}; keep one format"
        )
    return parts


def _read_parts(folder: Path, reading: Reading) -> Iterator[Review]:
    """Yield the reviews of the tables in a folder; their ids are the file's name and the row number in it.

    The names of files may begin with the names of splits. If one is that of the training split, the files of the test
    and the validation split are the source's own, and all other files are for training.
    """
    splits = {path: _split_of(path.name) for path in parts_of(folder)}
    own = set(splits.values()) if "train" in splits.values() else set()
    for path, named in splits.items():
        split: Split | None = "train" if "test" in own else None  # a test split may be drawn from undecided reviews
        if own and named in ("valid", "test"):
            split = named
        for review in _read_table(path, reading):
            yield review._replace(id=f"{path.name}/{review.id}", split=split, has_valid="valid" in own)


def _split_of(name: str) -> Split | None:
    """Return the split that the name of a part begins with, or None.

    >>> [_split_of(name) for name in ("train-00000-of-00001.parquet", "Dev.tsv", "test.csv", "testimonials.csv")]
    ['train', 'valid', 'test', None]
    """
    first = re.match(r"[a-z]*", name.lower())
    return _SPLITS.get(first[0]) if first else None


def _read_table(path: Path, reading: Reading) -> Iterator[Review]:
    """Yield the reviews of a table; their ids are row numbers. Raises InputError if a row is not a review.

    If each row names its own columns, as in JSON, some rows may lack text or label, but one row must have both.
    """
    texts = candidates(reading.text_column, TEXT_COLUMNS)
    labels = candidates(reading.label_column, LABEL_COLUMNS)
    with open_table(str(path), table_format(path) or "", reading) as table:
        columns = None if table.header is None else reading.find(str(path), table.header)
        first: Row | None = None
        found = bool(columns)
        for row in table.rows([name for name in columns or () if name]):
            text, label = columns or (present_name(row.fields, texts), present_name(row.fields, labels))
            if not reading.labelled:
                label = None
            first, found = first or row, found or bool(text and text != label and (label or not reading.labelled))
            where = f"{path}: {row.location}"
            value = None if text is None else value_of(row.fields, text)
            yield Review(
                str(row.number),
                None if value is None else check_text(where, value, "ingest.encoding"),
                None if label is None else label_of(where, value_of(row.fields, label)),
            )
        if first and not found:
            reading.find(f"{path}: {first.location}", list(first.fields))


@contextmanager
def open_table(
    name: str, format_: str, reading: Reading = AS_USUAL, stream: IO[bytes] | None = None
) -> Iterator[Table]:
    """Open the file or folder `name` as a table, or read `stream` instead, which errors call `name`."""
    kind = TEXT_FORMATS.get(format_)
    if reading.column_names and not (kind and issubclass(kind, Delimited)):
        raise InputError(f"{name}: names its own columns; ingest.columns and --columns are for a CSV without a header")
    with ExitStack() as stack:
        if Path(name).is_dir():
            parts = parts_of(Path(name))

            def open_part(path: Path) -> AbstractContextManager[Table]:
                return open_table(str(path), table_format(path) or "", reading)

            yield Parts(stack.enter_context(open_part(parts[0])), parts, open_part)
            return
        raw = stream or stack.enter_context(open(name, "rb"))
        if kind is None:
            yield Parquet(name, raw)
            return
        text = stack.enter_context(_open_text(name, raw, reading.encoding))
        if issubclass(kind, Delimited):
            table: TextTable = kind(name, text, reading.column_names)
        else:
            table = kind(name, text, format_) if issubclass(kind, Lines) else kind(name, text)
        table.encoding = text.encoding
        yield table


@contextmanager
def _open_text(name: str, raw: IO[bytes], encoding: str) -> Iterator[io.TextIOWrapper]:
    """Read a stream as text, unpacked if its name has the suffix of a compression.

    Bytes that the encoding cannot decode become surrogates. Outside the text column they are written back unchanged; in
    it, `check_text` refuses them.
    """
    with ExitStack() as stack:
        try:
            suffix = compression_suffix(name)
            plain: Any = stack.enter_context(open_compressed(name, raw, suffix)) if suffix else raw
            plain = stack.enter_context(io.BufferedReader(plain)) if not hasattr(plain, "peek") else plain
            if encoding == AUTO:
                start = plain.peek(4)[:4]
                if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                    raise InputError(
                        f"{name}: is UTF-16; set ingest.encoding or --encoding to utf-16, or save it as UTF-8"
                    )
                encoding = "utf-8-sig" if start.startswith(codecs.BOM_UTF8) else "utf-8"
            yield stack.enter_context(io.TextIOWrapper(plain, encoding=encoding, errors="surrogateescape", newline=""))
        except DAMAGED as error:
            raise _damaged(name, error) from None
        except UnicodeDecodeError as error:
            raise InputError(
                f"{name}: is not {encoding} ({reason(error)}); set ingest.encoding or --encoding"
            ) from None


def _damaged(name: str, error: Exception) -> InputError:
    return InputError(f"{name}: damaged or cut off ({reason(error)}); fetch the file again")
