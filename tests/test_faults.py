"""Faults: what a killed, edited or doubled run leaves behind, through the real `dvc`."""

import ctypes
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from sentiment.config.yaml_file import read_yaml
from tests.support.clone import STAGES, Clone, state

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


def inside(clone: Clone) -> Iterator[psutil.Process]:
    """Yield the processes that run in a clone, or in the folders of experiments within it, with their words as `info`.

    A process can end at any moment: ask `info`, not the process.
    """
    for process in psutil.process_iter(["cmdline", "cwd"]):
        if Path(process.info["cwd"] or "/").is_relative_to(clone.path):
            yield process


def stages_of(clone: Clone) -> list[psutil.Process]:
    """Return the stages that run there, as `inside` yields them."""
    found = []
    for process in inside(clone):
        words = process.info["cmdline"] or []
        if words[1:2] == ["-m"] and words[2].startswith("stages."):
            found.append(process)
    return found


def running(clone: Clone, stage: str) -> psutil.Process | None:
    return next((p for p in stages_of(clone) if p.info["cmdline"][2] == f"stages.{stage}"), None)


@pytest.fixture
def long(clone: Clone) -> Clone:
    """A clone whose training takes a while."""
    clone.set("train.epochs", 300)
    clone.set("train.patience", 0)
    return clone


def recorded(clone: Clone) -> dict[str, Any]:
    """Return what dvc.lock says of each stage."""
    stages: dict[str, Any] = read_yaml(clone.path / "dvc.lock")["stages"]
    return stages


def has_state(clone: Clone) -> bool:
    return any((clone.path / ".dvc/tmp/training").glob("[!.]*.safetensors"))


def test_what_changes_under_a_stage_makes_it_fail(long: Clone) -> None:
    def edit_parameter() -> None:
        long.set("train.learning_rate", 1e-3)

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
    before = recorded(long)["train"]
    for number, (name, edit) in enumerate(edits.items()):
        long.set("train.weight_decay", (number + 1) * 1e-6)  # nothing to resume
        process = start(long, "dvc", "repro", "train")
        wait_for(lambda: has_state(long))
        edit()
        printed, _ = process.communicate(timeout=120)
        assert process.returncode
        assert f"error: {name}: changed while the stage train ran; run `dvc repro` again" in printed
        assert recorded(long)["train"] == before
        assert has_state(long)
        if edit is not edit_input:
            shutil.rmtree(long.path / ".dvc/tmp/training")
    long.dvc("repro", "train")
    assert recorded(long)["train"] != before
    # The input had been touched only, so nothing was trained again.
    assert json.loads((long.path / "metrics/speed.json").read_text(encoding="utf-8"))["tokens_per_second"] == 0
    assert not has_state(long)


def test_code_that_changes_while_python_imports_makes_a_stage_fail(clone: Clone) -> None:
    before = recorded(clone)
    with (clone.path / "sentiment/errors.py").open("a") as stream:
        stream.write("import time\ntime.sleep(3)\n")
    process = start(clone, "dvc", "repro", "--single-item", "count_vocab")
    wait_for(lambda: running(clone, "count_vocab"))
    time.sleep(1.5)
    with (clone.path / "sentiment/vocabulary.py").open("a") as stream:
        stream.write("# a comment\n")
    printed, _ = process.communicate(timeout=60)
    assert "error: sentiment/vocabulary.py: changed while the stage count_vocab ran" in printed
    assert recorded(clone) == before


