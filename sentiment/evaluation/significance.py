"""Compare two sets of predictions for the same reviews: the difference of every metric, and whether it is chance.

Both sets are scored on the same bootstrap samples, so the interval of a difference is one of pairs: far narrower than
the intervals of the two metrics suggest.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats

from sentiment.data.classes import Classes
from sentiment.data.predictions import Probabilities, predicted
from sentiment.evaluation import intervals
from sentiment.evaluation.metrics import Floats, Labels, Predictions, Sample, metrics_of, score

# A sample repeats reviews, so its bins are less even than those of all reviews: its calibration error is too large.
WITHOUT_INTERVAL = {"calibration_error"}


@dataclass(frozen=True)
class Comparison:
    """Two sets of predictions, a and b, for the same reviews.

    `metrics` has a mapping for each metric, {"a", "b", "difference"}: {"value", "low", "high"}; the difference is
    b - a. A review is discordant if one set alone has it right.
    """

    reviews: int
    discordant: int
    only_a_right: int
    only_b_right: int
    mcnemar_p: float
    metrics: Mapping[str, Mapping[str, Mapping[str, float]]]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def compare(
    labels: Labels, a: Probabilities, b: Probabilities, classes: Classes, threshold: float, samples: int
) -> Comparison:
    """Compare two sets of probabilities, float32[reviews, classes], by bootstrap samples and McNemar's test."""
    both = [Predictions(labels, probability, classes, threshold) for probability in (a, b)]
    right_a, right_b = (predictions.right for predictions in both)
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    return Comparison(
        reviews=len(labels),
        discordant=only_a + only_b,
        only_a_right=only_a,
        only_b_right=only_b,
        mcnemar_p=mcnemar(only_a, only_b),
        metrics=_differences(labels, both, samples),
    )


def accuracy_gain(
    labels: Labels, a: Probabilities, b: Probabilities, threshold: float, samples: int
) -> tuple[float, float, float]:
    """Return how much higher the accuracy of `b` is than that of `a`, and the interval of this difference."""
    right_a, right_b = (predicted(probability, threshold) == labels for probability in (a, b))
    gain = right_b.astype(np.float64) - right_a
    drawn = [float(weight @ gain / len(labels)) for weight in intervals.bootstrap(labels, samples)]
    low, high = intervals.central(drawn)
    return float(gain.mean()), float(low), float(high)


def mcnemar(only_a_right: int, only_b_right: int) -> float:
    """Return the exact two-sided p-value of the reviews that one set alone has right, were both as good (McNemar 1947).

    >>> mcnemar(5, 1)  # 2 (C(6, 0) + C(6, 1)) / 2**6
    0.21875
    """
    changed = only_a_right + only_b_right
    return float(stats.binomtest(only_a_right, changed, 0.5).pvalue) if changed else 1.0


def _differences(labels: Labels, both: list[Predictions], samples: int) -> dict[str, dict[str, dict[str, float]]]:
    """Return value, low and high of every metric for both sets and for their difference."""
    names = list(metrics_of(both[0].classes))

    def scores(weight: Floats) -> Floats:
        """Return float64[3, metrics]."""
        a, b = (np.array(list(score(Sample(predictions, weight)).values())) for predictions in both)
        return np.stack([a, b, b - a])

    value = scores(np.ones(len(labels)))
    low, high = intervals.central([scores(weight) for weight in intervals.bootstrap(labels, samples)])
    for row in range(2):  # the bootstrap finds no uncertainty in an accuracy of 1
        accuracy = names.index("accuracy")
        low[row, accuracy], high[row, accuracy] = intervals.wilson(value[row, accuracy], len(labels))
    ends = {"value": value, "low": low, "high": high}
    return {
        name: {
            column: {
                end: float(values[row, place])
                for end, values in ends.items()
                if end == "value" or name not in WITHOUT_INTERVAL
            }
            for row, column in enumerate(("a", "b", "difference"))
        }
        for place, name in enumerate(names)
    }
