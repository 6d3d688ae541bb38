"""Mistakes of a user, and how a command ends: one line on standard error and an exit code, never a traceback."""

import argparse
import errno
import os
import re
import reprlib
import sys
from collections.abc import Callable
from typing import NoReturn

# Torch, and libraries that are loaded late, where a machine or a `ulimit` gives no more.
_NO_MEMORY = re.compile("out of memory|can(?:not|'t) allocate memory|failed to map segment", re.IGNORECASE)
_NO_WORKERS = re.compile("shared memory|DataLoader worker .*(?:killed|exited)", re.IGNORECASE)
_REMEDIES: dict[int | None, str] = {
    errno.ENOSPC: "; free some and run the command again",
    errno.EROFS: "; run the command in a copy that can be written",
    errno.EACCES: "; change its permissions",
}

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60


class InputError(Exception):
    """What a user gave cannot be used. The message names the file, the row or key, the value and the remedy."""


def quote(value: object) -> str:
    """Return a value as an error line shows it: quoted, escaped and at most 60 characters long.

    >>> quote("two\\nlines")
    "'two\\\\nlines'"
    """
    text = _short.repr(value)
    return text if len(text) <= 60 else f"{text[:28]}...{text[-29:]}"


def reason(error: Exception) -> str:
    """Return what a library says is wrong, as part of an error line: printable, at most 200 characters."""
    return printable(" ".join(str(error).split()))[:200]


def printable(text: str) -> str:
    """Return a text without signs that a terminal would obey: escaped."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


class Parser(argparse.ArgumentParser):
    """Reads a command line and says what is wrong with it in one line, as every command here does."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; `{self.prog} --help` explains the options")


def run(main: Callable[[], None], *, takes_arguments: bool = False) -> None:
    """Call `main` as a command: exit with 2 on a mistake of the user, 1 where the machine fails, 130 if interrupted."""
    try:
        if not takes_arguments:
            _refuse_arguments(sys.argv[1:])
        main()
    except InputError as mistake:
        for line in str(mistake).splitlines():
            print(f"error: {printable(line)}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # the reader of our output, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted: files are whole or as they were; run it again", file=sys.stderr)
        sys.exit(130)
    except (MemoryError, OSError, RuntimeError, ImportError) as error:
        if (cause := _of_the_machine(error)) is None:
            raise
        print(f"error: {printable(cause)}", file=sys.stderr)
        sys.exit(1)


def _of_the_machine(error: Exception) -> str | None:
    """Return what to say of an error where the machine is its cause."""
    number = error.errno if isinstance(error, OSError) else None
    said = f"{error} {error.__context__}"  # llvmlite tells why it did not load in the second alone
    if _NO_WORKERS.search(said):
        return "a process that builds batches had no memory to share, or was killed; set compute.workers to 0"
    if isinstance(error, MemoryError) or number == errno.ENOMEM or _NO_MEMORY.search(said):
        return "not enough memory; lower train.batch_size, encode.max_tokens or the model's widths"
    if not isinstance(error, OSError):
        return None
    # Not `strerror`: Arrow puts more there than the system's own words.
    what = os.strerror(number) if number else reason(error)
    return f"{error.filename or 'input or output'}: {what}{_REMEDIES.get(number, '')}"


def _refuse_arguments(words: list[str]) -> None:
    """A command without arguments has its docstring for help."""
    if words and words[0] in ("-h", "--help"):
        print((sys.modules["__main__"].__doc__ or "").strip())
        sys.exit(0)
    if words:
        raise InputError(f"argument {quote(words[0])}: this command takes none; its parameters are in params.yaml")
