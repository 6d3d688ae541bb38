"""Word vectors from which words stand near which, learned from reviews without their labels.

Words that keep the same company mean about the same: the positive pointwise mutual information of all pairs, factored
by a truncated SVD, gives vectors as good as word2vec's from the same text (Levy, Goldberg and Dagan 2015, TACL 3,
whose three choices these are: near pairs weigh more, context counts to the power 0.75, half of the singular values).
"""

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from threadpoolctl import threadpool_limits

from sentiment.data.encoding import Lengths
from sentiment.data.vocabulary import FIRST_TOKEN, Ids


def count(ids: Ids, lengths: Lengths, words: int, window: int) -> sparse.csr_array:
    """Return how often each pair of words stands within `window` tokens of each other: int64[words, words], symmetric.

    ids[tokens] of reviews with so many tokens each; `words` have an id of their own. Neighbours count `window` times,
    the farthest pairs once. Tokens out of the vocabulary take their places, but are in no pair.

    >>> count(np.array([2, 3, 1, 2, 3], np.uint8), np.array([4, 1]), words=2, window=3).toarray().tolist()
    [[2, 5], [5, 0]]
    """
    review = np.repeat(np.arange(len(lengths)), lengths)
    found = sparse.csr_array((words, words), dtype=np.int64)
    for distance in range(1, min(window, max(lengths, default=0) - 1) + 1):
        left, right = ids[:-distance], ids[distance:]
        pairs = (review[:-distance] == review[distance:]) & (left >= FIRST_TOKEN) & (right >= FIRST_TOKEN)
        places = left[pairs].astype(np.int64) - FIRST_TOKEN, right[pairs].astype(np.int64) - FIRST_TOKEN
        weights = np.full(len(places[0]), window + 1 - distance)
        found += sparse.coo_array((weights, places), shape=found.shape).tocsr()
    return sparse.csr_array(found + found.T)


def ppmi(counts: sparse.csr_array) -> sparse.csr_array:
    """Return the positive pointwise mutual information in nats, log P(w, c) / P(w) P(c) where above 0: float64."""
    pairs = counts.tocoo()
    word, context = pairs.coords
    totals = counts.sum(axis=1).astype(np.float64)
    smoothed = totals**0.75
    mutual = np.log(pairs.data / totals[word] * (smoothed.sum() / smoothed[context]))
    kept = mutual > 0
    return sparse.coo_array((mutual[kept], (word[kept], context[kept])), shape=counts.shape).tocsr()


def vectors(information: sparse.csr_array, width: int, std: float) -> npt.NDArray[np.float32]:
    """Return a vector for each word: float32[words, width], zero where a row is, with this standard deviation.

    Some `information` must not be zero. One BLAS thread, since the order of its sums changes bits; those that a
    processor's own order changes are far below what float32 keeps.
    """
    svd = TruncatedSVD(width, n_iter=4, random_state=0)
    with threadpool_limits(1, "blas"):
        scaled = svd.fit_transform(information)  # left singular vectors times singular values
    values = scaled / np.sqrt(np.maximum(svd.singular_values_, np.finfo(np.float64).tiny))
    return np.asarray(values * (std / values.std()), np.float32)
