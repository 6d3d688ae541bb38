"""The automaton that is learned from a teacher's answers, and the words on which teacher and automaton are compared."""

import numpy as np
import pytest
from hypothesis import given, settings

from sentiment.analysis import extraction
from sentiment.data.automaton import Automaton
from tests.support.automata import automata
from tests.support.teachers import Known, Rule


@settings(max_examples=8)
@given(automata())
def test_what_an_automaton_answers_gives_its_minimal_automaton(automaton: Automaton) -> None:
    found = extraction.learn(Known(automaton), [], longest=3)
    assert found.automaton.as_json() == automaton.without_empty_word().as_json()
    assert found.searched > 4 * extraction.RANDOM_WORDS
    assert not found.reason


def test_a_text_of_the_corpus_can_be_the_counterexample() -> None:
    rare = (0,) * 20  # the only word of its class, too long to be met by chance or as a short continuation
    found = extraction.learn(Rule("ab", lambda word: int(word == rare)), [rare], longest=1)
    assert found.automaton.classify([rare, rare[1:], (*rare, 0)]).tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    "limit, most, reason",
    [
        ("MOST_STATES", 12, "it found more than 12 states"),
        ("MOST_QUESTIONS", 20_000, "it asked more than 20,000 questions"),
    ],
)
def test_a_rule_that_counts_ends_with_the_reason(
    limit: str, most: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, limit, most)
    found = extraction.learn(Rule("ab", lambda word: int(word.count(0) > word.count(1))), [], longest=40)
    assert found.reason == f"L* was stopped: {reason}"
    assert len(found.automaton) > 3


@given(automata())
def test_conformance_words_find_every_automaton_with_one_state_more(automaton: Automaton) -> None:
    minimal = automaton.minimal()
    words = extraction.conformance_words(minimal)
    assert words == sorted(set(words), key=lambda word: (len(word), word))
    # A copy of a state, reached by one step alone, that differs from it in its label or in one step.
    for state in range(len(minimal)):
        copy = len(minimal)
        grown = np.vstack([minimal.transitions, minimal.transitions[:1]])
        grown[state, 0] = copy
        other = Automaton(minimal.tokens, grown, np.append(minimal.labels, 1 - minimal.labels[0]))
        if minimal.difference(other):
            assert (minimal.classify(words) != other.classify(words)).any()


def test_random_words_have_all_lengths_and_letters() -> None:
    words = extraction.random_words(np.random.Generator(np.random.PCG64(0)), 3, 5, 2000)
    assert {len(word) for word in words} == {1, 2, 3, 4, 5}
    assert {token for word in words for token in word} == {0, 1, 2}


@pytest.mark.parametrize("label", [0, 2])
def test_a_teacher_that_always_says_the_same_is_one_state(label: int) -> None:
    found = extraction.learn(Rule("abc", lambda word: label), [], longest=5)
    assert found.automaton.as_json() == {"tokens": ["a", "b", "c"], "labels": [label], "transitions": [[0, 0, 0]]}
