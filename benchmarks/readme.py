"""Put the measured tables into README.md, between the comments that name them.

    python -m benchmarks.readme

The scripts in `runs/` and the other modules here write what this reads; a test compares.
"""

import csv
import re
import statistics
from collections.abc import Iterable
from typing import Any

from benchmarks.corpora import RESULTS, ROOT
from sentiment.errors import run
from sentiment.io.atomic import atomic_write
from sentiment.io.json_file import read_json

README = ROOT / "README.md"
_SPREAD = ("median", "low", "high")


def imdb() -> list[str]:
    """Return one row for each network of runs/imdb.sh, smallest first, and the baseline on its tokens beside it."""
    with (RESULTS / "imdb.csv").open(encoding="utf-8", newline="") as stream:
        rows = {row["Experiment"]: row for row in csv.DictReader(stream)}
    recipe = (ROOT / "runs/imdb.sh").read_text(encoding="utf-8")

    def mean(key: str, seeds: list[dict[str, str]]) -> float:
        return statistics.mean(float(row[key]) for row in seeds)

    return _table(
        [
            "experiments",
            "test accuracy of each seed",
            "mean",
            "ROC AUC",
            "baseline",
            "both",
            "parameters",
            "training of one",
        ],
        (
            [
                f"`{name}-1` to `-{len(seeds)}`" if len(seeds) > 1 else f"`{name}-1`",
                ", ".join(f"{float(row['accuracy']):.2%}" for row in seeds),
                f"**{mean('accuracy', seeds):.1%}**{_deviation([float(row['accuracy']) for row in seeds])}",
                f"{mean('roc_auc', seeds):.3f}",
                f"{mean('baseline.accuracy', seeds):.1%}",
                f"{mean('stacked.accuracy', seeds):.1%}",
                f"{int(seeds[0]['parameters']):,}",
                f"{mean('train_seconds', seeds):,.0f} s",
            ]
            for name in reversed(re.findall(r'^    "(imdb-[a-z]+) ', recipe, flags=re.M))
            for seeds in [[row for key, row in sorted(rows.items()) if key.startswith(f"{name}-")]]
        ),
    )


def ideas() -> list[str]:
    """Return one row for each experiment of runs/ideas.sh, in its order."""
    with (RESULTS / "ideas.csv").open(encoding="utf-8", newline="") as stream:
        rows = {row["Experiment"]: row for row in csv.DictReader(stream)}
    recipe = (ROOT / "runs/ideas.sh").read_text(encoding="utf-8")
    return _table(
        ["experiment", "changes", "test accuracy", "log loss, nats", "parameters", "training"],
        (
            [
                f"`{name}`",
                ", ".join(f"`{change}`" for change in changes.split()),
                f"{float(rows[name]['accuracy']):.1%}",
                f"{float(rows[name]['log_loss']):.5f}",
                f"{int(rows[name]['parameters']):,}",
                f"{float(rows[name]['train_seconds']):.0f} s",
            ]
            for name, changes in re.findall(r'^    "(idea-[a-z-]+) ?(.*)"', recipe, flags=re.M)
        ),
    )


def corpus() -> list[str]:
    """Return the test accuracy on the embedded corpus, of bags of words and of the lecture's network."""
    measured = read_json(RESULTS / "corpus.json")
    bags = [[f"logistic regression on {name}", f"{value:.1%}"] for name, value in measured["bags_of_words"].items()]
    seeds = measured["lecture_network"]
    network = ", ".join(f"{accuracy:.1%}" for accuracy in seeds.values())
    return _table(["model", "test accuracy"], [*bags, [f"the lecture's network, seeds {', '.join(seeds)}", network]])


def data_stages() -> list[str]:
    """Return CPU time and peak memory of each vectorised stage, by how often the corpus was repeated."""
    measured = read_json(RESULTS / "data_stages-imdb.json")
    runs = {(run["stage"], run["copies"]): run for run in measured["runs"]}
    return _table(
        ["stage", *(f"{copies} × {measured['reviews']:,} reviews" for copies in (1, 2, 4))],
        (
            [f"`{stage}`"]
            + [f"{runs[stage, copies]['cpu_seconds']} s, {runs[stage, copies]['peak_mib']} MiB" for copies in (1, 2, 4)]
            for stage in ("tokenize", "count_vocab", "encode")
        ),
    )


def text() -> list[str]:
    """Return seconds of the corpus stages' work on IMDb's training reviews, and in those of this project."""
    measured = read_json(RESULTS / "text-imdb.json")
    return _table(
        ["tokenize, count, encode", "seconds", f"in those of {measured['reference']}"],
        (
            [row["name"], "–", f"skipped: {row['skipped']}"]
            if "skipped" in row
            else [
                row["name"],
                _short(statistics.median(row["seconds"])),
                "{} ({} to {})".format(*(_short(row["ratio"][key]) for key in _SPREAD)),
            ]
            for row in measured["contestants"]
        ),
    )


def training() -> list[str]:
    """Return how many times slower than this project each peer trains a network on IMDb's reviews."""
    measured = read_json(RESULTS / "training-imdb.json")
    networks = {each["network"]: {row["name"]: row for row in each["contestants"]} for each in measured["networks"]}
    names = list(dict.fromkeys(name for rows in networks.values() for name in rows))
    ours, *peers = (name for name in names if "torch padded" not in name or "better" in name)

    def cell(row: dict[str, Any] | None) -> str:
        if row is None:
            return ""
        if "skipped" in row:
            return f"skipped: {row['skipped']}"
        return "{} ({} to {})".format(*(f"{row['ratio'][key]:.{int(row['ratio'][key] < 10)}f}" for key in _SPREAD))

    rate = {name: 1000 / statistics.median(rows[ours]["seconds"]) for name, rows in networks.items()}
    return _table(
        ["", *networks],
        [
            ["thousand tokens per second", *(f"{rate[name]:,.0f}" for name in networks)],
            *([f"times {peer}", *(cell(rows.get(peer)) for rows in networks.values())] for peer in peers),
        ],
    )


def pipeline() -> list[str]:
    """Return where the seconds of a whole `dvc repro` on IMDb go."""
    measured = read_json(RESULTS / "pipeline-imdb.json")
    stages = measured["stages"]
    sums = [sum(stage[part] for stage in stages) for part in ("imports", "own", "dvc")]
    return _table(
        ["seconds", "interpreter and imports", "own work", "DVC"],
        [
            ["start", "", "", f"{measured['start']:.1f}"],
            *(
                [f"`{stage['name']}`", *(f"{stage[part]:.1f}" for part in ("imports", "own", "dvc"))]
                for stage in stages
            ),
            ["all", *(f"{seconds:.1f}" for seconds in (sums[0], sums[1], sums[2] + measured["start"]))],
        ],
    )


def filled(document: str) -> str:
    """Return README.md with the tables in their places."""
    for table in (corpus, imdb, training, text, data_stages, pipeline, ideas):
        name = table.__name__
        before, start, rest = document.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        assert end, f"README.md has no place for {name}"
        document = before + start + "\n".join(table()) + "\n" + end + after
    return document


def _deviation(shares: list[float]) -> str:
    """Return the standard deviation of several shares in percent, as " ± 0.2"."""
    return f" ± {100 * statistics.stdev(shares):.1f}" if len(shares) > 1 else ""


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _table(header: list[str], rows: Iterable[list[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows)]


def main() -> None:
    with atomic_write(README) as partial:
        partial.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    run(main)
