"""dvc.lock: read as DVC reads it, copied while it is whole, put back where a kill has cut it off.

DVC writes the file in place, so that a kill at that moment leaves it cut off, and from then on DVC refuses to run.
While a stage runs nobody writes it: the copy that each stage takes when it begins is whole.
"""

import shutil
from pathlib import Path
from typing import Any

from sentiment import files, params, paths
from sentiment.errors import InputError, reason

KEPT = Path(".dvc/tmp/dvc.lock")


def keep() -> None:
    """Copy dvc.lock, where there is one."""
    if paths.LOCK.exists():
        with files.replacing(KEPT) as partial:
            shutil.copyfile(paths.LOCK, partial)


def stages(path: Path = paths.LOCK) -> dict[str, Any]:
    """Return the entry of each stage. Raises InputError where the file is missing or DVC would refuse it."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA  # type: ignore[import-untyped]
    from voluptuous import Invalid

    params.read.cache_clear()
    try:
        found: dict[str, Any] = COMPILED_LOCKFILE_SCHEMA(params.read(path)).get("stages", {})
    except Invalid as error:
        raise InputError(f"{path}: {reason(error)}; take the file from Git: git checkout {path}") from None
    return found


def mend() -> bool:
    """Put dvc.lock back where DVC cannot read it. Return whether that was so.

    Raises InputError where there is nothing to put back, or where it is cut by a merge and not by a kill.
    """
    if not paths.LOCK.exists() or _is_whole(paths.LOCK):
        return False
    if any(line.startswith("<<<<<<< ") for line in paths.LOCK.read_text("utf-8", "replace").splitlines()):
        raise InputError(
            f"{paths.LOCK}: holds both sides of a merge; take one, `git checkout --ours {paths.LOCK} {paths.METRICS}`, "
            "and run it again"
        )
    if not (KEPT.exists() and _is_whole(KEPT)):
        raise InputError(f"{paths.LOCK}: damaged; take it from Git: git checkout {paths.LOCK}")
    with files.replacing(paths.LOCK) as partial:
        shutil.copyfile(KEPT, partial)
    return True


def _is_whole(path: Path) -> bool:
    try:
        stages(path)
    except InputError:
        return False
    return True
