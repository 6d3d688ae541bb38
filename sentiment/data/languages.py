"""Languages whose rule is known, so that what a network has learned of them can be decided.

* `tomita-1` to `tomita-7`, regular languages over 0 and 1 (Tomita 1982), with which recurrent networks have been tested
  since; the definitions are those of Weiss, Goldberg and Yahav (2018, arXiv 1711.09576).
* `anbn` and `dyck-1` need a counter, so no finite automaton accepts them.
* `verdicts` is the grammar of the sample corpus over eight tokens, in any order.

`sentiment make-sample --language` writes a corpus of one; `find` tells from the labels of a corpus which one it is.

>>> LANGUAGES["tomita-4"].label("0 0 1 0 0".split()), LANGUAGES["tomita-4"].label("0 0 0 1".split())
(1, 0)
"""

import csv
import random
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sentiment.data import sample
from sentiment.data.automaton import NO_LABEL, Automaton, Word
from sentiment.io.atomic import atomic_write

NUM_REVIEWS = 4_000
SEED = 1
_TRIES = 20  # to find a near miss


@dataclass(frozen=True)
class Language:
    """A rule that gives each word a label: 1 if it accepts the word, 0 if not, NO_LABEL if it says nothing.

    start, step, output: an automaton, whose states may be infinitely many
    longest: tokens of the longest words of its corpus
    count: the count that a state stands for; None for a language with a finite automaton
    """

    summary: str
    tokens: tuple[str, ...]
    start: Hashable
    step: Callable[[Any, str], Any]
    output: Callable[[Any], int]
    longest: int = 30
    count: Callable[[Any], int] | None = None

    @property
    def finite(self) -> bool:
        """Whether a finite automaton accepts the language."""
        return self.count is None

    def trace(self, word: Iterable[str]) -> list[Any]:
        """Return the state before the first token and after each one."""
        return list(accumulate(word, self.step, initial=self.start))

    def label(self, word: Iterable[str]) -> int:
        return self.output(self.trace(word)[-1])

    def automaton(self, tokens: Sequence[str]) -> Automaton:
        """Return the automaton over some tokens. Raises ValueError for a language that needs infinitely many states."""
        if not self.finite:
            raise ValueError("no finite automaton accepts this language")
        return Automaton.explore(self.start, tokens, self.step, self.output)


def _from_table(summary: str, rows: Sequence[tuple[int, int]], accepting: set[int]) -> Language:
    """Return a language over 0 and 1: for each state the states after 0 and after 1."""
    step = {(state, token): after[int(token)] for state, after in enumerate(rows) for token in "01"}
    return Language(summary, ("0", "1"), 0, lambda *key: step[key], lambda state: int(state in accepting))


def _counting(summary: str, opening: str, closing: str, again: bool, longest: int = 30) -> Language:
    """Return a language of words with as many closing as opening tokens, and never more. The state is the difference.

    again: an opening token may follow a closing one
    """

    def step(state: tuple[int, bool] | None, token: str) -> tuple[int, bool] | None:
        if state is None:
            return None
        open_, closed = state
        if token == opening:
            return None if closed and not again else (open_ + 1, closed)
        return (open_ - 1, True) if open_ else None

    tokens = (opening, closing)
    output, count = (lambda state: int(state == (0, True))), (lambda state: state[0] if state else 0)
    return Language(summary, tokens, (0, False), step, output, longest, count)


_LABELS = {"negative": 0, "positive": 1, None: NO_LABEL}
LANGUAGES: dict[str, Language] = {
    "tomita-1": _from_table("1*", [(1, 0), (1, 1)], {0}),
    "tomita-2": _from_table("(10)*", [(2, 1), (0, 2), (2, 2)], {0}),
    "tomita-3": _from_table(
        "no odd run of 0 anywhere after an odd run of 1", [(0, 1), (2, 0), (3, 4), (2, 3), (4, 4)], {0, 1, 3}
    ),
    "tomita-4": _from_table("no 000", [(1, 0), (2, 0), (3, 0), (3, 3)], {0, 1, 2}),
    "tomita-5": _from_table("even numbers of 0 and of 1", [(1, 2), (0, 3), (3, 0), (2, 1)], {0}),
    "tomita-6": _from_table("as many 0 as 1, modulo 3", [(1, 2), (2, 0), (0, 1)], {0}),
    "tomita-7": _from_table("0*1*0*1*", [(0, 1), (2, 1), (2, 3), (4, 3), (4, 4)], {0, 1, 2, 3}),
    # Twice the usual length: 30 accepted words, not 15. Of 15, the default seed of `ingest` draws none for validation.
    "anbn": _counting("n times a, then n times b, n at least 1", "a", "b", again=False, longest=60),
    "dyck-1": _counting("balanced brackets", "(", ")", again=True),
    "verdicts": Language(
        "the grammar of the sample corpus, words in any order",
        ("good", "dull", "good,", "dull,", "not", "although", "but", "the"),
        sample.State(),
        sample.State.read,
        lambda state: _LABELS[state.verdict],
    ),
}


