"""Compare the predictions of two runs, review by review.

    sentiment compare main workspace
    sentiment compare imdb-plain-1 imdb-lstm-1
    sentiment compare workspace:baseline workspace

A run is a Git revision, the name of an experiment, or `workspace`. Its files are read through DVC, so they need not be
checked out. `:baseline` takes the linear classifier's predictions, `:stacked` those of both models together.

The command prints every metric and its difference with 95 % intervals, on how many reviews the runs disagree, and the
reviews whose probability changed most: the probability of the second of two classes, such as positive, or with more
classes that of the review's own class. It writes the same to `comparison/`: metrics.json, and reviews.csv with all
reviews, the most changed first. A label there is 0 or 1, or with more classes a name. Section `evaluate` of the present
params.yaml applies to both runs.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from sentiment.config import paths
from sentiment.config.evaluation import EvaluationConfig
from sentiment.data.classes import Classes
from sentiment.data.predictions import Predictions, class_names, from_table, is_schema
from sentiment.errors import InputError, printable, quote
from sentiment.io import parquet
from sentiment.io.console import stdout
from sentiment.io.csv_file import write_csv
from sentiment.io.json_file import write_json
from sentiment.pipeline import revisions

if TYPE_CHECKING:
    import pandas as pd

    from sentiment.evaluation.significance import Comparison

_PREDICTIONS = {"": paths.PREDICTIONS, ":baseline": paths.BASELINE_TEST, ":stacked": paths.STACKED_PREDICTIONS}
_TEXT, _LABEL = 70, 12  # characters of a review and of a label that are printed


def _count(word: str) -> int:
    if not word.isdecimal():
        raise argparse.ArgumentTypeError(f"{quote(word)} is not a number of reviews")
    return int(word)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a", metavar="A", help="a run: a revision, an experiment or workspace")
    parser.add_argument("b", metavar="B", help="the run to compare with it")
    parser.add_argument("--reviews", type=_count, default=10, metavar="N", help="changed reviews to print, default: 10")
    parser.add_argument(
        "--output", type=Path, default=Path("comparison"), metavar="FOLDER", help="default: %(default)s"
    )


def predictions(run_name: str) -> pa.Table:
    """Return a run's predictions. Raises InputError where there is no such run or it has none."""
    revision, path = parts(run_name)
    table = revisions.read_table(revision, path, is_schema)
    if not table.num_rows:
        raise InputError(f"{quote(run_name)}: has no baseline; run it with baseline.features other than none")
    return table


def parts(run_name: str) -> tuple[str, Path]:
    """Return the revision in a run's name and the path of its predictions. Raises InputError for a bare suffix."""
    suffix = next((suffix for suffix in _PREDICTIONS if suffix and run_name.endswith(suffix)), "")
    revision = run_name.removesuffix(suffix)
    if not revision:
        raise InputError(f"{quote(run_name)}: names no run; write a revision, an experiment or workspace before it")
    return revision, _PREDICTIONS[suffix]


def classes_of(table: pa.Table, run_name: str) -> Classes:
    """Return the classes of a run's predictions. Two whose names are not available are called 0 and 1."""
    if names := class_names(table.schema):
        return Classes(names=names)
    revision, _ = parts(run_name)
    try:
        return Classes.model_validate_json(revisions.read_bytes(revision, paths.CLASSES))
    except (InputError, ValueError):
        return Classes(names=["0", "1"])


def join(a: pa.Table, b: pa.Table, names: tuple[str, str]) -> tuple[Predictions, Predictions]:
    """Return the predictions of both runs, in the order of `a`.

    Raises InputError where the two runs were not tested on the same reviews.
    """
    import pandas as pd  # half a second, after the arguments have been checked

    runs = f"{quote(names[0])} and {quote(names[1])}"
    if a.schema != b.schema:
        classes = (quote(", ".join(class_names(table.schema) or ["two"])) for table in (a, b))
        raise InputError(f"{runs}: predict other classes, {' and '.join(classes)}; compare runs of one source")
    one, other = from_table(a), from_table(b)
    ids, positions = pd.Index(one.review_ids), pd.Index(other.review_ids)
    if not (ids.is_unique and positions.is_unique):
        raise InputError(f"{runs}: one of them has an id twice; run the pipeline there again")
    order = positions.get_indexer(ids)
    common = np.count_nonzero(order >= 0)
    if not len(a) == len(b) == common:
        raise InputError(
            f"{runs}: tested on different reviews ({len(a)} and {len(b)}, {common} in common); "
            f"compare runs with the same ingest parameters"
        )
    if (one.labels != other.labels[order]).any():
        raise InputError(f"{runs}: the same reviews have other labels; compare runs of one source")
    return one, Predictions(one.review_ids, one.labels, other.probability[order])


