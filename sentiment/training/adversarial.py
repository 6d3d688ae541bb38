"""Adversarial training: learn from each review also under a worst-case perturbation of its embeddings.

All embeddings of a review are moved together, by a given distance, in the direction in which the loss rises fastest
(Miyato, Dai and Goodfellow 2017, arXiv 1605.07725). They normalise the embeddings, since the network could otherwise
let them grow until the distance no longer matters. Here the distance is relative to the embeddings' norm instead.
"""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor

from sentiment.nn.packed import PackedVectors


def backward(
    packed: PackedVectors, epsilon: float, loss_of: Callable[[PackedVectors], tuple[Tensor, Tensor]]
) -> tuple[Tensor, Tensor]:
    """Backpropagate the mean of two losses: with the embeddings as they are, and with perturbed ones.

    packed: the embeddings, part of the graph
    loss_of: returns the loss and the logits for some embeddings

    Return the loss and the logits of the unperturbed embeddings. Two backward passes are enough: the first also gives
    the direction of the perturbation, and both add up in a copy of the embeddings that is cut off from the graph.
    """
    rows = packed.per_token()
    leaf = rows.detach().requires_grad_()
    detached = packed.with_rows(leaf)
    loss, logits = loss_of(detached)
    (loss / 2).backward()  # type: ignore[no-untyped-call]
    perturbed = leaf + perturbation(detached, epsilon)
    (loss_of(packed.with_rows(perturbed))[0] / 2).backward()  # type: ignore[no-untyped-call]
    if rows.requires_grad:
        rows.backward(leaf.grad)  # type: ignore[no-untyped-call]
    return loss, logits


def perturbation(packed: PackedVectors, epsilon: float) -> Tensor:
    """Return `epsilon` times the norm of each review's embeddings, in the direction of their gradient.

    packed: one row for each token, with `.grad`; the result is float[tokens, width]

    Norms are Euclidean, over all tokens of a review. Where the gradient is zero, so is the perturbation.

    >>> embeddings = torch.tensor([[3.0, 0], [0, 1], [4, 0]], requires_grad=True)  # norm of the first review: 5
    >>> embeddings.grad = torch.tensor([[0.0, 2], [0, 0], [0, 0]])
    >>> perturbation(PackedVectors(embeddings, None, torch.tensor([2, 1])), 0.1).tolist()
    [[0.0, 0.5], [0.0, 0.0], [0.0, 0.0]]
    """
    gradient = cast(Tensor, packed.values.grad)
    steepness, norms = (
        packed.sum_by_review(rows.square().sum(1)).sqrt() for rows in (gradient, packed.values.detach())
    )
    scale = torch.where(steepness > 0, epsilon * norms / steepness, 0)
    return scale[packed.reviews, None] * gradient
