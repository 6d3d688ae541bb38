"""Write the measured tables into the documents, each between the two comments that mark its place.

    python -m benchmarks.tables

A place looks like `<!-- table: imdb -->` … `<!-- end -->`. The figures come from `benchmarks/results/`, which the
other modules here and the scripts in `runs/` write. A test fails while a document differs from its results.
"""

import csv
import re
import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.corpora import RESULTS, ROOT
from sentiment.data.languages import LANGUAGES
from sentiment.io.atomic import atomic_write
from sentiment.io.command import run
from sentiment.io.json_file import read_json
from sentiment.nn.cells import CELLS

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_PLACE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", flags=re.DOTALL)
_NETWORKS = {
    "imdb-plain": "the lecture's network, a tanh RNN with 16 units",
    "imdb-lecture": "the same, regularised and pooled",
    "imdb-lstm": "bidirectional LSTM, 64 units each way",
    "imdb-strong": "bidirectional LSTM, 128 units each way",
}


def results() -> list[str]:
    """Return the README's summary: each IMDb network's mean over its seeds, beside the baseline on the same tokens."""
    return _table(
        ["network", "accuracy", "baseline", "stacked", "parameters"],
        (
            [
                f"{_NETWORKS[name]} (`{name}`)",
                f"**{_mean('accuracy', seeds):.1%}**{_deviation(seeds)}",
                f"{_mean('baseline.accuracy', seeds):.1%}",
                f"{_mean('stacked.accuracy', seeds):.1%}",
                f"{int(seeds[0]['parameters']):,}",
            ]
            for name, seeds in _imdb_experiments()
        ),
    )


def imdb() -> list[str]:
    """Return one row for each network of runs/imdb.sh, smallest first, beside the baseline on the same tokens."""
    return _table(
        [
            "experiments",
            "test accuracy of each seed",
            "mean",
            "ROC AUC",
            "baseline",
            "stacked",
            "parameters",
            "training of one",
        ],
        (
            [
                f"`{name}-1` to `-{len(seeds)}`" if len(seeds) > 1 else f"`{name}-1`",
                ", ".join(f"{float(row['accuracy']):.2%}" for row in seeds),
                f"**{_mean('accuracy', seeds):.1%}**{_deviation(seeds)}",
                f"{_mean('roc_auc', seeds):.3f}",
                f"{_mean('baseline.accuracy', seeds):.1%}",
                f"{_mean('stacked.accuracy', seeds):.1%}",
                f"{int(seeds[0]['parameters']):,}",
                f"{_mean('train_seconds', seeds):,.0f} s",
            ]
            for name, seeds in _imdb_experiments()
        ),
    )


def ideas() -> list[str]:
    """Return one row for each experiment of runs/ideas.sh, in its order."""
    rows = _experiments("ideas.csv")
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


def saturation() -> list[str]:
    """Return how saturated the default network was after some epochs of the committed run."""
    with (ROOT / "metrics/history.csv").open(encoding="utf-8", newline="") as stream:
        epochs = list(csv.DictReader(stream))
    return _table(
        ["epoch", "norm", "cosine", "beyond 0.9", "accuracy", "saturated", "rounded to signs"],
        (
            [
                row["epoch"],
                f"{float(row['parameter_norm']):.1f}",
                f"{float(row['saturation']):.2f}",
                *(f"{float(row[name]):.0%}" for name in ("units_near_one", "valid_accuracy", "saturated_accuracy")),
                f"{float(row['sign_accuracy']):.0%}",
            ]
            for row in epochs
            if int(row["epoch"]) in (1, 2, 3, 4, 5, len(epochs))
        ),
    )


def page() -> list[str]:
    """Return a row for each page: its size, and what a keystroke takes."""
    with (RESULTS / "page.csv").open(encoding="utf-8", newline="") as stream:
        return _table(
            ["page", "size", "a keystroke, median", "slowest of 50"],
            (
                [row["page"], f"{row['megabytes']} MB", f"{row['median_ms']} ms", f"{row['slowest_ms']} ms"]
                for row in csv.DictReader(stream)
            ),
        )


def behaviour() -> list[str]:
    """Return how often both models of the committed run fail the cases of each capability."""
    found = read_json(ROOT / "metrics/probe.json")
    models = [found[key] for key in ("probe", "probe_baseline")]

    def cells(model: dict[str, Any]) -> list[str]:
        low, high = model["interval"]
        return [f"**{model['failure_rate']:.1%}**", f"{low:.1%} to {high:.1%}"]

    names = [name for name, part in models[0].items() if isinstance(part, dict) and "reason" not in part]
    return _table(
        ["capability", "network", "95 % interval", "baseline", "95 % interval"],
        ([name.replace("_", " "), *(cell for model in models for cell in cells(model[name]))] for name in names),
    )


