"""Scores: worked by hand on six reviews, and against slow definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.evaluation import metrics

LABELS = np.array([0, 0, 1, 1, 1, 0], np.uint8)
PROBABILITY = np.array([0.1, 0.6, 0.35, 0.8, 0.9, 0.4], np.float32)


def test_six_reviews_by_hand() -> None:
    # At 0.5 it says 0 1 0 1 1 0: 4 of 6 right, 2 of 3 called positive are, 2 of 3 positive are called so.
    found = metrics.summary(LABELS, PROBABILITY, 0.5)
    assert found["reviews"] == 6
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["majority_accuracy"] == 0.5
    assert found["precision"] == found["recall"] == found["f1"] == pytest.approx(2 / 3)
    # Of the nine pairs of a positive and a negative, 0.35 loses to 0.6 and 0.4.
    assert found["roc_auc"] == pytest.approx(7 / 9)
    # Positives stand at ranks 1, 2 and 5: (1/1 + 2/2 + 3/5) / 3.
    assert found["average_precision"] == pytest.approx((1 + 1 + 3 / 5) / 3)
    right = [0.9, 0.4, 0.35, 0.8, 0.9, 0.6]
    assert found["log_loss"] == pytest.approx(-np.mean(np.log(right)), abs=1e-6)
    assert found["brier"] == pytest.approx(np.mean([(1 - p) ** 2 for p in right]), abs=1e-6)
    # Each review is alone in its bin, so the error is the mean distance of probability and label.
    assert found["calibration_error"] == pytest.approx(np.mean([1 - p for p in right]), abs=1e-6)


def test_the_threshold_belongs_to_the_positive_side() -> None:
    assert metrics.summary(LABELS, np.full(6, 0.5, np.float32), 0.5)["recall"] == 1


def test_a_model_that_never_says_positive_has_precision_zero() -> None:
    assert metrics.summary(LABELS, (PROBABILITY / 10).astype(np.float32), 0.5)["precision"] == 0


def test_certainty_that_is_wrong_has_a_finite_loss() -> None:
    assert 5 < metrics.summary(LABELS, 1 - LABELS.astype(np.float32), 0.5)["log_loss"] < 20


def test_confusion_by_hand() -> None:
    rows = list(metrics.confusion(LABELS, PROBABILITY, 0.5))
    assert [row[:3] for row in rows] == [
        ("negative", "negative", 2),
        ("negative", "positive", 1),
        ("positive", "negative", 1),
        ("positive", "positive", 2),
    ]
    assert [row[3] for row in rows] == pytest.approx([2 / 3, 1 / 3, 1 / 3, 2 / 3])


def test_calibration_by_hand() -> None:
    probability = np.array([0.0, 0.05, 0.95, 1.0, 0.55, 0.55], np.float32)
    rows = list(metrics.calibration(LABELS, probability))
    assert [row[2] for row in rows] == [2, 2, 2]
    assert [row[1] for row in rows] == [0, 0.5, 1]
    assert [row[0] for row in rows] == pytest.approx([0.025, 0.55, 0.975])


def test_curves_begin_and_end_where_they_should_and_are_short() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 5000).astype(np.uint8)
    probability = random.random(5000, np.float32)
    curve = list(metrics.roc(labels, probability))
    assert curve[0] == (0, 0)
    assert curve[-1] == (1, 1)
    assert len(curve) <= metrics.POINTS
    recall = [point[0] for point in metrics.precision_recall(labels, probability)]
    assert recall == sorted(recall)
    assert (recall[0], recall[-1]) == (0, 1)


def test_the_accuracy_interval_covers_the_true_accuracy_95_times_in_100() -> None:
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(2000):
        right = random.random(200) < 0.8
        low, high = metrics.accuracy_interval(np.ones(200, np.uint8), right.astype(np.float32), 0.5)
        covered += low <= 0.8 <= high
    assert 0.935 < covered / 2000 < 0.965


@given(st.integers(0, 2**32), st.booleans())
def test_a_bootstrap_sample_is_the_auc_of_the_drawn_reviews(seed: int, ties: bool) -> None:
    random = np.random.default_rng(seed)
    labels = np.append(random.integers(0, 2, 28), [0, 1]).astype(np.uint8)
    probability = (random.random(30).round(1) if ties else random.random(30)).astype(np.float32)
    drawing = np.random.Generator(np.random.PCG64(seed))
    negative, positive = (
        own[drawing.integers(0, len(own), len(own))] for own in (probability[labels == label] for label in (0, 1))
    )
    pairs = np.mean((positive[:, None] > negative) + 0.5 * (positive[:, None] == negative))
    assert metrics.roc_auc_interval(labels, probability, 1, seed) == pytest.approx((pairs, pairs))


def test_two_reviews_are_enough_for_an_interval() -> None:
    assert metrics.roc_auc_interval(np.array([0, 1], np.uint8), np.array([0.2, 0.7], np.float32), 100, 0) == (1, 1)


def test_the_auc_interval_holds_the_auc_and_shrinks_with_more_reviews() -> None:
    random = np.random.default_rng(0)
    widths = []
    for reviews in (100, 10_000):
        labels = random.integers(0, 2, reviews).astype(np.uint8)
        probability = (labels * 0.3 + random.random(reviews) * 0.7).astype(np.float32)
        low, high = metrics.roc_auc_interval(labels, probability, 200, 0)
        assert low < metrics.summary(labels, probability, 0.5)["roc_auc"] < high
        widths.append(high - low)
    assert widths[0] > 5 * widths[1]


def test_accuracy_by_length_keeps_reviews_of_one_length_together() -> None:
    lengths = np.array([9] * 5 + [3] + [512] * 14)
    labels = np.array([0] * 12 + [1] * 8, np.uint8)
    found = list(metrics.by_length(labels, np.ones(20, np.float32), lengths, 0.5))
    assert found == [(3, 9, 0.0, 6), (512, 512, 8 / 14, 14)]
    even = np.arange(100)
    parts = list(metrics.by_length((even % 2).astype(np.uint8), np.ones(100, np.float32), even, 0.5))
    assert parts == [(10 * part, 10 * part + 9, 0.5, 10) for part in range(10)]


def test_the_accuracy_interval_of_a_model_that_is_never_right_begins_at_nothing() -> None:
    assert metrics.accuracy_interval(np.zeros(7, np.uint8), np.ones(7, np.float32), 0.5)[0] == 0
