"""Where the time of a `dvc repro` goes: one run of the whole pipeline in a fresh clone, with an empty cache.

    python -m benchmarks.pipeline [path/to/aclImdb_v1.tar.gz]

One real run, seen from outside. DVC runs each stage as `python -m stages.<name>`: a `python` of our own stands first on
the PATH, notes when it is called and when its stage has ended, and runs the stage under `-X importtime`. So

    import   start of the interpreter and all imports of a stage, also those inside functions
    own      what is left of the stage's process: its work
    dvc      from the end of the process to the start of the next, or to the end of the run: DVC hashes the outputs,
             moves them to its cache, writes dvc.lock and looks at the next stage
    start    from the command to the first process: DVC starts, reads the pipeline, hashes the source

which add up to the wall time; overhead is all of it but `own`. Beside it stands what a Python takes to import torch, a
measure of the machine: the overhead of the six stages without which there is no result stays below ten of these.

The clone is of HEAD. On IMDb the parameters are those of `imdb-plain` in runs/imdb.sh. The result goes to
benchmarks/results/pipeline-imdb.json or pipeline-sample.json.
"""

import json
import os
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.corpora import ROOT, Corpus
from benchmarks.timing import machine
from sentiment.config.yaml_file import read_yaml, write_yaml
from sentiment.io.command import run
from sentiment.io.json_file import write_json

# What stands for `python` while DVC runs. Its own start, about 15 ms a stage, counts as DVC's.
_RECORDER = """
import json, pathlib, subprocess, sys, time
start = time.monotonic()
done = subprocess.run([sys.argv[1], "-X", "importtime", *sys.argv[2:]], stderr=subprocess.PIPE, text=True)
end = time.monotonic()
with pathlib.Path(__file__).with_name("stages.jsonl").open("a") as stream:
    print(json.dumps([sys.argv[-1], start, end, done.stderr]), file=stream)
sys.exit(done.returncode)
"""
_IMPORT = re.compile(r"^import time: +(\d+) \|", re.MULTILINE)


class Call(NamedTuple):
    """A call of `python` that DVC made: its last word, when it started and ended, and its standard error."""

    module: str
    start: float
    end: float
    log: str


class Stage(NamedTuple):
    """Seconds of one stage: its imports, its own work, and what DVC did after it."""

    name: str
    imports: float
    own: float
    dvc: float


def clone(corpus: Corpus, folder: Path) -> None:
    """Clone the project into a folder and set its parameters for a corpus."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    if corpus.name == "imdb":
        file = folder / "params.yaml"
        params = read_yaml(file)
        params["ingest"]["source"] = str(corpus.source)
        params["model"].update(pooling="last", recurrent_gain=1.0)
        params["train"].update(
            learning_rate=1e-3, epochs=8, batch_size=256, schedule="constant", adversarial_epsilon=0.0
        )
        params["compute"].update(threads=2)
        write_yaml(file, params)


def reproduce(folder: Path) -> tuple[float, list[Stage]]:
    """Run `dvc repro` in a clone. Return the seconds until the first stage, and the stages."""
    with tempfile.TemporaryDirectory() as name:
        recorder, python = Path(name, "recorder.py"), Path(name, "python")
        recorder.write_text(_RECORDER, encoding="utf-8")
        words = shlex.join([sys.executable, "-IS", str(recorder), sys.executable])
        python.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
        python.chmod(0o755)
        env = os.environ | {"PATH": name + os.pathsep + os.environ["PATH"]}
        start = time.monotonic()
        done = subprocess.run([sys.executable, "-m", "dvc", "repro"], cwd=folder, env=env, check=False)
        end = time.monotonic()
        log = recorder.with_name("stages.jsonl")
        calls = (
            [Call(*json.loads(line)) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []
        )
    if done.returncode or not calls:
        sys.exit("\n".join(line for line in calls[-1].log.splitlines() if not _IMPORT.match(line)) if calls else 1)
    return calls[0].start - start, divided(calls, end, interpreter_start())


def divided(calls: Sequence[Call], end: float, interpreter: float) -> list[Stage]:
    """Divide the seconds from the first call to the end of DVC among the stages; each started an interpreter.

    >>> one = "import time:   1000000 |   1000000 | torch"
    >>> divided([Call("stages.train", 10, 14, one), Call("stages.evaluate", 15, 17, one)], end=20, interpreter=0.5)
    [Stage(name='train', imports=1.5, own=2.5, dvc=1), Stage(name='evaluate', imports=1.5, own=0.5, dvc=3)]
    """
    stages = []
    for call, following in zip(calls, [*(call.start for call in calls[1:]), end], strict=True):
        imports = interpreter + imported(call.log)
        name = call.module.removeprefix("stages.")
        stages.append(Stage(name, imports, call.end - call.start - imports, following - call.end))
    return stages


def imported(log: str) -> float:
    """Return the seconds of all imports in what `python -X importtime` logged.

    >>> imported("import time: self [us] | cumulative | imported package\\nimport time:   500000 |   900000 | torch")
    0.5
    """
    return sum(int(microseconds) for microseconds in _IMPORT.findall(log)) / 1e6


def interpreter_start() -> float:
    """Return the seconds of a Python that does nothing, apart from its imports."""
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", ""], capture_output=True, text=True, check=True)
    return time.monotonic() - start - imported(done.stderr)


def torch_import() -> float:
    """Return the seconds that a Python takes to import torch: the median of three."""

    def seconds() -> float:
        start = time.monotonic()
        subprocess.run([sys.executable, "-c", "import torch"], check=True)
        return time.monotonic() - start

    return statistics.median(seconds() for _ in range(3))


def main() -> None:
    corpus = Corpus.given()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "clone")
        clone(corpus, folder)
        start, stages = reproduce(folder)
    yardstick = torch_import()
    own = sum(stage.own for stage in stages)
    wall = start + sum(stage.imports + stage.own + stage.dvc for stage in stages)
    print(f"{'seconds':12} {'import':>8} {'own':>8} {'dvc':>8}\n{'start':12} {'':8} {'':8} {start:8.2f}")
    for stage in stages:
        print(f"{stage.name:12} {stage.imports:8.2f} {stage.own:8.2f} {stage.dvc:8.2f}")
    print(f"wall time {wall:.1f} s, overhead {wall - own:.1f} s; to import torch takes {yardstick:.2f} s")
    result = {
        "wall": round(wall, 2),
        "overhead": round(wall - own, 2),
        "torch_import": round(yardstick, 3),
        "start": round(start, 3),
        "stages": [
            {key: value if isinstance(value, str) else round(value, 3) for key, value in stage._asdict().items()}
            for stage in stages
        ],
        "machine": machine(os.cpu_count() or 1, ["dvc", "torch", "pyarrow"]),
    }
    write_json(corpus.result("pipeline"), result)


if __name__ == "__main__":
    run(main, takes_arguments=True)
