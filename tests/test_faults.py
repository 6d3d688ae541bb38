"""Faults: what a killed, edited or doubled run leaves behind, through the real `dvc`."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from sentiment.params import read
from tests.clone import Clone
from tests.test_pipeline import STAGES, state

pytestmark = pytest.mark.faults


def start(clone: Clone, *words: str) -> subprocess.Popen[str]:
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"} | clone.env
    return subprocess.Popen(
        words,
        cwd=clone.path,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def stages_of(clone: Clone) -> list[psutil.Process]:
    """Return the stages that run in a clone."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = process.info["cmdline"] or []
        if process.info["cwd"] == str(clone.path) and words[1:2] == ["-m"] and words[2].startswith("stages."):
            found.append(process)
    return found


def running(clone: Clone, stage: str) -> psutil.Process | None:
    return next((p for p in stages_of(clone) if p.cmdline()[2] == f"stages.{stage}"), None)


@pytest.fixture
def long(clone: Clone) -> Clone:
    """A clone whose training takes a while."""
    clone.set("epochs", "300")
    clone.set("patience", "0")
    return clone


def recorded(clone: Clone, stage: str) -> object:
    """Return what dvc.lock says of a stage."""
    read.cache_clear()
    return read(clone.path / "dvc.lock")["stages"][stage]


def has_state(clone: Clone) -> bool:
    return any((clone.path / ".dvc/tmp/training").glob("[!.]*.safetensors"))


def test_what_changes_under_a_stage_makes_it_fail(long: Clone) -> None:
    def edit_parameter() -> None:
        long.set("learning_rate", "1e-3")

    def edit_code() -> None:
        with (long.path / "sentiment/model.py").open("a") as stream:
            stream.write("# a comment\n")

    def edit_input() -> None:
        os.utime(long.path / "data/ids/train/ids.npy")

    edits = {
        "params.yaml: train.learning_rate": edit_parameter,
        "sentiment/model.py": edit_code,
        "data/ids/train/ids.npy": edit_input,
    }
    before = recorded(long, "train")
    for number, (name, edit) in enumerate(edits.items()):
        long.set("weight_decay", f"{number + 1}e-6")  # nothing to resume
        process = start(long, "dvc", "repro", "train")
        wait_for(lambda: has_state(long))
        edit()
        printed, _ = process.communicate(timeout=120)
        assert process.returncode
        assert f"error: {name}: changed while the stage train ran; run `dvc repro` again" in printed
        assert recorded(long, "train") == before
    long.dvc("repro", "train")
    assert recorded(long, "train") != before


def test_a_stage_does_not_outlive_its_dvc(long: Clone) -> None:
    process = start(long, "dvc", "repro", "train")
    wait_for(lambda: has_state(long))
    assert len(stages_of(long)) == 1
    process.kill()
    process.wait()
    wait_for(lambda: not stages_of(long), seconds=3)
    assert has_state(long)
    done = long.dvc("repro", "train")
    assert "train" in done.stdout
    assert not has_state(long)


@pytest.mark.xfail(
    strict=False, reason="DVC writes dvc.lock in place, so that a kill can cut it; see docs/experiments.md"
)
def test_fifty_kills_leave_nothing_half_done(long: Clone, tmp_path: Path) -> None:
    """Each stage is killed six times, or the `dvc` that runs it; after that `dvc repro` gives the undisturbed bytes."""
    long.dvc("repro")
    expected = state(long)
    random = np.random.default_rng(0)
    kills = 0
    for stage in STAGES:
        for number in range(6):
            process = start(long, "dvc", "repro", "--force", "--single-item", stage)
            while running(long, stage) is None and process.poll() is None:
                time.sleep(0.01)
            time.sleep(random.uniform(0, 3 if stage == "train" else 1))
            victim = running(long, stage) if number % 2 else process
            if victim is not None and process.poll() is None:
                victim.kill()
                kills += 1
            process.communicate(timeout=60)
            wait_for(lambda: not stages_of(long), seconds=3)
            assert (long.path / "dvc.lock").read_text(encoding="utf-8") == expected["dvc.lock"]
            if number % 2:
                long.dvc("checkout")
        long.dvc("repro")
        assert state(long) == expected, stage
    assert kills >= 40


def test_a_second_stage_waits_for_the_first(long: Clone) -> None:
    both = [start(long, sys.executable, "-m", "stages.train") for _ in range(2)]
    printed = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("waiting for another stage that runs in this folder" in text for text in printed) == 1
