"""Reproduce the pipeline, or change nothing: `dvc repro` that gives the last outputs back where a stage fails.

    python -m sentiment.repro

DVC removes a stage's outputs before it runs the stage. So the parameters are checked first, and where a stage fails all
the same (a loss that is no number, a full disk), the outputs of the last whole run are taken from DVC's cache again.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from sentiment import paths, summary

LOCK = Path("dvc.lock")


def main() -> int:
    """Return the exit code of what failed, or 0."""
    checked = subprocess.run([sys.executable, "-m", "stages.check"], check=False)
    if checked.returncode:
        return checked.returncode
    with tempfile.TemporaryDirectory() as folder:
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
            return code
    summary.main()
    return 0


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
    sys.exit(main())
