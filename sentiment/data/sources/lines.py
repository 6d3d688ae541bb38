"""One text per line. The file's suffix is the label of all its lines: rt-polarity.neg, rt-polarity.pos."""

from collections.abc import Iterator, Mapping
from typing import IO, Any

from sentiment.data.sources.table import Row, TextTable
from sentiment.errors import InputError
from sentiment.io.csv_file import LONGEST, is_cut_off


class Lines(TextTable):
    """Lines, all with the same label."""

    def __init__(self, name: str, stream: IO[str], label: str = "") -> None:
        self._name = name
        self._stream = stream
        self._label = label
        self.header = ["text", "label"]

    def __iter__(self) -> Iterator[Row]:
        for number, line in enumerate(iter(lambda: self._stream.readline(LONGEST), ""), start=1):
            if is_cut_off(line):
                raise InputError(f"{self._name}: row {number}: longer than {LONGEST:,} characters; shorten it")
            text = line.rstrip("\r\n")
            yield Row(number, f"row {number}", {"text": text, "label": self._label}, text, len(text))

    def row_line(self, row: Row, added: Mapping[str, Any]) -> str:
        """Return the text and the added fields, with tabs between them."""
        return "\t".join([row.raw, *map(str, added.values())]) + "\n"
