"""Compare the predictions of two runs, review by review.

    sentiment compare main workspace
    sentiment compare imdb-rnn imdb-lstm
    sentiment compare workspace:baseline workspace

A run is a Git revision, the name of an experiment, or `workspace`. Its files are read through DVC, so they need not be
checked out. `:baseline` takes the linear classifier's predictions, `:stacked` those of both models together.

Prints every metric and its difference with 95 % intervals, how many reviews they disagree on, and the reviews whose
probability changed most. Writes the same to `comparison/`: metrics.json, and reviews.csv with all reviews, the most
changed first. Section `evaluate` of this params.yaml applies to both runs.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from sentiment.config import paths
from sentiment.config.evaluation import EvaluationConfig
from sentiment.data.predictions import is_schema
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
_TEXT = 70  # characters of a review that are printed


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
    revision, path = _parts(run_name)
    table = revisions.read_table(revision, path, is_schema)
    if not table.num_rows:
        raise InputError(f"{quote(run_name)}: has no baseline; run it with baseline.features other than none")
    return table


def _parts(run_name: str) -> tuple[str, Path]:
    """Return the revision in a run's name and the path of its predictions. Raises InputError for a bare suffix."""
    suffix = next((suffix for suffix in _PREDICTIONS if suffix and run_name.endswith(suffix)), "")
    revision = run_name.removesuffix(suffix)
    if not revision:
        raise InputError(f"{quote(run_name)}: names no run; write a revision, an experiment or workspace before it")
    return revision, _PREDICTIONS[suffix]


def join(a: pa.Table, b: pa.Table, names: tuple[str, str]) -> "pd.DataFrame":
    """Return id, label, probability_a and probability_b of each review, in the order of `a`.

    Raises InputError where the two runs were not tested on the same reviews.
    """
    import pandas as pd  # half a second, after the arguments have been checked

    runs = f"{quote(names[0])} and {quote(names[1])}"
    try:
        both: pd.DataFrame = a.to_pandas().merge(b.to_pandas(), on="id", suffixes=("_a", "_b"), validate="one_to_one")
    except pd.errors.MergeError:
        raise InputError(f"{runs}: one of them has an id twice; run the pipeline there again") from None
    if not len(a) == len(b) == len(both):
        raise InputError(
            f"{runs}: tested on different reviews ({len(a)} and {len(b)}, {len(both)} in common); "
            f"compare runs with the same ingest parameters"
        )
    if (both["label_a"] != both["label_b"]).any():
        raise InputError(f"{runs}: the same reviews have other labels; compare runs of one source")
    return both.rename(columns={"label_a": "label"})[["id", "label", "probability_a", "probability_b"]]


def with_texts(reviews: "pd.DataFrame", run_name: str) -> "pd.DataFrame":
    """Return the reviews with their text, an empty one where the run's reviews are not available."""
    try:
        texts = revisions.read_table(_parts(run_name)[0], paths.REVIEWS.test, parquet.REVIEWS)
    except InputError:
        return reviews.assign(text="")
    joined = reviews.merge(texts.select(["id", "text"]).to_pandas(), on="id", how="left", validate="one_to_one")
    return joined.fillna({"text": ""})


def by_change(reviews: "pd.DataFrame") -> "pd.DataFrame":
    """Return the reviews, those first whose probability changed most, with probabilities of six decimals."""
    change = (reviews["probability_b"] - reviews["probability_a"]).abs()
    order = change.sort_values(ascending=False, kind="stable").index
    return reviews.loc[order].astype({"probability_a": float, "probability_b": float}).round(6)


def lines(names: tuple[str, str], comparison: "Comparison", changed: "pd.DataFrame") -> list[str]:
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
        "Changed most: label, probability in A and in B, review",
    ]
    for name, label, a, b, text in changed.itertuples(index=False, name=None):
        words = printable(" ".join(text.split()))
        printed.append(f"{'positive' if label else 'negative'}  {a:.3f}  {b:.3f}  {words[:_TEXT] or printable(name)}")
    return printed


def run(args: argparse.Namespace) -> None:
    names = (args.a, args.b)
    evaluation = EvaluationConfig.load()
    reviews = join(predictions(args.a), predictions(args.b), names)

    from sentiment.evaluation import significance  # loads scipy's statistics: after the arguments have been checked

    comparison = significance.compare(
        reviews["label"].to_numpy(),
        reviews["probability_a"].to_numpy(),
        reviews["probability_b"].to_numpy(),
        evaluation.threshold,
        evaluation.bootstrap_samples,
    )
    changed = with_texts(by_change(reviews), args.b)
    write_json(args.output / "metrics.json", {"a": args.a, "b": args.b, **comparison.as_json()})
    write_csv(args.output / "reviews.csv", changed)
    print("\n".join(lines(names, comparison, changed.head(args.reviews))), file=stdout())
