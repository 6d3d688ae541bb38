"""Mistakes of a user, and how a message shows what the user gave."""

import reprlib

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60


class InputError(Exception):
    """The user gave something that cannot be used. The message names the file, the row or key, value and remedy."""


def missing_file(path: object) -> InputError:
    """Return the error about a file of the pipeline that is not there."""
    return InputError(f"{path}: missing; run `dvc repro`, or `dvc pull` if the team has it")


def quote(value: object) -> str:
    """Return a value for an error line: quoted, escaped and at most 60 characters long.

    >>> quote("two\\nlines")
    "'two\\\\nlines'"
    """
    text = _short.repr(value)
    return text if len(text) <= 60 else f"{text[:28]}...{text[-29:]}"


def reason(error: Exception) -> str:
    """Return a library's message as part of an error line: printable, at most 200 characters."""
    return printable(" ".join(str(error).split()))[:200]


def printable(text: str) -> str:
    """Return a text with its control characters escaped, so that a terminal does not obey them.

    >>> print(printable("red: \\x1b[31m"))
    red: \\x1b[31m
    """
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
