"""The baseline: its counts equal scikit-learn's, its weights the formulas."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from sentiment.baseline import linear
from sentiment.baseline.ngrams import NGrams

TEXTS = st.lists(st.lists(st.sampled_from("abcde"), max_size=8), min_size=1, max_size=8)


@given(TEXTS, TEXTS, st.integers(1, 3), st.integers(1, 3))
def test_counts_equal_those_of_scikit_learn(
    train: list[list[str]], test: list[list[str]], max_length: int, min_count: int
) -> None:
    counter = CountVectorizer(analyzer="word", tokenizer=str.split, token_pattern=None, ngram_range=(1, max_length))
    try:
        counts = counter.fit_transform(map(" ".join, train)).toarray()
    except ValueError:  # no token at all
        counts = np.zeros((len(train), 0))
    kept = counts.sum(axis=0) >= min_count
    ours = NGrams.fit(pa.array(train, pa.list_(pa.string())), max_length, min_count)
    for split, theirs in (
        (train, counts),
        (test, counter.transform(map(" ".join, test)).toarray() if len(kept) else None),
    ):
        found = ours.count(pa.array(split, pa.list_(pa.string()))).toarray()
        if theirs is None:
            assert found.shape == (len(split), 0)
        else:
            assert sorted_columns(found) == sorted_columns(theirs[:, kept])


def sorted_columns(table: np.ndarray) -> list[tuple[float, ...]]:
    """Return the columns in an order that does not depend on the features' order."""
    return sorted(map(tuple, table.T.tolist()))


COUNTS = NGrams.fit(pa.array([["good", "good"], ["bad"], ["good", "bad"]]), 1, 1).count(
    pa.array([["good", "good"], ["bad"], ["good", "bad"]])
)
LABELS = np.array([1, 0, 1], np.uint8)


def test_log_count_ratios_equal_those_by_hand() -> None:
    """Positive reviews with good: 2, with bad: 1; negative ones: 0 and 1. One is added to each."""
    weighted = linear.FeatureWeighting("nbsvm", COUNTS, LABELS)(COUNTS).toarray()
    good, bad = np.log((3 / 5) / (1 / 3)), np.log((2 / 5) / (2 / 3))
    assert weighted == pytest.approx(np.array([[good, 0], [0, bad], [good, bad]]))


def test_tfidf_equals_that_by_hand() -> None:
    """A weight is (1 + ln count) (1 + ln((reviews + 1) / (reviews with it + 1))); rows are scaled to length 1."""
    tokens = pa.array([["good", "good", "bad"], ["bad"], ["bad", "good"], ["bad"]])
    counts = NGrams.fit(tokens, 1, 1).count(tokens)
    weighted = linear.FeatureWeighting("tfidf", counts, np.array([1, 0, 1, 0], np.uint8))(counts).toarray()
    good, bad = (1 + np.log(2)) * (1 + np.log(5 / 3)), 1.0
    assert sorted(weighted[0]) == pytest.approx(sorted(np.array([good, bad]) / np.hypot(good, bad)))
    assert sorted(weighted[1]) == pytest.approx([0, 1])


@pytest.mark.parametrize("kind", ["tfidf", "nbsvm"])
def test_the_classifier_learns_and_is_reproducible(kind: linear.Features) -> None:
    weighted = linear.FeatureWeighting(kind, COUNTS, LABELS)(COUNTS)
    one, other = (linear.predict(weighted, LABELS, [weighted], 100.0)[0] for _ in range(2))
    assert (one == other).all()
    assert ((one > 0.5) == LABELS).all()
