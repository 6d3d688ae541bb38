"""Commands that a test starts in a clone and does not wait for, and the processes that run there."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from tests.support.clone import Clone


def start(clone: Clone, *words: str) -> subprocess.Popen[str]:
    """Start a command in a session of its own; what it prints is one stream, `stdout`."""
    return subprocess.Popen(
        words,
        cwd=clone.path,
        env=clone.environment,
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


def wait_for_queue(clone: Clone, tasks: int) -> None:
    """Wait until the queue has run this number of experiments with success."""
    end = time.monotonic() + 300
    while clone.dvc("queue", "status").stdout.count("Success") < tasks:
        assert time.monotonic() < end
        time.sleep(1)


def wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    """Wait until a started command prints a line with this text."""
    assert process.stdout is not None
    while text not in process.stdout.readline():
        assert process.poll() is None


def inside(clone: Clone) -> Iterator[psutil.Process]:
    """Yield the processes that run in a clone, or in the folders of experiments within it, with their words as `info`.

    A process can end at any moment: ask `info`, not the process.
    """
    for process in psutil.process_iter(["cmdline", "cwd"]):
        if Path(process.info["cwd"] or "/").is_relative_to(clone.path):
            yield process


def running_stages(clone: Clone) -> list[psutil.Process]:
    """Return the stages that run there, as `inside` yields them."""
    stages = []
    for process in inside(clone):
        words = process.info["cmdline"] or []
        if words[1:2] == ["-m"] and words[2].startswith("stages."):
            stages.append(process)
    return stages


def running_stage(clone: Clone, stage: str) -> psutil.Process | None:
    return next((each for each in running_stages(clone) if each.info["cmdline"][2] == f"stages.{stage}"), None)
