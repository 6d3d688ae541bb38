"""Tables of predictions: the probability of each class for each review of a split, in the order of the split.

For two classes there is one column, `probability`, that of the second class: of being positive. For more there is a
column for each class, `probability_<name>`. In memory there is always a column for each class.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sentiment.data.classes import BINARY, Classes
from sentiment.io import parquet

Probabilities = npt.NDArray[np.float32]  # [reviews, classes], each row with the sum 1

_ONE, _OF_CLASS = "probability", "probability_"


class Predictions(NamedTuple):
    """Predictions of some reviews: string[reviews], uint8[reviews] and float32[reviews, classes]."""

    review_ids: pa.StringArray
    labels: npt.NDArray[np.uint8]
    probability: Probabilities


class TextPredictions(NamedTuple):
    """The probabilities of some texts, and the share of each one's tokens that the model has not learned."""

    probability: Probabilities  # [texts, classes]
    unknown: npt.NDArray[np.float64]  # [texts]; 0 for a text without tokens


def columns(names: Sequence[str]) -> list[str]:
    """Return the names of the columns of probabilities, for the names of the classes.

    >>> columns(["negative", "positive"]), columns(["bad", "fair", "good"])
    (['probability'], ['probability_bad', 'probability_fair', 'probability_good'])
    """
    return [_ONE] if len(names) == 2 else [_OF_CLASS + name for name in names]


def schema(classes: Classes) -> pa.Schema:
    """Return the schema of a table of predictions of these classes."""
    return _schema(classes.names)


def _schema(names: Sequence[str]) -> pa.Schema:
    return parquet.schema(
        ("id", pa.string()), ("label", pa.uint8()), *((name, pa.float32()) for name in columns(names))
    )


def is_schema(found: pa.Schema) -> bool:
    """Return whether a table with this schema contains predictions, of any number of classes."""
    names = class_names(found) or BINARY.names
    return len(names) > 1 and bool(found.equals(_schema(names)))


def class_names(found: pa.Schema) -> list[str] | None:
    """Return the class names in the columns of a table of predictions; None for two classes, which have one column."""
    return None if found.names[2:] == [_ONE] else [name.removeprefix(_OF_CLASS) for name in found.names[2:]]


def both(positive: npt.NDArray[np.floating]) -> Probabilities:
    """Return the probabilities of both classes, float32[reviews, 2], from those of the second one, float[reviews].

    >>> both(np.array([0.25])).tolist()
    [[0.75, 0.25]]
    """
    return np.stack([1 - positive, positive], axis=1).astype(np.float32)


def predicted(probability: Probabilities, threshold: float) -> npt.NDArray[np.int64]:
    """Return the predicted class of each review, int64[reviews].

    Of two classes it is the second one from a probability of `threshold` on, of more the most probable one; of several
    that are equally probable the first.

    >>> predicted(np.array([[0.4, 0.6]]), 0.7).tolist(), predicted(np.array([[0.3, 0.3, 0.4]]), 0.7).tolist()
    ([0], [2])
    """
    second = probability[:, 1] >= threshold
    return np.asarray(second if probability.shape[1] == 2 else probability.argmax(axis=1), np.int64)


def to_columns(probability: Probabilities) -> list[npt.NDArray[np.float32]]:
    """Return the columns that are stored of some probabilities: one for two classes, otherwise all."""
    return [probability[:, 1]] if probability.shape[1] == 2 else list(probability.T)


class Writer:
    """Appends predictions to a table."""

    def __init__(self, table: parquet.Writer) -> None:
        self._table = table

    def write(self, review_ids: pa.StringArray, labels: pa.UInt8Array, probability: Probabilities) -> None:
        """Append reviews: string[reviews], uint8[reviews], float32[reviews, classes]."""
        self._table.write(review_ids, labels, *map(pa.array, to_columns(probability)))


@contextmanager
def open_writer(path: Path, classes: Classes) -> Iterator[Writer]:
    """Open a table that appears at `path` when the block ends without an error."""
    with parquet.open_writer(path, schema(classes)) as table:
        yield Writer(table)


def read(path: Path, classes: Classes) -> Predictions:
    """Return a whole table. Raises InputError if the file is not one of predictions of these classes."""
    return from_table(parquet.read_all(path, schema(classes)))


def from_table(table: pa.Table) -> Predictions:
    """Return the predictions in a table whose schema `is_schema`."""
    stored = [table[name].to_numpy() for name in table.schema.names[2:]]
    probability = both(stored[0]) if len(stored) == 1 else np.stack(stored, axis=1)
    return Predictions(table["id"].combine_chunks(), table["label"].to_numpy(), probability)
