"""Deterministic finite automata over tokens, with a label in each state.

What labels a corpus of a known language is one, and so is what can be read out of a network that learned it. Two
automata are compared exactly: `difference` either finds the shortest word that they label differently, or there is no
such word, of any length.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

NO_LABEL = -1  # of a state in which a word has no label: it may have any
S = TypeVar("S", bound=Hashable)
Word = tuple[int, ...]  # indices of tokens


@dataclass(frozen=True, eq=False)
class Automaton:
    """A complete automaton, which begins in state 0.

    tokens: its alphabet
    transitions: int64[states, tokens], the state after each token
    labels: int64[states], of the word read so far, or NO_LABEL
    """

    tokens: tuple[str, ...]
    transitions: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]

    @classmethod
    def explore(
        cls, start: S, tokens: Sequence[str], step: Callable[[S, str], S], label: Callable[[S], int]
    ) -> "Automaton":
        """Return the automaton of all states that `step` reaches from `start`, in the order of their shortest words.

        >>> parity = Automaton.explore(0, "ab", lambda state, token: (state + (token == "b")) % 2, int)
        >>> parity.transitions.tolist(), parity.labels.tolist()
        ([[0, 1], [1, 0]], [0, 1])
        """
        number, order, rows = {start: 0}, [start], []
        for state in order:  # grows meanwhile
            row = []
            for token in tokens:
                after = step(state, token)
                if after not in number:
                    number[after] = len(order)
                    order.append(after)
                row.append(number[after])
            rows.append(row)
        return cls(tuple(tokens), np.array(rows, np.int64), np.array([label(state) for state in order], np.int64))

    def __len__(self) -> int:
        return len(self.labels)

    def classify(self, words: Iterable[Sequence[int]]) -> npt.NDArray[np.int64]:
        """Return the label of each word: int64[words]."""
        words = list(words)
        lengths = np.array([len(word) for word in words], np.int64)
        order = np.argsort(-lengths, kind="stable")
        padded = np.zeros((len(words), int(lengths.max(initial=0))), np.int64)
        for row, index in enumerate(order):
            padded[row, : lengths[index]] = words[index]
        states = np.zeros(len(words), np.int64)
        for position, present in enumerate(np.searchsorted(-lengths[order], -np.arange(padded.shape[1]), "left")):
            states[:present] = self.transitions[states[:present], padded[:present, position]]
        result = np.empty(len(words), np.int64)
        result[order] = self.labels[states]
        return result

    def minimal(self) -> "Automaton":
        """Return the automaton with the fewest states that labels every word alike (Moore 1956).

        Its states are in the order of their shortest words, so that two automata which label every word alike have
        the same one.
        """
        block = np.unique(self.labels, return_inverse=True)[1]
        while True:
            rows = np.column_stack([block, block[self.transitions]])
            finer = np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)
            if finer.max() == block.max():
                break
            block = finer
        member = {int(index): state for state, index in enumerate(block)}
        index_of = {token: index for index, token in enumerate(self.tokens)}
        return Automaton.explore(
            int(block[0]),
            self.tokens,
            lambda state, token: int(block[self.transitions[member[state], index_of[token]]]),
            lambda state: int(self.labels[member[state]]),
        )

    def difference(self, other: "Automaton") -> Word | None:
        """Return the shortest word that both label, and label differently; None if there is none of any length.

        Words of the same length are tried in the order of the alphabet, which both must share.
        """
        if self.tokens != other.tokens:
            raise ValueError("automata over different tokens cannot be compared")
        start = (0, 0)
        before: dict[tuple[int, int], tuple[tuple[int, int], int] | None] = {start: None}
        waiting = deque([start])
        while waiting:
            pair = waiting.popleft()
            mine, theirs = self.labels[pair[0]], other.labels[pair[1]]
            if mine != theirs and NO_LABEL not in (mine, theirs):
                return _path(before, pair)
            after = zip(self.transitions[pair[0]].tolist(), other.transitions[pair[1]].tolist(), strict=True)
            for token, reached in enumerate(after):
                if reached not in before:
                    before[reached] = (pair, token)
                    waiting.append(reached)
        return None

    def access_words(self) -> list[Word]:
        """Return the shortest word that leads to each state, the first in the order of the alphabet.

        Raises ValueError where no word leads to a state.
        """
        words: dict[int, Word] = {0: ()}
        waiting = deque([0])
        while waiting:
            state = waiting.popleft()
            for token, after in enumerate(self.transitions[state].tolist()):
                if after not in words:
                    words[after] = (*words[state], token)
                    waiting.append(after)
        if len(words) < len(self):
            raise ValueError("a state that no word leads to")
        return [words[state] for state in range(len(self))]

    def token_classes(self) -> list[list[int]]:
        """Return the tokens in groups, each of tokens that lead from every state to the same one, by first token."""
        groups: dict[bytes, list[int]] = {}
        for token, column in enumerate(self.transitions.T):
            groups.setdefault(column.tobytes(), []).append(token)
        return list(groups.values())

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads: every state with its label and the state after each token."""
        return {
            "tokens": list(self.tokens),
            "labels": [None if label == NO_LABEL else label for label in self.labels.tolist()],
            "transitions": self.transitions.tolist(),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Automaton":
        labels = [NO_LABEL if label is None else label for label in content["labels"]]
        transitions = np.array(content["transitions"], np.int64).reshape(len(labels), -1)
        return cls(tuple(content["tokens"]), transitions, np.array(labels, np.int64))


def _path(before: dict[tuple[int, int], tuple[tuple[int, int], int] | None], pair: tuple[int, int]) -> Word:
    word: list[int] = []
    while step := before[pair]:
        pair, token = step
        word.append(token)
    return tuple(reversed(word))
