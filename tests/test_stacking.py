"""Stacking: two independent classifiers are better together, and the weights are those of a logistic regression."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from sentiment.evaluation.stacking import StackedClassifier


def noisy_predictions(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    log_odds = 2.0 * labels - 1 + random.normal(0, 1.5, len(labels))
    return (1 / (1 + np.exp(-log_odds))).astype(np.float32)


def test_two_independent_classifiers_are_better_than_one() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 8000).astype(np.uint8)
    one, other = noisy_predictions(labels, random), noisy_predictions(labels, random)
    stack = StackedClassifier.fit(one[:4000], other[:4000], labels[:4000])
    together = stack(one[4000:], other[4000:])
    assert together.dtype == np.float32
    accuracy = [np.mean((p >= 0.5) == labels[4000:]) for p in (one[4000:], other[4000:], together)]
    assert accuracy[2] > max(accuracy[:2]) + 0.05
    assert stack.weights == pytest.approx((8 / 9, 8 / 9), abs=0.1)  # the difference of means over the variance


def test_the_weights_minimise_the_log_loss_with_its_penalty() -> None:
    random = np.random.default_rng(1)
    labels = random.integers(0, 2, 300).astype(np.uint8)
    odds = random.normal(0, 1, (300, 2)) + labels[:, None] - 0.3
    one, other = expit(odds).T.astype(np.float32)

    def loss(w: np.ndarray) -> float:
        z = odds @ w[:2] + w[2]
        return float(np.sum(np.logaddexp(0, z) - labels * z) + 0.5 * np.sum(w[:2] ** 2))

    found = minimize(loss, np.zeros(3)).x
    assert StackedClassifier.fit(one, other, labels).weights == pytest.approx(tuple(found[:2]), abs=1e-3)


def test_certain_predictions_give_finite_weights() -> None:
    labels = np.array([0, 1] * 50, np.uint8)
    sure, guess = labels.astype(np.float32), np.full(100, 0.5, np.float32)
    stack = StackedClassifier.fit(sure, guess, labels)
    assert np.isfinite(stack.weights).all()
    assert stack.weights[0] > 0.1
    assert stack.weights[1] == pytest.approx(0, abs=1e-6)
    assert ((stack(sure, guess) >= 0.5) == labels).all()
