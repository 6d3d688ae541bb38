"""Text on the terminal's streams, byte for byte, whatever the locale."""

import io
import sys
from typing import IO, Any

from sentiment.errors import InputError

# How text that came from a file or a command line is written: no byte of it is lost.
AS_READ: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}


def stdout(encoding: str = "utf-8") -> IO[str]:
    """Return standard output as UTF-8, or another encoding, with line ends as they are, whatever the terminal's locale.

    Raises InputError where it is closed.
    """
    if sys.stdout is None:
        raise InputError("standard output is closed; redirect it to a file or to /dev/null")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(**AS_READ | {"encoding": encoding})
    return sys.stdout


def stdin(name: str) -> IO[bytes]:
    """Return standard input as bytes. Raises InputError, which calls it `name`, where it is closed."""
    if sys.stdin is None:
        raise InputError(f"{name}: standard input is closed; redirect a file to it")
    return sys.stdin.buffer
