"""JSON: one object per line (JSON Lines), or an array of objects. Each object has its own keys."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Any

from sentiment.data.sources.table import Row, TextTable
from sentiment.errors import InputError, quote, reason
from sentiment.io.csv_file import LONGEST, is_cut_off, repeated

_CHUNK = 2**16  # an array is read at least this many characters at a time


class Json(TextTable):
    """Objects. A row's number is its line's in JSON Lines, and its place in an array. Blank lines are skipped."""

    def __init__(self, name: str, stream: IO[str]) -> None:
        self._name = name
        self._stream = stream
        self._first = stream.readline(LONGEST)
        while self._first.isspace() and len(self._first) < LONGEST:
            self._first = stream.readline(LONGEST)
        self._is_array = self._first.lstrip().startswith("[")

    @property
    def form(self) -> object:
        return self._is_array

    def __iter__(self) -> Iterator[Row]:
        for number, text, fields in self._elements() if self._is_array else self._objects():
            if not isinstance(fields, dict):
                raise InputError(
                    f"{self._name}: row {number}: contains {quote(fields)}, not an object; write each row as one object"
                )
            yield Row(number, f"row {number}", fields, text, len(text))

    def header_line(self, added: Sequence[str]) -> str:
        return "[\n" if self._is_array else ""

    def row_line(self, row: Row, added: Mapping[str, Any]) -> str:
        """Append to the text of the row, since serializing its values again could round numbers and lose bytes."""
        extended = f"{row.raw.rstrip().removesuffix('}').rstrip()}, {json.dumps(added)[1:]}"
        if not self._is_array:
            return extended + "\n"
        return extended if row.number == 1 else ",\n" + extended

    def end_line(self) -> str:
        return "\n]\n" if self._is_array else ""

    def _objects(self) -> Iterator[tuple[int, str, Any]]:
        line, number = self._first, 1
        while line:
            if is_cut_off(line):
                raise self._too_long(number)
            if line.strip():
                try:
                    yield number, line, json.loads(line, object_pairs_hook=_object)
                except (ValueError, RecursionError) as error:
                    raise self._not_json(number, error) from None
            line, number = self._stream.readline(LONGEST), number + 1

    def _elements(self) -> Iterator[tuple[int, str, Any]]:
        text = _Text(self._first, self._stream.read)
        number = 0
        text.skip("[")
        while not text.skip("]"):
            number += 1
            if number > 1 and not text.skip(","):
                raise InputError(f"{self._name}: row {number}: not JSON; write a comma between the objects of an array")
            try:
                element, value = text.decode()
            except (ValueError, RecursionError) as error:
                raise self._not_json(number, error) from None
            if element is None:
                raise self._too_long(number)
            yield number, element, value
        if not text.ends():
            raise InputError(f"{self._name}: row {number + 1}: text after the array; write all objects in one array")

    def _too_long(self, number: int) -> InputError:
        return InputError(f"{self._name}: row {number}: longer than {LONGEST:,} characters; shorten or remove it")

    def _not_json(self, number: int, error: Exception) -> InputError:
        # Its message ends with a place, which is counted from the start of the row.
        problem = error.msg if isinstance(error, json.JSONDecodeError) else reason(error)
        return InputError(f"{self._name}: row {number}: not JSON ({problem}); write each row as one object")


class _Text:
    """The text of an array. Little more than one element is in memory at a time."""

    def __init__(self, text: str, read: Callable[[int], str]) -> None:
        self._text, self._read, self._start = text, read, 0
        self._decoder = json.JSONDecoder(object_pairs_hook=_object)

    def skip(self, sign: str) -> bool:
        """Skip white space, then `sign` if it follows. Return whether it does."""
        while not (rest := self._text[self._start : self._start + 1]) or rest.isspace():
            if rest:
                self._start += 1
            elif not self._more(_CHUNK):
                return False
        found = rest == sign
        self._start += found
        return found

    def ends(self) -> bool:
        """Return whether nothing but white space follows."""
        return not self.skip("") and self._start == len(self._text)

    def decode(self) -> tuple[str | None, Any]:
        """Return the next element, None if it is too long, and its value. Raises ValueError if it is not JSON."""
        self.skip("")
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._start)
            except json.JSONDecodeError:
                held = len(self._text) - self._start
                if held > LONGEST:
                    return None, None
                if not self._more(max(_CHUNK, held)):
                    raise
            else:
                element, self._start = self._text[self._start : end], end
                return element, value

    def _more(self, size: int) -> bool:
        more = self._read(size)
        self._text, self._start = self._text[self._start :] + more, 0
        return bool(more)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if (twice := repeated(name for name, _ in pairs)) is not None:
        raise _RepeatedKeyError(f"the key {quote(twice)} appears twice in an object")
    return dict(pairs)


class _RepeatedKeyError(ValueError):
    pass
