"""Stacking: one classifier of two classifiers' predictions (Wolpert 1992).

A logistic regression weighs the log-odds of both. It is fitted on the validation split, where neither model is as
overconfident as on its own training reviews. The network's best epoch was chosen on that split too, which favours the
network a little.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from sentiment.evaluation.metrics import EPSILON, Labels, Probabilities


class StackedClassifier(NamedTuple):
    """A logistic regression of two log-odds."""

    model: LogisticRegression

    @classmethod
    def fit(cls, one: Probabilities, other: Probabilities, labels: Labels) -> "StackedClassifier":
        """Fit the weights. L2 regularization, C = 1, keeps them finite where a classifier separates all reviews."""
        return cls(LogisticRegression(C=1.0).fit(_log_odds(one, other), labels))

    @property
    def weights(self) -> tuple[float, float]:
        """The coefficient of each classifier's log-odds."""
        one, other = self.model.coef_[0]
        return float(one), float(other)

    def __call__(self, one: Probabilities, other: Probabilities) -> Probabilities:
        """Return each review's probability of being positive: float32[reviews]."""
        probability: Probabilities = self.model.predict_proba(_log_odds(one, other))[:, 1].astype(np.float32)
        return probability


def _log_odds(one: Probabilities, other: Probabilities) -> npt.NDArray[np.float64]:
    """Return float64[reviews, 2]."""
    both = np.stack([one, other], axis=1).astype(np.float64)
    log_odds: npt.NDArray[np.float64] = logit(np.clip(both, EPSILON, 1 - EPSILON))
    return log_odds
