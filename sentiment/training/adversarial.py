"""Adversarial training: learn from each review also as it would mislead the network most.

The embeddings of a review are moved together, a given distance in the direction in which the loss rises fastest
(Miyato, Dai and Goodfellow 2017, arXiv 1605.07725). There the embeddings are normalised, or else the network could let
them grow until the distance no longer counts. Here the distance is relative to their length, to the same end.
"""

import torch
from torch import Tensor


def perturb(embeddings: Tensor, batch_sizes: Tensor, distance: float) -> Tensor:
    """Return a new leaf: each review's embeddings, moved up their gradient by `distance` times their length.

    embeddings: float[tokens, embedding], packed, with `.grad`; batch_sizes: int64[steps], on the CPU

    A review's length is the Euclidean one over all its tokens. Where the gradient is zero, nothing moves.

    >>> embeddings = torch.tensor([[3.0, 0], [0, 1], [4, 0]], requires_grad=True)  # the first review's, 5 long, twice
    >>> embeddings.grad = torch.tensor([[0.0, 2], [0, 0], [0, 0]])
    >>> moved(embeddings, torch.tensor([2, 1]), 0.1).tolist()
    [[3.0, 0.5], [0.0, 1.0], [4.0, 0.0]]
    """
    gradient = embeddings.grad
    assert gradient is not None
    first = torch.cumsum(batch_sizes, 0) - batch_sizes
    review = torch.arange(len(embeddings)) - torch.repeat_interleave(first, batch_sizes)
    review = review.to(embeddings.device)

    def lengths(rows: Tensor) -> Tensor:
        squares = rows.new_zeros(int(batch_sizes[0]))
        return squares.index_add_(0, review, rows.square().sum(1)).sqrt()

    start, steepness = embeddings.detach(), lengths(gradient)
    factor = torch.where(steepness > 0, distance * lengths(start) / steepness, 0)
    return (start + factor[review, None] * gradient).requires_grad_()
