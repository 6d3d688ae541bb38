"""Fit a linear classifier of n-grams: data/tokens/ -> data/baseline/{valid,test}.parquet.

It reads the same tokens as the network and learns from the training split alone. `evaluate` scores its predictions of
the test split beside the network's, and combines both models by their predictions of the validation split.
"""

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from sentiment.config import paths
from sentiment.config.section import PositiveInt, Section
from sentiment.errors import InputError
from sentiment.io import parquet
from sentiment.io.atomic import atomic_folder
from sentiment.pipeline.stage import run


class Params(Section, name="baseline"):
    features: Literal["tfidf", "nbsvm"]
    ngrams: Annotated[int, Field(ge=1, le=5)]
    min_occurrences: PositiveInt
    c: Annotated[float, Field(gt=0, le=1e6)]


def fit_and_predict(train: pa.Table, unseen: list[pa.Table], params: Params) -> list[npt.NDArray[np.float32]]:
    """Fit on one table, predict the others. Return each review's probability of being positive: float32[reviews].

    Raises InputError if no n-gram occurs often enough to be a feature.
    """
    from sentiment.baseline import linear  # loads scikit-learn, which `check` does not need: 0.7 s
    from sentiment.baseline.ngrams import NGrams

    labels, tokens = train["label"].to_numpy(), train["tokens"].combine_chunks()
    ngrams = NGrams.fit(tokens, params.ngrams, params.min_occurrences)
    counts = ngrams.count(tokens)
    if not counts.shape[1]:
        raise InputError(
            f"{paths.TOKENS.train}: no token occurs baseline.min_occurrences = {params.min_occurrences} times; lower it"
        )
    weighting = linear.FeatureWeighting(params.features, counts, labels)
    others = [weighting(ngrams.count(table["tokens"].combine_chunks())) for table in unseen]
    return linear.predict(weighting(counts), labels, others, params.c)


def main() -> None:
    params = Params.load()
    train, *unseen = (parquet.read_all(path, parquet.TOKENS) for path in paths.TOKENS)
    predicted = fit_and_predict(train, unseen, params)
    with atomic_folder(paths.BASELINE) as folder:
        for path, split, probability in zip(
            (paths.BASELINE_VALID, paths.BASELINE_TEST), unseen, predicted, strict=True
        ):
            with parquet.open_writer(folder / path.name, parquet.PREDICTIONS) as table:
                table.write(split["id"].combine_chunks(), split["label"].combine_chunks(), pa.array(probability))


if __name__ == "__main__":
    run(main)
