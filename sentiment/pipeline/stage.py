"""How a stage runs: alone in its folder, not longer than DVC, and only if nothing changed under it.

DVC records in dvc.lock what parameters, code and inputs are when a stage ends (treeverse/dvc#11058). One that was
edited meanwhile would be recorded although the stage never saw it, so the stage fails instead and DVC records nothing.

A killed `dvc` leaves its stage running, and the next one would write beside it: so a stage ends as soon as its `dvc`
has, and the next one waits until it has.
"""

import fcntl
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import psutil

import sentiment
from sentiment.config import paths
from sentiment.config.yaml_file import read_yaml
from sentiment.errors import InputError, quote
from sentiment.io import command
from sentiment.pipeline import dvc_lock, rwlock

_LOCK = Path(".dvc/tmp/stage.lock")
_POLL = 0.1  # seconds


Main = Callable[[], Callable[[], None] | None]


def run(main: Main, *, waits: bool = True) -> None:
    """Run a stage's `main` as a command, when no other stage runs in this folder unless it need not wait.

    What it returns, if anything, is called when nothing has changed meanwhile: only then do its results count.
    """
    command.run(lambda: _guarded(main, waits))


def _guarded(main: Main, waits: bool) -> None:
    name = os.environ.get("DVC_STAGE")  # DVC says so; by hand, a stage does what it is told
    alone = _alone if waits else nullcontext
    if name is None:
        with alone():
            if finish := main():
                finish()
        return
    stages = read_yaml(paths.PIPELINE)["stages"]
    described = stages.get(name.rpartition(":")[2])  # "../dvc.yaml:train", where DVC was called from another folder
    if described is None:
        raise InputError(f"DVC_STAGE: {quote(name)} is no stage of {paths.PIPELINE}; unset it to run a stage by hand")
    _end_with(_dvc_of(name, described))
    code = {key: value for key, value in _inputs(described).items() if key.endswith(".py")}  # as it was imported
    _require_same(name, [key for key in code if _touched(Path(key))])
    with alone():
        dvc_lock.backup()
        before = _inputs(described) | code
        finish = main()
        after = _inputs(described)
        _require_same(name, [key for key in before | after if before.get(key) != after.get(key)])
        if finish:
            finish()


def _require_same(stage: str, changed: list[str]) -> None:
    if changed:
        raise InputError(f"{changed[0]}: changed while the stage {stage} ran; run `dvc repro` again")


def _touched(path: Path) -> bool:
    """Return whether a module changed while modules were imported: it is unknown what was read of it."""
    return path.exists() and path.stat().st_ctime_ns > sentiment.STARTED


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other stage runs in this folder."""
    _LOCK.parent.mkdir(parents=True, exist_ok=True)
    with _LOCK.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another stage that runs in this folder", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _end_with(dvc: psutil.Process) -> None:
    """Kill this process as soon as the `dvc` that started it is gone."""

    def watch() -> None:
        with suppress(psutil.Error):
            while dvc.is_running() and dvc.status() != psutil.STATUS_ZOMBIE:
                time.sleep(_POLL)
        os._exit(1)  # as if killed: what is whole stays, what is partial is never looked at

    threading.Thread(target=watch, daemon=True).start()


def _dvc_of(name: str, stage: dict[str, Any]) -> psutil.Process:
    """Return the `dvc` that writes a stage's outputs. `stage` is its entry in dvc.yaml.

    It is not looked for among this process's parents: an orphan has another one, which need not be process 1, and a
    program that calls DVC as a library can be any. Raise InputError if it died while Python started.
    """
    outputs = {os.path.realpath(next(iter(out)) if isinstance(out, dict) else out) for out in stage["outs"]}
    for path, process in rwlock.noted().items():
        if path in outputs:
            with suppress(psutil.NoSuchProcess):
                dvc = psutil.Process(process)
                if dvc.create_time() <= psutil.Process().create_time():  # not one that began since
                    return dvc
    raise InputError(
        f"{rwlock.NOTE}: notes no running dvc that writes the outputs of {name}; run `dvc repro` again, or unset "
        "DVC_STAGE to run a stage by hand"
    )


def _inputs(stage: dict[str, Any]) -> dict[str, object]:
    """Return what a stage depends on: each parameter's value, each file's identity, size and time of change.

    `stage` is its entry in dvc.yaml.
    """
    values = read_yaml(paths.PARAMS)
    found: dict[str, object] = {}
    for key in stage["params"]:
        if isinstance(key, dict):  # all of the file
            found |= {f"{paths.PARAMS}: {section}": value for section, value in values.items()}
        elif isinstance(group := _value(values, key), dict):
            found |= {f"{paths.PARAMS}: {key}.{name}": value for name, value in group.items()}
        else:
            found[f"{paths.PARAMS}: {key}"] = group
    for dep in stage["deps"]:
        text = _value(values, dep[2:-1]) if dep.startswith("${") else dep
        path = Path(str(text))
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if "__pycache__" not in file.parts:  # as .dvcignore has it
                found[str(file)] = _identity(file)
    return found


def _value(values: Any, key: str) -> object:
    for part in key.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values


def _identity(path: Path) -> tuple[int, ...] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns) if path.is_file() else (stat.st_ino,)
