"""The vectors of a packed batch, from the embedding through every layer.

A packed batch has one row for each token, step by step: every review's first token, then every second one, and so on,
with the reviews by length descending. `data/batching.py` shows an example.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from sentiment.data.batching import transpose_counts

# All states and each review's final state, float[tokens, hidden] and float[reviews, hidden], of each direction.
Directions = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class PackedVectors:
    """A vector for each token.

    values: float[tokens, width]; or, with a lookup, float[entries, width], a row for each entry of the vocabulary
    lookup: int32[tokens], the row of `values` that each token takes; None where each token has a row of its own
    batch_sizes: int64[steps] on the CPU, how many reviews have a token at each step, descending
    """

    values: Tensor
    lookup: Tensor | None
    batch_sizes: Tensor

    def per_token(self) -> Tensor:
        """Return a row for each token: float[tokens, width]."""
        return self.values if self.lookup is None else functional.embedding(self.lookup, self.values)

    def last(self) -> Tensor:
        """Return each review's last vector: float[reviews, width].

        >>> packed = PackedVectors(torch.tensor([[1.0], [2.0], [3.0]]), None, torch.tensor([2, 1]))
        >>> packed.last().tolist()
        [[3.0], [2.0]]
        """
        lengths = self.lengths
        rows = self.first_rows[lengths - 1] + torch.arange(len(lengths))
        rows = rows.to(self.values.device)
        return functional.embedding(rows if self.lookup is None else self.lookup[rows], self.values)

    @property
    def first_rows(self) -> Tensor:
        """The first row of each step: int64[steps]."""
        return torch.cumsum(self.batch_sizes, 0) - self.batch_sizes

    @property
    def lengths(self) -> Tensor:
        """The number of tokens of each review, descending: int64[reviews]."""
        return torch.from_numpy(transpose_counts(self.batch_sizes.numpy()))

    @property
    def reviews(self) -> Tensor:
        """The review of each token: int64[tokens].

        >>> PackedVectors(torch.zeros(3, 1), None, torch.tensor([2, 1])).reviews.tolist()
        [0, 1, 0]
        """
        return torch.arange(int(self.batch_sizes.sum())) - torch.repeat_interleave(self.first_rows, self.batch_sizes)

    def padded_rows(self) -> tuple[Tensor, Tensor]:
        """Return the row of each review's tokens and which of them exist: int64 and bool[reviews, steps].

        >>> rows, present = PackedVectors(torch.zeros(3, 1), None, torch.tensor([2, 1])).padded_rows()
        >>> rows.tolist(), present.tolist()
        ([[0, 2], [1, 0]], [[True, True], [True, False]])
        """
        review = torch.arange(int(self.batch_sizes[0]))[:, None]
        present = review < self.batch_sizes
        return torch.where(present, self.first_rows + review, 0), present
