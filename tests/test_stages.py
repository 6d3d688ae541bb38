"""Stages as commands: what they load, and how they are asked for help."""

import subprocess
import sys
from pathlib import Path

import pytest

from sentiment.pipeline.stage import changed_between
from tests.conftest import Command
from tests.support.clone import STAGES, Clone
from tests.support.imports import ROOT


@pytest.mark.parametrize("stage", STAGES)
def test_to_import_a_stage_loads_none_of_the_slow_packages(stage: str) -> None:
    code = f"import sys, stages.{stage}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not packages(done.stdout) & {"torch", "sklearn", "pandas"}


@pytest.mark.pipeline
@pytest.mark.slow
def test_a_stage_that_needs_no_torch_runs_without_it(clone: Clone) -> None:
    for stage in set(STAGES) - {"train", "evaluate"}:
        code = f"import runpy, sys; runpy.run_module('stages.{stage}', run_name='__main__'); print(*sys.modules)"
        assert "torch" not in packages(clone.python("-c", code).stdout), stage


def packages(modules: str) -> set[str]:
    return {name.split(".")[0] for name in modules.split()}


def test_a_python_without_the_packages_is_named() -> None:
    """`.venv/bin/dvc` finds another one on the PATH where nobody has activated the environment."""
    bare = [sys.executable, "-S", "-m", "stages.check"]
    done = subprocess.run(bare, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {sys.executable} lacks the packages of requirements.txt; `make repro` sets up")


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


def test_a_module_from_before_the_clock_was_set_back_has_not_changed(tmp_path: Path) -> None:
    (tmp_path / "module.py").touch()
    modules = [str(tmp_path / "module.py")]
    time = (tmp_path / "module.py").stat().st_ctime_ns
    hour = 3600 * 10**9
    assert changed_between(time - 1, time, modules) == modules
    assert changed_between(time, time + hour, modules) == []
    assert changed_between(time - hour, time - hour + 1, modules) == []
