"""Training, validation and test splits: the same on every machine and for any order of the reviews.

If a source has its own test or validation split, that split is kept, and the other is drawn from the training reviews.
Splits are drawn by a hash of each review's text, so duplicates end up in the same split. Unlabelled reviews are a part
of their own, which has each text once, and no text of a labelled review.

If the source names the film of a review, the film is hashed instead. The validation split then has other films than the
training split, just as IMDb's test split does. The baseline's accuracy is 90.8 % on such a validation split, 92.2 % on
one drawn review by review, and 91.4 % on the test split (`docs/experiments.md`).
"""

import hashlib
from array import array
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, model_validator

from sentiment.config.paths import SPLITS, Part, Split
from sentiment.config.section import Seed, Settings
from sentiment.data.classes import BINARY, NO_LABEL, Classes
from sentiment.data.labels import LabelEncoder, LabelOptions
from sentiment.data.sources import Review
from sentiment.errors import InputError, quote
from sentiment.io import parquet

Share = Annotated[float, Field(gt=0, lt=1)]
Hashes = npt.NDArray[np.uint64]

# Characters of text in memory at a time: with `parquet.ROWS`, this bounds the memory for reviews of any length.
_MAX_CHARACTERS = 16_000_000
_SHOWN = 5  # a message names at most this many rows or labels


class Splitting(Settings):
    """The shares of the validation and the test split. Another seed draws other reviews."""

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
        """Return the split of a review. `text_hash` is the hash of its text."""
        if review.split in ("valid", "test"):
            return review.split
        position = (text_hash if review.film is None else hash_text(review.film, self.seed)) / 2**64
        if position < self.valid_fraction and not review.has_valid:
            return "valid"
        return "test" if review.split is None and position >= 1 - self.test_fraction else "train"


def hash_text(text: str, seed: int) -> int:
    """Return a 64-bit hash that depends only on the text and the seed."""
    return int.from_bytes(hashlib.blake2b(f"{seed}\n{text}".encode(), digest_size=8).digest(), "big")


