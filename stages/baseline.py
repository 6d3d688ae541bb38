"""Fit a linear classifier of n-grams: data/tokens/ -> models/baseline/, data/baseline/{valid,test}.parquet.

It reads the same tokens as the network and learns from the training split alone. `evaluate` scores its predictions for
the test split beside the network's, and combines both models by their predictions for the validation split. With
`features: none` there is no baseline: both tables are empty, and the model's folder contains only a note.
"""

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from sentiment.baseline.reviews import TokenizedReviews
from sentiment.config import paths
from sentiment.config.section import PositiveInt, Section
from sentiment.data import predictions
from sentiment.data.classes import Classes
from sentiment.data.corpus import Corpus
from sentiment.data.model_folder import write_none
from sentiment.data.tokenizer import Tokenizer
from sentiment.errors import InputError
from sentiment.io.atomic import atomic_folder
from sentiment.io.json_file import read_json
from sentiment.pipeline.stage import run

if TYPE_CHECKING:  # loads scipy, which `check` does not need
    from sentiment.baseline.model import Baseline


class Params(Section, name="baseline"):
    features: Literal["none", "tfidf", "nbsvm"]
    ngrams: Annotated[int, Field(ge=1, le=5)]
    min_occurrences: PositiveInt
    max_ngrams: PositiveInt
    c: Annotated[float, Field(gt=0, le=1e6)]


def fit(params: Params, features: Literal["tfidf", "nbsvm"], classes: Classes) -> "Baseline":
    """Fit the classifier to the training split, or to a random part of it if that has more than `max_ngrams` n-grams.

    Raises InputError if no n-gram occurs often enough to be a feature.
    """
    from scipy import sparse

    from sentiment.baseline import linear
    from sentiment.baseline.model import Baseline
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
            f"{paths.PARAMS}: baseline.max_ngrams = {params.max_ngrams} leaves reviews of one class only; raise it"
        )
    if not counts.shape[1]:
        raise InputError(
            f"{paths.TOKENS.train}: no token occurs baseline.min_occurrences = {params.min_occurrences} times; lower it"
        )
    learned = linear.fit(features, counts, labels, len(classes), params.c)
    corpus = Corpus(source=read_json(paths.CORPUS)["source"], reviews=len(labels))
    return Baseline(classes, Tokenizer.load(paths.TOKENIZER), corpus, ngrams, learned)


def main() -> None:
    params, classes = Params.load(), Classes.load()
    classifier = None if params.features == "none" else fit(params, params.features, classes)
    with atomic_folder(paths.BASELINE_MODEL) as folder:
        if classifier:
            classifier.save(folder)
        else:
            write_none(folder)
    with atomic_folder(paths.BASELINE) as folder:
        for path, tokens in ((paths.BASELINE_VALID, paths.TOKENS.valid), (paths.BASELINE_TEST, paths.TOKENS.test)):
            with predictions.open_writer(folder / path.name, classes) as table:
                if classifier:
                    for chunk in TokenizedReviews(tokens):
                        table.write(chunk["id"], chunk["label"], classifier(chunk["tokens"]))


if __name__ == "__main__":
    run(main)
