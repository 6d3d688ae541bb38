"""The lock of a working folder: one run or one stage writes in it at a time.

A stage holds the lock alone. `sentiment repro` holds it for its whole run and shares it with the stages that its `dvc`
starts; any other stage waits until the run has ended.

It is a POSIX lock, which belongs to one process: the system releases it when that process ends, however it ends, and
the processes that build batches do not inherit it. It is released as well when the process closes any handle of the
file, so nothing else may open it.
"""

import errno
import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psutil

from sentiment.errors import InputError
from sentiment.pipeline import dvc_folder

NAME = "pipeline.lock"
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # some NFS and Lustre mounts
_RUN = "SENTIMENT_REPRO"  # in the environment of a run's stages: the process of `sentiment repro`


@contextmanager
def held_by_stage() -> Iterator[None]:
    """Wait until no other run or stage is active in this folder."""
    run = os.environ.get(_RUN, "")
    mode = fcntl.LOCK_SH if run.isdecimal() and psutil.pid_exists(int(run)) else fcntl.LOCK_EX
    with _open() as file:
        if not _lock(file, mode | fcntl.LOCK_NB):
            print("waiting for another run or stage in this folder", file=sys.stderr)
            _lock(file, mode)
        yield


@contextmanager
def held_by_run() -> Iterator[IO[str]]:
    """Yield the lock for `shared`. Raises InputError if another run or stage is active in this folder."""
    with _open() as file:
        if not _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
            raise InputError(f"{file.name}: another run or stage is active in this folder; wait for its end")
        yield file


@contextmanager
def shared(file: IO[str]) -> Iterator[dict[str, str]]:
    """Yield the environment in which stages share this run's lock. At the end, wait until they have ended."""
    _lock(file, fcntl.LOCK_SH)
    try:
        yield os.environ | {_RUN: str(os.getpid())}
    finally:
        _lock(file, fcntl.LOCK_EX)


def adapt_dvc(project: Path, folder: Path) -> None:
    """Let DVC lock by hard links if the file system of `folder` has no flock, without which DVC's default fails."""
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            return
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
    command = [sys.executable, "-m", "dvc", "config", "--local", "core.hardlink_lock"]
    if subprocess.run(command, cwd=project, capture_output=True, check=False).returncode:  # not set
        subprocess.run([*command, "true"], cwd=project, check=True)
        for name in ("lock", "rwlock.lock"):  # a failed dvc has left them; as hard links, they would mean a lock
            (folder / name).unlink(missing_ok=True)
        print("this file system has no flock; core.hardlink_lock is now set in .dvc/config.local", file=sys.stderr)


def within_run() -> bool:
    """Return whether this process is a stage that `sentiment repro` runs."""
    return _RUN in os.environ


def _open() -> IO[str]:
    folder = dvc_folder.scratch()
    folder.mkdir(parents=True, exist_ok=True)
    # A shared lock asks for a file that is open for reading, an exclusive one for writing.
    return (folder / NAME).open("a+")


def _lock(file: IO[str], mode: int) -> bool:
    """Return whether the file could be locked. Where the file system has no locks, say so and let the caller go on."""
    try:
        fcntl.lockf(file, mode)
    except (BlockingIOError, PermissionError):  # POSIX allows either
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        if mode & fcntl.LOCK_NB and _RUN not in os.environ:  # once for a command and the stages that it starts
            print(f"{file.name}: this file system has no locks; start nothing else here meanwhile", file=sys.stderr)
    return True
