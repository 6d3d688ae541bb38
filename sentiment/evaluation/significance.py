"""Two sets of predictions for the same reviews: by how much they differ, and whether chance would do that.

An interval is of 95 %, from bootstrap samples of the reviews (Efron 1979); a sample without one of the classes is drawn
again. Both sets are scored on the same samples, so the interval of a difference is that of pairs, far narrower than the
two intervals beside each other suggest. It says what other reviews would change, not what another seed of the training
would. The accuracy of one set has the interval of `scoring`, which stays honest where every review is right. The
calibration error has none: a sample's bins are less even than the reviews' own, so its samples all err upwards.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from sentiment.evaluation.metrics import BINS, TINY, Labels, Probabilities, accuracy_interval

Weights = npt.NDArray[np.float64]


class WeightedMetrics:
    """Scores one set of predictions with a weight for each review: a bootstrap sample is a weight of 0, 1, 2, ...

    With equal weights the figures are those of `scoring.summary`.

    >>> labels, probability = np.array([0, 1, 1], np.uint8), np.array([0.2, 0.4, 0.9], np.float32)
    >>> scores = Judge(labels, probability, 0.5)(np.array([1.0, 2.0, 1.0]))
    >>> scores["accuracy"], scores["recall"], scores["roc_auc"]
    (0.5, 0.3333333333333333, 1.0)
    """

    def __init__(self, labels: Labels, probability: Probabilities, threshold: float) -> None:
        self._positive = labels == 1
        self._called = probability >= threshold
        _, self._rank = np.unique(-probability, return_inverse=True)  # equal probabilities share one
        clipped = np.clip(probability.astype(np.float64), TINY, 1 - TINY)
        self._loss = -np.log(np.where(self._positive, clipped, 1 - clipped))
        self._gap = probability.astype(np.float64) - labels
        self._bin = np.minimum((probability * BINS).astype(np.int64), BINS - 1)

    def __call__(self, weight: Weights) -> dict[str, float]:
        """Return the weighted metrics. A ratio without a denominator is 0."""
        total = weight.sum()
        hit = _share(weight @ (self._called & self._positive), 1)
        precision = _share(hit, weight @ self._called)
        recall = _share(hit, weight @ self._positive)
        at = [np.bincount(self._rank, weight * which) for which in (self._positive, ~self._positive)]
        found, wrong = (np.cumsum(each) for each in at)
        return {
            "accuracy": float(weight @ (self._called == self._positive) / total),
            "precision": precision,
            "recall": recall,
            "f1": _share(2 * precision * recall, precision + recall),
            "roc_auc": _share(float(at[1] @ (found - at[0] / 2)), found[-1] * wrong[-1]),
            "average_precision": _share(float(at[0] @ (found / np.maximum(found + wrong, TINY))), found[-1]),
            "log_loss": float(weight @ self._loss / total),
            "brier": float(weight @ self._gap**2 / total),
            "calibration_error": float(np.abs(np.bincount(self._bin, weight * self._gap)).sum() / total),
        }


def _share(part: Any, whole: Any) -> float:
    return float(part / whole) if whole else 0.0


@dataclass(frozen=True)
class Comparison:
    """`metrics` has of each `a`, `b` and `difference` (b minus a), with `low` and `high`; the rest counts reviews."""

    reviews: int
    changed_sides: int
    only_a_right: int
    only_b_right: int
    mcnemar_p: float
    metrics: Mapping[str, Mapping[str, Mapping[str, float]]]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def compare(labels: Labels, a: Probabilities, b: Probabilities, threshold: float, samples: int) -> Comparison:
    """Compare two sets of predictions for the same reviews: uint8[reviews], float32[reviews] each.

    McNemar's test in its exact form asks how likely so uneven a split of the reviews that one set alone has right
    would be, if both were as good: the binomial probability, two-sided (McNemar 1947).
    """
    judges = WeightedMetrics(labels, a, threshold), WeightedMetrics(labels, b, threshold)
    random = np.random.Generator(np.random.PCG64(0))
    reviews = len(labels)

    def scored(weight: Weights) -> list[dict[str, float]]:
        one, other = (judge(weight) for judge in judges)
        return [one, other, {name: other[name] - one[name] for name in one}]

    point = scored(np.ones(reviews))
    classes = len(np.unique(labels))

    def sample() -> Weights:
        while True:
            drawn = random.integers(0, reviews, reviews)
            if len(np.unique(labels[drawn])) == classes:
                return np.bincount(drawn, minlength=reviews).astype(np.float64)

    drawn = np.array([[list(which.values()) for which in scored(sample())] for _ in range(samples)])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    metrics: dict[str, dict[str, dict[str, float]]] = {}
    for row, name in enumerate(point[0]):
        metrics[name] = {
            column: {"value": point[place][name], "low": float(low[place, row]), "high": float(high[place, row])}
            for place, column in enumerate(("a", "b", "difference"))
        }
    for column, probability in (("a", a), ("b", b)):
        ends = accuracy_interval(labels, probability, threshold)
        metrics["accuracy"][column] |= dict(zip(("low", "high"), ends, strict=True))
    metrics["calibration_error"] = {
        column: {"value": cell["value"]} for column, cell in metrics["calibration_error"].items()
    }
    right = [(each >= threshold) == (labels == 1) for each in (a, b)]
    only_a, only_b = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    uneven = only_a + only_b
    p = float(stats.binomtest(only_a, uneven, 0.5).pvalue) if uneven else 1.0
    return Comparison(reviews, only_a + only_b, only_a, only_b, p, metrics)
