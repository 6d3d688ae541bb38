"""CSV and TSV: a header, then one review in a row."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import IO, Any

from sentiment.data.sources.table import Row, TextTable
from sentiment.errors import InputError, quote, reason
from sentiment.io.csv_file import csv_field, csv_lines, csv_rows, repeated


class Csv(TextTable):
    """Comma-separated values, quoted as RFC 4180 says. A header without a comma may be separated by semicolons.

    Excel writes semicolons where the comma is the decimal sign.
    """

    header: list[str]
    separator = ","

    def __init__(self, name: str, stream: IO[str]) -> None:
        self._name = name
        lines = csv_lines(stream)
        try:
            first = next(lines, "")
        except csv.Error as error:
            raise InputError(f"{name}: line 1: {reason(error)}; the first row must name the columns") from None
        if self.separator == "," and "," not in first and ";" in first:
            self.separator = ";"
        self._reader = csv_rows(chain([first], lines), self.separator)
        self.header = self._next(0) or []
        if not self.header:
            raise InputError(f"{name}: empty; the first row must name the columns")
        if (twice := repeated(self.header)) is not None:
            raise InputError(f"{name}: the header names {quote(twice)} twice; rename one")

    def __iter__(self) -> Iterator[Row]:
        number = 1
        while (fields := self._next(number)) is not None:
            if not fields:
                continue  # an empty line
            place = f"row {number} (line {self._reader.line_num})"
            if len(fields) != len(self.header):
                raise InputError(
                    f"{self._name}: {place}: {len(fields)} fields where the header has {len(self.header)}; "
                    "quote fields that contain a separator"
                )
            yield Row(number, place, dict(zip(self.header, fields, strict=True)), size=sum(map(len, fields)))
            number += 1

    def header_line(self, added: Sequence[str]) -> str:
        return self._line([*self.header, *added])

    def row_line(self, row: Row, added: Mapping[str, Any]) -> str:
        return self._line([*row.fields.values(), *added.values()])

    def _next(self, number: int) -> list[str] | None:
        """Return the fields of the next row, whose number is `number`; None at the end."""
        try:
            return next(self._reader, None)
        except csv.Error as error:
            line = self._reader.line_num
            raise InputError(f"{self._name}: row {number} (line {line}): {reason(error)}; fix its quotes") from None

    def _line(self, fields: Iterable[object]) -> str:
        return self.separator.join(csv_field(str(field), self.separator) for field in fields) + "\n"


class Tsv(Csv):
    """Tab-separated values, quoted like CSV."""

    separator = "\t"
