"""The automaton inside a network: learned from its answers alone, by Angluin's L* (1987).

L* asks the network which class a word has, and whether an automaton is the network's own. No finite number of questions
settles the second, so the answer is a search for words on which the two differ:

* the texts of the corpus;
* for each state of the automaton, a word that leads there, all short continuations, and words that tell the states
  apart: a network with few more states than the automaton cannot pass (Chow 1978);
* random words, up to eight times as long as the longest of the training texts.

What was not found may still exist, and often does: `search.py` looks for it afterwards. Its finds are not given to L*,
which would then describe ever more of what the network does on strange words, and not end.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from aalpy.base import SUL, Oracle
from aalpy.base.Automaton import DeterministicAutomaton
from aalpy.learning_algs.deterministic.LStar import run_Lstar

from sentiment.analysis.questions import Teacher
from sentiment.analysis.search import by_length
from sentiment.data.automaton import Automaton, Word

MOST_TOKENS = 12  # L* asks about every word over its tokens, few of which a network of a large vocabulary has learned
MOST_STATES = 60
MOST_QUESTIONS = 200_000
MOST_CONFORMANCE_WORDS = 10_000
RANDOM_WORDS = 2_000  # of each length, in each search
TIMES_AS_LONG = (1, 2, 4, 8)  # as the longest training text


@dataclass(frozen=True)
class Extraction:
    """What L* found.

    automaton: the minimal one, whose label of the empty word means nothing; the last hypothesis if `reason` says why
        L* gave up
    searched: the words on which the automaton and the network agree, none of them having differed
    """

    automaton: Automaton
    searched: int
    reason: str = ""


class _GaveUp(Exception):
    """L* would need more than the budget."""


class _Membership(SUL):  # type: ignore[misc]
    """Which class a word has, for AALpy, which wants to know it of the word's first token, its first two, and so on."""

    def __init__(self, teacher: Teacher) -> None:
        super().__init__()
        self._teacher = teacher

    def query(self, word: Word) -> list[int]:
        if self._teacher.asked > MOST_QUESTIONS:
            raise _GaveUp(f"it asked more than {MOST_QUESTIONS:,} questions")
        labels: list[int] = self._teacher.classify([word[: length + 1] for length in range(len(word))] or [()]).tolist()
        return labels

    def pre(self) -> None: ...

    def post(self) -> None: ...

    def step(self, letter: int | None) -> int:
        raise NotImplementedError("words are asked as a whole")


class _Equivalence(Oracle):  # type: ignore[misc]
    """Whether an automaton is the network's, for AALpy: the shortest word of a search on which they differ."""

    def __init__(self, teacher: Teacher, texts: Sequence[Word], longest: int, seed: int) -> None:
        super().__init__(list(range(len(teacher.tokens))), None)
        self._teacher, self._texts, self._longest = teacher, texts, longest
        self._random = np.random.Generator(np.random.PCG64(seed))
        self.hypothesis: Automaton | None = None
        self.searched = 0

    def find_cex(self, hypothesis: DeterministicAutomaton) -> Word | None:
        self.hypothesis = from_aalpy(hypothesis, self._teacher.tokens)
        if len(self.hypothesis) > MOST_STATES:
            raise _GaveUp(f"it found more than {MOST_STATES} states")
        self.searched = 0
        for words in self._words(self.hypothesis):
            differing = np.flatnonzero(self._teacher.classify(words) != self.hypothesis.classify(words))
            if len(differing):
                return min((words[int(index)] for index in differing), key=by_length)
            self.searched += len(words)
        return None

    def _words(self, hypothesis: Automaton) -> Iterator[Sequence[Word]]:
        if self._texts:
            yield self._texts
        yield conformance_words(hypothesis)
        for times in TIMES_AS_LONG:
            yield random_words(self._random, len(hypothesis.tokens), times * self._longest, RANDOM_WORDS)


def learn(teacher: Teacher, texts: Sequence[Word], longest: int, seed: int = 0) -> Extraction:
    """Learn the automaton of a teacher, a network say.

    texts: words of the corpus, with which the search begins; longest: the number of tokens of the longest
    """
    oracle = _Equivalence(teacher, texts, longest, seed)
    try:
        run_Lstar(oracle.alphabet, _Membership(teacher), oracle, "moore", print_level=0)
        reason = ""
    except _GaveUp as limit:
        reason = f"L* was stopped: {limit}"
    if oracle.hypothesis is None:
        raise AssertionError("L* asks for a counterexample before it has asked many questions")
    return Extraction(oracle.hypothesis.without_empty_word(), oracle.searched, reason)


def from_aalpy(machine: DeterministicAutomaton, tokens: Sequence[str]) -> Automaton:
    """Return AALpy's Moore machine over the indices of tokens as an automaton over the tokens."""
    index_of = {token: index for index, token in enumerate(tokens)}
    return Automaton.explore(
        machine.initial_state,
        tokens,
        lambda state, token: state.transitions[index_of[token]],
        lambda state: int(state.output),
    )


def conformance_words(automaton: Automaton) -> list[Word]:
    """Return the words of the W-method, shortest first: to each state, continuations, words that tell states apart.

    The continuations are all words up to some length, at least of one token, as MOST_CONFORMANCE_WORDS allow.
    """
    letters = range(len(automaton.tokens))
    starts, endings = automaton.access_words(), automaton.distinguishing_words()
    continuations: list[Word] = [(), *((letter,) for letter in letters)]
    for length in range(2, 10):
        longer = list(product(letters, repeat=length))
        if len(starts) * len(endings) * (len(continuations) + len(longer)) > MOST_CONFORMANCE_WORDS:
            break
        continuations += longer
    words = {(*start, *middle, *ending) for start in starts for middle in continuations for ending in endings}
    return sorted(words, key=by_length)


def random_words(random: np.random.Generator, letters: int, longest: int, count: int) -> list[Word]:
    """Return words whose lengths and letters are drawn evenly."""
    lengths = random.integers(1, longest, count, endpoint=True)
    return [tuple(random.integers(0, letters, length).tolist()) for length in lengths]
