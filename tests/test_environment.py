"""Commands and tests do not depend on the environment of their caller: a Git hook, no activated environment."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sentiment.cli.main import call
from sentiment.config.yaml_file import write_yaml
from sentiment.errors import InputError
from sentiment.pipeline import environment
from tests.support.clone import Clone
from tests.support.imports import ROOT


def test_no_variable_of_one_repository_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = subprocess.run(["git", "rev-parse", "--local-env-vars"], capture_output=True, text=True, check=True)
    names = {name for name in listed.stdout.split() if not name.startswith("GIT_CONFIG")}
    assert {"GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"} <= names
    for name in names:
        monkeypatch.setenv(name, "/elsewhere")
    environment.prepare()
    assert not names & set(os.environ)


@pytest.fixture
def hooked(tmp_path: Path) -> Clone:
    """A repository with a pipeline of one quick stage, and the environment of a hook of this repository."""
    clone = Clone(tmp_path / "clone")
    clone.path.mkdir()
    clone.git("init", "--quiet", "--initial-branch=main")
    clone.dvc("init", "--quiet")
    write_yaml(clone.path / "params.yaml", {"compute": {"threads": 1}})
    write_yaml(clone.path / "dvc.yaml", {"stages": {"copy": {"cmd": "cp params.yaml copy", "outs": ["copy"]}}})
    clone.dvc("repro", "--quiet")
    clone.commit("A pipeline")
    git = clone.path / ".git"
    clone.env = {"GIT_DIR": str(git), "GIT_INDEX_FILE": str(git / "index"), "GIT_WORK_TREE": str(clone.path)}
    return clone


def repository(clone: Clone) -> list[str]:
    """Return what a program that takes this repository for its own would change."""
    words = [["status", "--porcelain"], ["symbolic-ref", "HEAD"], ["log", "--all"], ["config", "--local", "--list"]]
    return [clone.git(*each) for each in words]


@pytest.mark.pipeline
def test_verify_leaves_the_repository_of_a_hook_alone(hooked: Clone, tmp_path: Path) -> None:
    before = repository(hooked)
    hooked.env["PYTHONPATH"] = str(ROOT)
    words = ["-m", "sentiment", "verify", "--output", str(tmp_path / "attestation.json")]
    assert "1 identical, 0 within tolerance, 0 different" in hooked.python(*words).stdout
    assert repository(hooked) == before


@pytest.mark.pipeline
def test_a_test_leaves_the_repository_of_a_hook_alone(hooked: Clone, tmp_path: Path) -> None:
    """All of the tests' calls of Git are those of `Clone`, after conftest.py was imported."""
    before, mine = repository(hooked), tmp_path / "mine"
    mine.mkdir()
    code = (
        "import sys, tests.conftest; from pathlib import Path; from tests.support.clone import Clone; "
        "clone = Clone(Path(sys.argv[1])); clone.git('init'); (clone.path / 'file').touch(); clone.commit('Mine')"
    )
    Clone(ROOT, hooked.env).python("-c", code, str(mine))
    assert Clone(mine).git("log", "--format=%s") == "Mine\n"
    assert repository(hooked) == before


@pytest.mark.pipeline
def test_the_stages_run_by_the_interpreter_of_the_command(clone: Clone) -> None:
    """Nobody has activated the environment, and PYTHONSAFEPATH keeps the working folder off Python's path."""
    clone.set("compute.threads", 2)
    clone.env = {"PATH": "/usr/bin:/bin", "PYTHONSAFEPATH": "1", "PYTHONPATH": str(ROOT)}
    code = "from sentiment.cli.main import main; main()"  # as .venv/bin/sentiment does
    done = subprocess.run(
        [sys.executable, "-c", code, "repro"],
        cwd=clone.path, env=os.environ | clone.env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Running stage 'check'" in done.stdout


@pytest.mark.parametrize("words", [["repro"], ["compare", "HEAD", "workspace"], ["experiments"], ["verify"]])
def test_a_repository_that_git_refuses_is_one_line_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".dvc").mkdir()
    shutil.copy(ROOT / "params.yaml", ".")
    Path("dvc.yaml").touch()
    with pytest.raises(
        InputError, match=r"not a Git repository; clone the project, or run `dvc config core\.no_scm true`"
    ):
        call(words)
    Clone(tmp_path).git("init", "--quiet")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(InputError, match=r"dubious ownership .* git config --global --add safe\.directory [^ ]+$"):
        call(words)
