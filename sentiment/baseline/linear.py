"""Linear classifiers over word sequences, which a recurrent network has to beat.

tfidf   (1 + log count) times inverse document frequency, rows of length 1
nbsvm   presence, times how much likelier the sequence is in a positive review than in a negative one, as a logarithm
        (Wang and Manning 2012, with a logistic regression in the place of their support vector machine)
"""

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression

Features = Literal["tfidf", "nbsvm"]


class FeatureWeighting:
    """What the counts of a feature are worth, learned from the training split: float64[reviews, features]."""

    def __init__(self, kind: Features, counts: sparse.csr_array, labels: npt.NDArray[np.uint8]) -> None:
        self._kind = kind
        if kind == "tfidf":
            self._tfidf = TfidfTransformer(sublinear_tf=True).fit(counts)
        else:
            present = counts.sign()
            positive, negative = (1 + present[labels == label].sum(axis=0) for label in (1, 0))
            self._ratio = np.log(positive / positive.sum()) - np.log(negative / negative.sum())

    def __call__(self, counts: sparse.csr_array) -> sparse.csr_array:
        """Return the counts' worth."""
        if self._kind == "tfidf":
            return sparse.csr_array(self._tfidf.transform(counts))
        return counts.sign().multiply(self._ratio).tocsr()


def probabilities(
    train: sparse.csr_array, labels: npt.NDArray[np.uint8], unseen: list[sparse.csr_array], c: float
) -> list[npt.NDArray[np.float32]]:
    """Return other reviews' probabilities of being positive, by a logistic regression: float32[reviews] each.

    liblinear (Fan et al. 2008) on its dual problem: one thread, and the same visits in the same order in every run.
    """
    model = LogisticRegression(C=c, solver="liblinear", dual=True, max_iter=1000, random_state=0)
    model.fit(train, labels)
    return [model.predict_proba(features)[:, 1].astype(np.float32) for features in unseen]
