"""Text on the terminal's streams, byte for byte, whatever the locale."""

import io
import sys
from typing import IO, Any

# How text that came from a file or a command line is written: no byte of it is lost.
AS_READ: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}


def stdout() -> IO[str]:
    """Return standard output as UTF-8 with line ends as they are, whatever the terminal's locale."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(**AS_READ)
    return sys.stdout