class Splitter:
    """Writes reviews to the tables of their parts, with codes for labels, and counts them for metrics/corpus.json.

    Unlabelled reviews must come after all others, because their texts are compared with those of the others.
    """

    def __init__(
        self, source: str, splitting: Splitting, label_options: LabelOptions, tables: Mapping[Part, parquet.Writer]
    ) -> None:
        self._source, self._splitting, self._label_options = source, splitting, label_options
        self._label_encoder = LabelEncoder(label_options)
        self._tables = tables
        self._buffers = {split: _Buffer(tables[split]) for split in SPLITS}
        # The split of each training text, because reviews of two films may have the same text.
        self._split_of_text: dict[int, Split] = {}
        self._missing: list[str] = []  # the first ids
        self._num_missing = self._num_empty = 0

    def add(self, review: Review) -> None:
        """Add a review, unless its text or label is missing or `ingest.labels` drops its label."""
        if review.split == "unlabelled":
            self.add_unlabelled(review)
            return
        if review.text is None or review.label is None:
            self._num_missing += 1
            if len(self._missing) < _SHOWN:
                self._missing.append(f"{review.id} ({'text' if review.text is None else 'label'})")
            return
        code = self._label_encoder.code(self._source, review.label)
        if code is None:
            return
        self._num_empty += not review.text.strip()
        text_hash = hash_text(review.text, self._splitting.seed)
        split = self._splitting.split_of(review, text_hash)
        if review.split == "train":
            split = self._split_of_text.setdefault(text_hash, split)
        self._buffers[split].add(review.id, review.text, code, text_hash)

    def add_unlabelled(self, review: Review) -> None:
        """Add a review for pre-training only, unless its text has already been added."""
        self._unlabelled.add_unlabelled(review, hash_text(review.text or "", self._splitting.seed))

    @cached_property
    def _texts(self) -> dict[Split, Hashes]:
        """The hashes of the distinct texts of each split, sorted."""
        return {split: buffer.distinct_texts() for split, buffer in self._buffers.items()}

    @cached_property
    def _unlabelled(self) -> "_UnlabelledBuffer":
        return _UnlabelledBuffer(self._tables["unlabelled"], self._texts)

    def finish(self) -> "Corpus":
        """Write the remaining reviews, and return facts about the corpus.

        Raises InputError, which names the source, if a split lacks a class, or if a review lacks its text or label and
        `ingest.missing` is `refuse`.
        """
        for buffer in (*self._buffers.values(), self._unlabelled):
            buffer.flush()
        if self._num_missing and self._label_options.missing == "refuse":
            several = self._num_missing > 1
            more = ", …" if self._num_missing > _SHOWN else ""
            raise InputError(
                f"{self._source}: {self._num_missing:,} row{'s' * several} without a text or a label: "
                f"{', '.join(self._missing)}{more}; complete {'them' if several else 'it'}, or set ingest.missing to "
                "drop to leave such rows out"
            )
        classes, class_of_code = self._label_encoder.classes(self._source)
        counts = {split: buffer.class_counts(class_of_code, len(classes)) for split, buffer in self._buffers.items()}
        self._require_every_class(classes, counts)
        texts = self._texts
        in_training = np.union1d(texts["train"], texts["valid"])
        # The metrics go into Git, so they must not hold an absolute path of this machine.
        metrics: dict[str, Any] = {
            "source": Path(self._source).name if Path(self._source).is_absolute() else self._source
        }
        for split, of_class in counts.items():
            names = dict(zip(classes.names, of_class, strict=True))
            metrics[split] = {
                "reviews": sum(of_class),
                **({"positive": of_class[1]} if classes == BINARY else {"classes": names}),
                "duplicates": sum(of_class) - len(texts[split]),
            }
        metrics["test_texts_seen_in_training"] = len(np.intersect1d(in_training, texts["test"]))
        metrics["empty_texts"] = self._num_empty
        metrics["missing"] = self._num_missing
        metrics["dropped"] = self._label_encoder.num_dropped
        if self._unlabelled.counts["read"]:
            metrics["unlabelled"] = self._unlabelled.counts
        return Corpus(metrics, classes, class_of_code, self._label_encoder.dropped)

    def _require_every_class(self, classes: Classes, counts: Mapping[Split, list[int]]) -> None:
        for split, of_class in counts.items():
            lacking = [name for name, count in zip(classes.names, of_class, strict=True) if not count]
            if lacking:
                raise InputError(
                    f"{self._source}: none of the {sum(of_class):,} reviews for {split} would be "
                    f"{' or '.join(lacking)}; each split needs every class: add reviews, give the split a larger "
                    "share, or merge or leave out classes with ingest.labels"
                )


class Corpus(NamedTuple):
    """Facts about a source: metrics/corpus.json, the classes, the class of each code, counts of dropped labels."""

    metrics: dict[str, Any]
    classes: Classes
    class_of_code: list[int]
    dropped: Mapping[str, int]

    def remarks(self) -> list[str]:
        """Return a line for each fact about the source that the user may not expect."""
        lines = []
        if self.classes != BINARY:
            lines.append(f"the reviews have {len(self.classes)} classes: {', '.join(self.classes.names)}")
        if count := self.metrics["empty_texts"]:
            have = "review has" if count == 1 else "reviews have"
            lines.append(f"warning: {count:,} {have} an empty text; all empty texts get the same prediction")
        if count := self.metrics["missing"]:
            are_left_out = "row without a text or a label is" if count == 1 else "rows without a text or a label are"
            lines.append(f"warning: {count:,} {are_left_out} left out")
        if self.dropped:
            most_common = sorted(self.dropped.items(), key=lambda item: (-item[1], item[0]))
            labels = [f"{quote(label)} ({count:,})" for label, count in most_common[:_SHOWN]]
            more = ", …" if len(most_common) > _SHOWN else ""
            count = self.metrics["dropped"]
            are_left_out = "review is" if count == 1 else "reviews are"
            lines.append(
                f"warning: {count:,} {are_left_out} left out, as ingest.labels does not name the label: "
                f"{', '.join(labels)}{more}"
            )
        if counts := self.metrics.get("unlabelled"):
            lines.append(
                f"{counts['reviews']:,} of {counts['read']:,} unlabelled reviews are kept for `pretrain`; left out are "
                f"{', '.join(f'{counts[split]:,} with a text of {split}' for split in SPLITS)}, "
                f"{counts['duplicates']:,} duplicates and {counts['empty']:,} without text"
            )
        return lines


