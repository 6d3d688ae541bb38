"""Stages as commands: what importing one costs, and how it is asked for help."""

import json
import subprocess
import sys

import pytest

from tests.conftest import Command
from tests.support.imports import ROOT


@pytest.mark.parametrize("stage", ["check", "ingest", "tokenize", "count_vocab", "encode", "train", "evaluate"])
def test_no_stage_loads_torch_to_be_imported(stage: str) -> None:
    code = f"import json, sys, stages.{stage}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert not loaded & {"torch", "sklearn", "pandas"}


def test_a_python_without_the_packages_is_named() -> None:
    """`.venv/bin/dvc` finds another one on the PATH where nobody has activated the environment."""
    bare = [sys.executable, "-S", "-m", "stages.check"]
    done = subprocess.run(bare, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {sys.executable} has not the packages of requirements.txt; `make repro` sets up")


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
