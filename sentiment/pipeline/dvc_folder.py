"""Where DVC keeps temporary files. Its folder `.dvc` lies in the project or, shared by several projects, above it."""

import os
from pathlib import Path

from sentiment.errors import InputError


def temporary() -> Path:
    """Return DVC's folder for temporary files, relative to the working folder. Raises InputError if there is no .dvc.

    The rule is that of `dvc.repo.Repo.find_root`. Importing DVC to ask it would cost every stage half a second.
    """
    return _root() / ".dvc/tmp"


def scratch() -> Path:
    """Return the folder for temporary files of this project: no other project that shares the .dvc writes there."""
    project = Path.cwd().relative_to(_root().resolve())
    return temporary().joinpath(*(["projects", *project.parts] if project.parts else []))


def training() -> Path:
    """Return the folder for the state of a training that has not ended."""
    return scratch() / "training"


def _root() -> Path:
    here = Path.cwd()
    for above, folder in enumerate([here, *here.parents]):
        if (folder / ".dvc").is_dir():
            return Path(*[os.pardir] * above)
        if folder.is_mount():
            break
    raise InputError(f"{here}: no folder .dvc here or above; run `dvc init`, or `dvc init --subdir` below Git's root")
