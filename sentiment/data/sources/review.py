"""A labelled review, and what its text and its label may be."""

from typing import Any, Literal, NamedTuple

from sentiment.errors import InputError, quote
from sentiment.io.csv_file import LONGEST

LABELS = {"0": 0, "1": 1, "neg": 0, "pos": 1, "negative": 0, "positive": 1}


class Review(NamedTuple):
    """A labelled review: 0 is negative, 1 positive.

    `split` is None where the source has no split of its own, `film` where it does not name what is reviewed.
    """

    id: str
    text: str
    label: int
    split: Literal["train", "test"] | None = None
    film: str | None = None


def parse_label(where: str, value: Any) -> int:
    """Return 0 or 1. Raises InputError for a value that is not one of `LABELS`, in any case."""
    word = str(int(value)) if isinstance(value, bool) else str(value).strip().lower()
    if word not in LABELS:
        raise InputError(f"{where}: unknown label {quote(value)}; the labels are {', '.join(LABELS)}")
    return LABELS[word]


def check_text(where: str, value: Any) -> str:
    """Return a text that can be stored: a string of at most `LONGEST` characters, valid UTF-8, without NUL bytes.

    Raises InputError for anything else.
    """
    if not isinstance(value, str):
        raise InputError(f"{where}: the text is {quote(value)}, not a string; correct or remove the row")
    if len(value) > LONGEST:
        raise InputError(f"{where}: the text has more than {LONGEST:,} characters; shorten or remove it")
    if "\0" in value:
        raise InputError(f"{where}: the text contains a NUL byte; remove it")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        half = value[error.start]
        if "\udc80" <= half <= "\udcff":  # how `surrogateescape` reads a byte that is not UTF-8
            raise InputError(f"{where}: the text is not valid UTF-8; convert the file to UTF-8") from None
        raise InputError(
            f"{where}: the text contains {quote(half)}, half of a character that was cut in two; remove it"
        ) from None
    return value
