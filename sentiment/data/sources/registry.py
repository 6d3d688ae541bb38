"""The formats of a source, one line for each, and reading whichever a path has."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sentiment.config.paths import REVIEWS, leaves_repository
from sentiment.data.sources import imdb, parquet
from sentiment.data.sources.columns import AUTO, Columns
from sentiment.data.sources.delimited import Csv, Tsv
from sentiment.data.sources.json_lines import JsonLines
from sentiment.data.sources.review import Review
from sentiment.data.sources.table import Table, open_text
from sentiment.errors import InputError, printable

Reader = Callable[[Path, Columns], Iterator[Review]]

# Text files with one review in a row, by suffix, also compressed (`.csv.gz`). `sentiment predict --file` reads and
# writes them too.
TEXT_FORMATS: dict[str, type[Table]] = {
    "csv": Csv,
    "tsv": Tsv,
    "jsonl": JsonLines,
}

# All other files, by suffix.
BINARY_FORMATS: dict[str, Reader] = {
    "parquet": parquet.read_reviews,
    "tar.gz": imdb.read_archive,
    "tgz": imdb.read_archive,
    "tar": imdb.read_archive,
}


def known_formats() -> str:
    """Return the formats as an error names them."""
    text, binary = (", ".join(f".{suffix}" for suffix in formats) for formats in (TEXT_FORMATS, BINARY_FORMATS))
    return f"{text} (also .gz), {binary} or a folder"


def format_of(name: str) -> str | None:
    """Return the text format that a file's name says, or None.

    >>> format_of("reviews.CSV.gz"), format_of("reviews.parquet")
    ('csv', None)
    """
    suffix = name.lower().removesuffix(".gz").rpartition(".")[2]
    return suffix if suffix in TEXT_FORMATS else None


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


def read(path: Path, text_column: str = AUTO, label_column: str = AUTO) -> Iterator[Review]:
    """Yield the reviews of a source, one at a time. Raises InputError at the first row that cannot be used."""
    reader = _reader(path)
    if reader is None:
        raise InputError(f"{path}: has no known format; give {known_formats()}")
    return reader(path, Columns(text_column, label_column))


def _reader(path: Path) -> Reader | None:
    if path.is_dir():
        return imdb.read_folder
    if text_format := format_of(path.name):
        return TEXT_FORMATS[text_format].read_reviews
    name = path.name.lower()
    return next((reader for suffix, reader in BINARY_FORMATS.items() if name.endswith(f".{suffix}")), None)


@contextmanager
def open_table(name: str, text_format: str, stream: IO[bytes] | None = None) -> Iterator[Table]:
    """Open a file of a text format, or read `stream`, called `name` in errors: its header, then its rows."""
    with open_text(name, stream) as text:
        yield TEXT_FORMATS[text_format](name, text)
