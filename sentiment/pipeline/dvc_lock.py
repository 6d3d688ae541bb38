"""dvc.lock: read as DVC reads it, copied while it is whole, put back where a kill has cut it off.

DVC writes the file in place, in the order that it has, so that a kill at that moment leaves it cut off. Then DVC either
refuses to run or, four times of five, takes what is left for whole, and all stages beyond for ones that never ran.
While a stage runs nobody writes it: the copy that each stage takes when it begins is whole.
"""

import re
import shutil
from pathlib import Path
from typing import Any

from sentiment.config import paths
from sentiment.config.yaml_file import read_yaml
from sentiment.errors import InputError, reason
from sentiment.io.atomic import atomic_write

KEPT = Path(".dvc/tmp/dvc.lock")

_ENTRY = re.compile(r"^(?=  \S)", re.MULTILINE)  # where a stage's entry begins


def backup() -> None:
    """Copy dvc.lock, unless a kill has cut it off: then the copy is all that is left of it."""
    if not paths.LOCK.exists():  # the user wants all to run again
        KEPT.unlink(missing_ok=True)
    elif not _is_cut():
        with atomic_write(KEPT) as partial:
            shutil.copyfile(paths.LOCK, partial)


def stages(path: Path = paths.LOCK) -> dict[str, Any]:
    """Return the entry of each stage. Raises InputError where the file is missing or DVC would refuse it."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    try:
        found: dict[str, Any] = COMPILED_LOCKFILE_SCHEMA(read_yaml(path)).get("stages", {})
    except Invalid as error:
        raise InputError(f"{path}: {reason(error)}; take the file from Git: git checkout {path}") from None
    return found


def repair() -> bool:
    """Put dvc.lock back where a kill has cut it off or DVC cannot read it. Return whether that was so.

    Raises InputError where there is nothing to put back, or where it is cut by a merge and not by a kill.
    """
    if not paths.LOCK.exists() or (_is_whole(paths.LOCK) and not _is_cut()):
        return False
    if any(line.startswith("<<<<<<< ") for line in paths.LOCK.read_text("utf-8", "replace").splitlines()):
        raise InputError(
            f"{paths.LOCK}: holds both sides of a merge; take one, `git checkout --ours {paths.LOCK} {paths.METRICS}`, "
            "and run it again"
        )
    if not (KEPT.exists() and _is_whole(KEPT)):
        raise InputError(f"{paths.LOCK}: damaged; take it from Git: git checkout {paths.LOCK}")
    with atomic_write(paths.LOCK) as partial:
        shutil.copyfile(KEPT, partial)
    return True


def _is_cut() -> bool:
    """Return whether a kill can have made dvc.lock of its copy, while one stage's entry was written anew."""
    if not KEPT.exists():
        return False
    found, kept = (path.read_text("utf-8", "replace") for path in (paths.LOCK, KEPT))
    if not found.endswith("\n"):
        return True
    entries, whole = _ENTRY.split(found), _ENTRY.split(kept)
    pairs = list(zip(entries, whole, strict=False))
    if any(_name(entry) != _name(other) for entry, other in pairs):
        return False
    if gone := set(map(_name, whole[len(entries) :])):
        possible = gone <= set(read_yaml(paths.PIPELINE)["stages"])  # else of a commit before these stages
    else:
        possible = len(entries) == len(whole) and entries[-1] != whole[-1] and whole[-1].startswith(entries[-1])
    return possible and sum(entry != other for entry, other in pairs) <= 2  # the new one, and the last


def _name(entry: str) -> str:
    return entry.partition(":")[0].strip()


def _is_whole(path: Path) -> bool:
    try:
        stages(path)
    except InputError:
        return False
    return True
