"""Fixtures that several test files share."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from sentiment.config import paths
from sentiment.data.classes import BINARY
from sentiment.io.json_file import write_json
from sentiment.pipeline import environment
from tests.support import commands
from tests.support.clone import Clone
from tests.support.imports import ROOT

environment.prepare()  # for a test of a Git hook, or an environment that nobody activated

# Triton decides when it is first imported, by torch perhaps, whether it compiles loops or interprets them on the CPU.
if not Path("/dev/nvidiactl").exists():
    os.environ["TRITON_INTERPRET"] = "1"

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # by a shell that started the tests in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Property tests check results, not speed: on a busy machine an example can take longer than the default of 0.2 s.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Let torch compute on one thread, as in every command: threads of two processes for each core wait busily."""
    if torch := sys.modules.get("torch"):  # imported by the tests that need it
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def reproduced(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which the small pipeline ran once. Tests take a copy of it, `clone`."""
    folder = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        folder = folder.parent  # which all workers share
    with (folder / "reproduced.lock").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        if (folder / "reproduced").exists():
            return Clone(folder / "reproduced")
        clone = Clone.small(folder / "unfinished")
        assert clone.sentiment("repro").stdout.count("Test accuracy") == 1  # not by `evaluate` as well
        clone.commit("Results")
        clone.path.rename(folder / "reproduced")
        return Clone(folder / "reproduced")


@pytest.fixture
def clone(reproduced: Clone, tmp_path: Path) -> Clone:
    """A repository with a small corpus, its outputs and its cache, to do with what a test likes."""
    shutil.copytree(reproduced.path, tmp_path / "clone", symlinks=True)
    return Clone(tmp_path / "clone")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory of a function of a stage, with the project's params.yaml and the usual two classes."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    write_json(paths.CLASSES, BINARY.model_dump())
    return tmp_path


Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command() -> Command:
    """Run a module of the project as a user would: command("sentiment", "predict", "text")."""

    def call(module: str, *words: str, stdin: bytes = b"", cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        return commands.run(module, words, stdin, cwd, dict(os.environ))

    return call
