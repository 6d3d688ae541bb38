"""How a stage runs: alone in its folder, no longer than its `dvc`, and only if nothing it reads changes meanwhile.

DVC records in dvc.lock the parameters, code and inputs as they are when a stage ends (treeverse/dvc#11058). An edit
made while the stage ran would be recorded although the stage never saw it. So the stage fails, and DVC records nothing.

A killed `dvc` leaves its stage running, and the next `dvc` would start another one beside it. So a stage ends as soon
as its `dvc` does, and the next one waits until it has ended.
"""

import os
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import psutil

from sentiment.config import paths
from sentiment.config.yaml_file import read_yaml
from sentiment.errors import InputError, quote
from sentiment.io import command
from sentiment.io.atomic import remove_partials
from sentiment.pipeline import dvc_files, dvc_folder, lock

_POLL = 0.1  # seconds

Main = Callable[[], Callable[[], None] | None]
Stage = dict[str, Any]  # an entry of dvc.yaml


def run(main: Main, *, alone: bool = True) -> None:
    """Run a stage's `main` as a command. Unless `alone` is false, wait until no other stage runs in this folder.

    If `main` returns a function, it is called after the inputs were found unchanged.
    """
    command.run(lambda: _supervise(main, alone))


def _supervise(main: Main, alone: bool) -> None:
    stages: dict[str, Stage] = read_yaml(paths.PIPELINE)["stages"]
    stage = _started_by_dvc(stages)
    if stage:
        _end_with(_dvc_of(stage))
        before = _inputs(stage)
        # Python may have imported what a module was before it changed.
        start, now = dvc_files.rwlock_path().stat().st_mtime_ns, _now()
        _require_same(changed_between(start, now, [path for path in before if path.endswith(".py")]))
    with lock.held_by_stage() if alone else nullcontext():
        if alone:
            _remove_partials(stages)
        if stage:
            dvc_files.backup()
        finish = main()
        if stage:
            after = _inputs(stage)
            _require_same([key for key in before | after if before.get(key) != after.get(key)])
        if finish:
            finish()


def _started_by_dvc(stages: dict[str, Stage]) -> Stage | None:
    """Return the entry of the stage that DVC runs. None if it was started by hand: DVC will not record that run."""
    name = os.environ.get("DVC_STAGE")
    if name is None:
        return None
    stage = stages.get(name.rpartition(":")[2])  # "../dvc.yaml:train" if DVC was called from another folder
    if stage is None:
        raise InputError(f"DVC_STAGE: {quote(name)} is not a stage in {paths.PIPELINE}; unset it to run one by hand")
    return stage


def _dvc_of(stage: Stage) -> psutil.Process:
    """Return the `dvc` that runs a stage. Raises InputError if it died while Python started.

    DVC's own note tells, not the parent process: an orphan is given another parent, which need not be process 1, and
    any program can call DVC as a library.
    """
    dvc = dvc_files.writer_of(_outputs(stage))
    if dvc is None:
        raise InputError(
            f"{dvc_files.rwlock_path()}: notes no running dvc that writes the outputs of {os.environ['DVC_STAGE']}; "
            "run `dvc repro` again, or unset DVC_STAGE to run a stage by hand"
        )
    return dvc


def _end_with(dvc: psutil.Process) -> None:
    """End this process, as a kill would, as soon as `dvc` has ended."""

    def watch() -> None:
        with suppress(psutil.Error):
            while dvc.is_running() and dvc.status() != psutil.STATUS_ZOMBIE:
                time.sleep(_POLL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _inputs(stage: Stage) -> dict[str, object]:
    """Return what a stage depends on: the parameters' values, and each file's inode, size and time of change."""
    params = read_yaml(paths.PARAMS)
    inputs: dict[str, object] = {}
    for key in stage.get("params", []):
        if isinstance(key, dict):  # the whole file
            inputs |= {f"{paths.PARAMS}: {section}": values for section, values in params.items()}
        else:
            inputs[f"{paths.PARAMS}: {key}"] = _value(params, key)
    for dep in stage.get("deps", []):
        path = Path(str(_value(params, dep[2:-1])) if dep.startswith("${") else dep)
        for file in path.rglob("*") if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:  # .dvcignore lists it
                stat = file.stat()
                inputs[str(file)] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return inputs


def _value(values: Any, key: str) -> object:
    for part in key.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values


def changed_between(start: int, now: int, files: list[str]) -> list[str]:
    """Return the files that changed from `start` until `now`, in nanoseconds of the file system's clock.

    Where the clock was set back, the time of an old file can lie ahead of `now`.
    """
    return [file for file in files if start < Path(file).stat().st_ctime_ns <= now]


def _now() -> int:
    """Return the time that the file system gives to a new file: on a server, that is the server's."""
    with tempfile.TemporaryFile(dir=dvc_files.rwlock_path().parent) as file:
        return os.fstat(file.fileno()).st_mtime_ns


def _require_same(changed: list[str]) -> None:
    if changed:
        raise InputError(f"{changed[0]}: changed while the stage {os.environ['DVC_STAGE']} ran; run `dvc repro` again")


def _remove_partials(stages: dict[str, Stage]) -> None:
    """Remove what killed stages left behind. No stage writes now."""
    for stage in stages.values():
        for output in _outputs(stage):
            remove_partials(Path(output))
    remove_partials(paths.SPEED)
    remove_partials(dvc_folder.training() / "*")


def _outputs(stage: Stage) -> list[str]:
    """Return a stage's outputs, metrics and plots among them. DVC lets each have options: `path: {cache: false}`."""
    outputs = [*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])]
    return [next(iter(output)) if isinstance(output, dict) else output for output in outputs]
