"""Fit a linear classifier of n-grams: data/tokens/ -> data/baseline/{valid,test}.parquet.

It reads the same tokens as the network and learns from the training split alone. `evaluate` scores its predictions of
the test split beside the network's, and combines both models by their predictions of the validation split. Without a
baseline, `features: none`, both tables are empty.
"""

import sys
from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from sentiment.baseline.reviews import TokenizedReviews
from sentiment.config import paths
from sentiment.config.section import PositiveInt, Section
from sentiment.data import predictions
from sentiment.data.classes import Classes
from sentiment.errors import InputError
from sentiment.io.atomic import atomic_folder
from sentiment.pipeline.stage import run

# Tokens of some reviews, list<string>[reviews], to each one's probability of being positive, float32[reviews].
Classifier = Callable[[pa.ListArray], npt.NDArray[np.float32]]


class Params(Section, name="baseline"):
    features: Literal["none", "tfidf", "nbsvm"]
    ngrams: Annotated[int, Field(ge=1, le=5)]
    min_occurrences: PositiveInt
    max_ngrams: PositiveInt
    c: Annotated[float, Field(gt=0, le=1e6)]


def fit(params: Params, features: Literal["tfidf", "nbsvm"]) -> Classifier:
    """Fit the classifier to the training split, or to a random part of it if that has more than `max_ngrams` n-grams.

    Raises InputError if no n-gram occurs often enough to be a feature.
    """
    from scipy import sparse

    from sentiment.baseline import linear  # loads scikit-learn, which `check` does not need: 0.7 s
    from sentiment.baseline.ngrams import NGrams

    train = TokenizedReviews.sample(paths.TOKENS.train, params.max_ngrams // params.ngrams)
    if train.kept is not None:
        print(
            f"baseline: learns from {train.kept.sum():,} of {len(train.kept):,} training reviews, chosen at random; "
            "raise baseline.max_ngrams to use more memory and more reviews",
            file=sys.stderr,
        )
    ngrams = NGrams.fit(train.tokens, params.ngrams, params.min_occurrences)
    parts = [(ngrams.count(chunk["tokens"]), chunk["label"].to_numpy()) for chunk in train]
    counts, labels = sparse.vstack([part for part, _ in parts], format="csr"), np.concatenate([y for _, y in parts])
    del parts
    if len(np.unique(labels)) < 2:
        raise InputError(
            f"{paths.PARAMS}: baseline.max_ngrams = {params.max_ngrams} leaves no reviews of both labels; raise it"
        )
    if not counts.shape[1]:
        raise InputError(
            f"{paths.TOKENS.train}: no token occurs baseline.min_occurrences = {params.min_occurrences} times; lower it"
        )
    weighting = linear.FeatureWeighting(features, counts, labels)
    counts = weighting(counts)
    model = linear.fit(counts, labels, params.c)
    return lambda tokens: linear.predict(model, weighting(ngrams.count(tokens)))


def main() -> None:
    params, classes = Params.load(), Classes.load()
    classifier = None if params.features == "none" else fit(params, params.features)
    with atomic_folder(paths.BASELINE) as folder:
        for path, tokens in ((paths.BASELINE_VALID, paths.TOKENS.valid), (paths.BASELINE_TEST, paths.TOKENS.test)):
            with predictions.open_writer(folder / path.name, classes) as table:
                if classifier:
                    for chunk in TokenizedReviews(tokens):
                        table.write(chunk["id"], chunk["label"], predictions.both(classifier(chunk["tokens"])))


if __name__ == "__main__":
    run(main)
