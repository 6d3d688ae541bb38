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
Labels = npt.NDArray[np.uint8]


class FeatureWeighting:
    """Turns counts into weighted features. What it needs of the training split is learned when it is made."""

    def __init__(self, kind: Features, counts: sparse.csr_array, labels: Labels) -> None:
        self._kind = kind
        if kind == "tfidf":
            self._tfidf = TfidfTransformer(sublinear_tf=True).fit(counts)
        else:
            label = np.repeat(labels, np.diff(counts.indptr))  # of each count's review
            positive, negative = (
                1 + np.bincount(counts.indices[label == each], minlength=counts.shape[1]) for each in (1, 0)
            )
            self._ratio = np.log(positive / positive.sum()) - np.log(negative / negative.sum())

    def __call__(self, counts: sparse.csr_array) -> sparse.csr_array:
        """Return the weighted features of some reviews, from their counts: float64[reviews, features] both."""
        if self._kind == "tfidf":
            return sparse.csr_array(self._tfidf.transform(counts))
        return sparse.csr_array((self._ratio[counts.indices], counts.indices, counts.indptr), shape=counts.shape)


def fit(features: sparse.csr_array, labels: Labels, c: float) -> LogisticRegression:
    """Fit a logistic regression to weighted features.

    The solver is liblinear's dual coordinate descent (Fan et al. 2008): it runs on one thread and visits the reviews
    in an order that depends on its seed alone, so the result is reproducible. It makes a copy of the features, of 16
    bytes for each that is not 0.
    """
    return LogisticRegression(C=c, solver="liblinear", dual=True, max_iter=1000, random_state=0).fit(features, labels)


def predict(model: LogisticRegression, features: sparse.csr_array) -> npt.NDArray[np.float32]:
    """Return each review's probability of being positive: float32[reviews]."""
    return np.asarray(model.predict_proba(features)[:, 1], np.float32)
