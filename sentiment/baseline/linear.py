"""Linear classifiers of n-grams, the baseline for the network.

tfidf   (1 + log count) times inverse document frequency, each row scaled to length 1
nbsvm   presence times log-count ratio, the log of how much likelier the n-gram is in reviews of a class than in others
        (Wang and Manning 2012, here with logistic regression instead of their SVM)

For two classes there is one logistic regression, for the second class. For more there is one for each class against all
others, and their probabilities are normalized (one-vs-rest).
"""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.special import expit, logit

from sentiment.data.predictions import Probabilities, both

Features = Literal["tfidf", "nbsvm"]
Labels = npt.NDArray[np.uint8]
Floats32 = npt.NDArray[np.float32]


class Weights(NamedTuple):
    """What a classifier learned: one column for the second of two classes, or one for each of more than two.

    A weight is what the n-gram adds to the log-odds; for tfidf it is multiplied by the feature first. All numbers are
    rounded to float32, so that processors whose logarithms differ in the last bits of float64 give the same file.
    """

    weights: Floats32  # [features, columns]
    intercepts: Floats32  # [columns]
    idf: Floats32 | None  # [features], inverse document frequencies of tfidf


def fit(kind: Features, counts: sparse.csr_array, labels: Labels, num_classes: int, c: float) -> Weights:
    """Fit a classifier to the counts of n-grams, float64[reviews, features].

    The solver is liblinear's dual coordinate descent (Fan et al. 2008): it runs on one thread and visits the reviews
    in an order that depends on its seed alone, so the result is reproducible. It copies the features, which takes 16
    bytes for each that is not 0.
    """
    from sklearn.linear_model import LogisticRegression

    idf = None
    if kind == "tfidf":
        from sklearn.feature_extraction.text import TfidfTransformer

        transformer = TfidfTransformer(sublinear_tf=True).fit(counts)
        counts, idf = sparse.csr_array(transformer.transform(counts)), transformer.idf_.astype(np.float32)
    weights, intercepts = [], []
    for label in [1] if num_classes == 2 else range(num_classes):
        positive = labels == label
        if not positive.any():  # the log-odds as if half a review were of this class
            weights.append(np.zeros(counts.shape[1]))
            intercepts.append(logit(0.5 / (len(labels) + 1)))
            continue
        model = LogisticRegression(C=c, solver="liblinear", dual=True, max_iter=1000, random_state=0)
        if kind == "nbsvm":
            ratio = log_count_ratio(counts, positive)
            weights.append(ratio * model.fit(_scaled(counts, ratio), positive).coef_[0])
        else:
            weights.append(model.fit(counts, positive).coef_[0])
        intercepts.append(model.intercept_[0])
    return Weights(np.stack(weights, axis=1).astype(np.float32), np.array(intercepts, np.float32), idf)


def log_count_ratio(counts: sparse.csr_array, positive: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return the log of how much likelier each n-gram is in `positive` reviews than in others: float64[features]."""
    positive_cell = np.repeat(positive, np.diff(counts.indptr))  # for each count, whether its review is positive
    ones, others = (
        1 + np.bincount(counts.indices[positive_cell == each], minlength=counts.shape[1]) for each in (True, False)
    )
    ratio: npt.NDArray[np.float64] = np.log(ones / ones.sum()) - np.log(others / others.sum())
    return ratio


def _scaled(counts: sparse.csr_array, scale: npt.NDArray[np.float64]) -> sparse.csr_array:
    """Return the scale of each n-gram in the reviews that contain it, 0 in others: float64[reviews, features]."""
    return sparse.csr_array((scale[counts.indices], counts.indices, counts.indptr), shape=counts.shape)


def predict(learned: Weights, counts: sparse.csr_array) -> Probabilities:
    """Return the probabilities of some reviews, from the counts of their n-grams: float32[reviews, classes]."""
    if learned.idf is None:
        features = _scaled(counts, np.ones(counts.shape[1]))
    else:
        from sklearn.feature_extraction.text import TfidfTransformer

        transformer = TfidfTransformer(sublinear_tf=True)
        transformer.idf_ = learned.idf.astype(np.float64)
        features = sparse.csr_array(transformer.transform(counts))
    probability = expit(features @ learned.weights.astype(np.float64) + learned.intercepts)
    if probability.shape[1] == 1:
        return both(probability[:, 0])
    normalized: Probabilities = (probability / probability.sum(axis=1, keepdims=True)).astype(np.float32)
    return normalized
