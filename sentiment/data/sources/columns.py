"""Which columns of a table hold the text and the label."""

from collections.abc import Mapping, Sequence
from typing import Any

from sentiment.errors import InputError, quote

AUTO = "auto"
TEXT_COLUMNS = ("text", "review")
LABEL_COLUMNS = ("label", "sentiment")

_SHOWN = 20  # an error lists at most this many columns


def candidates(wanted: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that a column may have: the `usual` ones if `wanted` is `auto`, otherwise `wanted` alone."""
    return usual if wanted == AUTO else (wanted,)


def find_column(where: str, wanted: str, usual: tuple[str, ...], option: str, names: Sequence[str]) -> str:
    """Return the first of a column's candidates that is among `names`.

    Raises InputError, which suggests setting `option`, if none of them is there, or if the first one is there twice.
    """
    possible = candidates(wanted, usual)
    present = [name for name in possible if name in names]
    if not present:
        raise InputError(
            f"{where}: no column {' or '.join(map(quote, possible))} among {', '.join(map(quote, names[:_SHOWN]))}; "
            f"set {option}"
        )
    if names.count(present[0]) > 1:
        raise InputError(f"{where}: has two columns {quote(present[0])}; rename one")
    return present[0]


def present_name(fields: Mapping[str, Any], possible: Sequence[str]) -> str | None:
    """Return the first of the `possible` columns that a row has, or None."""
    return next((name for name in possible if _descend(fields, name) is not _ABSENT), None)


def value_of(fields: Mapping[str, Any], name: str) -> Any:
    """Return the value of a column, or None if the row lacks it. A dotted name is a nested field: `review.text`.

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
