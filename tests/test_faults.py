"""Faults: what a killed, edited or doubled run leaves behind, through the real `dvc`."""

import ctypes
import fcntl
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from sentiment.config import paths
from tests.support.clone import STAGES, Clone, state
from tests.support.processes import inside, running_stage, running_stages, start, wait_for, wait_for_line

pytestmark = pytest.mark.slow


def set_epochs(clone: Clone, epochs: int) -> None:
    clone.set("train.epochs", epochs)
    clone.set("train.patience", 0)


@pytest.fixture
def long(clone: Clone) -> Clone:
    """A clone whose training takes a while. An epoch takes about 80 ms."""
    set_epochs(clone, 300)
    return clone


def has_state(clone: Clone) -> bool:
    """Return whether there is the state of a training that has not ended."""
    return any((clone.path / ".dvc/tmp/training").glob("[!.]*.safetensors"))


def hold_imports(clone: Clone) -> None:
    """Let every stage, while Python imports it, make the file `importing` and wait for the file `continue`."""
    clone.append(
        "sentiment/errors.py",
        "from pathlib import Path\nfrom time import sleep\n"
        "Path('importing').touch()\nwhile not Path('continue').exists():\n    sleep(0.01)",
    )


def edit_parameter(clone: Clone) -> None:
    clone.set("count_vocab.max_size", 4999)


def edit_code(clone: Clone) -> None:  # of a module that was imported before
    clone.append("sentiment/data/vocabulary.py", "# a comment")


def edit_input(clone: Clone) -> None:
    os.utime(clone.path / "data/tokens/train.parquet")


@pytest.mark.parametrize(
    "edit, name",
    [
        (edit_parameter, "params.yaml: count_vocab"),
        (edit_code, "sentiment/data/vocabulary.py"),
        (edit_input, "data/tokens/train.parquet"),
    ],
)
def test_a_change_under_a_stage_makes_it_fail(clone: Clone, edit: Callable[[Clone], None], name: str) -> None:
    before = clone.recorded()
    with (clone.path / ".dvc/tmp/pipeline.lock").open("a") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        process = start(clone, "dvc", "repro", "--force", "--single-item", "count_vocab")
        wait_for_line(process, "waiting for another run or stage")
        edit(clone)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode
    assert f"error: {name}: changed while the stage count_vocab ran; run `dvc repro` again" in printed
    assert clone.recorded() == before


def test_a_training_that_failed_because_its_input_was_touched_is_not_made_again(long: Clone) -> None:
    set_epochs(long, 15)  # it ends before it fails
    before = long.recorded()["train"]
    process = start(long, "dvc", "repro", "train")
    wait_for(lambda: has_state(long))
    os.utime(long.path / "data/ids/train/ids.npy")
    printed, _ = process.communicate(timeout=120)
    assert "error: data/ids/train/ids.npy: changed while the stage train ran" in printed
    assert long.recorded()["train"] == before
    assert has_state(long)
    long.dvc("repro", "train")
    assert long.recorded()["train"] != before
    assert json.loads((long.path / "metrics/speed.json").read_text(encoding="utf-8"))["tokens_per_second"] == 0
    assert not has_state(long)


def test_code_that_changes_while_python_imports_makes_a_stage_fail(clone: Clone) -> None:
    before = clone.recorded()
    hold_imports(clone)
    process = start(clone, "dvc", "repro", "--single-item", "count_vocab")
    wait_for((clone.path / "importing").exists)
    clone.append("sentiment/data/vocabulary.py", "# a comment")
    (clone.path / "continue").touch()
    printed, _ = process.communicate(timeout=60)
    assert "error: sentiment/data/vocabulary.py: changed while the stage count_vocab ran" in printed
    assert clone.recorded() == before


def test_caches_that_python_writes_while_a_stage_runs_do_not_make_it_fail(clone: Clone) -> None:
    for cache in list(clone.path.rglob("__pycache__")):
        shutil.rmtree(cache)
    clone.env["PYTHONDONTWRITEBYTECODE"] = ""
    clone.dvc("repro", "--force", "--single-item", "count_vocab")
    assert (clone.path / "sentiment/pipeline/__pycache__").is_dir()


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
    """Whichever process is its parent then."""
    if parent == "another process" and sys.platform != "linux":
        pytest.skip("only Linux has subreapers")
    if parent == "a shell":  # which waits for the stage, since the command is not its last
        pipeline = long.path / "dvc.yaml"
        text = pipeline.read_text(encoding="utf-8")
        changed = text.replace("cmd: python -m stages.train", "cmd: python -m stages.train; exit $?")
        pipeline.write_text(changed, encoding="utf-8")
    hold_imports(long)
    marker = long.path / "importing"
    for moment in (lambda: running_stage(long, "train"), marker.exists):
        marker.unlink(missing_ok=True)
        (long.path / "continue").unlink(missing_ok=True)
        with adopting() if parent == "another process" else nullcontext():
            process = start(long, "dvc", "repro", "--single-item", "train")
            wait_for(moment)
            process.kill()
            process.wait()
            (long.path / "continue").touch()
            wait_for(lambda: not running_stages(long), seconds=6)
            assert not has_state(long)


