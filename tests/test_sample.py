"""The sample corpus: its automaton and its file."""

import csv
from itertools import product

import pytest

from sentiment.data import sample
from sentiment.data.sample import STATES, State, reviews, trace, verdict
from tests.support.imports import ROOT


@pytest.mark.parametrize(
    "text, expected",
    [
        ("The plot was good.", "positive"),
        ("The plot was not good.", "negative"),
        ("The plot was never really dull.", "positive"),
        ("It is not not good.", "positive"),
        ("Not only the plot. It was good.", "positive"),  # a full stop ends the reach of a negation
        ("The plot was dull. The ending was superb.", "positive"),
        ("The plot was superb, but the ending was dull.", "negative"),
        ("I expected a masterpiece, but it is a failure.", "negative"),
        ("It is a failure, I expected a masterpiece.", "negative"),
        ("Despite the superb cast, the plot was weak.", "negative"),
        ("Although the plot was weak it was good, it rained.", None),
        ("We saw it on a rainy evening.", None),
        ("", None),
    ],
)
def test_labels_equal_those_by_hand(text: str, expected: str | None) -> None:
    assert verdict(text) == expected


def test_every_word_leads_from_one_of_nine_states_to_another() -> None:
    words = sample.POSITIVE | sample.NEGATIVE | sample.NEGATION | sample.ASIDE | sample.RESUMING | {"the", "."}
    assert len(STATES) == 9
    assert {state.read(word + end) for state, word, end in product(STATES, words, ["", ",", "."])} <= set(STATES)
    reached, waiting = {State()}, [State()]
    while waiting:
        state = waiting.pop()
        new = {state.read(word) for word in words} - reached
        reached |= new
        waiting += new
    assert reached == set(STATES)


def test_no_two_states_are_equivalent() -> None:
    futures = ["", "good", "dull", "good.", ". good", ", good"]
    outcomes = {tuple(continued(state, future) for future in futures) for state in STATES}
    assert len(outcomes) == 9


def continued(state: State, text: str) -> str | None:
    for token in text.split():
        state = state.read(token)
    return state.verdict


def test_a_trace_has_a_state_before_and_after_each_token() -> None:
    assert trace("not good.") == [State(), State(mode="negated"), State("negative")]


def test_the_corpus_in_the_repository_is_reproducible() -> None:
    with (ROOT / "data/sample/reviews.csv").open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    assert header == ["text", "label"]
    assert [tuple(row) for row in rows] == list(reviews(sample.NUM_REVIEWS, sample.SEED))
    assert len({text for text, _ in rows}) == len(rows)
    labels = [label for _, label in rows]
    assert labels == ["negative"] * 5000 + ["positive"] * 5000
