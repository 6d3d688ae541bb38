"""CSV and TSV: one review per row, in columns with a separator between them.

Files differ in their separator and in the meaning of a quotation mark, and do not say which they use. Python's `csv`
reads each convention but cannot choose one. Here each record is read by the first of these conventions that gives it as
many fields as the header has:

1. Quotation marks enclose a field and are doubled inside it (RFC 4180).
2. Quotation marks enclose a field and are escaped by a backslash inside it.
3. Quotation marks are ordinary characters, as in the TSV files of GLUE.

If every line of a multi-line record looks like a row, the lines are read as rows. The quotation marks then belong to
the texts: one row begins with a mark and a later row ends with one. `csv`, pandas and Arrow read such rows as one.
"""

import csv
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import IO, Any, NamedTuple

from sentiment.data.sources.table import Row, TextTable
from sentiment.errors import InputError, quote, reason
from sentiment.io.csv_file import LONGEST, csv_field, is_cut_off, repeated

SEPARATORS = (",", "\t", ";", "|")

_NO_HEADER = "the first row must name the columns"
_MAX_LINES = 100_000  # in one record
_FEW = 20  # different values at most in a column of repeated values, such as labels


# `csv` with an escape character accepts text after a closing quote, so escaped quotes are turned into doubled ones.
_BACKSLASHED = re.compile(r'\\(["\\])')


def _doubled(found: re.Match[str]) -> str:
    return '""' if found[1] == '"' else "\\"


def _problem(error: csv.Error) -> str:
    return reason(csv.Error(str(error).replace("\t", "\\t")))


class _Record(NamedTuple):
    """The fields of a row, the text that they were read from, and the line ending, which `text` does not include."""

    fields: list[str]
    text: str
    newline: str


class Delimited(TextTable):
    """Rows of fields. The first row names the columns, unless `columns` does. Unnamed columns are ignored."""

    separator: str  # a subclass has the usual one, an instance that of the file

    def __init__(self, name: str, stream: IO[str], columns: Sequence[str] | None = None) -> None:
        self._name = name
        self._lines = _Lines(stream)
        self._first_line = 1  # of the present record
        csv.field_size_limit(max(LONGEST, csv.field_size_limit()))  # process-wide, and perhaps higher already
        first = self._line("line 1", _NO_HEADER)
        self._declared = ""
        if first.rstrip("\r\n").lower() in {f"sep={separator}" for separator in SEPARATORS}:  # for Excel
            self._declared, self.separator = first, first.rstrip("\r\n")[-1]
            first = self._line("line 1", _NO_HEADER)
        else:
            self.separator = self._find_separator(first, columns)
        self._lines.put_back([first] if first else [])
        self._columns: list[_Column] = []
        if columns is None:
            self._head = self._record(0)
            if self._head is None:
                raise InputError(f"{name}: empty; {_NO_HEADER}")
            names = self._head.fields
        else:
            self._head, names = None, list(columns)
        self._columns = [_Column(column) for column in names]
        self.header = [column for column in names if column]
        if (twice := repeated(self.header)) is not None:
            raise InputError(f"{name}: the header names {quote(twice)} twice; rename one")

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
            yield Row(number, self._location(number), fields, record, len(record.text))
            number += 1

    def header_line(self, added: Sequence[str]) -> str:
        return "" if self._head is None else self._declared + self._extended(self._head, added)

    def row_line(self, row: Row, added: Mapping[str, Any]) -> str:
        """Append fields to the text of the row, which stays as it was read."""
        return self._extended(row.raw, list(added.values()))

    def _extended(self, record: _Record, added: Sequence[Any]) -> str:
        more = (csv_field(str(field), self.separator) for field in added)
        return self.separator.join([record.text, *more]) + (record.newline or "\n")

    def _line(self, location: str, remedy: str) -> str:
        try:
            return self._lines.next()
        except csv.Error as error:
            raise InputError(f"{self._name}: {location}: {_problem(error)}; {remedy}") from None

    def _find_separator(self, first: str, columns: Sequence[str] | None) -> str:
        """Return the separator that splits the first line into as many fields as `columns`, or else into the most."""
        candidates = (self.separator, *(other for other in SEPARATORS if other != self.separator))
        counts = {}
        for separator in candidates:
            try:
                counts[separator] = len(next(csv.reader([first], delimiter=separator), []))
            except csv.Error:
                counts[separator] = 1
        if columns is not None:
            return next((separator for separator in candidates if counts[separator] == len(columns)), self.separator)
        return max(candidates, key=lambda separator: counts[separator])  # in a tie, the first

    def _location(self, number: int) -> str:
        return f"row {number} (line {self._first_line})"

    def _record(self, number: int) -> _Record | None:
        """Return the next record, or None at the end. Errors call it row `number`."""
        first = self._line(self._location(number), "fix its quotes")
        if not first:
            return None
        self._first_line = self._lines.number
        plain = first.rstrip("\r\n")
        literal = _Record(plain.split(self.separator), plain, first[len(plain) :])
        width = len(self._columns)
        if '"' not in first:
            if plain and width and len(literal.fields) != width:
                raise self._wrong_width(number, literal)
            return literal
        mistake: InputError | None = None
        lines = [first]
        for escaped in (False, True):
            if escaped and '\\"' not in "".join(lines):
                break
            lines = [first]
            try:
                record = self._parse(lines, escaped)
            except csv.Error as error:
                location = self._location(number)
                mistake = mistake or InputError(f"{self._name}: {location}: {_problem(error)}; fix its quotes")
            else:
                fits = not width or len(record.fields) == width
                if fits and not (len(lines) > 1 and all(map(self._looks_like_row, lines))):
                    return record
                mistake = mistake or self._wrong_width(number, record)
            self._lines.put_back(lines[1:])
        if self._looks_like_row(first) or width == len(literal.fields) == 1:
            return literal
        assert mistake
        raise mistake

    def _wrong_width(self, number: int, record: _Record) -> InputError:
        return InputError(
            f"{self._name}: {self._location(number)}: number of fields is {len(record.fields)}, not "
            f"{len(self._columns)}; quote fields that contain a separator"
        )

    def _parse(self, lines: list[str], escaped: bool) -> _Record:
        """Return the record that begins with `lines[0]`, and append its further lines to `lines`. Raises csv.Error."""

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
        """Return whether a line would be a row if quotation marks were ordinary characters.

        Sentences contain no tabs, so the number of fields is enough. They do contain other separators, so the values
        must then also fit the columns that so far have only numbers or a few repeated values; there must be such a
        column.
        """
        fields = line.rstrip("\r\n").split(self.separator)
        if not 1 < len(self._columns) == len(fields):
            return False
        if self.separator == "\t":
            return True
        found = [column.admits(field) for column, field in zip(self._columns, fields, strict=True) if column.is_regular]
        return bool(found) and all(found)


class _Column:
    """A column, and what its values have in common so far."""

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
    """The lines of a stream; lines can be put back."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._returned: deque[str] = deque()
        self.number = 0  # of the line read last

    def next(self) -> str:
        """Return the next line, empty at the end. Raises csv.Error for a line longer than LONGEST."""
        line = self._returned.popleft() if self._returned else self._stream.readline(LONGEST)
        if is_cut_off(line):
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