def behaviour_imdb() -> list[str]:
    """Return how often two networks of runs/imdb.sh and their baselines fail the test reviews and each capability."""
    rows = _experiments("behaviour.csv")
    networks = [rows[name] for name in ("imdb-plain-1", "imdb-lstm-1")]
    keys = ("probe", "probe_baseline")
    wrong = [1 - float(row[key]) for row in networks for key in ("accuracy", "baseline.accuracy")]
    failed = {
        "test reviews": wrong,
        "all cases": [float(row[f"{key}.failure_rate"]) for row in networks for key in keys],
    }
    for column in networks[0]:
        if capability := re.fullmatch(r"probe\.(\w+)\.failure_rate", column):
            name = capability[1]
            failed[name] = [float(row[f"{key}.{name}.failure_rate"]) for row in networks for key in keys]
    return _table(
        ["failed", "`imdb-plain`", "its baseline", "`imdb-lstm`", "its baseline"],
        ([name.replace("_", " "), *(f"{share:.1%}" for share in shares)] for name, shares in failed.items()),
    )


def languages() -> list[str]:
    """Return one row for each language and cell of runs/languages.sh."""
    rows = _experiments("languages.csv")
    names = [f"language-{language}-{cell}" for language in LANGUAGES for cell in CELLS]
    return _table(
        ["language", "cell", "test", "2×", "4×", "8×", "automaton of L*", "search", "clusters", "merging"],
        (_language(name, rows[name]) for name in names),
    )


def _language(name: str, row: dict[str, str]) -> list[str]:
    language, cell = name.removeprefix("language-").rsplit("-", 1)
    verdict = {"True": ", the true one", "False": ", another one", "": ""}[row["language.equivalent"]]
    stopped = "over " if row["automaton.reason"] and row["language.equivalent"] != "True" else ""
    difference = row["automaton.search.difference"].split()
    return [
        f"`{language}`",
        cell,
        *(f"{100 * float(row[key]):.1f}" for key in ("accuracy", *(f"language.times_{k}.accuracy" for k in (2, 4, 8)))),
        f"{stopped}{row['automaton.states']} states{verdict}",
        f"differs on {len(difference)} tokens" if difference else "no difference",
        row["automaton.clusters"] or "–",
        {"True": "same", "False": "–"}[row["automaton.merging"]],
    ]


def counters() -> list[str]:
    """Return how closely the best unit of each network follows the count of a language."""
    rows = _experiments("languages.csv")
    key = "language.counter.correlation"
    counting = [name for name, language in LANGUAGES.items() if not language.finite]
    return _table(
        ["correlation of a unit with the count", *CELLS],
        ([f"`{name}`", *(f"{float(rows[f'language-{name}-{cell}'][key]):.2f}" for cell in CELLS)] for name in counting),
    )


def corpus() -> list[str]:
    """Return the test accuracy on the sample corpus, of bags of words and of the lecture's network."""
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
    """Return the seconds that each contestant needs for IMDb's training reviews, and as multiples of this project's."""
    measured = read_json(RESULTS / "text-imdb.json")
    return _table(
        ["tokenize, count, encode", "seconds", f"relative to {measured['reference']}"],
        (
            [row["name"], "–", f"skipped: {row['skipped']}"]
            if "skipped" in row
            else [row["name"], _short(statistics.median(row["seconds"])), _spread(row["ratio"], _short)]
            for row in measured["contestants"]
        ),
    )


def compiled() -> list[str]:
    """Return what the compiler makes of each of Triton's loops for an H100, forward and backward."""
    loops = read_json(RESULTS / "triton-compiled-90.json")["loops"]
    by_loop = {(loop["loop"], loop["width"]): loop for loop in loops}
    rows = []
    for (name, width), forward in by_loop.items():
        cell, _, direction = name.partition("_")
        if direction == "forward":
            both = forward, by_loop[f"{cell}_backward", width]
            figures = (" / ".join(f"{loop[key]:,}" for loop in both) for key in ("registers", "stack_bytes"))
            memory = " / ".join(f"{loop['shared_memory'] / 1024:.0f}" for loop in both)
            rows.append([f"`{cell}`", str(width), forward["weights"], str(forward["warps"]), *figures, memory])
    columns = ["cell", "units", "weights", "warps", "registers of a thread", "stack, bytes", "shared memory, KiB"]
    return _table(columns, rows)