def test_code_that_changes_while_a_stage_waits_makes_it_fail(clone: Clone) -> None:
    """Its modules were imported before."""
    before = recorded(clone)
    with (clone.path / ".dvc/tmp/stage.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = start(clone, "dvc", "repro", "--force", "--single-item", "count_vocab")
        assert process.stdout is not None
        while "waiting for another stage" not in process.stdout.readline():
            assert process.poll() is None
        with (clone.path / "sentiment/vocabulary.py").open("a") as stream:
            stream.write("# a comment\n")
    printed, _ = process.communicate(timeout=60)
    assert "error: sentiment/vocabulary.py: changed while the stage count_vocab ran" in printed
    assert recorded(clone) == before


@contextmanager
def adopting() -> Iterator[None]:
    """Let this process be the parent of orphans below it, as a desktop's service manager is (prctl(2))."""
    prctl = ctypes.CDLL(None).prctl
    set_child_subreaper = 36
    assert prctl(set_child_subreaper, 1, 0, 0, 0) == 0
    try:
        yield
    finally:
        prctl(set_child_subreaper, 0, 0, 0, 0)


@pytest.mark.parametrize("parent", ["process 1", "another process", "a shell"])
def test_a_stage_whose_dvc_dies_while_python_starts_ends_too(long: Clone, parent: str) -> None:
    """Whoever is its parent then."""
    if parent == "another process" and sys.platform != "linux":
        pytest.skip("only Linux has subreapers")
    if parent == "a shell":  # which waits for the stage, for the command is not its last
        pipeline = long.path / "dvc.yaml"
        text = pipeline.read_text(encoding="utf-8")
        changed = text.replace("cmd: python -m stages.train", "cmd: python -m stages.train; exit $?")
        pipeline.write_text(changed, encoding="utf-8")
    for seconds in (0, 0.1, 0.3):
        with adopting() if parent == "another process" else nullcontext():
            process = start(long, "dvc", "repro", "train")
            wait_for(lambda: running(long, "train"))
            time.sleep(seconds)
            process.kill()
            process.wait()
            wait_for(lambda: not stages_of(long), seconds=6)
            assert not has_state(long)


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


def whole_files(clone: Clone) -> dict[str, str]:
    """Return a hash of every output; a partial file lies until its stage runs again, which overwrites it."""
    return {path: value for path, value in clone.hashes().items() if ".partial" not in path}


def test_fifty_kills_leave_nothing_half_done(long: Clone) -> None:
    """Each stage is killed three times, so is the `dvc` that runs it: what lies there then has the undisturbed bytes.

    DVC writes dvc.lock in place, so a kill of `dvc` can cut it off; the killed stage cannot. Where DVC accepts what is
    left, it appends the entries that are missing: their order alone may change.
    """
    long.dvc("repro")
    lock = long.path / "dvc.lock"
    expected, entries = long.hashes(), recorded(long)
    random = np.random.default_rng(0)
    kills = 0
    for stage in STAGES:
        killed = {"stage": 0, "dvc": 0}
        for number in range(30):  # some stages end before they are hit
            before = lock.read_bytes()
            process = start(long, "dvc", "repro", "--force", "--single-item", stage)
            while running(long, stage) is None and process.poll() is None:
                time.sleep(0.01)
            time.sleep(random.uniform(0, 3 if stage == "train" else 0.7))
            which = ("stage", "dvc")[number % 2]
            victim = running(long, stage) if which == "stage" else process
            hit = False
            if victim is not None and process.poll() is None:
                with suppress(psutil.NoSuchProcess):
                    victim.kill()
                    hit = True
            killed[which] += hit
            process.communicate(timeout=60)
            wait_for(lambda: not stages_of(long), seconds=3)
            left = whole_files(long)
            assert left.items() <= expected.items(), (stage, which, left.items() - expected.items())
            if hit and which == "dvc":
                long.python("-m", "sentiment", "repro")
            else:
                assert lock.read_bytes() == before
                long.dvc("checkout", "dvc.yaml")
            if min(killed.values()) >= 3:
                break
        long.python("-m", "sentiment", "repro")
        assert whole_files(long) == expected, stage
        assert recorded(long) == entries, stage
        kills += sum(killed.values())
    assert kills >= 50


@pytest.mark.parametrize("kept", [200, 5000, -40])
def test_a_lock_file_that_was_cut_off_is_put_back(clone: Clone, kept: int) -> None:
    lock = clone.path / "dvc.lock"
    clone.set("evaluate.threshold", 0.4)
    clone.python("-m", "sentiment", "repro")
    before, whole = state(clone), lock.read_bytes()
    cut = whole[:kept]
    cut = cut[: cut.rindex(b"hash: ") + 2]  # DVC accepts a cut at the end of an entry, and runs what is missing again
    lock.write_bytes(cut)
    assert clone.dvc("status", check=False).returncode
    done = clone.python("-m", "sentiment", "repro")
    assert "dvc.lock was cut off by a kill: put back as it last was whole" in done.stderr
    assert lock.read_bytes() == whole
    assert state(clone) == before
    lock.write_bytes(cut)
    (clone.path / ".dvc/tmp/dvc.lock").unlink()
    done = clone.python("-m", "sentiment", "repro", check=False)
    assert done.returncode == 2
    assert "error: dvc.lock: damaged; take it from Git: git checkout dvc.lock" in done.stderr


def test_a_lock_file_that_was_cut_off_where_dvc_accepts_it_is_put_back(clone: Clone) -> None:
    clone.set("evaluate.threshold", 0.4)
    clone.python("-m", "sentiment", "repro")
    lock, before, outputs = clone.path / "dvc.lock", state(clone), clone.hashes()
    whole = lock.read_text(encoding="utf-8")
    cut = whole[: whole.index("\n  encode:\n") + 300]
    lock.write_text(cut[: cut.rindex("md5: ") + 10], encoding="utf-8")  # within a hash
    shutil.rmtree(clone.path / ".dvc/cache/runs")  # from which DVC would take what it believes never ran
    clone.dvc("repro", "check")
    done = clone.python("-m", "sentiment", "repro")
    assert "dvc.lock was cut off by a kill: put back" in done.stderr
    assert "Running stage" not in done.stdout
    assert state(clone) == before
    lock.unlink()
    clone.dvc("repro", "check")
    done = clone.python("-m", "sentiment", "repro")
    assert "put back" not in done.stderr  # the user wanted to run all again
    assert "Running stage 'train'" in done.stdout
    assert clone.hashes() == outputs


def test_a_note_of_writers_that_dvc_refuses_is_removed(clone: Clone) -> None:
    clone.set("evaluate.threshold", 0.4)
    note = clone.path / ".dvc/tmp/rwlock"
    note.write_bytes(b"")
    assert "JSON structure is corrupted" in clone.dvc("repro", check=False).stderr
    done = clone.python("-m", "sentiment", "repro")
    assert "rwlock was left by a kill: removed" in done.stderr
    clone.set("evaluate.threshold", 0.3)
    # The process that a restarted machine gave the number of a killed dvc.
    noted = {"pid": os.getpid(), "cmd": "dvc repro"}
    model = str(clone.path / "models/classifier")
    note.write_text(json.dumps({"write": {model: noted}, "read": {model: [noted]}}), encoding="utf-8")
    os.utime(note, (1e9, 1e9))
    assert "is busy, it is being blocked by" in clone.dvc("repro", check=False).stderr
    note.write_text(json.dumps({"write": {model: noted}, "read": {model: [noted]}}), encoding="utf-8")
    os.utime(note, (1e9, 1e9))
    done = clone.python("-m", "sentiment", "repro")
    assert "rwlock was left by a kill: removed" in done.stderr
    assert "Running stage 'evaluate'" in done.stdout


def test_a_second_stage_waits_for_the_first(long: Clone) -> None:
    both = [start(long, sys.executable, "-m", "stages.train") for _ in range(2)]
    printed = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("waiting for another stage that runs in this folder" in text for text in printed) == 1


def cores(process: psutil.Process, seconds: float) -> float:
    """Return how many cores a process keeps busy."""
    begin, before = time.monotonic(), process.cpu_times()
    time.sleep(seconds)
    after = process.cpu_times()
    return float(after.user + after.system - before.user - before.system) / (time.monotonic() - begin)


def test_two_queued_experiments_do_not_disturb_each_other(long: Clone, tmp_path: Path) -> None:
    long.commit("More epochs")
    alone = {}
    for units in ("8", "12"):
        clone = long.copy(tmp_path / units)
        clone.set("model.hidden_dim", units)
        clone.dvc("repro")
        alone[units] = state(clone)
        long.dvc("exp", "run", "--queue", "--name", f"units-{units}", "--set-param", f"model.hidden_dim={units}")

    workers = start(long, "dvc", "queue", "start", "--jobs", "2")  # who keep its output open

    together, busiest = 0, 0.0
    end = time.monotonic() + 300
    while long.dvc("queue", "status").stdout.count("Success") < 2:
        assert time.monotonic() < end
        processes = stages_of(long)
        together = max(together, len(processes))
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                if process.info["cmdline"][2] == "stages.train":
                    busiest = max(busiest, cores(process, seconds=1))
    for process in inside(long):  # a worker can wait for ever: the other removes what tells it to end
        with suppress(psutil.NoSuchProcess):
            process.kill()
    workers.communicate(timeout=60)
    assert together == 2
    assert 0 < busiest < 1.25  # compute.threads is 1
    for units, expected in alone.items():
        long.dvc("exp", "apply", f"units-{units}")
        assert state(long) == expected
