"""A coverage-guided search for words on which a teacher and an automaton differ.

Random words seldom find what a network does only in rare states: three-state automata that looked right on thousands of
random words were refuted at once by a search for counterexamples (Muškardin et al. 2022). Here words are changed at
random, and those that lead the teacher and the automaton into a pair of states not seen before are changed further, as
fuzzers do for programs. The budget is a number of words, so that the result does not depend on the machine's speed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sentiment.analysis.questions import Teacher
from sentiment.data.automaton import Automaton, Word

BATCH = 500


@dataclass(frozen=True)
class Search:
    """What a search found.

    words: how many were asked about; pairs: different pairs of states seen; difference: a word on which the two differ,
    or None. If any one of its tokens is left out, they agree.
    """

    words: int
    pairs: int
    difference: Word | None


def search(
    teacher: Teacher, automaton: Automaton, seeds: Sequence[Word], longest: int, seed: int, words: int
) -> Search:
    """Ask about at least `words` words of up to `longest` tokens, beginning with some `seeds`; stop at a difference."""
    random = np.random.Generator(np.random.PCG64(seed))
    pool: list[Word] = []
    seen: set[tuple[bytes, int]] = set()
    asked, batch = 0, [*seeds[:BATCH], *((token,) for token in range(len(automaton.tokens)))]
    while asked < words:
        differing = differences(teacher, automaton, batch)
        asked += len(batch)
        if differing:
            return Search(asked, len(seen), shortened(teacher, automaton, min(differing, key=by_length)))
        for word, pair in zip(batch, zip(teacher.signatures(batch), automaton.after(batch), strict=True), strict=True):
            if pair not in seen:
                seen.add(pair)
                pool.append(word)
        batch = [
            changed(random, _choose(random, pool), _choose(random, pool), automaton, longest) for _ in range(BATCH)
        ]
    return Search(asked, len(seen), None)


def differences(teacher: Teacher, automaton: Automaton, words: Sequence[Word]) -> list[Word]:
    """Return the words on which the two differ."""
    return [words[int(each)] for each in np.flatnonzero(teacher.classify(words) != automaton.classify(words))]


def shortened(teacher: Teacher, automaton: Automaton, word: Word) -> Word:
    """Return a word on which the two differ such that they agree if any one token is left out.

    Large parts are left out first: long words would take too many questions otherwise (Zeller and Hildebrandt 2002).
    """
    size = max(len(word) // 2, 1)
    while size:
        shorter = [word[:first] + word[first + size :] for first in range(0, len(word), size)]
        differing = differences(teacher, automaton, [each for each in shorter if each])
        if differing:
            word = differing[0]
        else:
            size //= 2
    return word


def by_length(word: Word) -> tuple[int, Word]:
    """Return the key that sorts words by length, then in the order of the alphabet."""
    return len(word), word


def changed(random: np.random.Generator, word: Word, other: Word, automaton: Automaton, longest: int) -> Word:
    """Return a word with a token put in, left out or replaced, a part repeated, or the end of another word."""
    first, last = sorted(random.integers(0, len(word), 2, endpoint=True).tolist())
    token = int(random.integers(len(automaton.tokens)))
    times = int(random.integers(2, 9))
    changes = (
        (*word[:first], token, *word[first:]),
        (*word[:first], *word[first + 1 :]),
        (*word[:first], token, *word[first + 1 :]),
        (*word[:first], *word[first:last] * times, *word[last:]),
        (*word[:first], *other[int(random.integers(len(other) + 1)) :]),
    )
    return (changes[int(random.integers(len(changes)))] or (token,))[:longest]


def _choose(random: np.random.Generator, pool: list[Word]) -> Word:
    """Return a word of the pool; every second time one of the hundred latest."""
    first = max(0, len(pool) - 100) if random.integers(2) else 0
    return pool[int(random.integers(first, len(pool)))]