def training() -> list[str]:
    """Return how many times faster a training step is here than elsewhere, on IMDb's reviews."""
    measured = read_json(RESULTS / "training-imdb.json")
    networks = {each["network"]: {row["name"]: row for row in each["contestants"]} for each in measured["networks"]}
    names = list(dict.fromkeys(name for rows in networks.values() for name in rows))
    ours, *peers = (name for name in names if "torch padded" not in name or "better" in name)

    def cell(row: dict[str, Any] | None) -> str:
        if row is None:
            return ""
        if "skipped" in row:
            return f"skipped: {row['skipped']}"
        return _spread(row["ratio"], lambda value: f"{value:.{int(value < 10)}f}")

    rate = {name: 1000 / statistics.median(rows[ours]["seconds"]) for name, rows in networks.items()}
    return _table(
        ["", *networks],
        [
            ["thousand tokens per second", *(f"{rate[name]:,.0f}" for name in networks)],
            *([f"times as fast as {peer}", *(cell(rows.get(peer)) for rows in networks.values())] for peer in peers),
        ],
    )


def pipeline() -> list[str]:
    """Return where the seconds of a whole `dvc repro` on IMDb go."""
    measured = read_json(RESULTS / "pipeline-imdb.json")
    stages = measured["stages"]
    sums = [sum(stage[part] for stage in stages) for part in ("imports", "own", "dvc")]
    return _table(
        ["seconds", "interpreter and imports", "the stage's own work", "DVC"],
        [
            ["start", "", "", f"{measured['start']:.1f}"],
            *(
                [f"`{stage['name']}`", *(f"{stage[part]:.1f}" for part in ("imports", "own", "dvc"))]
                for stage in stages
            ),
            ["all", *(f"{seconds:.1f}" for seconds in (sums[0], sums[1], sums[2] + measured["start"]))],
        ],
    )


def stock_packed() -> list[str]:
    """Return the seconds of a forward and a backward pass over packed reviews, in torch and here."""
    names = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM"}
    return _table(
        ["cell", "longest review", "torch forward", "torch backward", "this project forward", "this project backward"],
        (
            [
                names[row["cell"]],
                f"{row['longest']} tokens",
                *(f"{row[part]:.3f}" for part in ("stock_forward", "stock_backward", "ours_forward", "ours_backward")),
            ]
            for row in read_json(RESULTS / "stock_packed.json")["seconds"]
        ),
    )


TABLES: dict[str, Callable[[], list[str]]] = {
    table.__name__: table
    for table in (
        results,
        imdb,
        ideas,
        corpus,
        saturation,
        page,
        behaviour,
        behaviour_imdb,
        languages,
        counters,
        data_stages,
        text,
        training,
        compiled,
        pipeline,
        stock_packed,
    )
}


def places(document: str) -> list[str]:
    """Return the names of the tables that a document has places for.

    >>> places("<!-- table: imdb -->\\n<!-- end -->")
    ['imdb']
    """
    return [name for _, name, _ in _PLACE.findall(document)]


def filled(document: str) -> str:
    """Return a document with the tables in their places. Raises KeyError for a table that does not exist."""
    return _PLACE.sub(lambda place: place[1] + "".join(f"{row}\n" for row in TABLES[place[2]]()) + place[3], document)


def _experiments(name: str) -> dict[str, dict[str, str]]:
    """Return the rows of a CSV of experiments by the experiment's name."""
    with (RESULTS / name).open(encoding="utf-8", newline="") as stream:
        return {row["Experiment"]: row for row in csv.DictReader(stream)}


def _imdb_experiments() -> Iterable[tuple[str, list[dict[str, str]]]]:
    """Yield each network of runs/imdb.sh, smallest first, and its rows by seed."""
    rows = sorted(_experiments("imdb.csv").items())
    for name in _NETWORKS:
        yield name, [row for key, row in rows if key.startswith(f"{name}-")]


def _mean(key: str, seeds: list[dict[str, str]]) -> float:
    return statistics.mean(float(row[key]) for row in seeds)


def _deviation(seeds: list[dict[str, str]]) -> str:
    """Return the standard deviation of the seeds' accuracies in percentage points, as " ± 0.2"."""
    accuracies = [float(row["accuracy"]) for row in seeds]
    return f" ± {100 * statistics.stdev(accuracies):.1f}" if len(accuracies) > 1 else ""


def _spread(ratio: dict[str, float], written: Callable[[float], str]) -> str:
    """Return a ratio's median and range, as "2.2 (2.1 to 2.4)"."""
    return "{} ({} to {})".format(*(written(ratio[key]) for key in ("median", "low", "high")))


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _table(header: list[str], rows: Iterable[list[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows)]


def _write(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    if (new := filled(text)) != text:
        with atomic_write(document) as partial:
            partial.write_text(new, encoding="utf-8", newline="\n")


def main() -> None:
    for document in DOCUMENTS:
        _write(document)


if __name__ == "__main__":
    run(main)
