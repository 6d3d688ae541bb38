"""Which process writes which output, as DVC notes it in .dvc/tmp/rwlock from before a stage begins until it has ended.

A `dvc` that was killed stays noted. The note is written in place, so a kill can cut it off, and who reads it while
another `dvc` writes can find it so.
"""

import json
import os
from pathlib import Path

NOTE = Path(".dvc/tmp/rwlock")


def noted() -> dict[str, int] | None:
    """Return the process that writes each output, by the output's real path, or None where the note is cut off."""
    try:
        entries = json.loads(NOTE.read_text(encoding="utf-8")).get("write", {})
        return {os.path.realpath(path): int(entry["pid"]) for path, entry in entries.items()}
    except (FileNotFoundError, KeyError, TypeError, AttributeError):  # no file, or of another version of DVC
        return {}
    except ValueError:
        return None
