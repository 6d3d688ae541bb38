"""Which columns of a table hold the text and the label."""

from collections.abc import Mapping, Sequence
from typing import Any

from sentiment.errors import InputError, quote

AUTO = "auto"
TEXT_COLUMNS = ("text", "review")
LABEL_COLUMNS = ("label", "sentiment")

_SHOWN = 20  # columns that an error lists


def candidates(wanted: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that a column may have: the one that is `wanted`, or the `usual` ones if that is `auto`."""
    return usual if wanted == AUTO else (wanted,)


def find_column(where: str, wanted: str, usual: tuple[str, ...], option: str, names: Sequence[str]) -> str:
    """Return the first of a column's candidates that is among `names`. `option` is what sets it.

    Raises InputError where `names` lack the column or repeat it.
    """
    possible = candidates(wanted, usual)
    present = [name for name in possible if name in names]
    if not present:
        raise InputError(
            f"{where}: no column {' or '.join(map(quote, possible))} among {', '.join(map(quote, names[:_SHOWN]))}; "
            f"name it by {option}"
        )
    if names.count(present[0]) > 1:
        raise InputError(f"{where}: has two columns {quote(present[0])}; rename one")
    return present[0]


def present_name(fields: Mapping[str, Any], possible: Sequence[str]) -> str | None:
    """Return the first of some columns that a row has, None where it has none of them."""
    return next((name for name in possible if _descend(fields, name) is not _ABSENT), None)


def value_of(fields: Mapping[str, Any], name: str) -> Any:
    """Return the value of a column, None where a row lacks it. A dotted name descends: `review.text`.

    >>> value_of({"review": {"text": "Good."}}, "review.text"), value_of({"a.b": 1}, "a.b")
    ('Good.', 1)
    """
    value = _descend(fields, name)
    return None if value is _ABSENT else value


_ABSENT = object()


def _descend(fields: Mapping[str, Any], name: str) -> Any:
    if name in fields:
        return fields[name]
    outer, dot, inner = name.partition(".")
    inside = fields.get(outer) if dot else None
    return _descend(inside, inner) if isinstance(inside, Mapping) else _ABSENT
