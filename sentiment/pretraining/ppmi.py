"""Word vectors from co-occurrence counts of the training reviews, without their labels.

Words that occur in the same contexts have similar meanings. The positive pointwise mutual information (PPMI) of all
pairs of words, factorized by a truncated SVD, gives vectors as good as word2vec's from the same text (Levy, Goldberg
and Dagan 2015, TACL 3). Three choices are theirs: near pairs count more, context counts are raised to the power 0.75,
and singular values to the power 0.5.
"""

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from threadpoolctl import threadpool_limits

from sentiment.data.encoding import Lengths
from sentiment.data.vocabulary import FIRST_TOKEN, Ids

# What bounds the memory: tokens counted at a time, and pairs of words in the matrix. IMDb's 21,000 training reviews
# have 7.8 million pairs of 30,000 words, in both directions together, which take 340 MiB at the most.
CHUNK_TOKENS = 1_000_000
MAX_PAIRS = 10_000_000  # in one direction


def cooccurrences(ids: Ids, lengths: Lengths, num_words: int, window: int) -> sparse.csr_array:
    """Return how often each pair of words occurs within `window` tokens: int64[words, words], symmetric.

    `ids[tokens]` are those of all reviews, `lengths` the tokens of each, `num_words` the words with an id of their own.
    Neighbours count `window` times, the most distant pairs once. Tokens out of the vocabulary count for the distance,
    but are in no pair. Beyond `MAX_PAIRS`, the rarest pairs so far are forgotten.

    >>> two_reviews = np.array([2, 3, 1, 2, 3], np.uint8), np.array([4, 1])
    >>> cooccurrences(*two_reviews, num_words=2, window=3).toarray().tolist()
    [[2, 5], [5, 0]]
    """
    counts = sparse.csr_array((num_words, num_words), dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    first = 0
    while first < len(lengths):
        last = max(int(np.searchsorted(offsets, offsets[first] + CHUNK_TOKENS)), first + 1)
        chunk = ids[offsets[first] : offsets[min(last, len(lengths))]]
        counts += _count_pairs(chunk, lengths[first:last], num_words, window)
        first = last
        rarest = 0
        while counts.nnz > MAX_PAIRS:
            rarest += 1
            counts.data[counts.data <= rarest] = 0
            counts.eliminate_zeros()
    return sparse.csr_array(counts + counts.T)


def _count_pairs(ids: Ids, lengths: Lengths, num_words: int, window: int) -> sparse.csr_array:
    """Return how often a word occurs before another: int64[words, words]."""
    review = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    counts = sparse.csr_array((num_words, num_words), dtype=np.int64)
    for distance in range(1, min(window, max(lengths, default=0) - 1) + 1):
        left, right = ids[:-distance], ids[distance:]
        paired = (review[:-distance] == review[distance:]) & (left >= FIRST_TOKEN) & (right >= FIRST_TOKEN)
        pairs = left[paired].astype(np.int32) - FIRST_TOKEN, right[paired].astype(np.int32) - FIRST_TOKEN
        weights = np.full(len(pairs[0]), window + 1 - distance)
        counts += sparse.coo_array((weights, pairs), shape=counts.shape).tocsr()
    return counts


def ppmi(counts: sparse.csr_array) -> sparse.csr_array:
    """Return max(0, log P(word, context) / (P(word) P(context))) in nats, of co-occurrence counts: float64."""
    totals = counts.sum(axis=1).astype(np.float64)
    smoothed = totals**0.75
    # In place: of a large matrix, each copy takes hundreds of megabytes. A word that is in no pair has no row.
    rarity = np.divide(smoothed.sum(), smoothed, out=np.zeros_like(smoothed), where=smoothed > 0)
    information = counts.data / np.repeat(totals, np.diff(counts.indptr))
    information *= rarity[counts.indices]
    np.log(information, out=information)
    positive = information > 0
    starts = np.concatenate([[0], np.cumsum(positive)])[counts.indptr]
    return sparse.csr_array((information[positive], counts.indices[positive], starts), shape=counts.shape)


def factorize(information: sparse.csr_array, dim: int, std: float) -> npt.NDArray[np.float32]:
    """Return a vector for each word with this standard deviation: float32[words, dim]. A zero row gives a zero vector.

    `information` must have an element that is not 0. BLAS runs on one thread, since the number of threads changes the
    order of its sums. Differences between CPUs are far below the precision of float32.
    """
    svd = TruncatedSVD(dim, n_iter=4, random_state=0)
    with threadpool_limits(1, "blas"):
        scaled = svd.fit_transform(information)  # left singular vectors times singular values
    vectors = scaled / np.sqrt(np.maximum(svd.singular_values_, np.finfo(np.float64).tiny))
    return np.asarray(vectors * (std / vectors.std()), np.float32)
