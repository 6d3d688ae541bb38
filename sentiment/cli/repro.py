"""Reproduce the pipeline, or change nothing: `dvc repro` that gives the last outputs back where a stage fails.

DVC removes a stage's outputs before it runs the stage. So the parameters are checked first, and where a stage fails all
the same (a loss that is no number, a full disk), the outputs of the last whole run are taken from DVC's cache again.

Where a kill has left dvc.lock cut off, it is put back as it last was whole; DVC's note of who writes what is removed.
"""

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sentiment.cli import summary
from sentiment.config import paths
from sentiment.errors import InputError
from sentiment.pipeline import dvc_lock, rwlock

_TMP = Path(".dvc/tmp")


def configure(parser: argparse.ArgumentParser) -> None:
    """The command takes no arguments."""


def run(args: argparse.Namespace) -> None:
    """Exit with 2 if a parameter is a mistake, with 1 if a stage fails, as `dvc repro` does."""
    os.environ.pop("DVC_STAGE", None)  # of another project, whose stage this may be
    with _alone():
        checked = subprocess.run([sys.executable, "-m", "stages.check"], check=False)
        if checked.returncode:
            sys.exit(checked.returncode)
        _mend()
        _repro()
    summary.show()


def _repro() -> None:
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder)
        if paths.METRICS.is_dir():
            shutil.copytree(paths.METRICS, kept / paths.METRICS)
        if paths.LOCK.exists():
            shutil.copy2(paths.LOCK, kept)
        try:
            code = 1 if subprocess.run([sys.executable, "-m", "dvc", "repro"], check=False).returncode else 0
        except KeyboardInterrupt:
            code = 130
        if code:
            remedy = "run it again" if code == 130 else "mend what is named above and run it again"
            print(_restore(kept, remedy), file=sys.stderr)
            sys.exit(code)
    dvc_lock.backup()


def _mend() -> None:
    """Put right what DVC refuses after a kill, since it writes these in place."""
    if dvc_lock.repair():
        print(f"{paths.LOCK} was cut off by a kill: put back as it last was whole", file=sys.stderr)
    if rwlock.repair():
        print(f"{rwlock.NOTE} was left by a kill: removed", file=sys.stderr)


@contextmanager
def _alone() -> Iterator[None]:
    """Raise InputError where another run is at work: to restore would take its outputs from under it."""
    _TMP.mkdir(parents=True, exist_ok=True)
    with (_TMP / "repro.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError("make repro is running here already; wait for its end") from None
        if processes := rwlock.at_work():
            raise InputError(f"DVC is at work here already, as process {processes[0]}; wait for its end")
        yield


def _restore(kept: Path, remedy: str) -> str:
    """Bring back metrics, lock file and outputs. Return what to tell the user, the remedy at its end."""
    if (kept / paths.METRICS).is_dir():
        shutil.copytree(kept / paths.METRICS, paths.METRICS, dirs_exist_ok=True)
    if not (kept / paths.LOCK).exists():
        return f"No run was whole before this one; {remedy}."
    shutil.copy2(kept / paths.LOCK, paths.LOCK)
    # --force: a stage whose outputs no longer fit into the cache leaves them behind, and no run asked for these.
    # The pipeline alone: other files that DVC tracks are the user's, who may have changed them.
    words = ["dvc", "checkout", "--force", str(paths.PIPELINE)]
    if subprocess.run([sys.executable, "-m", *words], capture_output=True, check=False).returncode:
        # A clone that never ran, a cache that was emptied, a full disk.
        return f"`{' '.join(words)}` brings back what DVC's cache has of the last run; {remedy}."
    return f"The outputs of the last run are in place; {remedy}."
