"""Metrics of predictions: one function each, registered for two classes, for more, or for both.

A metric is a function of a `Sample`, predictions with a weight for each review, because a bootstrap sample is a weight
of 0, 1, 2, ... With weights of 1 it is the metric of the test split. A new metric is a function and its line in a
registry: metrics/test.json, `sentiment compare`, its intervals and differences include it from then on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sentiment.config.evaluation import EvaluationConfig
from sentiment.data.classes import Classes
from sentiment.data.predictions import Probabilities, predicted
from sentiment.evaluation import intervals

Labels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

BINS = 10  # of equal width, for calibration
EPSILON = 1e-7  # log loss: distance of a probability from 0 and 1 at least; float32 rounds closer ones


class Predictions:
    """Labels uint8[reviews] and probabilities float32[reviews, classes], with what all metrics derive of them.

    Of two classes the second, "positive", is predicted from a probability of `threshold` on; of more the most probable.
    """

    def __init__(self, labels: Labels, probability: Probabilities, classes: Classes, threshold: float) -> None:
        chosen = predicted(probability, threshold)
        self.classes = classes
        self.right: Bools = chosen == labels
        self.pair = labels.astype(np.int64) * len(classes) + chosen  # a cell of the confusion matrix
        self._labels, self._probability = labels, probability

    def __len__(self) -> int:
        return len(self._labels)

    @cached_property
    def calibration(self) -> "Calibration":
        return calibration(self._labels, self._probability)

    @cached_property
    def squared_error(self) -> Floats:
        """Squared error of the probability: of two classes of the second one's, of more the sum over all."""
        wrong = self._probability - np.eye(len(self.classes))[self._labels]
        return wrong[:, 1] ** 2 if len(self.classes) == 2 else (wrong**2).sum(axis=1)

    @cached_property
    def loss(self) -> Floats:
        """Cross entropy, in nats."""
        return -np.log(clipped(self._probability)[np.arange(len(self)), self._labels])

    @cached_property
    def ranked(self) -> list["Ranked"]:
        """The reviews ranked for the second of two classes, or for each of more."""
        ranked = [1] if len(self.classes) == 2 else range(len(self.classes))
        return [Ranked.by(self._probability[:, each], self._labels == each) for each in ranked]


class Ranked(NamedTuple):
    """Reviews ranked by the probability of a class, the highest first. Equal ones share a rank."""

    rank: npt.NDArray[np.int64]  # [reviews]
    positive: Floats  # [reviews], 1 for those of the class

    @classmethod
    def by(cls, probability: npt.NDArray[np.float32], positive: Bools) -> "Ranked":
        _, rank = np.unique(-probability, return_inverse=True)
        return cls(rank, positive.astype(np.float64))


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
    def confusion(self) -> Floats:
        """Weight of the reviews of each actual and predicted class: float64[classes, classes]."""
        size = len(self.predictions.classes)
        return _sums(self.predictions.pair, self.weight, size**2).reshape(size, size)

    @cached_property
    def by_rank(self) -> list[tuple[Floats, Floats]]:
        """For each ranking, the weight of the positive and of the negative reviews at each rank."""
        return [
            (_sums(rank, self.weight * positive), _sums(rank, self.weight * (1 - positive)))
            for rank, positive in self.predictions.ranked
        ]

    @cached_property
    def by_class(self) -> "ByClass":
        right, actual, found = self.confusion.diagonal(), self.confusion.sum(axis=1), self.confusion.sum(axis=0)
        precision, recall = _ratios(right, found), _ratios(right, actual)
        return ByClass(precision, recall, _ratios(2 * precision * recall, precision + recall), actual)


class ByClass(NamedTuple):
    """Precision, recall and F1 of each class, and the weight of its reviews: float64[classes] each."""

    precision: Floats
    recall: Floats
    f1: Floats
    reviews: Floats

    def macro(self, values: Floats) -> float:
        """Return the mean of values, float64[classes], over the classes that have reviews."""
        return float(values[self.reviews > 0].mean())


def _sums(index: npt.NDArray[np.int64], weight: Floats, least: int = 0) -> Floats:
    """Return the sum of the weights of each index, of at least `least` ones: float64[indices]."""
    return np.bincount(index, weight, least).astype(np.float64)


def _ratios(part: Floats, whole: Floats) -> Floats:
    """Return part / whole, 0 where whole is 0."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _ratio(part: Any, whole: Any) -> float:
    """Return part / whole, 0 where whole is 0."""
    return float(part / whole) if whole else 0.0


def accuracy(sample: Sample) -> float:
    return sample.mean(sample.predictions.right)


def precision(sample: Sample) -> float:
    return float(sample.by_class.precision[1])


def recall(sample: Sample) -> float:
    return float(sample.by_class.recall[1])


def f1(sample: Sample) -> float:
    """Harmonic mean of precision and recall."""
    return float(sample.by_class.f1[1])


def macro_precision(sample: Sample) -> float:
    return sample.by_class.macro(sample.by_class.precision)


def macro_recall(sample: Sample) -> float:
    return sample.by_class.macro(sample.by_class.recall)


def macro_f1(sample: Sample) -> float:
    return sample.by_class.macro(sample.by_class.f1)


def roc_auc(sample: Sample) -> float:
    """Share of the pairs of a positive and a negative review that are ranked right; a tie is half right.

    Of more than two classes, each is positive in turn and the others negative (one-vs-rest); the mean over the classes
    that have reviews.
    """
    found = []
    for positives, negatives in sample.by_rank:
        if positives.sum():
            above = np.cumsum(positives) - positives / 2
            found.append(_ratio(negatives @ above, positives.sum() * negatives.sum()))
    return float(np.mean(found)) if found else 0.0


def average_precision(sample: Sample) -> float:
    """Mean, over the positive reviews, of the precision at their rank."""
    ((positives, negatives),) = sample.by_rank
    found, wrong = np.cumsum(positives), np.cumsum(negatives)
    return _ratio(positives @ (found / np.maximum(found + wrong, EPSILON)), found[-1])


def log_loss(sample: Sample) -> float:
    """Mean cross entropy, in nats."""
    return sample.mean(sample.predictions.loss)


def brier(sample: Sample) -> float:
    """Mean squared error of the probability: of two classes of the positive one's, of more summed over all of them."""
    return sample.mean(sample.predictions.squared_error)


