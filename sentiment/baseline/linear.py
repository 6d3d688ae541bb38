"""Linear classifiers of n-grams, the baseline for the network.

tfidf   (1 + log count) times inverse document frequency, each row scaled to length 1
nbsvm   presence times log-count ratio, the log of how much likelier the n-gram is in positive reviews than in negative
        ones (Wang and Manning 2012, here with logistic regression instead of their SVM)
"""

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression

Features = Literal["tfidf", "nbsvm"]


class FeatureWeighting:
    """Turns counts into weighted features. What it needs of the training split is learned when it is made."""

    def __init__(self, kind: Features, counts: sparse.csr_array, labels: npt.NDArray[np.uint8]) -> None:
        self._kind = kind
        if kind == "tfidf":
            self._tfidf = TfidfTransformer(sublinear_tf=True).fit(counts)
        else:
            present = counts.sign()
            positive, negative = (1 + present[labels == label].sum(axis=0) for label in (1, 0))
            self._ratio = np.log(positive / positive.sum()) - np.log(negative / negative.sum())

    def __call__(self, counts: sparse.csr_array) -> sparse.csr_array:
        """Return the weighted features of some reviews, from their counts: float64[reviews, features] both."""
        if self._kind == "tfidf":
            return sparse.csr_array(self._tfidf.transform(counts))
        return counts.sign().multiply(self._ratio).tocsr()


def predict(
    train: sparse.csr_array, labels: npt.NDArray[np.uint8], others: list[sparse.csr_array], c: float
) -> list[npt.NDArray[np.float32]]:
    """Fit a logistic regression to `train` and return the probability of being positive in `others`: float32[reviews].

    The solver is liblinear's dual coordinate descent (Fan et al. 2008): it runs on one thread and visits the reviews
    in an order that depends on its seed alone, so the result is reproducible.
    """
    model = LogisticRegression(C=c, solver="liblinear", dual=True, max_iter=1000, random_state=0)
    model.fit(train, labels)
    return [model.predict_proba(features)[:, 1].astype(np.float32) for features in others]
