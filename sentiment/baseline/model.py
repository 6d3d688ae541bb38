"""The folder of a baseline, which holds everything that its predictions need.

ngrams.csv     each n-gram, its tokens separated by spaces, and its `weight`, which it adds to the log-odds of the
               second of two classes, or a `weight_<name>` for each of more classes; for tfidf features also its `idf`
settings.json  tokenizer, names of the classes, intercepts, source and number of the training reviews

A model folder may come from a stranger, so the table is CSV, which cannot unpack to more than its size.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sentiment.baseline import linear
from sentiment.baseline.ngrams import NGrams
from sentiment.config.section import Settings
from sentiment.data.classes import Classes
from sentiment.data.corpus import Corpus
from sentiment.data.model_folder import SETTINGS
from sentiment.data.predictions import Probabilities, TextPredictions
from sentiment.data.tokenizer import Tokenizer
from sentiment.errors import InputError, missing_file, quote, reason
from sentiment.io.csv_file import csv_field, csv_lines, csv_rows
from sentiment.io.json_file import write_json

_NGRAMS = "ngrams.csv"
_REMEDY = "run `dvc repro --force baseline`"


class BaselineMetadata(Settings):
    """settings.json."""

    kind: Literal["baseline"]
    features: linear.Features
    classes: Classes
    tokenizer: Tokenizer
    corpus: Corpus
    intercepts: list[float]  # of the log-odds: one for the second of two classes, or one for each of more


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
        texts = pc.binary_join(self.ngrams.table(), " ").to_pylist()
        columns = [*([] if idf is None else [idf]), *weights.T]
        with (folder / _NGRAMS).open("w", encoding="utf-8", newline="") as stream:
            stream.write(",".join(map(csv_field, _header(self.classes, idf is not None))) + "\n")
            for text, *numbers in zip(texts, *columns, strict=True):
                stream.write(",".join([csv_field(text), *map(str, numbers)]) + "\n")
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
        """Read a folder that `save` wrote. Raises InputError if its files are missing or damaged."""
        metadata = BaselineMetadata.from_json(folder / SETTINGS, _REMEDY)
        path, has_idf = folder / _NGRAMS, metadata.features == "tfidf"
        texts, numbers = _read(path, _header(metadata.classes, has_idf))
        weights, idf = numbers[:, has_idf:], numbers[:, 0] if has_idf else None
        try:
            ngrams = NGrams.from_table(pc.split_pattern(pa.array(texts, pa.string()), " "))
        except ValueError as error:
            raise InputError(f"{path}: {error}; {_REMEDY}") from None
        if len(metadata.intercepts) != weights.shape[1]:
            raise InputError(f"{folder}: {SETTINGS} does not belong to {_NGRAMS}; {_REMEDY}")
        learned = linear.Weights(weights, np.array(metadata.intercepts, np.float32), idf)
        return cls(metadata.classes, metadata.tokenizer, metadata.corpus, ngrams, learned)


def _header(classes: Classes, has_idf: bool) -> list[str]:
    weights = ["weight"] if len(classes) == 2 else [f"weight_{name}" for name in classes.names]
    return ["ngram", *(["idf"] if has_idf else []), *weights]


def _read(path: Path, header: list[str]) -> tuple[list[str], npt.NDArray[np.float32]]:
    """Return the n-grams of a table and the numbers beside each: float32[n-grams, columns]."""
    texts: list[str] = []
    numbers: list[list[float]] = []
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = csv_rows(csv_lines(stream))
            if (found := next(rows, [])) != header:
                raise InputError(f"{path}: the header {quote(','.join(found))} is not {','.join(header)}; {_REMEDY}")
            for text, *row in rows:
                texts.append(text)
                numbers.append([float(number) for number in row])
        with np.errstate(over="ignore"):  # what float32 cannot hold is refused below
            table = np.array(numbers, np.float32).reshape(len(texts), len(header) - 1)
    except FileNotFoundError:
        raise missing_file(path) from None
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}: damaged ({reason(error)}); {_REMEDY}") from None
    if not np.isfinite(table).all():
        raise InputError(f"{path}: not all weights are numbers; {_REMEDY}")
    return texts, table
