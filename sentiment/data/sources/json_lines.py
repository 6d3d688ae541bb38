"""JSON Lines: one object in a line, each with its own keys."""

import json
from collections.abc import Iterator, Mapping
from typing import IO, Any

from sentiment.data.sources.table import Row, TextTable
from sentiment.errors import InputError, quote, reason
from sentiment.io.csv_file import LONGEST, repeated


class JsonLines(TextTable):
    """Objects, one in a line. The number of a row is that of its line; blank lines are skipped."""

    def __init__(self, name: str, stream: IO[str]) -> None:
        self._name = name
        self._stream = stream

    def __iter__(self) -> Iterator[Row]:
        for number, line in enumerate(iter(lambda: self._stream.readline(LONGEST), ""), start=1):
            if not line.strip():
                continue
            place = f"row {number}"
            where = f"{self._name}: {place}"
            if len(line) == LONGEST and not line.endswith("\n"):
                raise InputError(f"{where}: longer than {LONGEST:,} characters; shorten or remove it")
            try:
                fields = json.loads(line, object_pairs_hook=_object)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{where}: not JSON ({reason(error)}); write one object in a line") from None
            if not isinstance(fields, dict):
                raise InputError(f"{where}: contains {quote(fields)}, not an object; write one object in a line")
            yield Row(number, place, fields, line, len(line))

    def row_line(self, row: Row, added: Mapping[str, Any]) -> str:
        """Append to the text of the row: parsed and written again, numbers could be rounded and bytes lost."""
        return f"{row.raw.rstrip().removesuffix('}').rstrip()}, {json.dumps(added)[1:]}\n"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if (twice := repeated(name for name, _ in pairs)) is not None:
        raise ValueError(f"the key {quote(twice)} appears twice in an object")
    return dict(pairs)
