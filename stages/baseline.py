"""Train and score a linear classifier: data/tokens/{train,test} -> data/baseline.parquet, metrics/baseline.json.

It reads the same tokens of the same splits as the network, and needs no validation: nothing is chosen. Every result of
the network stands beside this one.
"""

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from sentiment import files, paths, tables
from sentiment.errors import InputError
from sentiment.evaluation import Evaluation
from sentiment.params import Count, Section
from sentiment.stage import run


class Params(Section, name="baseline"):
    features: Literal["tfidf", "nbsvm"]
    ngrams: Annotated[int, Field(ge=1, le=5)]
    min_occurrences: Count
    c: Annotated[float, Field(gt=0, le=1e6)]


def baseline(train: pa.Table, test: pa.Table, params: Params) -> npt.NDArray[np.float32]:
    """Return each test review's probability of being positive: float32[reviews]."""
    from sentiment import linear  # scikit-learn takes most of a second to load, which `stages.check` need not pay
    from sentiment.ngrams import NGrams

    labels = train["label"].to_numpy()
    seen, unseen = train["tokens"].combine_chunks(), test["tokens"].combine_chunks()
    ngrams = NGrams.of(seen, params.ngrams, params.min_occurrences)
    counts = ngrams.count(seen)
    if not counts.shape[1]:
        raise InputError(
            f"{paths.TOKENS.train}: no token occurs baseline.min_occurrences = {params.min_occurrences} times; lower it"
        )
    worth = linear.Weighting(params.features, counts, labels)
    return linear.probabilities(worth(counts), labels, worth(ngrams.count(unseen)), params.c)


def main() -> None:
    params, evaluation = Params.load(), Evaluation.load()
    train, test = (
        pa.Table.from_batches(tables.read(path, tables.TOKENS), tables.TOKENS)
        for path in (paths.TOKENS.train, paths.TOKENS.test)
    )
    probability = baseline(train, test, params)
    with tables.writing(paths.BASELINE_PREDICTIONS, tables.PREDICTIONS) as table:
        table.write(test["id"].combine_chunks(), test["label"].combine_chunks(), pa.array(probability))

    from sentiment import scoring

    found = scoring.report(test["label"].to_numpy(), probability, evaluation)
    files.write_json(paths.BASELINE_METRICS, {"baseline": found})  # a name of its own beside the network's figures


if __name__ == "__main__":
    run(main)
