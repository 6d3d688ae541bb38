"""What all formats with one review per row share.

`ingest` needs the text and the label of each row. `sentiment predict --file` needs the whole row, to write it back with
its prediction. A `Table` serves both.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

# Writes rows, each with the values of the added columns.
Write = Callable[[Iterable[tuple["Row", Mapping[str, Any]]]], None]


class Row(NamedTuple):
    """A row of a table: its number from 1, its location for error messages, and its fields by column.

    `raw` is the row as it is in the file, for formats that write it back unchanged. `size` is the memory it takes, in
    characters or bytes.
    """

    number: int
    location: str
    fields: dict[str, Any]
    raw: Any = ""
    size: int = 0


class Table(ABC):
    """The rows of a file, read lazily. Each format is a subclass."""

    binary: bool  # whether `writer` takes a stream of bytes, not of text
    encoding = "utf-8"  # of the text stream

    # The names of the columns; None if each row names its own.
    header: list[str] | None = None

    @property
    def form(self) -> object:
        """What tables must have in common to be written as one, such as columns and separator."""
        return self.header

    @abstractmethod
    def rows(self, columns: Sequence[str] = (), *, whole: bool = False) -> Iterator[Row]:
        """Yield the rows, with at least the fields of `columns`. Only `whole` rows can be written back.

        Raises InputError at the first row that does not follow the format.
        """

    @abstractmethod
    def writer(self, stream: IO[Any], added: Mapping[str, type]) -> Any:
        """Return a context manager that yields a `Write`. `added` gives the names and types of the added columns."""


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
        """Return the header to write, with the added columns; empty if there is no header."""
        return ""

    @abstractmethod
    def row_line(self, row: Row, added: Mapping[str, Any]) -> str:
        """Return the row to write, with the added fields. Its own fields are written as they were read."""

    def end_line(self) -> str:
        """Return the text to write after the last row."""
        return ""

    @contextmanager
    def writer(self, stream: IO[str], added: Mapping[str, type]) -> Iterator[Write]:
        stream.write(self.header_line(list(added)))
        yield lambda rows: stream.writelines(self.row_line(row, values) for row, values in rows)
        stream.write(self.end_line())
