"""Automata: reading words, the minimal automaton, and exact comparison."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given

from sentiment.data import sample
from sentiment.data.automaton import NO_LABEL, Automaton
from tests.support.automata import automata


def words_up_to(length: int, tokens: int = 2) -> list[tuple[int, ...]]:
    return [word for n in range(length + 1) for word in product(range(tokens), repeat=n)]


def label(automaton: Automaton, word: tuple[int, ...]) -> int:
    state = 0
    for token in word:
        state = int(automaton.transitions[state, token])
    return int(automaton.labels[state])


@given(automata())
def test_words_of_all_lengths_are_classified_together_as_one_by_one(automaton: Automaton) -> None:
    words = words_up_to(5)
    assert automaton.classify(words).tolist() == [label(automaton, word) for word in words]


@given(automata(), automata())
def test_the_difference_is_the_shortest_word_that_is_labelled_differently(one: Automaton, other: Automaton) -> None:
    # Two automata of up to four states differ on a word of fewer than eight tokens, or on none (Moore 1956).
    words = words_up_to(7)[1:]
    differing = np.flatnonzero(one.classify(words) != other.classify(words))
    assert one.difference(other) == (words[differing[0]] if len(differing) else None)


@given(automata(), automata())
def test_automata_that_label_every_word_alike_have_the_same_minimal_one(one: Automaton, other: Automaton) -> None:
    same = one.minimal().as_json() == other.minimal().as_json()
    assert same == (one.difference(other) is None and one.labels[0] == other.labels[0])


@given(automata())
def test_without_the_empty_word_its_label_makes_no_difference(automaton: Automaton) -> None:
    # A start of its own, to which nothing leads back, with the other label.
    states = len(automaton)
    order = [states, *range(states)]
    transitions = np.vstack([automaton.transitions, automaton.transitions[:1]])[order] + 1
    other = Automaton(automaton.tokens, transitions, np.append(automaton.labels, 1 - automaton.labels[0])[order])
    assert other.difference(automaton) is None
    assert len(other.without_empty_word()) == len(automaton.without_empty_word()) <= len(automaton.minimal())
    assert other.without_empty_word().difference(automaton) is None


@given(automata())
def test_no_automaton_with_fewer_states_labels_alike(automaton: Automaton) -> None:
    minimal = automaton.minimal()
    futures = words_up_to(5)
    rows = {tuple(minimal.classify([(*access, *word) for word in futures])) for access in minimal.access_words()}
    assert len(rows) == len(minimal)  # any two states are told apart by a word
    assert minimal.difference(automaton) is None


def test_a_word_without_a_label_is_no_difference() -> None:
    one = Automaton(("a",), np.array([[1], [1]]), np.array([NO_LABEL, 1]))
    other = Automaton(("a",), np.array([[1], [1]]), np.array([0, 1]))
    assert one.difference(other) is other.difference(one) is None


def test_automata_over_different_tokens_are_not_compared() -> None:
    one, other = (Automaton((token,), np.array([[0]]), np.array([0])) for token in "ab")
    with pytest.raises(ValueError, match="different tokens"):
        one.difference(other)


def test_the_grammar_of_the_sample_corpus_has_nine_states_and_few_classes_of_tokens() -> None:
    tokens = sorted({token for text, _ in sample.reviews(300, 1) for token in text.split()})
    verdicts = (None, "negative", "positive")
    grammar = Automaton.explore(
        sample.State(), tokens, sample.State.read, lambda state: verdicts.index(state.verdict) - 1
    )
    assert len(grammar) == len(grammar.minimal()) == 9
    classes = [[grammar.tokens[token] for token in group] for group in grammar.token_classes()]
    assert len(classes) == 8
    assert next(group for group in classes if "not" in group) == ["hardly", "never", "not"]


@given(automata())
def test_an_automaton_survives_its_file(automaton: Automaton) -> None:
    assert Automaton.from_json(automaton.as_json()).as_json() == automaton.as_json()
