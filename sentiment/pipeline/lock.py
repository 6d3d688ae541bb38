"""The lock of a working folder: one run or one stage writes in it at a time.

A stage holds the lock alone. `sentiment repro` holds it for its whole run and shares it with the stages that its `dvc`
starts; any other stage waits until the run has ended.

It is a POSIX lock, which belongs to one process: the system releases it when that process ends, however it ends, and
the processes that build batches do not inherit it. It is released as well when the process closes any handle of the
file, so nothing else may open it.
"""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psutil

from sentiment.errors import InputError

FILE = Path(".dvc/tmp/pipeline.lock")
_RUN = "SENTIMENT_REPRO"  # in the environment of a run's stages: the process of `sentiment repro`


@contextmanager
def held_by_stage() -> Iterator[None]:
    """Wait until no other run or stage is active in this folder."""
    run = os.environ.get(_RUN, "")
    mode = fcntl.LOCK_SH if run.isdecimal() and psutil.pid_exists(int(run)) else fcntl.LOCK_EX
    with _open() as file:
        if not _try(file, mode):
            print("waiting for another run or stage in this folder", file=sys.stderr)
            fcntl.lockf(file, mode)
        yield


@contextmanager
def held_by_run() -> Iterator[IO[str]]:
    """Yield the lock for `shared`. Raises InputError if another run or stage is active in this folder."""
    with _open() as file:
        if not _try(file, fcntl.LOCK_EX):
            raise InputError(f"{FILE}: another run or stage is active in this folder; wait for its end")
        yield file


@contextmanager
def shared(file: IO[str]) -> Iterator[dict[str, str]]:
    """Yield the environment in which stages share this run's lock. At the end, wait until they have ended."""
    fcntl.lockf(file, fcntl.LOCK_SH)
    try:
        yield os.environ | {_RUN: str(os.getpid())}
    finally:
        fcntl.lockf(file, fcntl.LOCK_EX)


def _open() -> IO[str]:
    FILE.parent.mkdir(parents=True, exist_ok=True)
    return FILE.open("a+")  # a shared lock asks for a file that is open for reading, an exclusive one for writing


def _try(file: IO[str], mode: int) -> bool:
    try:
        fcntl.lockf(file, mode | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # POSIX allows either
        return False
    return True
