"""Commands in processes of their own that are forked, so that none waits for torch to load.

A server imports the packages once, and each command starts as its copy: the command `predict` takes 1 s instead of 5,
the stages `train` and `evaluate` 2 instead of 8.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "torch._dynamo",  # which every optimizer loads
        "sklearn.linear_model",
        "pandas",
        "pyarrow.dataset",
        "dvc.cli",
        "dvc.repo",
        "numba",
        "sentiment.inference.predictor",
    ]
)


def run(
    module: str, words: tuple[str, ...], stdin: bytes, cwd: Path, env: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a module as `python -m module words` would in this environment.

    The project's modules are those of this working tree, wherever the command runs. Variables that Python reads when it
    starts, such as PYTHONPATH, have no effect.
    """
    with tempfile.TemporaryDirectory() as name:
        streams = [Path(name, stream) for stream in ("stdin", "stdout", "stderr")]
        streams[0].write_bytes(stdin)
        process = _CONTEXT.Process(target=_run, args=(module, words, streams, cwd, env))
        process.start()
        process.join(600)
        assert process.exitcode is not None, f"{module} {words} does not end"
        stdout, stderr = (stream.read_bytes().decode() for stream in streams[1:])
    return subprocess.CompletedProcess([module, *words], process.exitcode, stdout, stderr)


def _run(module: str, words: tuple[str, ...], streams: list[Path], cwd: Path, env: Mapping[str, str]) -> None:
    modes = (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)
    for number, (stream, mode) in enumerate(zip(streams, modes, strict=True)):
        os.dup2(os.open(stream, mode), number)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.stdout.flush()