def calibration_error(sample: Sample) -> float:
    """Distance of mean probability and share of reviews where it came true, over ten equal bins of the probability.

    Of two classes it is the probability of being positive, of more that of the predicted class (Guo et al. 2017).
    """
    calibrated = sample.predictions.calibration
    gaps = np.bincount(calibrated.bin, sample.weight * (calibrated.probability - calibrated.observed))
    return float(np.abs(gaps).sum() / sample.weight.sum())


def mean_absolute_error(sample: Sample) -> float:
    """Mean distance of the predicted class from the actual one, in the unit of the classes, such as stars."""
    return float((sample.confusion * np.abs(_distances(sample))).sum() / sample.weight.sum())


def quadratic_kappa(sample: Sample) -> float:
    """Agreement of predicted and actual class beyond chance, errors weighted by their square (Cohen 1968).

    1 if all are right, 0 by chance.
    """
    squared = _distances(sample) ** 2
    chance = np.outer(sample.confusion.sum(axis=1), sample.confusion.sum(axis=0)) / sample.weight.sum()
    return 1 - _ratio((squared * sample.confusion).sum(), (squared * chance).sum())


def _distances(sample: Sample) -> Floats:
    """Return the difference of every pair of classes: float64[classes, classes]."""
    values = np.array(sample.predictions.classes.values, np.float64)
    return values[:, None] - values


Metric = Callable[[Sample], float]

METRICS: dict[str, Metric] = {  # of two classes; precision and those below it are about the second one
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

MULTICLASS_METRICS: dict[str, Metric] = {  # of more classes
    "accuracy": accuracy,
    "macro_precision": macro_precision,
    "macro_recall": macro_recall,
    "macro_f1": macro_f1,
    "roc_auc": roc_auc,
    "log_loss": log_loss,
    "brier": brier,
    "calibration_error": calibration_error,
}

ORDERED_METRICS: dict[str, Metric] = {  # besides, of classes that are numbers
    "mean_absolute_error": mean_absolute_error,
    "quadratic_kappa": quadratic_kappa,
}


def metrics_of(classes: Classes) -> Mapping[str, Metric]:
    """Return the metrics that apply to some classes."""
    if len(classes) == 2:
        return METRICS
    return MULTICLASS_METRICS if classes.values is None else MULTICLASS_METRICS | ORDERED_METRICS


def score(sample: Sample) -> dict[str, float]:
    """Return every metric of a sample that applies to its classes."""
    return {name: metric(sample) for name, metric in metrics_of(sample.predictions.classes).items()}


def report(labels: Labels, probability: Probabilities, classes: Classes, config: EvaluationConfig) -> dict[str, Any]:
    """Return what a metrics file holds of some predictions: the metrics, and 95 % intervals of accuracy and ROC AUC."""
    predictions = Predictions(labels, probability, classes, config.threshold)
    scores = score(Sample.whole(predictions))
    accuracy_low, accuracy_high = intervals.wilson(scores["accuracy"], len(labels))
    samples = intervals.bootstrap(labels, config.bootstrap_samples)
    roc_auc_low, roc_auc_high = intervals.central([roc_auc(Sample(predictions, weight)) for weight in samples])
    return {
        "reviews": len(labels),
        "accuracy": scores.pop("accuracy"),
        "majority_accuracy": float(np.bincount(labels).max() / len(labels)),  # of always predicting the largest class
        **scores,
        "accuracy_low": accuracy_low,
        "accuracy_high": accuracy_high,
        "roc_auc_low": float(roc_auc_low),
        "roc_auc_high": float(roc_auc_high),
    }


def clipped(probability: Probabilities) -> Floats:
    """Return probabilities whose logarithm is finite: float64[reviews, classes]."""
    exact = np.clip(probability.astype(np.float64), EPSILON, 1 - EPSILON)
    if exact.shape[1] == 2:  # the second one is that which is stored; the first has been rounded once more
        exact[:, 0] = 1 - exact[:, 1]
    return exact


class Calibration(NamedTuple):
    """The probability whose calibration counts, that of being positive or that of the predicted one of more classes."""

    bin: npt.NDArray[np.int64]  # [reviews], of BINS equal ones
    probability: Floats  # [reviews]
    observed: Floats  # [reviews], 1 where it came true


def calibration(labels: Labels, probability: Probabilities) -> Calibration:
    counted = probability[:, 1] if probability.shape[1] == 2 else probability.max(axis=1)
    observed = labels == 1 if probability.shape[1] == 2 else labels == probability.argmax(axis=1)
    bins = np.minimum((counted * BINS).astype(np.int64), BINS - 1)
    return Calibration(bins, counted.astype(np.float64), observed.astype(np.float64))
