"""Put the measured tables into README.md, between the comments that name them.

    python -m benchmarks.readme

The scripts in `runs/` and the other modules here write what this reads; a test compares.
"""

import csv
from collections.abc import Iterable
from pathlib import Path

from sentiment.files import read_json, replacing

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def imdb() -> list[str]:
    """Return one row for each experiment of runs/imdb.sh, in its order."""
    with (ROOT / "benchmarks/imdb.csv").open(encoding="utf-8", newline="") as stream:
        rows = {row["Experiment"]: row for row in csv.DictReader(stream)}
    return _table(
        ["experiment", "test accuracy", "95 % interval", "ROC AUC", "parameters", "training", "tokens/s"],
        (
            [
                f"`{name}`",
                f"{float(row['accuracy']):.1%}",
                f"{float(row['accuracy_low']):.1%} to {float(row['accuracy_high']):.1%}",
                f"{float(row['roc_auc']):.3f}",
                f"{int(row['parameters']):,}",
                f"{float(row['train_seconds']):.0f} s",
                f"{int(row['tokens_per_second']):,}",
            ]
            for name in ("imdb-rnn", "imdb-lstm", "imdb-lstm-64")
            for row in [rows[name]]
        ),
    )


def cells() -> list[str]:
    """Return one row for each cell on the embedded corpus."""
    with (ROOT / "benchmarks/cells.csv").open(encoding="utf-8", newline="") as stream:
        rows = sorted(csv.DictReader(stream), key=lambda row: int(row["parameters"]))
    return _table(
        ["cell", "test accuracy", "log loss, nats", "best epoch", "parameters"],
        (
            [
                row["model.cell"],
                f"{float(row['accuracy']):.1%}",
                f"{float(row['log_loss']):.5f}",
                row["best_epoch"],
                f"{int(row['parameters']):,}",
            ]
            for row in rows
        ),
    )


def corpus() -> list[str]:
    """Return the test accuracy on the embedded corpus, of bags of words and of the lecture's network."""
    measured = read_json(ROOT / "benchmarks/corpus.json")
    bags = [[f"logistic regression on {name}", f"{value:.1%}"] for name, value in measured["bags_of_words"].items()]
    seeds = measured["lecture_network"]
    network = ", ".join(f"{accuracy:.1%}" for accuracy in seeds.values())
    return _table(["model", "test accuracy"], [*bags, [f"the lecture's network, seeds {', '.join(seeds)}", network]])


def data_stages() -> list[str]:
    """Return CPU time and peak memory of each vectorised stage, by how often the corpus was repeated."""
    measured = read_json(ROOT / "benchmarks/data_stages.json")
    runs = {(run["stage"], run["copies"]): run for run in measured["runs"]}
    return _table(
        ["stage", *(f"{copies} × {measured['reviews']:,} reviews" for copies in (1, 2, 4))],
        (
            [f"`{stage}`"]
            + [f"{runs[stage, copies]['cpu_seconds']} s, {runs[stage, copies]['peak_mib']} MiB" for copies in (1, 2, 4)]
            for stage in ("tokenize", "count_vocab", "encode")
        ),
    )


def filled(text: str) -> str:
    """Return README.md with the tables in their places."""
    for table in (corpus, imdb, cells, data_stages):
        name = table.__name__
        before, start, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        assert end, f"README.md has no place for {name}"
        text = before + start + "\n".join(table()) + "\n" + end + after
    return text


def _table(header: list[str], rows: Iterable[list[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows)]


def main() -> None:
    with replacing(README) as partial:
        partial.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
