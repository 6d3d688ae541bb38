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
        message = (done.stderr.strip().splitlines() or [""])[-1]
        raise InputError(f"`dvc {' '.join(words)}` failed: {message}")
    return json.loads(done.stdout)
