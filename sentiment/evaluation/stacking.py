"""Stacking: what two classifiers know together (Wolpert 1992).

The log-odds of both are added, each times a weight. The weights are fitted to the validation split, which neither has
learned from: on their own training reviews both are surer than they will ever be again. The network's best epoch was
chosen there, which flatters it a little and the baseline not at all.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from sentiment.evaluation.metrics import TINY, Labels, Probabilities


class StackedClassifier(NamedTuple):
    """A logistic regression of two log-odds."""

    model: LogisticRegression

    @classmethod
    def fit(cls, one: Probabilities, other: Probabilities, labels: Labels) -> "StackedClassifier":
        """Learn the weights. The penalty of 1 keeps them finite where a classifier separates all reviews."""
        return cls(LogisticRegression(C=1.0).fit(_log_odds(one, other), labels))

    @property
    def weights(self) -> tuple[float, float]:
        """What the log-odds of each are worth."""
        one, other = self.model.coef_[0]
        return float(one), float(other)

    def __call__(self, one: Probabilities, other: Probabilities) -> Probabilities:
        """Return each review's probability of being positive by both: float32[reviews]."""
        probability: Probabilities = self.model.predict_proba(_log_odds(one, other))[:, 1].astype(np.float32)
        return probability


def _log_odds(one: Probabilities, other: Probabilities) -> npt.NDArray[np.float64]:
    both = np.stack([one, other], axis=1).astype(np.float64)
    odds: npt.NDArray[np.float64] = logit(np.clip(both, TINY, 1 - TINY))
    return odds
