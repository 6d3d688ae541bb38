"""How good predictions are: metrics with their uncertainty, and the curves behind the plots."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics

from sentiment.config.evaluation import EvaluationConfig

Labels = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float32]

BINS = 10  # of equal width, for calibration
POINTS = 200  # of a curve, at most: a curve in Git need not have 25,000
_SEED = 0  # of the bootstrap, so that equal predictions give equal intervals
TINY = 1e-7  # a probability is kept this far from 0 and 1 in the log loss: float32 rounds closer ones


def report(labels: Labels, probability: Probabilities, how: EvaluationConfig) -> dict[str, Any]:
    """Return the metrics of some predictions with the 95 % intervals of accuracy and ROC AUC."""
    found = summary(labels, probability, how.threshold)
    found["accuracy_low"], found["accuracy_high"] = accuracy_interval(labels, probability, how.threshold)
    area = roc_auc_interval(labels, probability, how.bootstrap_samples, _SEED)
    found["roc_auc_low"], found["roc_auc_high"] = area
    return found


def summary(labels: Labels, probability: Probabilities, threshold: float) -> dict[str, Any]:
    """Return the metrics of some predictions, a review counting as positive from `threshold` on.

    ROC AUC and average precision read the ranking alone; log loss (nats), Brier score and expected calibration error
    read the probability itself, the last in ten equal bins of the probability of being positive. (Guo et al. 2017 have
    many classes, and bin the confidence of the predicted one.)
    """
    predicted = probability >= threshold
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, predicted, average="binary", zero_division=0.0
    )
    clipped = np.clip(probability.astype(np.float64), TINY, 1 - TINY)
    return {
        "reviews": len(labels),
        "accuracy": float(np.mean(predicted == labels)),
        "majority_accuracy": float(max(labels.mean(), 1 - labels.mean())),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "roc_auc": float(metrics.roc_auc_score(labels, probability)),
        "average_precision": float(metrics.average_precision_score(labels, probability)),
        "log_loss": float(metrics.log_loss(labels, clipped)),
        "brier": float(metrics.brier_score_loss(labels, probability)),
        "calibration_error": _calibration_error(labels, probability),
    }


def accuracy_interval(labels: Labels, probability: Probabilities, threshold: float) -> tuple[float, float]:
    """Return the 95 % interval of the accuracy (Wilson 1927), which stays honest where every review is right.

    It says how far the accuracy would move with other reviews, not with another seed of the training.

    >>> low, high = accuracy_interval(np.array([0, 1] * 50, np.uint8), np.array([0, 1] * 50, np.float32), 0.5)
    >>> round(low, 3), round(high, 3)
    (0.963, 1.0)
    """
    reviews, z = len(labels), 1.959964
    share = float(np.mean((probability >= threshold) == labels))
    centre = share + z**2 / (2 * reviews)
    spread = z * np.sqrt(share * (1 - share) / reviews + z**2 / (4 * reviews**2))
    scale = 1 + z**2 / reviews
    return float(max((centre - spread) / scale, 0)), float(min((centre + spread) / scale, 1))


def roc_auc_interval(labels: Labels, probability: Probabilities, samples: int, seed: int) -> tuple[float, float]:
    """Return the 95 % interval of the ROC AUC over bootstrap samples, drawn within each class (Efron 1979).

    A sample that draws a review twice gives it the weight 2, so the reviews are sorted once for all samples. The AUC is
    the share of pairs of a positive and a negative review that are ranked right, ties counting half.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    values, rank = np.unique(probability, return_inverse=True)
    ranks = [rank[labels == label] for label in (0, 1)]
    areas = []
    for _ in range(samples):
        drawn = (own[random.integers(0, len(own), len(own))] for own in ranks)
        negatives, positives = (np.bincount(chosen, minlength=len(values)) for chosen in drawn)
        below = np.cumsum(negatives) - negatives / 2
        areas.append(float(positives @ below) / (len(ranks[0]) * len(ranks[1])))
    low, high = np.quantile(areas, [0.025, 0.975])
    return float(low), float(high)


def confusion(labels: Labels, probability: Probabilities, threshold: float) -> Iterator[tuple[str, str, int, float]]:
    """Yield actual, predicted, count and share of the actual class, negatives first: four rows."""
    names = ("negative", "positive")
    counts = metrics.confusion_matrix(labels, probability >= threshold, labels=[0, 1])
    for actual, row in enumerate(counts):
        for predicted, count in enumerate(row):
            yield names[actual], names[predicted], int(count), float(count / row.sum())


def roc(labels: Labels, probability: Probabilities) -> Iterator[tuple[float, float]]:
    """Yield false and true positive rate, from (0, 0) to (1, 1)."""
    false, true, _ = metrics.roc_curve(labels, probability)
    return _thinned(false, true)


def precision_recall(labels: Labels, probability: Probabilities) -> Iterator[tuple[float, float]]:
    """Yield recall and precision, by recall ascending."""
    precision, recall, _ = metrics.precision_recall_curve(labels, probability)
    return _thinned(recall[::-1], precision[::-1])


def calibration(labels: Labels, probability: Probabilities) -> Iterator[tuple[float, float, int]]:
    """Yield the mean probability, the share of positives and the number of reviews of each bin that holds any."""
    bins = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    for number in np.unique(bins):
        inside = bins == number
        yield float(probability[inside].mean(dtype=np.float64)), float(labels[inside].mean()), int(inside.sum())


def by_length(
    labels: Labels, probability: Probabilities, lengths: npt.NDArray[np.int64], threshold: float
) -> Iterator[tuple[int, int, float, int]]:
    """Yield shortest, longest, accuracy and number of the reviews of each tenth by tokens that the network read.

    Reviews of one length stay together, so the parts are tenths only as far as lengths differ.
    """
    right = (probability >= threshold) == labels
    limits = np.unique(np.quantile(lengths, np.arange(1, 11) / 10, method="inverted_cdf"))
    part = np.searchsorted(limits, lengths)
    for number in np.unique(part):
        inside = part == number
        yield int(lengths[inside].min()), int(lengths[inside].max()), float(right[inside].mean()), int(inside.sum())


def _calibration_error(labels: Labels, probability: Probabilities) -> float:
    gaps = (abs(predicted - observed) * count for predicted, observed, count in calibration(labels, probability))
    return float(sum(gaps) / len(labels))


def _thinned(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> Iterator[tuple[float, float]]:
    kept = np.unique(np.linspace(0, len(x) - 1, POINTS).round().astype(np.int64))
    return zip(x[kept].tolist(), y[kept].tolist(), strict=True)
