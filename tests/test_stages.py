"""What importing a stage costs."""

import json
import subprocess
import sys

import pytest

from tests.imports import ROOT


@pytest.mark.parametrize("stage", ["check", "ingest", "tokenize", "count_vocab", "encode", "train", "evaluate"])
def test_no_stage_loads_torch_to_be_imported(stage: str) -> None:
    code = f"import json, sys, stages.{stage}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert not loaded & {"torch", "sklearn", "pandas"}
