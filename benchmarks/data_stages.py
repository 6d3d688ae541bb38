"""CPU time and peak memory of the data stages, on the corpus and on two and four copies of it.

    python -m benchmarks.data_stages [path/to/aclImdb_v1.tar.gz]

`ingest` reads the corpus once; `tokenize`, `count_vocab` and `encode` run on each number of copies, which shows whether
their memory grows with the corpus. CPU time is user and system time of the whole process, with its imports; memory is
its largest resident set. Results go to benchmarks/results/data_stages-imdb.json, or to data_stages-sample.json for the
sample corpus.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.corpora import ROOT, Corpus
from benchmarks.prepared import write_params
from sentiment.config import paths
from sentiment.io import parquet
from sentiment.io.command import run
from sentiment.io.json_file import write_json

STAGES = ("tokenize", "count_vocab", "encode")
COPIES = (1, 2, 4)


def measure(stage: str) -> tuple[float, float]:
    """Run a stage in the current directory. Return its CPU time in seconds and its peak memory in MiB."""
    process = subprocess.Popen([sys.executable, "-m", f"stages.{stage}"], env=os.environ | {"PYTHONPATH": str(ROOT)})
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{stage} failed")
    kib = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)  # macOS counts bytes
    return usage.ru_utime + usage.ru_stime, kib / 1024


def repeat(source: Path, target: Path, copies: int) -> None:
    """Write the rows of a table several times."""
    with parquet.open_writer(target, parquet.REVIEWS) as table:
        for _ in range(copies):
            for batch in parquet.read(source, parquet.REVIEWS):
                table.write(*batch.columns)


def main() -> None:
    corpus = Corpus.given()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_params(corpus.source)
        cpu, memory = measure("ingest")
        rows.append({"copies": 1, "stage": "ingest", "cpu_seconds": round(cpu, 2), "peak_mib": round(memory)})
        shutil.move(paths.REVIEWS.train.parent, "once")
        for copies in COPIES:
            for path in paths.REVIEWS:
                repeat(Path("once", path.name), path, copies)
            for stage in STAGES:
                cpu, memory = measure(stage)
                rows.append({"copies": copies, "stage": stage, "cpu_seconds": round(cpu, 2), "peak_mib": round(memory)})
        reviews = sum(parquet.count(Path("once", path.name), parquet.REVIEWS) for path in paths.REVIEWS)
    os.chdir(ROOT)
    write_json(corpus.result("data_stages"), {"reviews": reviews, "runs": rows})
    for row in rows:
        print(f"{row['stage']:12} x{row['copies']}  {row['cpu_seconds']:6.2f} s  {row['peak_mib']:5} MiB")


if __name__ == "__main__":
    run(main, takes_arguments=True)
