"""Files that are whole or absent: everything is written beside its place and moved in when it is complete.

A partial file has a fixed name, `.<name>.partial`, so that what a killed run left behind is overwritten by the next
one instead of gathering.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sentiment.errors import InputError


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield the path of a partial file to write; on success it replaces `path`, on any failure it is removed.

    Raises InputError while another process writes the same file.
    """
    partial = path.with_name(f".{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _claimed(partial, path):
            yield partial
            partial.replace(path)
    except BaseException as error:
        _name(error, path, partial)
        raise


@contextmanager
def _claimed(partial: Path, path: Path) -> Iterator[None]:
    """Hold an empty partial file against other processes; on any failure it is removed."""
    if partial.is_symlink() or partial.is_dir():
        _remove(partial)
    while True:
        with partial.open("ab") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f"{path}: another command is writing it; wait for its end") from None
            if not _is(partial, stream):
                continue  # who held it has moved it into place meanwhile
            try:
                stream.truncate(0)
                yield
            except BaseException:
                _remove(partial)
                raise
            return


def _is(path: Path, stream: IO[bytes]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(stream.fileno()))
    except FileNotFoundError:
        return False


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a partial folder to fill; on success it takes the place of the folder `path`.

    The system cannot exchange two full folders in one step, so between two renames `path` is absent, never mixed.
    """
    partial = path.with_name(f".{path.name}.partial")
    previous = path.with_name(f".{path.name}.previous")
    _remove(partial)
    partial.mkdir(parents=True)
    try:
        yield partial
        _remove(previous)
        if path.exists():
            path.replace(previous)
        partial.replace(path)
    except BaseException as error:
        if previous.exists() and not path.exists():
            previous.replace(path)
        _remove(partial)
        _name(error, path, partial)
        raise
    _remove(previous)


def _name(error: BaseException, path: Path, partial: Path) -> None:
    """Say which file an error is about: that of a full disk names none, and a partial file's name means nothing."""
    if isinstance(error, OSError):
        inside = Path(str(error.filename or partial))
        if inside.is_relative_to(partial):
            error.filename = str(path / inside.relative_to(partial))
