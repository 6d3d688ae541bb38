"""The search for words on which a teacher and an automaton differ."""

import numpy as np

from sentiment.analysis.search import search, shortened
from sentiment.data.automaton import Automaton
from tests.support.teachers import Known

NEVER = Automaton(("a", "b", "c"), np.zeros((1, 3), np.int64), np.array([0]))


def after_a_run(length: int) -> Automaton:
    """Return the automaton that says 1 once there were `length` a in a row."""
    rows = [[state + 1, 0, 0] for state in range(length)] + [[length] * 3]
    return Automaton(NEVER.tokens, np.array(rows), np.array([0] * length + [1]))


def test_what_random_words_practically_never_do_is_found() -> None:
    """Of words of 60 random tokens, one in ten million has fifteen a in a row."""
    found = search(Known(after_a_run(15)), NEVER, [], longest=60, seed=0, words=20_000)
    assert found.difference == (0,) * 15
    assert found.words < 20_000


def test_a_long_find_is_shortened_in_few_questions() -> None:
    asked = Known(after_a_run(15))
    word = (1,) * 3000 + (0,) * 15 + (2,) * 3000
    assert shortened(asked, NEVER, word) == (0,) * 15
    assert asked.asked < 500


def test_equal_automata_differ_nowhere_and_the_words_are_counted() -> None:
    one = after_a_run(3)
    found = search(Known(one), one, [(0, 0)], longest=20, seed=0, words=3000)
    assert (found.difference, found.pairs) == (None, 4)
    assert 3000 <= found.words < 3600


def test_it_asks_about_the_same_words_again() -> None:
    one, other = (search(Known(after_a_run(15)), NEVER, [], 60, seed=3, words=20_000) for _ in range(2))
    assert one == other
