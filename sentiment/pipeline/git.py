"""Git, called as a program."""

import os
import subprocess
import sys
from pathlib import Path

from sentiment.errors import InputError

_EXPERIMENT = "refs/exps/exec/EXEC_MERGE"  # there while `dvc exp run` runs in the working folder


def git(*words: str) -> str:
    """Return what a git command prints. Raises InputError if it fails or there is no git."""
    command = ["git", *words]
    try:
        done = subprocess.run(command, env=os.environ | {"LC_ALL": "C"}, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise InputError("git: not found; install it") from None
    if "not a git repository" in done.stderr:
        raise InputError(
            f"{Path.cwd()}: not a Git repository; clone the project, or run `dvc config core.no_scm true`: stages then "
            "run without Git, but there are no experiments and no revisions"
        )
    if done.returncode:
        raise InputError(f"`{' '.join(command)}` failed: {' '.join(done.stderr.split())}")
    return done.stdout.rstrip("\n")


def require_repository() -> None:
    """Raise InputError if this is no Git repository, or one of another owner, and DVC is not told to do without."""
    try:
        git("rev-parse", "--git-dir")
    except InputError:
        command = [sys.executable, "-m", "dvc", "config", "core.no_scm"]
        if subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip().lower() != "true":
            raise


def require_no_killed_experiment() -> None:
    """Raise InputError if a killed `dvc exp run` has left HEAD detached and the experiment's parameters in place."""
    try:
        detached = git("rev-parse", "--symbolic-full-name", "HEAD") == "HEAD"
        git("rev-parse", "--verify", "--quiet", _EXPERIMENT)
    except InputError:  # no Git, or no such experiment
        return
    if detached:
        raise InputError(
            "HEAD: detached by a `dvc exp run` that was killed, and params.yaml may hold the experiment's parameters. "
            "`git checkout -` returns to your branch and keeps all changes; `git checkout HEAD params.yaml` undoes "
            f"those of the parameters. To stay here, `git update-ref -d {_EXPERIMENT}`"
        )
