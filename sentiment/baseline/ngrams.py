"""Counts of token sequences as a sparse matrix, from whole columns of tokens.

scikit-learn's `CountVectorizer` counts the same, one token at a time in Python. Here a sequence is a number, made of
the place of all its tokens but the last among the known sequences and of the last token's code; numpy sorts these.

>>> train = pa.array([["not", "good"], ["good", "good", "film"]])
>>> ngrams = NGrams.of(train, longest=2, min_count=1)  # not good film; not-good good-good good-film
>>> ngrams.count(train).toarray().tolist()
[[1.0, 1.0, 0.0, 1.0, 0.0, 0.0], [0.0, 2.0, 1.0, 0.0, 1.0, 1.0]]
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

_Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class NGrams:
    """The sequences that are features: `tokens` have their place as code, `known` holds the codes by length, sorted."""

    tokens: pa.StringArray
    known: list[_Codes]

    @classmethod
    def of(cls, tokens: pa.ListArray, longest: int, min_count: int) -> "NGrams":
        """Take the sequences of up to `longest` tokens that occur `min_count` times: list<string>[reviews]."""
        ngrams = cls(pc.unique(tokens.flatten()), [])
        token, review = ngrams._coded(tokens)
        sequence = token
        for length in range(1, longest + 1):
            code, count = np.unique(sequence[sequence >= 0], return_counts=True)
            ngrams.known.append(code[count >= min_count])
            if length < longest:
                sequence = ngrams._longer(sequence, length, token, review)
        return ngrams

    def count(self, tokens: pa.ListArray) -> sparse.csr_array:
        """Return how often each feature occurs in each review: float64[reviews, features]."""
        token, review = self._coded(tokens)
        rows, columns, width = [], [], 0
        sequence = token
        for length, known in enumerate(self.known, 1):
            place = _find(known, sequence)
            rows.append(review[place >= 0])
            columns.append(place[place >= 0] + width)
            width += len(known)
            if length < len(self.known):
                sequence = self._longer(sequence, length, token, review)
        # scikit-learn takes no wider indices.
        where = (np.concatenate(rows).astype(np.int32), np.concatenate(columns).astype(np.int32))
        return sparse.coo_array((np.ones(len(where[0])), where), shape=(len(tokens), width)).tocsr()  # adds up

    def _coded(self, tokens: pa.ListArray) -> tuple[_Codes, _Codes]:
        """Return each token's code, -1 where it is unknown, and its review: int64[tokens]."""
        code = pc.index_in(tokens.flatten(), self.tokens).fill_null(-1).to_numpy().astype(np.int64)
        lengths = pc.list_value_length(tokens).to_numpy()
        return code, np.repeat(np.arange(len(lengths)), lengths)

    def _longer(self, sequence: _Codes, length: int, token: _Codes, review: _Codes) -> _Codes:
        """Return the code of the sequence one longer than `length` from each token on, -1 where there is none."""
        longer = np.full(len(token), -1)
        begins = max(len(token) - length, 0)
        place, last = _find(self.known[length - 1], sequence[:begins]), token[length:]
        exists = (place >= 0) & (last >= 0) & (review[:begins] == review[length:])
        longer[:begins][exists] = place[exists] * len(self.tokens) + last[exists]
        return longer


def _find(known: _Codes, sequence: _Codes) -> _Codes:
    """Return the place of each code among the known ones, -1 where it is not.

    >>> _find(np.array([2, 5]), np.array([5, 3, -1, 9])).tolist()
    [1, -1, -1, -1]
    """
    if not len(known):
        return np.full(len(sequence), -1)
    place = np.searchsorted(known, sequence)
    place[place == len(known)] = 0
    return np.where(known[place] == sequence, place, -1)
