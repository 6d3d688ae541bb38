"""Metrics of predictions: one function each, registered in METRICS.

A metric is a function of a `Sample`, predictions with a weight for each review, because a bootstrap sample is a weight
of 0, 1, 2, ... With weights of 1 it is the metric of the test split. A new metric is a function and its line in
METRICS: metrics/test.json, `sentiment compare`, its intervals and differences include it from then on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sentiment.config.evaluation import EvaluationConfig
from sentiment.evaluation import intervals

Labels = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

BINS = 10  # of equal width, for calibration
EPSILON = 1e-7  # log loss: distance of a probability from 0 and 1 at least; float32 rounds closer ones


class Predictions:
    """Labels uint8[reviews] and probabilities of being positive float32[reviews], with what all metrics derive of them.

    A review is predicted positive from `threshold` on.
    """

    def __init__(self, labels: Labels, probability: Probabilities, threshold: float) -> None:
        positive, predicted = labels == 1, probability >= threshold
        self.positive: Floats = positive.astype(np.float64)
        self.predicted: Floats = predicted.astype(np.float64)
        self.right: Bools = predicted == positive
        self.bin = calibration_bin(probability)
        exact = probability.astype(np.float64)
        self.error: Floats = exact - labels
        self.squared_error: Floats = self.error**2
        clipped = np.clip(exact, EPSILON, 1 - EPSILON)
        self.loss: Floats = -np.log(np.where(positive, clipped, 1 - clipped))
        _, self.rank = np.unique(-probability, return_inverse=True)  # the highest first; equal ones share a rank

    def __len__(self) -> int:
        return len(self.positive)


@dataclass(frozen=True)
class Sample:
    """Predictions with the weight of each review, float64[reviews]."""

    predictions: Predictions
    weight: Floats

    @classmethod
    def whole(cls, predictions: Predictions) -> "Sample":
        """Return each review once."""
        return cls(predictions, np.ones(len(predictions)))

    def mean(self, values: npt.NDArray[Any]) -> float:
        return float(self.weight @ values / self.weight.sum())

    @cached_property
    def true_positives(self) -> float:
        return float((self.weight * self.predictions.predicted) @ self.predictions.positive)

    @cached_property
    def by_rank(self) -> tuple[Floats, Floats]:
        """Weight of the positive and of the negative reviews at each rank, the highest probability first."""
        rank, positive = self.predictions.rank, self.predictions.positive
        positives, negatives = (np.bincount(rank, self.weight * those) for those in (positive, 1 - positive))
        return positives.astype(np.float64), negatives.astype(np.float64)


def _ratio(part: Any, whole: Any) -> float:
    """Return part / whole, 0 where whole is 0."""
    return float(part / whole) if whole else 0.0


def accuracy(sample: Sample) -> float:
    return sample.mean(sample.predictions.right)


def precision(sample: Sample) -> float:
    return _ratio(sample.true_positives, sample.weight @ sample.predictions.predicted)


def recall(sample: Sample) -> float:
    return _ratio(sample.true_positives, sample.weight @ sample.predictions.positive)


def f1(sample: Sample) -> float:
    """Harmonic mean of precision and recall."""
    return _ratio(2 * precision(sample) * recall(sample), precision(sample) + recall(sample))


def roc_auc(sample: Sample) -> float:
    """Share of the pairs of a positive and a negative review that are ranked right; a tie is half right."""
    positives, negatives = sample.by_rank
    above = np.cumsum(positives) - positives / 2
    return _ratio(negatives @ above, positives.sum() * negatives.sum())


def average_precision(sample: Sample) -> float:
    """Mean, over the positive reviews, of the precision at their rank."""
    positives, negatives = sample.by_rank
    found, wrong = np.cumsum(positives), np.cumsum(negatives)
    return _ratio(positives @ (found / np.maximum(found + wrong, EPSILON)), found[-1])


def log_loss(sample: Sample) -> float:
    """Mean cross entropy, in nats."""
    return sample.mean(sample.predictions.loss)


def brier(sample: Sample) -> float:
    """Mean squared error of the probability."""
    return sample.mean(sample.predictions.squared_error)


def calibration_error(sample: Sample) -> float:
    """Distance of mean probability and share of positives, over ten equal bins of the probability of being positive.

    Guo et al. (2017) bin the confidence of the predicted one of many classes instead.
    """
    gaps = np.bincount(sample.predictions.bin, sample.weight * sample.predictions.error)
    return float(np.abs(gaps).sum() / sample.weight.sum())


METRICS: dict[str, Callable[[Sample], float]] = {
    "accuracy": accuracy,
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "roc_auc": roc_auc,
    "average_precision": average_precision,
    "log_loss": log_loss,
    "brier": brier,
    "calibration_error": calibration_error,
}


def score(sample: Sample) -> dict[str, float]:
    """Return every metric of a sample."""
    return {name: metric(sample) for name, metric in METRICS.items()}


def report(labels: Labels, probability: Probabilities, config: EvaluationConfig) -> dict[str, Any]:
    """Return what a metrics file holds of some predictions: the metrics, and 95 % intervals of accuracy and ROC AUC."""
    predictions = Predictions(labels, probability, config.threshold)
    scores = score(Sample.whole(predictions))
    accuracy_low, accuracy_high = intervals.wilson(scores["accuracy"], len(labels))
    samples = intervals.bootstrap(labels, config.bootstrap_samples)
    roc_auc_low, roc_auc_high = intervals.central([roc_auc(Sample(predictions, weight)) for weight in samples])
    return {
        "reviews": len(labels),
        "accuracy": scores.pop("accuracy"),
        "majority_accuracy": float(max(labels.mean(), 1 - labels.mean())),  # of always predicting the larger class
        **scores,
        "accuracy_low": accuracy_low,
        "accuracy_high": accuracy_high,
        "roc_auc_low": float(roc_auc_low),
        "roc_auc_high": float(roc_auc_high),
    }


def calibration_bin(probability: Probabilities) -> npt.NDArray[np.int64]:
    """Return the bin of each probability, of BINS equal ones: int64[reviews]."""
    return np.minimum((probability * BINS).astype(np.int64), BINS - 1)
