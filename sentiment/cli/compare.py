"""Compare the predictions of two runs, review by review.

    sentiment compare main workspace
    sentiment compare imdb-rnn imdb-lstm
    sentiment compare workspace:baseline workspace

A run is a Git revision, the name of an experiment, or `workspace`; its files are read through DVC, so they need not be
checked out. `:baseline` takes the predictions of stage `baseline` there, `:stacked` those of network and baseline
together. Printed are each metric with its 95 % interval, the difference, how many reviews changed sides, and
those whose probability changed most; the same goes to `comparison/` as metrics.json and reviews.csv, which has every
review, the most changed first. Both runs are scored by section `evaluate` of the params.yaml here.
"""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sentiment.config import paths
from sentiment.config.evaluation import EvaluationConfig
from sentiment.errors import InputError, quote
from sentiment.io import parquet
from sentiment.io.console import stdout
from sentiment.io.csv_file import write_csv
from sentiment.io.json_file import write_json
from sentiment.pipeline import revisions

if TYPE_CHECKING:
    from sentiment.evaluation.significance import Comparison

_PREDICTIONS = {"": paths.PREDICTIONS, ":baseline": paths.BASELINE_PREDICTIONS, ":stacked": paths.STACKED_PREDICTIONS}
_TEXT = 70  # characters of a review that are shown


def _count(word: str) -> int:
    if not word.isdecimal():
        raise argparse.ArgumentTypeError(f"{quote(word)} is no number of reviews")
    return int(word)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a", metavar="A", help="a run: a revision, an experiment or workspace")
    parser.add_argument("b", metavar="B", help="the run to compare with it")
    parser.add_argument("--reviews", type=_count, default=10, metavar="N", help="changed reviews to print, default: 10")
    parser.add_argument(
        "--output", type=Path, default=Path("comparison"), metavar="FOLDER", help="default: %(default)s"
    )


def predictions(run_name: str) -> pa.Table:
    """Return what a run predicted. Raises InputError where there is no such run, or no such predictions in it."""
    revision, path = _parts(run_name)
    return revisions.read_table(revision, path, parquet.PREDICTIONS)


def _parts(run_name: str) -> tuple[str, Path]:
    """Return the revision in a run's name and where its predictions lie. Raises InputError where there is none."""
    suffix = next((suffix for suffix in _PREDICTIONS if suffix and run_name.endswith(suffix)), "")
    revision = run_name.removesuffix(suffix)
    if not revision:
        raise InputError(f"{quote(run_name)}: names no run; write a revision, an experiment or workspace before it")
    return revision, _PREDICTIONS[suffix]


def aligned(a: pa.Table, b: pa.Table, names: tuple[str, str]) -> tuple[Any, ...]:
    """Return ids, labels and both probabilities in the order of `a`. Raises InputError where the reviews differ."""
    place = {name: row for row, name in enumerate(b["id"].to_pylist())}
    rows = [place.get(name, -1) for name in a["id"].to_pylist()]
    if len(a) == len(b) and -1 not in rows and not a["label"].equals(b["label"].take(rows)):
        raise InputError(
            f"{quote(names[0])} and {quote(names[1])}: the same reviews have other labels; compare runs of one source"
        )
    if len(a) != len(b) or -1 in rows:
        raise InputError(
            f"{quote(names[0])} and {quote(names[1])}: tested on different reviews ({len(a)} and {len(b)}, "
            f"{len(rows) - rows.count(-1)} in common); compare runs with the same ingest parameters"
        )
    return a["id"].to_pylist(), a["label"].to_numpy(), *(table["probability"].to_numpy() for table in (a, b.take(rows)))


def texts(name: str, ids: list[str]) -> list[str]:
    """Return the reviews' texts in that order, empty ones where the run's reviews are not to be had."""
    try:
        table = revisions.read_table(_parts(name)[0], paths.REVIEWS.test, parquet.REVIEWS)
    except InputError:
        return [""] * len(ids)
    found = dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))
    return [found.get(each, "") for each in ids]


def lines(names: tuple[str, str], found: "Comparison", changed: list[tuple[Any, ...]]) -> list[str]:
    """Return what is printed."""
    shown_lines = [f"A  {names[0]}", f"B  {names[1]}", ""]
    shown_lines.append(f"{'':18}  {'A':26}  {'B':26}  B - A")
    for metric, columns in found.metrics.items():
        a, b, difference = (_cell(cell, sign) for cell, sign in zip(columns.values(), ("", "", "+"), strict=True))
        shown_lines.append(f"{metric:18}  {a:26}  {b:26}  {difference}")
    shown_lines += [
        "",
        f"{found.changed_sides:,} of {found.reviews:,} reviews changed sides: A alone has {found.only_a_right:,} "
        f"right, B alone {found.only_b_right:,}; McNemar's exact p = {found.mcnemar_p:.2g}",
        "",
        "Changed most: label, probability in A and in B, review",
    ]
    for name, label, before, after, text in changed:
        words = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).split())  # no control character reaches a terminal
        shown_lines.append(f"{'positive' if label else 'negative'}  {before:.3f}  {after:.3f}  {words[:_TEXT] or name}")
    return shown_lines


def _cell(cell: Mapping[str, float], sign: str) -> str:
    ends = f" ({cell['low']:{sign}.4f} to {cell['high']:{sign}.4f})" if "low" in cell else ""
    return f"{cell['value']:{sign}.4f}{ends}"


def run(args: argparse.Namespace) -> None:
    names = (args.a, args.b)
    evaluation = EvaluationConfig.load()
    ids, labels, a, b = aligned(predictions(args.a), predictions(args.b), names)

    from sentiment.evaluation import significance  # loads scipy's statistics, after the arguments were checked

    found = significance.compare(labels, a, b, evaluation.threshold, evaluation.bootstrap_samples)
    order = np.argsort(-np.abs(b - a), kind="stable")
    text = texts(args.b, ids)
    rows = [(ids[row], int(labels[row]), round(float(a[row]), 6), round(float(b[row]), 6), text[row]) for row in order]
    write_json(args.output / "metrics.json", {"a": args.a, "b": args.b, **found.as_json()})
    write_csv(args.output / "reviews.csv", ["id", "label", "probability_a", "probability_b", "text"], rows)
    print("\n".join(lines(names, found, rows[: args.reviews])), file=stdout())