def relabel(path: Path, class_of_code: list[int]) -> None:
    """Replace the codes in the table of a split by classes."""
    if class_of_code == list(range(len(class_of_code))):
        return
    classes = np.array(class_of_code, np.uint8)
    with parquet.open_writer(path, parquet.REVIEWS) as table:
        for batch in parquet.read(path, parquet.REVIEWS):
            table.write(batch["id"], batch["text"], pa.array(classes[batch["label"].to_numpy()]))


class _Buffer:
    """The reviews of one split that are not yet written, and the counts of all its reviews."""

    def __init__(self, table: parquet.Writer) -> None:
        self._table = table
        self._reviews: list[tuple[str, str, int]] = []
        self._characters = 0
        self._text_hashes = array("Q")
        self._code_counts: Counter[int] = Counter()

    def add(self, review_id: str, text: str, code: int, text_hash: int) -> None:
        self._reviews.append((review_id, text, code))
        self._characters += len(text)
        self._text_hashes.append(text_hash)
        self._code_counts[code] += 1
        if len(self._reviews) == parquet.ROWS or self._characters > _MAX_CHARACTERS:
            self.flush()

    def flush(self) -> None:
        self._table.write(
            *(
                pa.array([review[column] for review in self._reviews], field.type)
                for column, field in enumerate(parquet.REVIEWS)
            )
        )
        self._reviews.clear()
        self._characters = 0

    def class_counts(self, class_of_code: list[int], num_classes: int) -> list[int]:
        """Return the number of reviews of each class."""
        counts = [0] * num_classes
        for code, count in self._code_counts.items():
            counts[class_of_code[code]] += count
        return counts

    def distinct_texts(self) -> Hashes:
        """Return the hash of each distinct text of the split, sorted."""
        return np.unique(np.frombuffer(self._text_hashes, np.uint64))


class _UnlabelledBuffer(_Buffer):
    """The unlabelled reviews that are not yet written; `counts` are for metrics/corpus.json.

    texts: the sorted hashes of the texts of each split
    """

    def __init__(self, table: parquet.Writer, texts: Mapping[Split, Hashes]) -> None:
        super().__init__(table)
        self._texts = texts
        self._kept = np.empty(0, np.uint64)  # sorted hashes of the written texts, 8 bytes each
        self.counts = dict.fromkeys(("read", "reviews", "empty", *SPLITS, "duplicates"), 0)

    def add_unlabelled(self, review: Review, text_hash: int) -> None:
        self.counts["read"] += 1
        if review.text is None or not review.text.strip():
            self.counts["empty"] += 1
        else:
            self.add(review.id, review.text, NO_LABEL, text_hash)

    def flush(self) -> None:
        """Write the reviews whose text is new. Each of the others is counted once: in a split, or as a duplicate."""
        hashes = np.array(self._text_hashes, np.uint64)
        del self._text_hashes[:]
        repeated = np.ones(len(hashes), bool)
        repeated[np.unique(hashes, return_index=True)[1]] = False
        splits = SPLITS[::-1]
        seen = [*(_among(self._texts[split], hashes) for split in splits), repeated | _among(self._kept, hashes)]
        counted_as = np.select(seen, [*splits, "duplicates"], "reviews")
        for name in self.counts:
            self.counts[name] += int(np.count_nonzero(counted_as == name))
        new = counted_as == "reviews"
        self._kept = np.sort(np.concatenate([self._kept, hashes[new]]), kind="stable")
        self._reviews = [self._reviews[index] for index in np.flatnonzero(new)]
        super().flush()


def _among(texts: Hashes, hashes: Hashes) -> npt.NDArray[np.bool_]:
    """Return whether each hash is in `texts`, which is sorted: bool[hashes]."""
    return np.searchsorted(texts, hashes, "left") < np.searchsorted(texts, hashes, "right")
