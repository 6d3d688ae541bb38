"""Run `dvc repro`; if a stage fails, restore the outputs of the last complete run.

DVC removes a stage's outputs before it runs the stage, so the parameters are checked first. If a stage still fails (the
loss becomes infinite, the disk is full) or the run is interrupted, the outputs of the last complete run are restored
from DVC's cache.

What a killed run has left damaged is repaired first: dvc.lock, and DVC's record of which process writes what.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from sentiment.cli import summary
from sentiment.config import paths
from sentiment.io import interrupts
from sentiment.pipeline import dvc_files, dvc_folder, lock
from sentiment.pipeline.git import require_no_killed_experiment, require_repository

_KEPT = (paths.LOCK, paths.METRICS)  # what Git holds of the last run


def configure(parser: argparse.ArgumentParser) -> None:
    """The command takes no arguments."""


def run(args: argparse.Namespace) -> None:
    """Exit with 2 if a parameter is wrong, with 1 if a stage fails, as `dvc repro` does."""
    os.environ.pop("DVC_STAGE", None)  # set if a stage of another project calls this command
    require_repository()
    with lock.held_by_run() as held, tempfile.TemporaryDirectory() as folder:
        lock.adapt_dvc(Path(), dvc_folder.temporary())
        check = subprocess.run([sys.executable, "-m", "stages.check"], check=False)
        if check.returncode:
            sys.exit(check.returncode)
        if dvc_files.remove_stale_rwlock():
            print(f"{dvc_files.rwlock_path()}: left by a killed dvc, removed", file=sys.stderr)
        require_no_killed_experiment()
        if dvc_files.repair():
            print(f"{paths.LOCK}: cut off by a kill, completed from its copy", file=sys.stderr)
        _copy(Path(), Path(folder))
        interrupts.catch(once=True)
        try:
            with lock.shared(held) as environment:
                done = subprocess.run([sys.executable, "-m", "dvc", "repro"], env=environment, check=False)
            code, remedy = int(done.returncode != 0), "correct the error above and run it again"
        except KeyboardInterrupt as interruption:  # `dvc` was killed; its stage ends with it
            code, remedy = interrupts.exit_code(interruption), "run it again"
        if code:
            interrupts.ignore()
            print(f"{_restore(Path(folder))}; {remedy}.", file=sys.stderr)
            sys.exit(code)
        _keep_speed(Path(folder))
        dvc_files.backup()
    summary.show()


def _keep_speed(folder: Path) -> None:
    """Keep the seconds that Git holds if the run gave the results that it holds: nothing is left to commit then."""
    lock_file, speed = folder / paths.LOCK, folder / paths.SPEED
    if lock_file.exists() and speed.exists() and lock_file.read_bytes() == paths.LOCK.read_bytes():
        shutil.copy2(speed, paths.SPEED)


def _restore(folder: Path) -> str:
    """Bring back metrics, dvc.lock and outputs of the last run. Return what was done."""
    _copy(folder, Path())
    if not (folder / paths.LOCK).exists():
        return "No run was complete before this one"
    # --force: a stage whose outputs do not fit into the cache leaves files that no run recorded.
    # The pipeline alone: the user may have changed other files that DVC tracks.
    words = ["dvc", "checkout", "--force", str(paths.PIPELINE)]
    if subprocess.run([sys.executable, "-m", *words], capture_output=True, check=False).returncode:
        # The clone never ran the pipeline, the cache was emptied, or the disk is full.
        return f"`{' '.join(words)}` brings back what DVC's cache has of the last run"
    return "The outputs of the last run are in place"


def _copy(source: Path, target: Path) -> None:
    for path in _KEPT:
        if (source / path).is_dir():
            shutil.copytree(source / path, target / path, dirs_exist_ok=True)
        elif (source / path).exists():
            shutil.copy2(source / path, target / path)
