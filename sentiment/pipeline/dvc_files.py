"""Two files that DVC writes in place, so a kill can cut them off: dvc.lock and rwlock in .dvc/tmp.

If dvc.lock is cut off, DVC refuses to run or, four times of five, accepts what is left and takes the stages that are
missing for ones that never ran. Nobody writes the file while a stage runs, so every stage copies it when it starts.

While a stage runs, DVC notes in rwlock which process writes which output. The note of a killed `dvc` stays, and after a
restart of the machine another process can have its number.
"""

import json
import os
import re
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from itertools import chain
from pathlib import Path

import psutil

from sentiment.config import paths
from sentiment.config.yaml_file import read_yaml
from sentiment.errors import InputError
from sentiment.io.atomic import atomic_write, remove_partials
from sentiment.pipeline import dvc_folder

_ENTRY = re.compile(r"^(?=  \S)", re.MULTILINE)  # where a stage's entry begins


def copy_path() -> Path:
    """Return the path of this project's copy of dvc.lock."""
    return dvc_folder.scratch() / paths.LOCK.name


def rwlock_path() -> Path:
    """Return the path of rwlock, which all projects with one .dvc share."""
    return dvc_folder.temporary() / "rwlock"


def backup() -> None:
    """Copy dvc.lock, unless it is cut off: the copy is then all that is left of it."""
    copy = copy_path()
    remove_partials(copy)
    if not paths.LOCK.exists():  # the user wants every stage to run again
        copy.unlink(missing_ok=True)
    else:
        text, repaired = _repaired()
        if text == repaired:
            with atomic_write(copy) as partial:
                partial.write_text(text, encoding="utf-8", newline="\n")


def repair() -> bool:
    """Restore from the copy what a kill has cut off dvc.lock. Return whether anything was.

    Raises InputError if the copy is missing, or if dvc.lock holds both sides of a merge.
    """
    if not paths.LOCK.exists():
        return False
    text, repaired = _repaired()
    if re.search("^<<<<<<< ", text, re.MULTILINE):
        raise InputError(
            f"{paths.LOCK}: holds both sides of a merge; take one, `git checkout --ours {paths.LOCK} {paths.METRICS}`, "
            "and run it again"
        )
    if _ends_early(repaired):
        raise InputError(
            f"{paths.LOCK}: cut off, and no copy is left; take it from Git, `git checkout {paths.LOCK}`, or delete it "
            "to run every stage again"
        )
    if text != repaired:
        with atomic_write(paths.LOCK) as partial:
            partial.write_text(repaired, encoding="utf-8", newline="\n")
    return text != repaired


def _repaired() -> tuple[str, str]:
    text, copy = (path.read_text("utf-8", "replace") if path.exists() else "" for path in (paths.LOCK, copy_path()))
    return text, complete(text, copy, read_yaml(paths.PIPELINE)["stages"])


def complete(text: str, copy: str, stages: Collection[str]) -> str:
    """Return dvc.lock with the copy's entries in place of those that were cut off. `stages` are those of dvc.yaml.

    DVC writes the entries from first to last. So the last one may be incomplete, and those that follow it in
    the copy are missing.
    """
    found, copied = _entries(text), _entries(copy) if copy else {}
    last, names = list(found)[-1], list(copied)
    if _ends_early(text) or (copied.get(last, "").startswith(found[last]) and copied[last] != found[last]):
        del found[last]
    if not copied or list(found) != names[: len(found)]:  # nothing was copied, or it is of another commit
        return text
    missing = [name for name in names[len(found) :] if name in stages or name == "schema"]
    return "".join([*found.values(), *(copied[name] for name in missing)])


def _ends_early(text: str) -> bool:
    """Return whether a file ends within a line or between a key and its value, which DVC refuses."""
    return not text.endswith("\n") or text.endswith(":\n")


def _entries(text: str) -> dict[str, str]:
    """Return the entry of each stage, after the head of the file, whose key is `schema`."""
    return {entry.partition(":")[0].strip(): entry for entry in _ENTRY.split(text)}


def writer_of(outputs: Iterable[str]) -> psutil.Process | None:
    """Return the `dvc` that is running a stage with these outputs, if any."""
    real = {os.path.realpath(output) for output in outputs}
    writers, _ = _noted() or ({}, set())
    return next((dvc for path, pid in writers.items() if path in real and (dvc := _running(pid))), None)


def remove_stale_rwlock() -> bool:
    """Remove rwlock if DVC would refuse to run because of it although no `dvc` is active. Return whether it would.

    Raises InputError if one is.
    """
    noted = _noted()
    if noted is not None:
        writers, readers = noted
        if active := next(filter(_running, writers.values()), None):
            raise InputError(f"DVC is running a stage here, as process {active}; wait for its end")
        pids = readers | set(writers.values())
        if any(map(_running, readers)) or not any(map(psutil.pid_exists, pids)):
            return False  # DVC passes over processes that are gone
    rwlock_path().unlink(missing_ok=True)
    return True


def _noted() -> tuple[dict[str, int], set[int]] | None:
    """Return the process that writes each output, by real path, and those that read. None if rwlock is cut off."""
    end = time.monotonic() + 1
    while True:
        try:
            content = json.loads(rwlock_path().read_text(encoding="utf-8"))
            writers = {os.path.realpath(path): int(entry["pid"]) for path, entry in content.get("write", {}).items()}
            return writers, {int(entry["pid"]) for entry in chain.from_iterable(content.get("read", {}).values())}
        except (FileNotFoundError, KeyError, TypeError, AttributeError):  # no file, or of another version of DVC
            return {}, set()
        except ValueError:
            if time.monotonic() > end:
                return None
            time.sleep(0.1)  # another dvc may be writing it


def _running(pid: int) -> psutil.Process | None:
    """Return a noted process if it runs. One that began after the note was written only has the same number."""
    with suppress(psutil.NoSuchProcess, FileNotFoundError):
        process = psutil.Process(pid)
        began = process.create_time() - 1  # the system tells it to the second
        if began <= rwlock_path().stat().st_mtime and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None
