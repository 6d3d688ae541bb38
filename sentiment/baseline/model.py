"""The folder of a baseline, which holds everything that its predictions need.

ngrams.parquet   each n-gram as a list of its tokens; `weight`, or `weight_<name>` for each of more than two classes:
                 what it adds to the log-odds; `idf`, its inverse document frequency, if the features are tfidf
settings.json    tokenizer, names of the classes, intercepts, source and number of the training reviews
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa

from sentiment.baseline import linear
from sentiment.baseline.ngrams import NGrams
from sentiment.config.section import Settings
from sentiment.data.classes import Classes
from sentiment.data.corpus import Corpus
from sentiment.data.model_folder import SETTINGS
from sentiment.data.predictions import Probabilities, TextPredictions
from sentiment.data.tokenizer import Tokenizer
from sentiment.errors import InputError
from sentiment.io import parquet
from sentiment.io.json_file import write_json

_NGRAMS = "ngrams.parquet"


class BaselineMetadata(Settings):
    """settings.json."""

    kind: Literal["baseline"]
    features: linear.Features
    classes: Classes
    tokenizer: Tokenizer
    corpus: Corpus
    intercepts: list[float]  # of the log-odds of the second of two classes, or of each of more


@dataclass(frozen=True)
class Baseline:
    """A linear classifier of n-grams, and what turns a text into its features."""

    classes: Classes
    tokenizer: Tokenizer
    corpus: Corpus
    ngrams: NGrams
    learned: linear.Weights

    def __call__(self, tokens: pa.ListArray) -> Probabilities:
        """Return the probabilities of tokenized reviews, list<string>[reviews]: float32[reviews, classes]."""
        return linear.predict(self.learned, self.ngrams.count(tokens))

    @property
    def num_words(self) -> int:
        """The number of words that are features."""
        return len(self.ngrams.tokens)

    def describe(self) -> list[str]:
        """Return what the model is, in lines to print."""
        known = self.ngrams.known
        return [f"Baseline: linear in {sum(map(len, known)):,} n-grams of at most {len(known)} words."]

    def predict_texts(self, texts: list[str]) -> TextPredictions:
        """Predict texts, in the given order."""
        tokens = self.tokenizer(pa.array(texts, pa.string()))
        return TextPredictions(self(tokens), self.ngrams.unknown_share(tokens))

    def save(self, folder: Path) -> None:
        """Write the model's files into a folder."""
        weights, intercepts, idf = self.learned
        columns = [self.ngrams.table(), *([] if idf is None else [pa.array(idf)]), *map(pa.array, weights.T)]
        with parquet.open_writer(folder / _NGRAMS, _schema(self.classes, idf is not None)) as table:
            table.write(*columns)
        metadata = BaselineMetadata(
            kind="baseline",
            features="nbsvm" if idf is None else "tfidf",
            classes=self.classes,
            tokenizer=self.tokenizer,
            corpus=self.corpus,
            intercepts=intercepts.tolist(),
        )
        write_json(folder / SETTINGS, metadata.model_dump())

    @classmethod
    def load(cls, folder: Path) -> "Baseline":
        """Read a folder that `save` wrote. Raises InputError where its files are missing or damaged."""
        remedy = "run `dvc repro --force baseline`"
        metadata = BaselineMetadata.from_json(folder / SETTINGS, remedy)
        path, has_idf = folder / _NGRAMS, metadata.features == "tfidf"
        table = parquet.read_all(path, _schema(metadata.classes, has_idf))
        weights = [column.to_numpy() for column in table.columns[1 + has_idf :]]
        try:
            ngrams = NGrams.from_table(table["ngram"].combine_chunks())
        except ValueError as error:
            raise InputError(f"{path}: {error}; {remedy}") from None
        if len(metadata.intercepts) != len(weights):
            raise InputError(f"{folder}: {SETTINGS} does not belong to {_NGRAMS}; {remedy}")
        learned = linear.Weights(
            np.stack(weights, axis=1),
            np.array(metadata.intercepts, np.float32),
            table["idf"].to_numpy() if has_idf else None,
        )
        return cls(metadata.classes, metadata.tokenizer, metadata.corpus, ngrams, learned)


def _schema(classes: Classes, has_idf: bool) -> pa.Schema:
    names = ["weight"] if len(classes) == 2 else [f"weight_{name}" for name in classes.names]
    return parquet.schema(
        ("ngram", pa.list_(pa.field("item", pa.string(), False))),
        *([("idf", pa.float32())] if has_idf else []),
        *((name, pa.float32()) for name in names),
    )
