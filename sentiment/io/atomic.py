"""Files and folders that are whole or absent: they are written beside their place and moved in when complete.

The unfinished file lies in a hidden folder of its own, `.<name>.<random>.partial`, so two writers never mix. A killed
writer leaves that folder behind; `remove_partials` deletes it.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield the path of a file to write. It replaces the file `path` if the block succeeds, else it is removed."""
    with _hidden_folder(path) as hidden:
        partial = hidden / path.name
        yield partial
        partial.replace(path)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder to fill. It replaces the folder `path` if the block succeeds, else it is removed.

    The system cannot exchange two full folders in one step: between two renames `path` is absent, but never mixed.
    """
    with _hidden_folder(path) as hidden:
        partial, previous = hidden / path.name, hidden / "previous"
        partial.mkdir()
        yield partial
        if path.exists():
            path.replace(previous)
        try:
            partial.replace(path)
        except BaseException:
            if previous.exists():
                previous.replace(path)
            raise


def remove_partials(path: Path) -> None:
    """Remove what killed writers of `path` left behind. Call it only while nobody writes `path`."""
    for partial in path.parent.glob(f".{path.name}.*.partial"):
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _hidden_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside `path`. An OSError about something in it names the place that this will have."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", suffix=".partial", dir=path.parent) as hidden:
            yield Path(hidden)
    except OSError as error:
        error.filename = str(path if error.filename is None else _final(Path(str(error.filename)), path))
        raise


def _final(file: Path, path: Path) -> Path:
    """Return the place of a file in the hidden folder of `path` once that has been moved in."""
    for number, part in enumerate(file.parts):
        if part.startswith(f".{path.name}.") and part.endswith(".partial"):
            return path.parent.joinpath(*(file.parts[number + 1 :] or [path.name]))
    return file
