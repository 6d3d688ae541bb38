"""A trained classifier as one who answers which class a word has. A word is a sequence of tokens of the vocabulary."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sentiment.data.automaton import Word
from sentiment.data.batching import Batch, collate
from sentiment.data.vocabulary import FIRST_TOKEN
from sentiment.inference.checkpoint import Checkpoint
from sentiment.inference.predictor import probabilities
from sentiment.nn import outputs, states
from sentiment.nn.packed import PackedVectors
from sentiment.nn.recurrent import RecurrentEncoder

# Tokens in a batch, padding included: bounds the memory that a batch's states take.
BATCH_TOKENS = 2**17


class Teacher(Protocol):
    """One who knows the class of each word over some tokens. `asked` counts the words."""

    tokens: tuple[str, ...]
    asked: int

    def classify(self, words: Sequence[Word]) -> npt.NDArray[np.int64]:
        """Return the class of each word: int64[words]."""

    def signatures(self, words: Sequence[Word]) -> list[bytes]:
        """Return, for each word, something that is the same for words after which the teacher is in a similar state."""


class Network:
    """A trained classifier as a teacher about words over its whole vocabulary."""

    def __init__(self, trained: Checkpoint) -> None:
        self.classifier = trained.classifier
        self.tokens: tuple[str, ...] = tuple(trained.vocabulary.tokens.to_pylist())
        self.asked = 0

    def classify(self, words: Sequence[Word]) -> npt.NDArray[np.int64]:
        """Return the most probable class of each word: int64[words]."""
        self.asked += len(words)
        labels: npt.NDArray[np.int64] = probabilities(self.classifier, _batches(words), len(words)).argmax(axis=1)
        return labels

    def signatures(self, words: Sequence[Word]) -> list[bytes]:
        """Return on which side of its middle each hidden unit is after each word; nothing where there is no state."""
        found = [b""] * len(words)
        if not self.has_states:
            return found
        width = self.classifier.config.hidden_dim
        middle = 0.5 if self.classifier.config.nonlinearity == "logistic" else 0.0
        for batch in _batches(words):
            reading = states.read(self.classifier, batch.ids)
            last = PackedVectors(reading.states[:, :width], None, batch.ids.batch_sizes).last()
            sides = np.packbits(last.numpy() > middle, axis=1)
            for position, row in zip(batch.positions.tolist(), sides, strict=False):
                found[position] = row.tobytes()
        return found

    @property
    def width(self) -> int:
        """The number of values in all states of the network; 1 where it has none."""
        encoder = self.classifier.recurrence
        return encoder.config.state_dim * encoder.cell.num_states if isinstance(encoder, RecurrentEncoder) else 1

    @property
    def has_states(self) -> bool:
        """Whether the network has one state after each token."""
        return states.reason_against(self.classifier.config) is None

    @property
    def answers_from_last_state(self) -> bool:
        """Whether the answer depends on the state after the last token alone."""
        config = self.classifier.config
        return self.has_states and config.pooling == "last" and not config.concat_last_embedding

    @torch.inference_mode()
    def after(self, rows: Tensor) -> Tensor:
        """Return the states after one more token, for every token of the vocabulary: float[states, tokens, width].

        rows: float[states, width]
        """
        ids = torch.arange(FIRST_TOKEN, FIRST_TOKEN + len(self.tokens))
        repeated = rows.repeat_interleave(len(ids), dim=0)
        return states.step(self.classifier, repeated, ids.repeat(len(rows))).reshape(len(rows), len(ids), -1)

    @torch.inference_mode()
    def labels(self, rows: Tensor) -> npt.NDArray[np.int64]:
        """Return the answer in each state: int64[states]. Raises ValueError where it depends on more than the state.

        rows: float[states, width]
        """
        if not self.answers_from_last_state:
            raise ValueError("the answer depends on more than the last state")
        hidden = rows[:, : self.classifier.config.hidden_dim]
        labels: npt.NDArray[np.int64] = outputs.predict(self.classifier.readout(hidden).squeeze(1)).numpy()
        return labels


def _batches(words: Sequence[Word]) -> Iterator[Batch]:
    order = sorted(range(len(words)), key=lambda index: -len(words[index]))
    while order:
        size = max(1, BATCH_TOKENS // max(len(words[order[0]]), 1))
        yield collate([(index, np.array(words[index], np.int64) + FIRST_TOKEN, 0) for index in order[:size]])
        order = order[size:]
