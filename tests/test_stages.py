"""Stages as commands: what importing one costs, and how it is asked for help."""

import json
import subprocess
import sys

import pytest

from tests.conftest import Command
from tests.imports import ROOT


@pytest.mark.parametrize("stage", ["check", "ingest", "tokenize", "count_vocab", "encode", "train", "evaluate"])
def test_no_stage_loads_torch_to_be_imported(stage: str) -> None:
    code = f"import json, sys, stages.{stage}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert not loaded & {"torch", "sklearn", "pandas"}


@pytest.mark.parametrize("stage", ["check", "ingest", "train"])
def test_help_explains_and_runs_nothing(command: Command, stage: str) -> None:
    done = command(f"stages.{stage}", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "->" in done.stdout
    refused = command(f"stages.{stage}", "--epochs", "3")
    assert refused.returncode == 2
    assert refused.stderr == (
        "error: argument '--epochs': this command takes none; its parameters are in params.yaml\n"
    )
