"""Files that are whole or absent: everything is written beside its place and moved in when it is complete.

A partial file has a fixed name, `.<name>.partial`, so that what a killed run left behind is overwritten by the next
one instead of gathering.
"""

import csv
import fcntl
import io
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sentiment.errors import InputError, reason

if TYPE_CHECKING:
    import _csv

# How text that came from a file or a command line is written: no byte of it is lost.
AS_READ: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}


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
    """Say which file an error is about: that of a full disk names none."""
    if isinstance(error, OSError) and error.filename in (None, str(partial)):
        error.filename = str(path)


def stdout() -> IO[str]:
    """Return standard output as UTF-8 with line ends as they are, whatever the terminal's locale."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(**AS_READ)
    return sys.stdout


def rounded(value: Any) -> Any:
    """Return a value, or a container's values, with floats of twelve digits: in the next four, processors differ.

    >>> rounded({"share": [2 / 3, 1]})
    {'share': [0.666666666667, 1]}
    """
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, Mapping):
        return {key: rounded(inner) for key, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list | tuple) else value


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` in the order of its keys, floats with twelve digits. Raises ValueError for NaN and infinity."""
    with atomic_write(path) as partial:
        text = json.dumps(rounded(content), indent=2, allow_nan=False, ensure_ascii=False)
        partial.write_text(text + "\n", encoding="utf-8", newline="\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read an object that `write_json` wrote. Raises InputError where the file is missing or holds anything else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: missing; run `dvc repro`, or `dvc pull` if the team has it") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not the JSON that this project writes ({reason(error)}); run `dvc repro`") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds {type(content).__name__}, not an object; run `dvc repro`")
    return content


# The longest review, in characters or bytes, forty times one of 100,000 words: what is longer, a quote that is never
# closed say, would fill the memory. (Python's own limit for a field of a CSV file, 131,072, is below such a review.)
LONGEST = 2**24


def csv_rows(stream: IO[str], separator: str = ",") -> "_csv.Reader":
    """Return a strict reader of a CSV file's rows, which raises csv.Error for a line or a field beyond LONGEST."""
    csv.field_size_limit(LONGEST)
    return csv.reader(_lines(stream), delimiter=separator, strict=True)


def _lines(stream: IO[str]) -> Iterator[str]:
    while line := stream.readline(LONGEST):
        if len(line) == LONGEST and not line.endswith("\n"):
            raise csv.Error(f"a line has more than {LONGEST:,} characters")
        yield line


def repeated(names: Iterable[str]) -> str | None:
    """Return the first of the names that stands twice, or None.

    >>> repeated(["a", "b", "b"]), repeated(["a", "b"])
    ('b', None)
    """
    return next((name for name, count in Counter(names).items() if count > 1), None)


def csv_field(field: str, separator: str = ",") -> str:
    """Return a field as a CSV file has it. `csv.writer` leaves a lone carriage return bare, which ends a row.

    >>> print(csv_field("yes"), csv_field('the "end" of'))
    yes "the ""end"" of"
    """
    return '"' + field.replace('"', '""') + '"' if any(sign in field for sign in f'"\r\n{separator}') else field


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table for `dvc plots`, one line a row, floats with twelve digits."""
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        for row in chain([header], rows):
            stream.write(",".join(csv_field(str(rounded(field))) for field in row) + "\n")
