"""What a DVC command prints as JSON."""

import json
import subprocess
import sys
from typing import Any

from sentiment.errors import InputError


def dvc_json(*words: str) -> Any:
    """Run `dvc words` and return its output, parsed. Raises InputError, with DVC's last message, if it fails."""
    done = subprocess.run([sys.executable, "-m", "dvc", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [""]
        errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
        raise InputError(f"`dvc {' '.join(words[:2])}` failed: {(errors or lines)[-1]}")
    return json.loads(done.stdout)
