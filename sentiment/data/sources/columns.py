"""Which columns of a table hold the text and the label."""

from collections.abc import Sequence
from typing import NamedTuple

from sentiment.errors import InputError, quote

AUTO = "auto"
TEXT_COLUMNS = ("text", "review")
LABEL_COLUMNS = ("label", "sentiment")

_SHOWN = 20  # columns that an error lists


class Columns(NamedTuple):
    """The names of the text and label columns; `auto` searches for the usual names."""

    text: str = AUTO
    label: str = AUTO

    def find(self, where: str, names: Sequence[str]) -> tuple[str, str]:
        """Return the text column and the label column among `names`. Raises InputError without two such columns."""
        text = find_column(where, self.text, TEXT_COLUMNS, "ingest.text_column", names)
        label = find_column(where, self.label, LABEL_COLUMNS, "ingest.label_column", names)
        if text == label:
            raise InputError(f"{where}: ingest.text_column and ingest.label_column are both {quote(text)}; change one")
        return text, label


def find_column(where: str, wanted: str, usual: tuple[str, ...], option: str, names: Sequence[str]) -> str:
    """Return the column `wanted`, or the first of the `usual` ones if it is `auto`. `option` is what sets it.

    Raises InputError where `names` lack the column or repeat it.
    """
    candidates = usual if wanted == AUTO else (wanted,)
    present = [name for name in candidates if name in names]
    if not present:
        raise InputError(
            f"{where}: no column {' or '.join(map(quote, candidates))} among {', '.join(map(quote, names[:_SHOWN]))}; "
            f"name it by {option}"
        )
    if names.count(present[0]) > 1:
        raise InputError(f"{where}: has two columns {quote(present[0])}; rename one")
    return present[0]
