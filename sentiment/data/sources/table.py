"""Text files with one review in a row: what the formats share.

`ingest` needs the text and the label of each row; `sentiment predict --file` needs all of a row, to write it back with
its prediction. A `Table` serves both.
"""

import codecs
import io
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from sentiment.data.decompression import DAMAGED, open_gzip
from sentiment.data.sources.columns import Columns
from sentiment.data.sources.review import Review, check_text, parse_label
from sentiment.errors import InputError, reason


class Row(NamedTuple):
    """A row of a table: its number from 1, its place as errors name it, and its fields by column.

    `line` is the row as it stands in the file, for formats that write it back unchanged.
    """

    number: int
    place: str
    fields: dict[str, Any]
    line: str = ""


class Table(ABC):
    """The rows of a text stream, read as they are asked for. Subclasses are formats."""

    # The names of the columns; None where each row names its own.
    header: list[str] | None = None

    @abstractmethod
    def __init__(self, name: str, stream: IO[str]) -> None:
        """Read the header, if there is one. Errors call the stream `name`."""

    @abstractmethod
    def __iter__(self) -> Iterator[Row]:
        """Yield the rows. Raises InputError at the first that is not of the format."""

    def header_line(self, added: Sequence[str]) -> str:
        """Return the header as it is written, with more columns; nothing where there is no header."""
        return ""

    @abstractmethod
    def row_line(self, row: Row, added: Mapping[str, Any]) -> str:
        """Return a row as it is written, with more fields. The fields that it has are written as they were read."""

    @classmethod
    def read_reviews(cls, path: Path, columns: Columns) -> Iterator[Review]:
        """Yield the reviews of a file; their ids are row numbers. Raises InputError where a row is not a review."""
        with open_text(str(path)) as stream:
            table = cls(str(path), stream)
            named = None if table.header is None else columns.find(str(path), table.header)
            for row in table:
                where = f"{path}: {row.place}"
                text, label = named or columns.find(where, list(row.fields))
                yield Review(
                    str(row.number), check_text(where, row.fields[text]), parse_label(where, row.fields[label])
                )


@contextmanager
def open_text(name: str, stream: IO[bytes] | None = None) -> Iterator[IO[str]]:
    """Open a UTF-8 file, also a .gz one, or read `stream`, called `name` in errors.

    Bytes that are not UTF-8 become surrogates: outside the text column they are written back as they were, inside it
    `check_text` refuses them.
    """
    with ExitStack() as stack:
        try:
            raw = stream or stack.enter_context(open(name, "rb"))
            plain: Any = stack.enter_context(open_gzip(name, raw)) if name.lower().endswith(".gz") else raw
            plain = stack.enter_context(io.BufferedReader(plain)) if not hasattr(plain, "peek") else plain
            if plain.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                raise InputError(f"{name}: is UTF-16; save it as UTF-8")
            yield stack.enter_context(
                io.TextIOWrapper(plain, encoding="utf-8-sig", errors="surrogateescape", newline="")
            )
        except DAMAGED as error:
            raise InputError(f"{name}: damaged or cut off ({reason(error)}); fetch the file again") from None
