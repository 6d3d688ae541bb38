"""Stacking: two independent classifiers are better together, and the weights are those of maximum likelihood."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax

from sentiment.data.predictions import Probabilities, both
from sentiment.evaluation.stacking import StackedClassifier


def noisy_predictions(labels: np.ndarray, classes: int, random: np.random.Generator) -> Probabilities:
    """Return the softmax of 1 for the label, 0 for other classes, and normal noise."""
    scores = np.eye(classes)[labels] + random.normal(0, 1.5 / np.sqrt(2), (len(labels), classes))
    return np.asarray(softmax(scores, axis=1), np.float32)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_two_independent_classifiers_are_better_than_one(classes: int) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, classes, 8000).astype(np.uint8)
    one, other = (noisy_predictions(labels, classes, random) for _ in range(2))
    stack = StackedClassifier.fit(one[:4000], other[:4000], labels[:4000])
    together = stack(one[4000:], other[4000:])
    assert together.dtype == np.float32
    assert together.sum(axis=1) == pytest.approx(1, abs=1e-6)
    accuracy = [np.mean(p.argmax(axis=1) == labels[4000:]) for p in (one[4000:], other[4000:], together)]
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
    assert StackedClassifier.fit(both(one), both(other), labels).weights == pytest.approx(tuple(found[:2]), abs=1e-3)


def test_the_weights_of_three_classes_minimise_the_log_loss_with_its_penalty() -> None:
    random = np.random.default_rng(1)
    labels = random.choice(3, 300, p=[0.6, 0.3, 0.1]).astype(np.uint8)
    models = [noisy_predictions(labels, 3, random) for _ in range(2)]
    logs = np.log(np.stack(models, axis=2).astype(np.float64))

    def loss(w: np.ndarray) -> float:
        predicted = log_softmax(logs @ w[:2] + w[2:], axis=1)
        return float(-predicted[np.arange(300), labels].sum() + 0.5 * np.sum(w**2))

    found = minimize(loss, np.zeros(5)).x
    stack = StackedClassifier.fit(models[0], models[1], labels)
    assert [*stack.weights, *stack.intercepts] == pytest.approx(found, abs=1e-4)
    assert stack.intercepts == sorted(stack.intercepts, reverse=True)


def test_a_class_that_the_validation_split_lacks_has_a_finite_intercept() -> None:
    labels = np.array([0, 1] * 50, np.uint8)
    guess = np.full((100, 3), 1 / 3, np.float32)
    intercepts = StackedClassifier.fit(guess, guess, labels).intercepts
    assert -5 < intercepts[2] < -1


def test_certain_predictions_give_finite_weights() -> None:
    labels = np.array([0, 1] * 50, np.uint8)
    sure, guess = both(labels.astype(np.float32)), both(np.full(100, 0.5))
    stack = StackedClassifier.fit(sure, guess, labels)
    assert np.isfinite(stack.weights).all()
    assert stack.weights[0] > 0.1
    assert stack.weights[1] == pytest.approx(0, abs=1e-6)
    assert (stack(sure, guess).argmax(axis=1) == labels).all()
