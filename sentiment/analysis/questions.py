"""A trained classifier as one who answers which class a word has. A word is a sequence of tokens of the vocabulary."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sentiment.data.automaton import Word
from sentiment.data.batching import Batch, collate
from sentiment.data.vocabulary import FIRST_TOKEN
from sentiment.inference.checkpoint import Checkpoint
from sentiment.inference.predictor import probabilities

# Tokens in a batch, padding included: bounds the memory that a batch's states take.
BATCH_TOKENS = 2**17


class Teacher(Protocol):
    """One who knows the class of each word over some tokens. `asked` counts the words."""

    tokens: tuple[str, ...]
    asked: int

    def classify(self, words: Sequence[Word]) -> npt.NDArray[np.int64]:
        """Return the class of each word: int64[words]."""


class Network:
    """A trained classifier as a teacher about words over its whole vocabulary."""

    def __init__(self, trained: Checkpoint) -> None:
        self._classifier = trained.classifier
        self.tokens: tuple[str, ...] = tuple(trained.vocabulary.tokens.to_pylist())
        self.asked = 0

    def classify(self, words: Sequence[Word]) -> npt.NDArray[np.int64]:
        """Return the most probable class of each word: int64[words]."""
        self.asked += len(words)
        labels: npt.NDArray[np.int64] = probabilities(self._classifier, _batches(words), len(words)).argmax(axis=1)
        return labels


def _batches(words: Sequence[Word]) -> Iterator[Batch]:
    order = sorted(range(len(words)), key=lambda index: -len(words[index]))
    while order:
        size = max(1, BATCH_TOKENS // max(len(words[order[0]]), 1))
        yield collate([(index, np.array(words[index], np.int64) + FIRST_TOKEN, 0) for index in order[:size]])
        order = order[size:]
