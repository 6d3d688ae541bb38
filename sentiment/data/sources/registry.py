"""The formats of a source, one line for each, and reading whichever a path has."""

import codecs
import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from sentiment.config.paths import REVIEWS, leaves_repository
from sentiment.data.decompression import DAMAGED, open_gzip
from sentiment.data.sources import imdb
from sentiment.data.sources.columns import LABEL_COLUMNS, TEXT_COLUMNS, candidates, value_of
from sentiment.data.sources.delimited import Csv, Tsv
from sentiment.data.sources.json_lines import JsonLines
from sentiment.data.sources.parquet import Parquet
from sentiment.data.sources.reading import AS_USUAL, Reading
from sentiment.data.sources.review import Review, check_text, label_of
from sentiment.data.sources.table import Row, Table, TextTable
from sentiment.errors import InputError, printable, reason

Reader = Callable[[Path, Reading], Iterator[Review]]

# Files with one review in a row, by suffix. `sentiment predict --file` reads and writes them too.
TEXT_FORMATS: dict[str, type[TextTable]] = {
    "csv": Csv,
    "tsv": Tsv,
    "jsonl": JsonLines,
}
PARQUET = "parquet"

# Archives of the IMDb data set.
ARCHIVES = ("tar.gz", "tgz", "tar")


def table_formats() -> list[str]:
    return [*TEXT_FORMATS, PARQUET]


def known_formats() -> str:
    """Return the formats as an error names them."""
    text, binary = (", ".join(f".{suffix}" for suffix in formats) for formats in (TEXT_FORMATS, (PARQUET, *ARCHIVES)))
    return f"{text} (also .gz), {binary} or a folder"


def format_of(name: str) -> str | None:
    """Return the format of a table that a file's name says, or None.

    >>> format_of("reviews.CSV.gz"), format_of("reviews.parquet"), format_of("reviews.tar.gz")
    ('csv', 'parquet', None)
    """
    name = name.lower()
    suffix = name.removesuffix(".gz").rpartition(".")[2]
    return suffix if suffix in TEXT_FORMATS or name.endswith(f".{PARQUET}") else None


def locate(source: str) -> Path:
    """Return the path of a source. Raises InputError where it is missing or has no known format.

    A relative path must stay in the repository: queued experiments run in another folder, where `../file` is
    another file.
    """
    path = Path(source)
    named = f"ingest.source: '{printable(source)}'"
    if not source.strip() or "\0" in source:
        raise InputError(f"{named} is not a path; give one, such as data/sample/reviews.csv")
    if leaves_repository(path):
        raise InputError(
            f"{named} leaves the repository; give its absolute path, since queued experiments run in another folder"
        )
    if not path.exists():
        hint = "" if path.is_absolute() else "; a queued experiment sees only absolute paths and what Git or DVC tracks"
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
    if path.is_dir():
        return imdb.read_folder
    if format_of(path.name):
        return _read_table
    return imdb.read_archive if path.name.lower().endswith(tuple(f".{suffix}" for suffix in ARCHIVES)) else None


def _read_table(path: Path, reading: Reading) -> Iterator[Review]:
    """Yield the reviews of a table; their ids are row numbers. Raises InputError where a row is not a review.

    Where each row names its columns, as in JSON, it may lack text and label, but not all rows may.
    """
    texts = candidates(reading.text_column, TEXT_COLUMNS)
    labels = candidates(reading.label_column, LABEL_COLUMNS)
    with open_table(str(path), format_of(path.name) or "") as table:
        columns = None if table.header is None else reading.columns(str(path), table.header)
        lacking: Row | None = None
        for row in table.rows(columns or ()):
            text, label = (value_of(row.fields, possible) for possible in (texts, labels))
            where = f"{path}: {row.place}"
            if columns is None and (text is None or label is None):
                lacking = lacking or row
            else:
                columns = columns or reading.columns(where, list(row.fields))
            yield Review(str(row.number), None if text is None else check_text(where, text), label_of(where, label))
        if columns is None and lacking:
            reading.columns(f"{path}: {lacking.place}", list(lacking.fields))


@contextmanager
def open_table(name: str, format_: str, stream: IO[bytes] | None = None) -> Iterator[Table]:
    """Open a file of a format, or read `stream`, called `name` in errors: its header, then its rows."""
    with ExitStack() as stack:
        raw = stream or stack.enter_context(open(name, "rb"))
        if format_ == PARQUET:
            yield Parquet(name, raw)
        else:
            yield TEXT_FORMATS[format_](name, stack.enter_context(_open_text(name, raw)))


@contextmanager
def _open_text(name: str, raw: IO[bytes]) -> Iterator[IO[str]]:
    """Read a stream of UTF-8, compressed if its name ends in .gz.

    Bytes that are not UTF-8 become surrogates: outside the text column they are written back as they were, inside it
    `check_text` refuses them.
    """
    with ExitStack() as stack:
        try:
            plain: Any = stack.enter_context(open_gzip(name, raw)) if name.lower().endswith(".gz") else raw
            plain = stack.enter_context(io.BufferedReader(plain)) if not hasattr(plain, "peek") else plain
            if plain.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                raise InputError(f"{name}: is UTF-16; save it as UTF-8")
            yield stack.enter_context(
                io.TextIOWrapper(plain, encoding="utf-8-sig", errors="surrogateescape", newline="")
            )
        except DAMAGED as error:
            raise InputError(f"{name}: damaged or cut off ({reason(error)}); fetch the file again") from None
