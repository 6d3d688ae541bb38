"""CSV and TSV: one review in a row, in columns with a separator between them.

Files of this kind differ in their separator and in what a quotation mark means, and do not say so. Python's `csv` reads
each of the conventions, names the line of a mistake and takes a row at a time; what it cannot do is choose. Here each
record is read by the first convention that gives it as many fields as the header has:

1. quotation marks around a field, doubled inside it (RFC 4180)
2. quotation marks around a field, after a backslash inside it
3. quotation marks mean nothing, as in the TSV files of GLUE

A record of several lines each of which looks like a row is no field with line breaks, but rows that begin and end with
a quotation mark, so that `csv`, pandas and Arrow would read fewer reviews than the file has. It is read as rows.
"""

import csv
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import IO, Any, NamedTuple

from sentiment.data.sources.table import Row, TextTable
from sentiment.errors import InputError, reason
from sentiment.io.csv_file import LONGEST, csv_field, repeated

SEPARATORS = (",", "\t", ";", "|")

_MAX_LINES = 100_000  # of one record
_FEW = 20  # different values of a column that repeats them, such as labels


# `csv` with an escape character does not notice what follows a closing quote, so escaped quotes are doubled instead.
_BACKSLASHED = re.compile(r'\\(["\\])')


def _doubled(found: re.Match[str]) -> str:
    return '""' if found[1] == '"' else "\\"


def _problem(error: csv.Error) -> str:
    return reason(csv.Error(str(error).replace("\t", "\\t")))


class _Record(NamedTuple):
    """The fields of a row, and the text that they were read from, without its line end."""

    fields: list[str]
    text: str
    newline: str


