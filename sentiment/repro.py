"""Reproduce the pipeline, or change nothing: `dvc repro` that gives the last outputs back where a stage fails.

    python -m sentiment.repro

DVC removes a stage's outputs before it runs the stage. So the parameters are checked first, and where a stage fails all
the same (a loss that is no number, a full disk), the outputs of the last whole run are taken from DVC's cache again.
"""

import fcntl
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from sentiment import paths, summary
from sentiment.errors import InputError, run

LOCK = Path("dvc.lock")
_TMP = Path(".dvc/tmp")


def main() -> None:
    """Exit with the code of what failed."""
    checked = subprocess.run([sys.executable, "-m", "stages.check"], check=False)
    if checked.returncode:
        sys.exit(checked.returncode)
    with _alone(), tempfile.TemporaryDirectory() as folder:
        kept = Path(folder)
        if paths.METRICS.is_dir():
            shutil.copytree(paths.METRICS, kept / paths.METRICS)
        if LOCK.exists():
            shutil.copy2(LOCK, kept)
        try:
            code = 1 if subprocess.run([sys.executable, "-m", "dvc", "repro"], check=False).returncode else 0
        except KeyboardInterrupt:
            code = 130
        if code:
            print(_restore(kept), file=sys.stderr)
            sys.exit(code)
    summary.main()


@contextmanager
def _alone() -> Iterator[None]:
    """Raise InputError where another run is at work: to restore would take its outputs from under it."""
    _TMP.mkdir(parents=True, exist_ok=True)
    with (_TMP / "repro.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError("make repro is running here already; wait for its end") from None
        if process := _writer():
            raise InputError(f"DVC is at work here already, as process {process}; wait for its end")
        yield


def _writer() -> int | None:
    """Return the process that writes outputs now, as DVC notes in its lock file, or None."""
    try:
        noted = json.loads((_TMP / "rwlock").read_text(encoding="utf-8"))
        processes = [int(entry["pid"]) for entry in noted.get("write", {}).values()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # no file, or of another version of DVC
        return None
    return next((process for process in processes if psutil.pid_exists(process)), None)


def _restore(kept: Path) -> str:
    """Bring back metrics, lock file and outputs. Return what to tell the user."""
    if (kept / paths.METRICS).is_dir():
        shutil.copytree(kept / paths.METRICS, paths.METRICS, dirs_exist_ok=True)
    if not (kept / LOCK).exists():
        return "Mend what is named above and run it again."
    shutil.copy2(kept / LOCK, LOCK)
    checkout = subprocess.run([sys.executable, "-m", "dvc", "checkout"], capture_output=True, check=False)
    if checkout.returncode:  # a clone that never ran, or a cache that was emptied
        return "DVC's cache does not hold all outputs of the last run: mend what is named above and run it again."
    return "The outputs of the last run are in place; mend what is named above and run it again."


if __name__ == "__main__":
    run(main)