def changes(a: Predictions, b: Predictions) -> "pd.DataFrame":
    """Return id, label, probability_a and probability_b of each review, those first that changed most.

    The probability is that of the second of two classes, otherwise that of the label; it has six decimals.
    """
    import pandas as pd

    shown = np.ones_like(a.labels) if a.probability.shape[1] == 2 else a.labels
    one, other = (each.probability[np.arange(len(shown)), shown] for each in (a, b))
    order = np.argsort(-np.abs(other - one), kind="stable")
    columns = {"id": a.review_ids, "label": a.labels, "probability_a": one, "probability_b": other}
    reviews = pd.DataFrame(columns).iloc[order]
    return reviews.astype({"probability_a": float, "probability_b": float}).round(6)


def with_texts(reviews: "pd.DataFrame", run_name: str) -> "pd.DataFrame":
    """Return the reviews with their text, an empty one where the run's reviews are not available."""
    try:
        texts = revisions.read_table(parts(run_name)[0], paths.REVIEWS.test, parquet.REVIEWS)
    except InputError:
        return reviews.assign(text="")
    joined = reviews.merge(texts.select(["id", "text"]).to_pandas(), on="id", how="left", validate="one_to_one")
    return joined.fillna({"text": ""})


def lines(names: tuple[str, str], comparison: "Comparison", changed: "pd.DataFrame", classes: Classes) -> list[str]:
    """Return the text to print, at most 100 columns wide: the comparison, and some of the changed reviews."""
    import pandas as pd

    columns = {"a": "A", "b": "B", "difference": "B - A"}
    table = pd.DataFrame(
        {
            name: {(columns[column], end): value for column, cell in cells.items() for end, value in cell.items()}
            for name, cells in comparison.metrics.items()
        }
    ).T
    printed = [
        f"A  {printable(names[0])}",
        f"B  {printable(names[1])}",
        "",
        *table.to_string(float_format="{:.4f}".format, na_rep="").splitlines(),
        "",
        f"A and B disagree on {comparison.discordant:,} of {comparison.reviews:,} reviews: "
        f"A is right on {comparison.only_a_right:,}, B on {comparison.only_b_right:,}; "
        f"McNemar's exact p = {comparison.mcnemar_p:.2g}",
        "",
        f"Changed most: label, probability {'' if len(classes) == 2 else 'of the label '}in A and in B, review",
    ]
    shown = [printable(name)[:_LABEL] for name in classes.names]
    width = max(map(len, shown))
    for name, label, a, b, text in changed.itertuples(index=False, name=None):
        words = printable(" ".join(text.split()))
        printed.append(f"{shown[label]:{width}}  {a:.3f}  {b:.3f}  {words[:_TEXT] or printable(name)}")
    return printed


def compare(names: tuple[str, str], evaluation: EvaluationConfig) -> tuple["Comparison", "pd.DataFrame", Classes]:
    """Return the comparison of two runs, their reviews with texts, the most changed first, and the classes.

    Raises InputError where a run is not there or they cannot be compared.
    """
    tables = predictions(names[0]), predictions(names[1])
    a, b = join(*tables, names)
    classes = classes_of(tables[1], names[1])

    from sentiment.evaluation import significance  # loads scipy's statistics: after the arguments have been checked

    found = significance.compare(
        a.labels, a.probability, b.probability, classes, evaluation.threshold, evaluation.bootstrap_samples
    )
    return found, with_texts(changes(a, b), names[1]), classes


def run(args: argparse.Namespace) -> None:
    names = (args.a, args.b)
    comparison, changed, classes = compare(names, EvaluationConfig.load())
    write_json(args.output / "metrics.json", {"a": args.a, "b": args.b, **comparison.as_json()})
    label = changed["label"] if len(classes) == 2 else changed["label"].map(dict(enumerate(classes.names)))
    write_csv(args.output / "reviews.csv", changed.assign(label=label))
    print("\n".join(lines(names, comparison, changed.head(args.reviews), classes)), file=stdout())