class Delimited(TextTable):
    """Rows of fields. The first names the columns unless `columns` does. Unnamed columns are passed over."""

    separator: str  # where the first row does not show another one

    def __init__(self, name: str, stream: IO[str], columns: Sequence[str] | None = None) -> None:
        self._name = name
        self._lines = _Lines(stream)
        csv.field_size_limit(max(LONGEST, csv.field_size_limit()))  # of the whole process, which may have a higher one
        first = self._first_line()
        self._declared = ""
        if first.rstrip("\r\n").lower() in {f"sep={separator}" for separator in SEPARATORS}:  # for Excel
            self._declared, self.separator = first, first.rstrip("\r\n")[-1]
            first = self._first_line()
        else:
            self.separator = self._find_separator(first, columns)
        self._lines.put_back([first] if first else [])
        self._columns: list[_Column] = []
        if columns is None:
            self._head = self._record(0)
            if self._head is None:
                raise InputError(f"{name}: empty; the first row must name the columns")
            names = self._head.fields
        else:
            self._head, names = None, list(columns)
        self._columns = [_Column(column) for column in names]
        self.header = [column for column in names if column]
        if (twice := repeated(self.header)) is not None:
            raise InputError(f"{name}: the header names {twice!r} twice; rename one")

    @property
    def form(self) -> object:
        return [column.name for column in self._columns], self.separator

    def __iter__(self) -> Iterator[Row]:
        number = 1
        while (record := self._record(number)) is not None:
            if not record.text:
                continue  # an empty line
            fields = {column.name: field for column, field in zip(self._columns, record.fields, strict=True)}
            fields.pop("", None)
            for column, field in zip(self._columns, record.fields, strict=True):
                column.add(field)
            yield Row(number, self._place(number), fields, record, len(record.text))
            number += 1

    def header_line(self, added: Sequence[str]) -> str:
        return "" if self._head is None else self._declared + self._extended(self._head, added)

    def row_line(self, row: Row, added: Mapping[str, Any]) -> str:
        """Append to the text of the row, which keeps its own quotation marks."""
        return self._extended(row.raw, list(added.values()))

    def _extended(self, record: _Record, added: Sequence[Any]) -> str:
        more = (csv_field(str(field), self.separator) for field in added)
        return self.separator.join([record.text, *more]) + (record.newline or "\n")

    def _first_line(self) -> str:
        try:
            return self._lines.next()
        except csv.Error as error:
            raise InputError(f"{self._name}: line 1: {_problem(error)}; the first row must name the columns") from None

    def _find_separator(self, first: str, columns: Sequence[str] | None) -> str:
        """Return the separator of a file's first line: that with as many fields as columns, or with the most."""
        candidates = (self.separator, *(other for other in SEPARATORS if other != self.separator))
        counts = {}
        for separator in candidates:
            try:
                counts[separator] = len(next(csv.reader([first], delimiter=separator), []))
            except csv.Error:
                counts[separator] = 1
        if columns is not None:
            return next((separator for separator in candidates if counts[separator] == len(columns)), self.separator)
        return max(candidates, key=lambda separator: counts[separator])  # the first of several

    def _place(self, number: int) -> str:
        return f"row {number} (line {self._lines.number})"

    def _record(self, number: int) -> _Record | None:
        """Return the next record, whose number is `number`; None at the end."""
        try:
            first = self._lines.next()
        except csv.Error as error:
            raise InputError(f"{self._name}: {self._place(number)}: {_problem(error)}; fix its quotes") from None
        if not first:
            return None
        plain = first.rstrip("\r\n")
        literal = _Record(plain.split(self.separator), plain, first[len(plain) :])
        width = len(self._columns)
        if '"' not in first:
            if plain and width and len(literal.fields) != width:
                raise self._wrong_width(number, literal)
            return literal
        mistake: InputError | None = None
        for escaped in (False, True) if '\\"' in first else (False,):
            lines = [first]
            try:
                record = self._parse(lines, escaped)
            except csv.Error as error:
                place = self._place(number)
                mistake = mistake or InputError(f"{self._name}: {place}: {_problem(error)}; fix its quotes")
            else:
                fits = not width or len(record.fields) == width
                if fits and not (len(lines) > 1 and all(map(self._looks_like_row, lines))):
                    return record
                mistake = mistake or self._wrong_width(number, record)
            self._lines.put_back(lines[1:])
        if self._looks_like_row(first):
            return literal
        assert mistake
        raise mistake

    def _wrong_width(self, number: int, record: _Record) -> InputError:
        return InputError(
            f"{self._name}: {self._place(number)}: {len(record.fields)} fields where the header has "
            f"{len(self._columns)}; quote fields that contain a separator"
        )

    def _parse(self, lines: list[str], escaped: bool) -> _Record:
        """Return the record that begins with a line, to which its other lines are added. Raises csv.Error."""

        def add(line: str) -> str:
            lines.append(line)
            return line

        def feed() -> Iterator[str]:
            size = 0
            for line in chain(lines[:], map(add, iter(self._lines.next, ""))):
                size += len(line)
                if size > LONGEST or len(lines) > _MAX_LINES:
                    raise csv.Error(f"longer than {LONGEST:,} characters or {_MAX_LINES:,} lines")
                yield _BACKSLASHED.sub(_doubled, line) if escaped else line

        fields = next(csv.reader(feed(), delimiter=self.separator, strict=True))
        text = "".join(lines)
        plain = text.rstrip("\r\n")
        return _Record(fields, plain, text[len(plain) :])

    def _looks_like_row(self, line: str) -> bool:
        """Return whether a line by itself is a row without quotes.

        Tabs do not occur in sentences, so their number is enough. Commas do: the columns that repeat a few values, or
        have numbers only, must have such a value.
        """
        fields = line.rstrip("\r\n").split(self.separator)
        if not 1 < len(self._columns) == len(fields):
            return False
        if self.separator == "\t":
            return True
        found = [column.admits(field) for column, field in zip(self._columns, fields, strict=True) if column.is_regular]
        return bool(found) and all(found)


class _Column:
    """A column, and what its values have had in common so far."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._rows = 0
        self._values: set[str] | None = set()
        self._numbers = True

    def add(self, value: str) -> None:
        self._rows += 1
        self._numbers = self._numbers and _is_number(value)
        if self._values is not None:
            self._values.add(value)
            if len(self._values) > _FEW:
                self._values = None

    @property
    def is_regular(self) -> bool:
        repeats = self._values is not None and 2 * len(self._values) <= self._rows
        return self._rows > 0 and (self._numbers or repeats)

    def admits(self, value: str) -> bool:
        return (self._numbers and _is_number(value)) or (self._values is not None and value in self._values)


def _is_number(value: str) -> bool:
    return value.strip().lstrip("+-").replace(".", "", 1).isdecimal()


class _Lines:
    """The lines of a stream, which can be put back."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._returned: deque[str] = deque()
        self.number = 0  # of the last line

    def next(self) -> str:
        """Return the next line, nothing at the end. Raises csv.Error for one beyond LONGEST."""
        line = self._returned.popleft() if self._returned else self._stream.readline(LONGEST)
        if len(line) == LONGEST and not line.endswith("\n"):
            raise csv.Error(f"a line has more than {LONGEST:,} characters")
        self.number += bool(line)
        return line

    def put_back(self, lines: Sequence[str]) -> None:
        self._returned.extendleft(reversed(lines))
        self.number -= len(lines)


class Csv(Delimited):
    """Comma-separated values. Excel writes semicolons where the comma is the decimal sign."""

    separator = ","


class Tsv(Delimited):
    """Tab-separated values."""

    separator = "\t"