def test_a_stage_does_not_outlive_its_dvc(long: Clone) -> None:
    process = start(long, "dvc", "repro", "train")
    wait_for(lambda: has_state(long))
    assert len(running_stages(long)) == 1
    process.kill()
    process.wait()
    wait_for(lambda: not running_stages(long), seconds=3)
    assert has_state(long)


@pytest.fixture(scope="module")
def long_run(reproduced: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which the pipeline with the long training ran."""
    path = tmp_path_factory.mktemp("long") / "clone"
    shutil.copytree(reproduced.path, path, symlinks=True)
    clone = Clone(path)
    set_epochs(clone, 100)
    clone.dvc("repro")
    return clone


def whole_files(clone: Clone) -> dict[str, str]:
    """Return a hash of every output; partial files lie beside them until the next stage starts.

    The history grows while the training runs.
    """
    growing = str(paths.HISTORY)
    return {path: value for path, value in clone.hashes().items() if ".partial" not in path and path != growing}


# Outputs that persist, a folder and metrics, a training that goes on where it was, three outputs and many files in Git.
@pytest.mark.parametrize("stage", ["ingest", "encode", "train", "evaluate"])
def test_kills_leave_nothing_half_done(long_run: Clone, tmp_path: Path, stage: str) -> None:
    """The stage is killed twice, so is the `dvc` that runs it. Whatever is there has the right bytes.

    All stages write by the same two functions; tests/test_limits.py shows that none writes in place.

    DVC writes dvc.lock in place, so a kill of `dvc` can cut it off, but the killed stage cannot. If DVC accepts what is
    left, it appends the entries that are missing: their order alone may change.
    """
    shutil.copytree(long_run.path, tmp_path / "clone", symlinks=True)
    clone = Clone(tmp_path / "clone")
    lock = clone.path / "dvc.lock"
    expected, entries = whole_files(clone), clone.recorded()
    history = (clone.path / paths.HISTORY).read_text(encoding="utf-8")
    random = np.random.default_rng(STAGES.index(stage))
    killed = {"stage": 0, "dvc": 0}
    for number in range(20):  # some stages end before they are hit
        before = lock.read_bytes()
        process = start(clone, "dvc", "repro", "--force", "--single-item", stage)
        while running_stage(clone, stage) is None and process.poll() is None:
            time.sleep(0.01)
        time.sleep(random.uniform(0, 3 if stage == "train" else 0.7))
        which = ("stage", "dvc")[number % 2]
        victim = running_stage(clone, stage) if which == "stage" else process
        hit = False
        if victim is not None and process.poll() is None:
            with suppress(psutil.NoSuchProcess):
                victim.kill()
                hit = True
        killed[which] += hit
        process.communicate(timeout=60)
        wait_for(lambda: not running_stages(clone), seconds=3)
        left = whole_files(clone)
        assert left.items() <= expected.items(), (which, left.items() - expected.items())
        if (clone.path / paths.HISTORY).exists():
            assert history.startswith((clone.path / paths.HISTORY).read_text(encoding="utf-8"))
        if hit and which == "dvc":
            clone.sentiment("repro")
        else:
            assert lock.read_bytes() == before
            clone.dvc("checkout", "dvc.yaml")
        if min(killed.values()) >= 2:
            break
    assert min(killed.values()) >= 2
    clone.sentiment("repro")
    assert whole_files(clone) == expected
    assert (clone.path / paths.HISTORY).read_text(encoding="utf-8") == history
    assert clone.recorded() == entries


def test_a_stage_removes_what_killed_stages_left(clone: Clone) -> None:
    left = [
        ".dvc/tmp/.dvc.lock.killed.partial",
        ".dvc/tmp/training/.state.safetensors.killed.partial",
        "data/.vocab.csv.killed.partial",
        "metrics/.test.json.killed.partial",
        "models/.classifier.killed.partial",
    ]
    for name in [*left, "data/.mine.csv.written.partial"]:
        (clone.path / name / "file").mkdir(parents=True)
    clone.dvc("repro", "--force", "--single-item", "count_vocab")
    assert [name for name in left if (clone.path / name).exists()] == []
    assert (clone.path / "data/.mine.csv.written.partial").exists()  # of another command, which may be running


def test_a_lock_file_that_was_cut_off_is_repaired(clone: Clone) -> None:
    lock = clone.path / "dvc.lock"
    before, whole = state(clone), lock.read_bytes()
    lock.write_bytes(whole[: whole.rindex(b"hash: ", 0, 5000) + 2])
    assert clone.dvc("status", check=False).returncode
    done = clone.sentiment("repro")
    assert "dvc.lock: cut off by a kill, completed from its copy" in done.stderr
    assert state(clone) == before


def test_a_lock_file_that_was_cut_off_where_dvc_accepts_it_is_repaired(clone: Clone) -> None:
    lock, before = clone.path / "dvc.lock", state(clone)
    whole = lock.read_text(encoding="utf-8")
    cut = whole[: whole.index("\n  encode:\n") + 300]
    lock.write_text(cut[: cut.rindex("md5: ") + 10], encoding="utf-8")  # within a hash
    shutil.rmtree(clone.path / ".dvc/cache/runs")  # from which DVC would take what it believes never ran
    clone.dvc("repro", "check")
    done = clone.sentiment("repro")
    assert "dvc.lock: cut off by a kill, completed" in done.stderr
    assert "Running stage" not in done.stdout
    assert state(clone) == before


def test_a_lock_file_that_the_user_removed_is_not_brought_back(clone: Clone) -> None:
    """Every stage is to run again."""
    (clone.path / "dvc.lock").unlink()
    clone.dvc("repro", "--single-item", "tokenize")
    code = "from sentiment.pipeline.dvc_files import repair; print(repair())"
    assert clone.python("-c", code).stdout == "False\n"
    assert set(clone.recorded()) == {"tokenize"}


def test_a_note_of_writers_that_dvc_refuses_is_removed(clone: Clone) -> None:
    clone.set("compute.threads", 2)
    note = clone.path / ".dvc/tmp/rwlock"
    note.write_bytes(b"")
    assert "JSON structure is corrupted" in clone.dvc("repro", check=False).stderr
    done = clone.sentiment("repro")
    assert "rwlock: left by a killed dvc, removed" in done.stderr
    clone.set("compute.threads", 3)
    # The process that a restarted machine gave the number of a killed dvc.
    noted = {"pid": os.getpid(), "cmd": "dvc repro"}
    checked = str(clone.path / "data/params.checked")
    note.write_text(json.dumps({"write": {checked: noted}, "read": {checked: [noted]}}), encoding="utf-8")
    os.utime(note, (1e9, 1e9))
    assert "is busy, it is being blocked by" in clone.dvc("repro", check=False).stderr
    done = clone.sentiment("repro")
    assert "rwlock: left by a killed dvc, removed" in done.stderr
    assert "Running stage 'check'" in done.stdout


def test_a_stage_waits_for_another_and_a_run_does_not_start_beside_it(long: Clone) -> None:
    first = start(long, sys.executable, "-m", "stages.train")
    wait_for(lambda: has_state(long))
    second = start(long, sys.executable, "-m", "stages.count_vocab")
    wait_for_line(second, "waiting for another run or stage in this folder")
    done = long.sentiment("repro", check=False)
    assert done.returncode == 2
    assert "another run or stage is active in this folder; wait for its end" in done.stderr
    first.kill()
    first.communicate()
    second.communicate(timeout=60)
    assert second.returncode == 0


def test_a_stage_waits_for_a_run_which_restores_the_outputs_when_interrupted(long: Clone) -> None:
    before = state(long)
    run = start(long, sys.executable, "-m", "sentiment", "repro")
    wait_for(lambda: has_state(long))
    stage = start(long, sys.executable, "-m", "stages.count_vocab")
    wait_for_line(stage, "waiting for another run or stage in this folder")
    os.killpg(run.pid, signal.SIGINT)  # as Ctrl-C does
    printed, _ = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "The outputs of the last run are in place; run it again." in printed
    stage.communicate(timeout=60)
    assert stage.returncode == 0
    assert state(long) == before


def running_dvc(clone: Clone) -> psutil.Process:
    """Return the `dvc` of the run in a clone."""
    (dvc,) = [each for each in inside(clone) if each.info["cmdline"][1:] == ["-m", "dvc", "repro"]]
    return dvc


def test_a_run_that_alone_gets_a_signal_ends_its_stages_and_restores_the_outputs(long: Clone) -> None:
    """Whatever signals come while it restores them. SIGHUP and SIGTERM are one: tests/test_interrupts.py."""
    before = state(long)
    run = start(long, sys.executable, "-m", "sentiment", "repro")
    wait_for(lambda: has_state(long))
    wait_for((long.path / paths.HISTORY).exists)
    dvc = running_dvc(long)
    os.kill(run.pid, signal.SIGTERM)
    # The run ends its `dvc` when it has handled the signal. Two that arrive together are handled in any order.
    wait_for(lambda: not dvc.is_running())
    while run.poll() is None:
        os.kill(run.pid, signal.SIGINT)
        time.sleep(0.1)
    printed, _ = run.communicate(timeout=60)
    assert run.returncode == 128 + signal.SIGTERM
    assert "The outputs of the last run are in place; run it again." in printed
    assert not running_stages(long)
    assert state(long) == before


def test_a_run_whose_dvc_is_killed_restores_the_outputs(long: Clone) -> None:
    before = state(long)
    run = start(long, sys.executable, "-m", "sentiment", "repro")
    wait_for(lambda: has_state(long))
    running_dvc(long).kill()
    printed, _ = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "The outputs of the last run are in place" in printed
    assert not running_stages(long)
    assert state(long) == before


def cores(process: psutil.Process, seconds: float) -> float:
    """Return how many cores a process keeps busy."""
    begin, before = time.monotonic(), process.cpu_times()
    time.sleep(seconds)
    after = process.cpu_times()
    return float(after.user + after.system - before.user - before.system) / (time.monotonic() - begin)


def test_two_queued_experiments_do_not_disturb_each_other(long: Clone, tmp_path: Path) -> None:
    set_epochs(long, 40)
    long.commit("More epochs")
    alone = {}
    for units in (8, 12):
        shutil.copytree(long.path, tmp_path / str(units), symlinks=True)
        clone = Clone(tmp_path / str(units))
        clone.set("model.hidden_dim", units)
        clone.stage("train")
        alone[units] = clone.hashes()
        long.dvc(
            "exp", "run", "--queue", "--name", f"units-{units}", "--set-param", f"model.hidden_dim={units}", "train"
        )

    workers = start(long, "dvc", "queue", "start", "--jobs", "2")  # who keep its output open

    together, busiest = 0, 0.0
    end = time.monotonic() + 300
    while long.dvc("queue", "status").stdout.count("Success") < 2:
        assert time.monotonic() < end
        processes = running_stages(long)
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
        assert long.hashes() == expected


def test_a_killed_experiment_is_noticed_and_the_way_back_loses_nothing(long: Clone) -> None:
    long.commit("A longer training")
    long.append("stages/ingest.py", "# an edit of the user")
    long.append("README.md", "An edit of the user")
    process = start(long, "dvc", "exp", "run", "--set-param", "model.hidden_dim=20")
    wait_for(lambda: has_state(long))
    process.kill()
    process.communicate(timeout=60)
    wait_for(lambda: not running_stages(long))
    done = long.sentiment("repro", check=False)
    assert done.returncode == 2
    assert "error: HEAD: detached by a `dvc exp run` that was killed" in done.stderr
    long.git("checkout", "-")
    long.git("checkout", "HEAD", "params.yaml", "dvc.lock", "metrics")
    assert long.git("symbolic-ref", "HEAD") == "refs/heads/main\n"
    assert long.git("diff", "HEAD", "--name-only").split() == ["README.md", "stages/ingest.py"]


def test_a_run_that_gives_the_results_of_the_commit_leaves_nothing_to_commit(clone: Clone) -> None:
    shutil.rmtree(clone.path / paths.MODEL)
    shutil.rmtree(clone.path / ".dvc/cache/runs")
    (model,) = [each["md5"] for each in clone.recorded()["train"]["outs"] if each["path"] == str(paths.MODEL)]
    (clone.path / ".dvc/cache/files/md5" / model[:2] / model[2:]).unlink()  # or DVC would bring the model back
    assert "Running stage 'train'" in clone.sentiment("repro").stdout
    assert clone.git("status", "--porcelain") == ""
