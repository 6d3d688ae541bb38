"""The baseline: its counts equal scikit-learn's, its weights the formulas."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from sentiment.baseline import linear
from sentiment.baseline.ngrams import NGrams
from sentiment.baseline.reviews import TokenizedReviews
from sentiment.config import paths
from sentiment.data import predictions
from sentiment.data.classes import BINARY
from sentiment.errors import InputError
from sentiment.io import parquet
from stages import baseline
from tests.support.clone import set_parameter

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
    chunks = [pa.array(part, pa.list_(pa.string())) for part in (train[:2], train[2:])]
    ours = NGrams.fit(lambda: chunks, max_length, min_count)
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


THREE = pa.array([["good", "good"], ["bad"], ["good", "bad"]])
COUNTS = NGrams.fit(lambda: [THREE], 1, 1).count(THREE)
LABELS = np.array([1, 0, 1], np.uint8)


def test_log_count_ratios_equal_those_by_hand() -> None:
    """Positive reviews with good: 2, with bad: 1; negative ones: 0 and 1. One is added to each."""
    weighted = linear.FeatureWeighting("nbsvm", COUNTS, LABELS)(COUNTS).toarray()
    good, bad = np.log((3 / 5) / (1 / 3)), np.log((2 / 5) / (2 / 3))
    assert weighted == pytest.approx(np.array([[good, 0], [0, bad], [good, bad]]))


def test_tfidf_equals_that_by_hand() -> None:
    """A weight is (1 + ln count) (1 + ln((reviews + 1) / (reviews with it + 1))); rows are scaled to length 1."""
    tokens = pa.array([["good", "good", "bad"], ["bad"], ["bad", "good"], ["bad"]])
    counts = NGrams.fit(lambda: [tokens], 1, 1).count(tokens)
    weighted = linear.FeatureWeighting("tfidf", counts, np.array([1, 0, 1, 0], np.uint8))(counts).toarray()
    good, bad = (1 + np.log(2)) * (1 + np.log(5 / 3)), 1.0
    assert sorted(weighted[0]) == pytest.approx(sorted(np.array([good, bad]) / np.hypot(good, bad)))
    assert sorted(weighted[1]) == pytest.approx([0, 1])


@pytest.mark.parametrize("kind", ["tfidf", "nbsvm"])
def test_the_classifier_learns_and_is_reproducible(kind: linear.Features) -> None:
    weighted = linear.FeatureWeighting(kind, COUNTS, LABELS)(COUNTS)
    one, other = (linear.predict(linear.fit(weighted, LABELS, 100.0), weighted) for _ in range(2))
    assert (one == other).all()
    assert ((one > 0.5) == LABELS).all()


def write_tokens(path: Path, lengths: list[int]) -> Path:
    with parquet.open_writer(path, parquet.TOKENS) as table:
        for number, length in enumerate(lengths):
            table.write(pa.array([str(number)]), pa.array([number % 2]), pa.array([["word"] * length]))
    return path


def test_reviews_come_in_chunks_and_in_their_order(tmp_path: Path) -> None:
    path = write_tokens(tmp_path / "t.parquet", [200_000] * 6 + [1])
    chunks = list(TokenizedReviews(path))
    assert [chunk["id"].to_pylist() for chunk in chunks] == [["0", "1", "2"], ["3", "4", "5"], ["6"]]


def test_the_part_of_a_corpus_that_is_too_large_is_drawn_from_all_of_it(tmp_path: Path) -> None:
    path = write_tokens(tmp_path / "t.parquet", [10] * 100 + [10_000] + [0])
    assert TokenizedReviews.sample(path, 11_000).kept is None
    part = TokenizedReviews.sample(path, 500)
    (chunk,) = part
    assert chunk.num_rows in (50, 51)  # with the empty one
    assert len(chunk["tokens"].flatten()) == 500
    numbers = [int(name) for name in chunk["id"].to_pylist()]
    assert numbers == sorted(numbers)
    assert 10 < sum(number < 50 for number in numbers) < 40
    assert [other["id"] for other in TokenizedReviews.sample(path, 500)] == [chunk["id"]]


def test_a_baseline_that_learned_from_a_part_says_so(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in paths.TOKENS:
        write_tokens(path, [10] * 40)
    set_parameter(paths.PARAMS, "baseline.max_ngrams", 200)
    baseline.main()
    assert "baseline: learns from 10 of 40 training reviews, chosen at random; raise" in capsys.readouterr().err
    assert parquet.count(paths.BASELINE_TEST, predictions.schema(BINARY)) == 40
    set_parameter(paths.PARAMS, "baseline.max_ngrams", 20)
    with pytest.raises(InputError, match="baseline.max_ngrams = 20 leaves no reviews of both labels; raise it"):
        baseline.main()
