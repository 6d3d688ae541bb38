"""Mistakes of a user, and how a command ends: one line on standard error and an exit code, never a traceback."""

import argparse
import os
import re
import reprlib
import sys
from collections.abc import Callable
from typing import NoReturn

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60


class InputError(Exception):
    """What a user gave cannot be used. The message names the file, the row or key, the value and the remedy."""


def shown(value: object) -> str:
    """Return a value as an error line shows it: quoted, escaped and at most 60 characters long.

    >>> shown("two\\nlines")
    "'two\\\\nlines'"
    """
    return _short.repr(value)


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
    except InputError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # the reader of our output, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        print(f"error: {error.filename or 'input or output'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not re.search("out of memory|can't allocate memory", str(error)):
            raise
        print(
            "error: not enough memory; lower train.batch_size, encode.max_tokens or the model's widths", file=sys.stderr
        )
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted: nothing was half written; the same command goes on", file=sys.stderr)
        sys.exit(130)


def _refuse_arguments(words: list[str]) -> None:
    """A command without arguments has its docstring for help."""
    if words and words[0] in ("-h", "--help"):
        print((sys.modules["__main__"].__doc__ or "").strip())
        sys.exit(0)
    if words:
        raise InputError(f"argument {shown(words[0])}: this command takes none; its parameters are in params.yaml")
