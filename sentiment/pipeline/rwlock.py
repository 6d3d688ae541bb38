"""Which process writes which output, as DVC notes it in .dvc/tmp/rwlock from before a stage begins until it has ended.

A `dvc` that was killed stays noted; after a restart of the machine another process can have its number. The note is
written in place, so a kill can cut it off.
"""

import json
import os
import time
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import psutil

NOTE = Path(".dvc/tmp/rwlock")


class _Note(NamedTuple):
    write: dict[str, int]  # the process of each output, by its real path
    read: set[int]


def noted() -> dict[str, int]:
    """Return the process that writes each output, by the output's real path."""
    note = _read()
    return note.write if note else {}


def at_work() -> list[int]:
    """Return the processes that write outputs now."""
    return [process for process in noted().values() if _runs(process)]


def repair() -> bool:
    """Remove the note where DVC refuses to run for it although nobody is at work. Return whether that was so."""
    if not NOTE.exists():
        return False
    if note := _read():
        processes = note.read | set(note.write.values())
        if any(map(_runs, processes)) or not any(map(psutil.pid_exists, processes)):
            return False  # DVC passes over processes that are no more
    NOTE.unlink(missing_ok=True)
    return True


def _read() -> _Note | None:
    """Return what DVC noted, None where it is cut off."""
    end = time.monotonic() + 1
    while True:
        try:
            found = json.loads(NOTE.read_text(encoding="utf-8"))
            write = {os.path.realpath(path): int(entry["pid"]) for path, entry in found.get("write", {}).items()}
            return _Note(write, {int(entry["pid"]) for entry in chain.from_iterable(found.get("read", {}).values())})
        except (FileNotFoundError, KeyError, TypeError, AttributeError):  # no file, or of another version of DVC
            return _Note({}, set())
        except ValueError:
            if time.monotonic() > end:
                return None
            time.sleep(0.1)  # another dvc may be writing it


def _runs(process: int) -> bool:
    """Return whether a process runs and began before the note was written: a later one only has its number."""
    try:
        found = psutil.Process(process)
        began = bool(found.create_time() <= NOTE.stat().st_mtime)
        return began and found.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, FileNotFoundError):
        return False
