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
        cls,
        start: S,
        tokens: Sequence[str],
        step: Callable[[S, str], S],
        label: Callable[[S], int],
        longest: int | None = None,
    ) -> "Automaton":
        """Return the automaton of all states that `step` reaches from `start`, in the order of their shortest words.

        longest: with it, of the states that words of at most so many tokens reach, and right for such words

        >>> parity = Automaton.explore(0, "ab", lambda state, token: (state + (token == "b")) % 2, int)
        >>> parity.transitions.tolist(), parity.labels.tolist()
        ([[0, 1], [1, 0]], [0, 1])
        """
        number, order, lengths = {start: 0}, [start], [0]
        rows: list[list[int]] = []
        for state in order:  # grows meanwhile
            row, length = [], lengths[len(rows)]
            for token in tokens:
                after = step(state, token) if length != longest else state
                if after not in number:
                    number[after] = len(order)
                    order.append(after)
                    lengths.append(length + 1)
                row.append(number[after])
            rows.append(row)
        return cls(tuple(tokens), np.array(rows, np.int64), np.array([label(state) for state in order], np.int64))

    def __len__(self) -> int:
        return len(self.labels)

    def classify(self, words: Iterable[Sequence[int]]) -> npt.NDArray[np.int64]:
        """Return the label of each word: int64[words]."""
        labels: npt.NDArray[np.int64] = self.labels[self.after(words)]
        return labels

    def after(self, words: Iterable[Sequence[int]]) -> npt.NDArray[np.int64]:
        """Return the state after each word: int64[words]."""
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
        result[order] = states
        return result

    def minimal(self) -> "Automaton":
        """Return the automaton with the fewest states that labels every word alike (Moore 1956).

        Its states are in the order of their shortest words, so that two automata which label every word alike have
        the same one.
        """
        block = self._blocks()
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

        A word has at least one token. Words of the same length are tried in the order of the alphabet, which both must
        share.
        """
        if self.tokens != other.tokens:
            raise ValueError("automata over different tokens cannot be compared")
        words: dict[tuple[int, int], Word] = {(0, 0): ()}
        waiting = deque(words)
        while waiting:
            pair = waiting.popleft()
            for token, mine, theirs in zip(range(len(self.tokens)), *self._after(pair, other), strict=True):
                word, reached = (*words[pair], token), (mine, theirs)
                labels = (self.labels[mine], other.labels[theirs])
                if labels[0] != labels[1] and NO_LABEL not in labels:
                    return word
                if reached not in words:
                    words[reached] = word
                    waiting.append(reached)
        return None

    def without_empty_word(self) -> "Automaton":
        """Return the minimal automaton that labels all words alike, except perhaps the empty one."""
        minimal = self.minimal()
        same = np.flatnonzero((minimal.transitions == minimal.transitions[0]).all(axis=1))
        return min((minimal._from(int(state)).minimal() for state in same), key=len)

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

    def distinguishing_words(self) -> list[Word]:
        """Return words that tell any two states apart which some word tells apart, shortest first.

        After at least one of them, two such states have different labels.
        """
        words: list[Word] = [()]
        block = np.unique(self.labels, return_inverse=True)[1]  # the same for states that no word so far tells apart
        target = self._blocks()
        while len(np.unique(block)) < len(np.unique(target)):
            one, other = next(
                (one, other)
                for one in range(len(self))
                for other in range(one)
                if block[one] == block[other] and target[one] != target[other]
            )
            word = self._from(one).difference(self._from(other))
            assert word is not None  # the two have the same label, and some word tells them apart
            words.append(word)
            outcomes = [self._from(state).classify(words) for state in range(len(self))]
            block = np.unique(outcomes, axis=0, return_inverse=True)[1].reshape(-1)
        return sorted(words, key=lambda word: (len(word), word))

    def token_classes(self) -> list[list[int]]:
        """Return the tokens in groups, each of tokens that lead from every state to the same one, by first token."""
        groups: dict[bytes, list[int]] = {}
        for token, column in enumerate(self.transitions.T):
            groups.setdefault(column.tobytes(), []).append(token)
        return list(groups.values())

    def _after(self, pair: tuple[int, int], other: "Automaton") -> tuple[list[int], list[int]]:
        return self.transitions[pair[0]].tolist(), other.transitions[pair[1]].tolist()

    def _blocks(self) -> npt.NDArray[np.int64]:
        """Return a number for each state, the same for states that no word tells apart: int64[states]."""
        block = np.unique(self.labels, return_inverse=True)[1]
        while True:
            rows = np.column_stack([block, block[self.transitions]])
            finer = np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)
            if finer.max() == block.max():
                return block
            block = finer

    def _from(self, state: int) -> "Automaton":
        """Return the automaton that begins in another state."""
        swapped = np.arange(len(self))
        swapped[[0, state]] = state, 0
        return Automaton(self.tokens, swapped[self.transitions][swapped], self.labels[swapped])

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
