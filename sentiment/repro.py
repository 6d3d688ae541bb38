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
            code = _dvc("repro")
        except KeyboardInterrupt:
            code = 130
        if code:
            _restore(kept)
            print("error: no output has changed; mend what is named above and run it again", file=sys.stderr)
            return code
    summary.main()
    return 0


def _restore(kept: Path) -> None:
    shutil.copytree(kept / "metrics", paths.METRICS, dirs_exist_ok=True)
    if (kept / LOCK).exists():
        shutil.copy2(kept / LOCK, LOCK)
        _dvc("checkout", "--quiet")  # what the cache does not hold is left as it is


def _dvc(*words: str) -> int:
    return subprocess.run([sys.executable, "-m", "dvc", *words], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