def find(vocabulary: Sequence[str], texts: Sequence[Sequence[str]], labels: npt.NDArray[np.int64]) -> str | None:
    """Return the name of the language that gives every text its label, or None if none does.

    vocabulary: all tokens that there are; texts: tokens of each; labels: int64[texts], 1 for positive or accepted
    """
    tokens = set(vocabulary)
    for name, language in LANGUAGES.items():
        known = tokens <= set(language.tokens) or name == "verdicts"  # which takes any other word for neutral
        if texts and known and all(language.label(text) == label for text, label in zip(texts, labels, strict=True)):
            return name
    return None


def reviews(language: Language, count: int, seed: int) -> Iterator[tuple[str, int]]:
    """Yield `count` words with their labels, half of them (rounded down) rejected, those first.

    Lengths are drawn in inverse proportion, so that short words occur often: without them, networks do not learn to
    count modulo two or three (docs/experiments.md). Words are drawn independently, so short ones come again. Half of
    the rejected words are near misses: accepted ones with a token changed, left out or put in.
    """
    bounded = _bounded(language, language.longest)
    writer = random.Random(seed)
    rejected, accepted = (_Sampler(bounded, label, language.longest) for label in (0, 1))
    for row in range(count):
        label = int(row >= count // 2)
        word = (rejected, accepted)[label].draw(writer)
        if not label and row % 2:
            for _ in range(_TRIES):
                edited = _edit(accepted.draw(writer), len(language.tokens), writer)
                if 0 < len(edited) <= language.longest and bounded.classify([edited])[0] == 0:
                    word = edited
                    break
        yield " ".join(language.tokens[token] for token in word), label


def long_words(name: str, times: int, count: int, seed: int) -> Iterator[tuple[list[str], int]]:
    """Yield words with their labels, up to `times` as long as the longest of the corpus, more than half of that.

    Every second one is accepted.
    """
    language = LANGUAGES[name]
    longest, writer = times * language.longest, random.Random(seed)
    automaton = _bounded(language, longest)
    rejected, accepted = (_Sampler(automaton, label, longest, longest // 2 + 1) for label in (0, 1))
    for row in range(count):
        word = (rejected, accepted)[row % 2].draw(writer)
        yield [language.tokens[token] for token in word], row % 2


def write(name: str, path: Path, count: int = NUM_REVIEWS, seed: int = SEED) -> None:
    """Write a corpus of a language as a CSV file with the columns `text` and `label`."""
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["text", "label"])
        for text, label in reviews(LANGUAGES[name], count, seed):
            writer.writerow([text, ("negative", "positive")[label]])


def _bounded(language: Language, longest: int) -> Automaton:
    """Return an automaton that labels all words of up to `longest` tokens as the language does."""
    return Automaton.explore(language.start, language.tokens, language.step, language.output, longest)


class _Sampler:
    """Draws words of a label, all of one length equally likely."""

    def __init__(self, automaton: Automaton, label: int, longest: int, shortest: int = 1) -> None:
        self._transitions: list[list[int]] = automaton.transitions.tolist()
        counts = [[int(found == label) for found in automaton.labels.tolist()]]  # [tokens left][state]: words
        for _ in range(longest):
            counts.append([sum(counts[-1][after] for after in row) for row in self._transitions])
        self._counts = counts
        self._lengths = [length for length in range(shortest, longest + 1) if counts[length][0]]

    def draw(self, writer: random.Random) -> Word:
        left = self._lengths[_draw([1 / length for length in self._lengths], writer)]
        state, word = 0, []
        while left:
            left -= 1
            token = _draw([self._counts[left][after] for after in self._transitions[state]], writer)
            word.append(token)
            state = self._transitions[state][token]
        return tuple(word)


def _draw(weights: Sequence[float], writer: random.Random) -> int:
    """Return an index, drawn in proportion to its weight."""
    totals = list(accumulate(weights))
    return bisect_right(totals, writer.random() * totals[-1])


def _edit(word: Word, tokens: int, writer: random.Random) -> Word:
    """Return a word with one token changed, left out or put in."""
    place, token = int(writer.random() * len(word)), int(writer.random() * tokens)
    change = int(writer.random() * 3)
    return (*word[:place], *((token,) if change else ()), *word[place + (change < 2) :])
