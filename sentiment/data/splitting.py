"""Training, validation and test splits, the same on every machine and in any order of the reviews.

A source with a test split of its own keeps it, and the validation split is taken from its training reviews. Any other
source is split by a hash of each review's text, so duplicates land in the same split.

Where the source names the film of a review, the film is hashed instead: the validation split then has other films than
the training split, as IMDb's test split has. The baseline classifies 90.8 % of such a validation split correctly,
92.2 % of one drawn review by review, and 91.4 % of the test split (`docs/experiments.md`).
"""

import hashlib
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, model_validator

from sentiment.config.paths import SPLITS, Split
from sentiment.config.section import Seed, Settings
from sentiment.data.sources import Review
from sentiment.errors import InputError
from sentiment.io import parquet

Share = Annotated[float, Field(gt=0, lt=1)]

# Characters of text in memory at a time: with `parquet.ROWS`, this bounds the memory for reviews of any length.
_MAX_CHARACTERS = 16_000_000


class Splitting(Settings):
    """The shares of the validation and the test split; another seed draws other reviews."""

    valid_fraction: Share
    test_fraction: Share
    seed: Seed

    @model_validator(mode="after")
    def _leave_a_training_split(self) -> Self:
        if self.valid_fraction + self.test_fraction >= 1:
            raise ValueError(
                f"valid_fraction {self.valid_fraction} and test_fraction {self.test_fraction} leave nothing to train "
                "on; lower one of them"
            )
        return self

    def split_of(self, review: Review, text_hash: int) -> Split:
        """Return the split of a review, whose text has the hash `text_hash`."""
        if review.split == "test":
            return "test"
        position = (text_hash if review.film is None else hash_text(review.film, self.seed)) / 2**64
        if position < self.valid_fraction:
            return "valid"
        return "test" if review.split is None and position >= 1 - self.test_fraction else "train"


def hash_text(text: str, seed: int) -> int:
    """Return 64 bits that depend on the text and the seed alone."""
    return int.from_bytes(hashlib.blake2b(f"{seed}\n{text}".encode(), digest_size=8).digest(), "big")


class Splitter:
    """Writes reviews to the tables of their splits, and counts them for metrics/corpus.json."""

    def __init__(self, splitting: Splitting, tables: Mapping[Split, parquet.Writer]) -> None:
        self._splitting = splitting
        self._buffers = {split: _Buffer(table) for split, table in tables.items()}
        # The split of each training text: the same text may be reviews of two films.
        self._split_of_text: dict[int, Split] = {}

    def add(self, review: Review) -> None:
        text_hash = hash_text(review.text, self._splitting.seed)
        split = self._splitting.split_of(review, text_hash)
        if review.split == "train":
            split = self._split_of_text.setdefault(text_hash, split)
        self._buffers[split].add(review, text_hash)

    def finish(self, source: str) -> dict[str, Any]:
        """Write what is left. Return the content of metrics/corpus.json.

        Raises InputError, which names the source, where a split has no positive or no negative reviews.
        """
        for split, buffer in self._buffers.items():
            buffer.flush()
            negative, positive = buffer.label_counts
            if not (negative and positive):
                raise InputError(
                    f"{source}: {split} would have {negative} negative and {positive} positive reviews; each split "
                    "needs both: add reviews of both labels, or give the split a larger share"
                )
        texts = {split: self._buffers[split].distinct_texts() for split in SPLITS}
        in_training = np.union1d(texts["train"], texts["valid"])
        # An absolute path is one of this machine, and the file goes into Git.
        corpus: dict[str, Any] = {"source": Path(source).name if Path(source).is_absolute() else source}
        for split, buffer in self._buffers.items():
            num_reviews = sum(buffer.label_counts)
            corpus[split] = {
                "reviews": num_reviews,
                "positive": buffer.label_counts[1],
                "duplicates": num_reviews - len(texts[split]),
            }
        return corpus | {"test_texts_seen_in_training": len(np.intersect1d(in_training, texts["test"]))}


class _Buffer:
    """The reviews of one split that are not written yet, and the counts of all its reviews."""

    def __init__(self, table: parquet.Writer) -> None:
        self._table = table
        self._reviews: list[Review] = []
        self._characters = 0
        self._text_hashes = array("Q")
        self.label_counts = [0, 0]

    def add(self, review: Review, text_hash: int) -> None:
        self._reviews.append(review)
        self._characters += len(review.text)
        self._text_hashes.append(text_hash)
        self.label_counts[review.label] += 1
        if len(self._reviews) == parquet.ROWS or self._characters > _MAX_CHARACTERS:
            self.flush()

    def flush(self) -> None:
        self._table.write(
            pa.array([review.id for review in self._reviews], pa.string()),
            pa.array([review.text for review in self._reviews], pa.string()),
            pa.array([review.label for review in self._reviews], pa.uint8()),
        )
        self._reviews.clear()
        self._characters = 0

    def distinct_texts(self) -> npt.NDArray[np.uint64]:
        """Return the hash of each distinct text of the split, sorted."""
        return np.unique(np.frombuffer(self._text_hashes, np.uint64))
