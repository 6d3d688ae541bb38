"""The stages of the pipeline, each a command that dvc.yaml runs."""

import sys
from importlib.util import find_spec

if find_spec("pyarrow") is None:
    sys.exit(
        f"error: {sys.executable} lacks the packages of requirements.txt; `make repro` sets up .venv, and "
        "`source .venv/bin/activate` makes it the one that dvc calls"
    )
