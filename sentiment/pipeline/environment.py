"""The environment of a command, which the programs that it starts inherit: git, dvc and, through dvc, the stages."""

import os
import sys
from pathlib import Path

# Git sets these for a hook, to say which repository it belongs to. git and dvc obey them in every folder: a clone that
# a test or `sentiment verify` makes would commit to the user's branch. `git rev-parse --local-env-vars` lists them;
# those of Git's configuration stay, because users set them too.
_OF_ONE_REPOSITORY = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)


def prepare() -> None:
    """Make this process's environment independent of who called it.

    Git takes the repository of the working folder. `python` in dvc.yaml is this interpreter, also where no environment
    is activated, and it finds `stages` in the working folder, which PYTHONSAFEPATH would forbid.
    """
    for name in (*_OF_ONE_REPOSITORY, "PYTHONSAFEPATH"):
        os.environ.pop(name, None)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
