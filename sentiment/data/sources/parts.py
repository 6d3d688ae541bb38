"""The tables in a folder, read and written as one table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

from sentiment.data.sources.table import Row, Table
from sentiment.errors import InputError

Open = Callable[[Path], AbstractContextManager[Table]]


class Parts(Table):
    """The rows of several files of one format, file after file. `first` is the table of the first path."""

    def __init__(self, first: Table, paths: Sequence[Path], open_: Open) -> None:
        self._first, self._paths, self._open = first, paths, open_
        self.binary, self.encoding, self.header = first.binary, first.encoding, first.header

    def rows(self, columns: Sequence[str] = (), *, whole: bool = False) -> Iterator[Row]:
        number = 0
        for path in self._paths:
            with self._open(path) as table:
                if table.form != self._first.form:
                    first = self._paths[0].name
                    raise InputError(
                        f"{path}: differs from {first} in its columns or its dialect; predict each file by itself"
                    )
                for row in table.rows(columns, whole=whole):
                    number += 1
                    yield row._replace(number=number, location=f"{path.name}: {row.location}")

    def writer(self, stream: IO[Any], added: Mapping[str, type]) -> Any:
        return self._first.writer(stream, added)
