"""Files with one review in a row: what the formats share.

`ingest` needs the text and the label of each row; `sentiment predict --file` needs all of a row, to write it back with
its prediction. A `Table` serves both.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

# Writes rows, each with the values of the added columns.
Write = Callable[[Iterable[tuple["Row", Mapping[str, Any]]]], None]


class Row(NamedTuple):
    """A row of a table: its number from 1, its place as errors name it, and its fields by column.

    `raw` is the row as it stands in the file, for formats that write it back unchanged, and `size` how many characters
    or bytes it holds in memory.
    """

    number: int
    place: str
    fields: dict[str, Any]
    raw: Any = ""
    size: int = 0


class Table(ABC):
    """The rows of a file, read as they are asked for. Subclasses are formats."""

    binary: bool  # whether `writer` takes a stream of bytes or of text
    encoding = "utf-8"  # of that text

    # The names of the columns; None where each row names its own.
    header: list[str] | None = None

    @property
    def form(self) -> object:
        """What another table must have in common for its rows to be written among these."""
        return self.header

    @abstractmethod
    def rows(self, columns: Sequence[str] = (), *, whole: bool = False) -> Iterator[Row]:
        """Yield the rows, which have at least the fields of these columns. Only `whole` ones can be written.

        Raises InputError at the first that is not of the format.
        """

    @abstractmethod
    def writer(self, stream: IO[Any], added: Mapping[str, type]) -> Any:
        """Return a context manager that yields a `Write`. `added` are the names and types of further columns."""


class TextTable(Table):
    """The rows of a text stream."""

    binary = False

    @abstractmethod
    def __init__(self, name: str, stream: IO[str]) -> None:
        """Read the header, if there is one. Errors call the stream `name`."""

    @abstractmethod
    def __iter__(self) -> Iterator[Row]:
        """Yield the rows."""

    def rows(self, columns: Sequence[str] = (), *, whole: bool = False) -> Iterator[Row]:
        return iter(self)

    def header_line(self, added: Sequence[str]) -> str:
        """Return the header as it is written, with more columns; nothing where there is no header."""
        return ""

    @abstractmethod
    def row_line(self, row: Row, added: Mapping[str, Any]) -> str:
        """Return a row as it is written, with more fields. The fields that it has are written as they were read."""

    def end_line(self) -> str:
        """Return what is written after the last row."""
        return ""

    @contextmanager
    def writer(self, stream: IO[str], added: Mapping[str, type]) -> Iterator[Write]:
        stream.write(self.header_line(list(added)))
        yield lambda rows: stream.writelines(self.row_line(row, values) for row, values in rows)
        stream.write(self.end_line())
