"""A review, and the checks of its text and its label."""

import math
import re
from decimal import Decimal
from typing import Any, NamedTuple

from sentiment.config.paths import Part
from sentiment.errors import InputError, quote
from sentiment.io.csv_file import LONGEST

_ENCODINGS = ["cp1251", "koi8_r", "gb18030", "big5", "shift_jis", "euc_jp", "euc_kr"]
LONGEST_LABEL = 100  # characters

_NUMBER = re.compile(r"[-+]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})")


class Review(NamedTuple):
    """A review as it is in its source. A missing text or label is None.

    `split` is None if the source has no test split of its own, so that one is drawn. It is `unlabelled` in a data set's
    unlabelled part; these reviews come last. `film` is None if the source does not name the film. `has_valid` is
    whether the source has a validation split of its own, so that none is drawn.
    """

    id: str
    text: str | None
    label: str | None
    split: Part | None = None
    film: str | None = None
    has_valid: bool = False


def label_of(where: str, value: Any) -> str | None:
    """Return a label as text, or None if it is missing. All spellings of a number give the same text.

    Raises InputError for a value that is neither a word nor a number.

    >>> [label_of("", value) for value in (1, 1.0, "1.0", Decimal("4.50"), True, "True ", " Good", "", float("nan"))]
    ['1', '1', '1', '4.5', 'true', 'true', 'Good', None, None]
    """
    if value is None or (isinstance(value, float | Decimal) and math.isnan(value)):
        return None
    if not isinstance(value, str | int | float | Decimal):
        raise InputError(f"{where}: the label is {quote(value)}, neither a word nor a number; name another column")
    word = str(value).strip()
    if not word:
        return None
    if word.lower() in ("true", "false"):
        return word.lower()
    if isinstance(value, float) and math.isfinite(value):
        word = format(Decimal(word), "f")
    if _NUMBER.fullmatch(word):
        word = format(Decimal(word), "f").lstrip("+")
        word = word.rstrip("0").rstrip(".") if "." in word else word
        return "0" if word == "-0" else word
    if len(word) > LONGEST_LABEL or not word.isprintable():
        raise InputError(
            f"{where}: the label is {quote(value)}; a label has at most {LONGEST_LABEL} printable characters"
        )
    return word


def check_text(where: str, value: Any, option: str = "") -> str:
    """Return a text that can be stored: a string of at most `LONGEST` characters, valid UTF-8, without NUL bytes.

    Raises InputError for anything else. Errors name `option`, which sets the encoding of the file.
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
        if "\udc80" <= half <= "\udcff":  # a byte that is not UTF-8, as `surrogateescape` reads it
            remedy = "convert it to UTF-8"
            if option and (probable := probable_encoding(value)):
                remedy = f"it is probably {probable}; set {option}"
            raise InputError(f"{where}: the text is not valid UTF-8; {remedy}") from None
        raise InputError(
            f"{where}: the text contains {quote(half)}, half of a character (a lone surrogate); remove it"
        ) from None
    return value


def probable_encoding(text: str) -> str | None:
    """Return the most likely encoding of a text, or None. Its bytes that are not UTF-8 have become surrogates."""
    try:
        content = text[:10_000].encode("utf-8", errors="surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate from an escape in JSON
        return None
    others = sum(byte > 127 for byte in content)
    if 2 * others < sum(65 <= byte & ~32 <= 90 for byte in content):
        return "cp1252"  # Latin letters with some accents; the package below guesses these badly
    from charset_normalizer import from_bytes

    best = from_bytes(content, cp_isolation=_ENCODINGS).best()
    return best.encoding if best else None
