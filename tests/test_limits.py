"""A full disk, a read-only folder and too little memory: one clear line, nothing half written, nothing lost.

The clone lies on a file system of its own, in memory: Linux lets a user mount one in a namespace.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.clone import STAGES, Clone, state

_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")


def _can_mount() -> bool:
    try:
        done = subprocess.run(
            [*_NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False, timeout=10
        )
    except OSError:
        return False
    return done.returncode == 0


pytestmark = [
    pytest.mark.slow,
    # On a CI server it must be allowed, or nothing there would hold these promises.
    pytest.mark.skipif("CI" not in os.environ and not _can_mount(), reason="no user may mount a file system here"),
]
READ_ONLY = "mount -o remount,ro ."


def full_but_for(kib: int) -> str:
    return f"head -c $((($(df --output=avail -k . | tail -1) - {kib}) * 1024)) /dev/zero > filler"


def confined(clone: Clone, tmp_path: Path, limit: str, command: str) -> tuple[subprocess.CompletedProcess[str], Clone]:
    """Run a command in a copy of the clone after a shell's `limit`. Return how it ended, and what it left."""
    place, after = tmp_path / "small", tmp_path / "after"
    place.mkdir()
    done = clone.run(
        *_NAMESPACE, "bash", "-c",
        f"""set -e
        mount -t tmpfs -o size=256m tmpfs {place}
        cp -a . {place}
        cd {place}
        {limit}
        set +e
        {command}
        code=$?
        cp -a . {after} && rm -f {after}/filler
        exit $code""",
        check=False,
    )  # fmt: skip
    assert after.is_dir()
    return done, Clone(after)


def partial(clone: Clone) -> list[Path]:
    return list(clone.path.rglob(".*.partial"))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_on_a_full_disk_says_so_and_leaves_all_as_it_was(clone: Clone, tmp_path: Path, stage: str) -> None:
    before = state(clone)
    done, after = confined(clone, tmp_path, full_but_for(kib=0), f"python -m stages.{stage}")
    assert done.returncode == 1
    progress = r"(train: adversarial steps, .*\n)?(epoch 1 of 2: .*\n)?"
    message = r"error: \S+: No space left on device; free some and run the command again\n"
    assert re.fullmatch(progress + message, done.stderr)
    assert state(after) == before
    assert not partial(after)


def test_a_disk_that_fills_up_halfway_leaves_all_as_it_was(clone: Clone, tmp_path: Path) -> None:
    before = state(clone)
    done, after = confined(clone, tmp_path, full_but_for(kib=8), "python -m stages.ingest")
    assert done.returncode == 1
    assert done.stderr.startswith("error: data/reviews")
    assert ": No space left on device;" in done.stderr
    assert state(after) == before
    assert not partial(after)


@pytest.mark.parametrize("stage", ["check", "ingest", "train"])
def test_a_stage_in_a_read_only_folder_says_so(clone: Clone, tmp_path: Path, stage: str) -> None:
    done, _ = confined(clone, tmp_path, READ_ONLY, f"python -m stages.{stage}")
    assert done.returncode == 1
    assert re.fullmatch(r"error: \S+: Read-only file system; run the command in a copy that .*\n", done.stderr)


def test_a_model_in_a_read_only_folder_predicts(clone: Clone, tmp_path: Path) -> None:
    expected = clone.sentiment("predict", "A good film.").stdout
    done, _ = confined(clone, tmp_path, READ_ONLY, "python -m sentiment predict 'A good film.'")
    assert (done.stdout, done.stderr) == (expected, "")


def test_kernels_that_can_be_kept_nowhere_are_compiled_all_the_same(clone: Clone, tmp_path: Path) -> None:
    limit = f"find sentiment -name __pycache__ -exec rm -r {{}} +; {READ_ONLY}; export HOME=/proc XDG_CACHE_HOME=/proc"
    code = "from sentiment.nn.kernels.loops import kernel; print(kernel(lambda x: abs(x))(-1))"
    done, _ = confined(clone, tmp_path, limit, f"python -c '{code}'")
    assert (done.stdout, done.stderr) == ("1\n", "")


@pytest.mark.parametrize("limit", [full_but_for(kib=0), READ_ONLY])
def test_make_repro_that_cannot_begin_changes_nothing(clone: Clone, tmp_path: Path, limit: str) -> None:
    before = state(clone)
    clone.set("tokenize.lowercase", True)
    done, after = confined(clone, tmp_path, limit, "python -m sentiment repro")
    assert done.returncode == 1
    assert re.fullmatch(r"error: \S+: (No space left on device|Read-only file system); .*\n", done.stderr)
    assert state(after) == before


def test_make_repro_on_a_disk_that_fills_up_loses_nothing(clone: Clone, tmp_path: Path) -> None:
    before = state(clone)
    clone.set("tokenize.lowercase", True)
    done, after = confined(clone, tmp_path, full_but_for(kib=64), "python -m sentiment repro")
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "The outputs of the last run are in place" in done.stderr
    assert state(after) == before
    assert not partial(after)


@pytest.mark.parametrize("kib", [700_000, 1_200_000, 6_000_000])  # for torch, for numba's compiler, for the weights
def test_training_with_too_little_memory_says_so_and_leaves_all_as_it_was(
    clone: Clone, tmp_path: Path, kib: int
) -> None:
    before = state(clone)
    clone.set("model.hidden_dim", 30000)
    done, after = confined(clone, tmp_path, f"ulimit -v {kib}", "python -m stages.train")
    assert done.returncode == 1
    assert re.fullmatch("error: not enough memory; lower .*\n", done.stderr)
    assert state(after) == before
