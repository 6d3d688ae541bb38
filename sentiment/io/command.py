"""How a command ends: an exit code and one line on standard error, never a traceback for a user's or machine's fault.

0    done
1    the machine failed: a full disk, too little memory; or what was checked is not so
2    the user gave something that cannot be used
130  interrupted by Ctrl-C; 143 by SIGTERM, 129 by SIGHUP
"""

import argparse
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from sentiment.errors import InputError, printable, quote, reason
from sentiment.io import interrupts

_REMEDIES: dict[int | None, str] = {
    errno.ENOSPC: "; free some and run the command again",
    errno.EROFS: "; run the command in a copy that can be written",
    errno.EACCES: "; change its permissions",
}

# Libraries without an exception class for these cases say them in a RuntimeError, an ImportError or an OSError.
_NO_MEMORY = (
    "out of memory",  # CUDA
    "can't allocate memory",  # torch's allocator on the CPU
    "cannot allocate memory",  # the system, as the dynamic linker and LLVM pass it on
    "failed to map segment",  # the dynamic linker
)
_NO_WORKER = ("is killed by signal", "exited unexpectedly", "shared memory")  # torch's DataLoader, of a worker


class ArgumentParser(argparse.ArgumentParser):
    """An argparse parser whose errors are `InputError`, so one line like all others."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; `{self.prog} --help` explains the options")


def run(main: Callable[[], None], *, takes_arguments: bool = False) -> None:
    """Call `main` and end the process as this module says. Without arguments, `--help` prints the script's docstring.

    Returns where `main` does; otherwise raises SystemExit, or the error itself where it is a defect of the program.
    """
    interrupts.catch()
    if sys.stderr is None:  # closed: `print` would write messages to standard output, among the results
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115, open to the end of the process
    try:
        if not takes_arguments:
            _refuse_arguments(sys.argv[1:])
        main()
    except InputError as error:
        for line in str(error).splitlines():
            print(f"error: {printable(line)}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # the reader of our output has closed it, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt as interruption:
        print("interrupted: files are whole or as they were; run it again", file=sys.stderr)
        sys.exit(interrupts.exit_code(interruption))
    except (MemoryError, OSError, RuntimeError, ImportError) as error:
        if (message := _machine_fault(error)) is None:
            raise
        print(f"error: {printable(message)}", file=sys.stderr)
        sys.exit(1)


def _machine_fault(error: Exception) -> str | None:
    """Return the line for an error that the machine caused, None for any other error."""
    number = error.errno if isinstance(error, OSError) else None
    text = f"{error} {error.__context__}".lower()  # llvmlite gives its reason in the context alone
    if any(part in text for part in _NO_WORKER):
        return "a process that prepares batches was killed or found no shared memory; set compute.workers to 0"
    if isinstance(error, MemoryError) or number == errno.ENOMEM or any(part in text for part in _NO_MEMORY):
        return "not enough memory; lower train.batch_size, encode.max_tokens or the model's widths"
    if not isinstance(error, OSError):
        return None
    # Not `strerror`: Arrow adds its own words there.
    what = os.strerror(number) if number else reason(error)
    return f"{error.filename or 'input or output'}: {what}{_REMEDIES.get(number, '')}"


def _refuse_arguments(words: list[str]) -> None:
    if words and words[0] in ("-h", "--help"):
        print((sys.modules["__main__"].__doc__ or "").strip())
        sys.exit(0)
    if words:
        raise InputError(f"argument {quote(words[0])}: this command takes none; its parameters are in params.yaml")
