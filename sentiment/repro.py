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
        shutil.copytree(paths.METRICS, kept / "metrics")
        if LOCK.exists():
            shutil.copy2(LOCK, kept)
        try:
            code = 1 if subprocess.run([sys.executable, "-m", "dvc", "repro"], check=False).returncode else 0
        except KeyboardInterrupt:
            code = 130
        if code:
            _restore(kept)
            print("The outputs are those of before; mend what is named above and run it again.", file=sys.stderr)
            return code
    summary.main()
    return 0


def _restore(kept: Path) -> None:
    """Bring back metrics, lock file and outputs. In a clone that never ran, the cache has no outputs to bring back."""
    shutil.copytree(kept / "metrics", paths.METRICS, dirs_exist_ok=True)
    if (kept / LOCK).exists():
        shutil.copy2(kept / LOCK, LOCK)
        subprocess.run([sys.executable, "-m", "dvc", "checkout"], capture_output=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
