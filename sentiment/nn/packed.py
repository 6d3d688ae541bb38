"""The vectors of a packed batch, from the embedding through every layer.

A packed batch has one row for each token, step by step: every review's first token, then every second one, and so on,
with the reviews by length descending. `data/batching.py` shows an example.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn import functional

from sentiment.data.batching import transpose_counts

# All states and each review's final state, float[tokens, hidden] and float[reviews, hidden], of each direction.
Directions = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Places:
    """Where the tokens of a batch lie, on the device that computes it.

    first, sizes: int32[steps], the first row and the number of rows of each step
    lengths: int32[reviews], descending
    """

    first: Tensor
    sizes: Tensor
    lengths: Tensor


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
    # By device; shared by `with_rows`, whose vectors have the same batch_sizes.
    _places: dict[torch.device, Places] = field(default_factory=dict, compare=False, repr=False)

    def with_rows(self, rows: Tensor) -> "PackedVectors":
        """Return other vectors of the same tokens, a row for each: float[tokens, width]."""
        return replace(self, values=rows, lookup=None)

    def places(self) -> Places:
        """Return where the tokens lie, on the device of the vectors. It is sent there once for all layers."""
        device = self.values.device
        if device not in self._places:
            parts = (self.first_rows, self.batch_sizes, self.lengths)
            sent = torch.cat(parts).int()
            on_cuda = device.type == "cuda"  # a copy from page-locked memory does not wait for the GPU
            sent = (sent.pin_memory() if on_cuda else sent).to(device, non_blocking=on_cuda)
            self._places[device] = Places(*torch.split(sent, [len(part) for part in parts]))
        return self._places[device]

    def per_token(self) -> Tensor:
        """Return a row for each token: float[tokens, width]."""
        return self.values if self.lookup is None else functional.embedding(self.lookup, self.values)

    def last(self) -> Tensor:
        """Return each review's last vector: float[reviews, width].

        >>> packed = PackedVectors(torch.tensor([[1.0], [2.0], [3.0]]), None, torch.tensor([2, 1]))
        >>> packed.last().tolist()
        [[3.0], [2.0]]
        """
        places = self.places()
        rows = places.first[places.lengths - 1] + torch.arange(len(places.lengths), device=self.values.device)
        return functional.embedding(rows if self.lookup is None else self.lookup[rows], self.values)

    @property
    def first_rows(self) -> Tensor:
        """The first row of each step, on the CPU: int64[steps]."""
        return torch.cumsum(self.batch_sizes, 0) - self.batch_sizes

    @property
    def lengths(self) -> Tensor:
        """The number of tokens of each review, descending, on the CPU: int64[reviews]."""
        return torch.from_numpy(transpose_counts(self.batch_sizes.numpy()))

    @property
    def reviews(self) -> Tensor:
        """The review of each token: int32[tokens].

        >>> PackedVectors(torch.zeros(3, 1), None, torch.tensor([2, 1])).reviews.tolist()
        [0, 1, 0]
        """
        places, tokens = self.places(), int(self.batch_sizes.sum())
        # Without the size of the output, the host would wait for the GPU to know it.
        first = torch.repeat_interleave(places.first, places.sizes, output_size=tokens)
        return torch.arange(tokens, dtype=torch.int32, device=first.device) - first

    def sum_by_review(self, values: Tensor) -> Tensor:
        """Return the sum of each review's values, float[reviews], from a value for each token.

        On a GPU a reproducible scattered sum sorts all tokens, so the values are padded and summed instead.

        >>> PackedVectors(torch.zeros(3, 1), None, torch.tensor([2, 1])).sum_by_review(torch.tensor([1.0, 2, 3]))
        tensor([4., 2.])
        """
        if values.device.type == "cpu":
            return values.new_zeros(int(self.batch_sizes[0])).index_add_(0, self.reviews, values)
        rows, present = self.padded_rows()
        return values[rows].masked_fill(~present, 0).sum(1)

    def padded_rows(self) -> tuple[Tensor, Tensor]:
        """Return the row of each review's tokens and which of them exist: int32 and bool[reviews, steps].

        >>> rows, present = PackedVectors(torch.zeros(3, 1), None, torch.tensor([2, 1])).padded_rows()
        >>> rows.tolist(), present.tolist()
        ([[0, 2], [1, 0]], [[True, True], [True, False]])
        """
        places = self.places()
        review = torch.arange(len(places.lengths), dtype=torch.int32, device=places.first.device)[:, None]
        present = review < places.sizes
        return torch.where(present, places.first + review, 0), present
