"""From the states of all tokens to one vector for each review, over its true tokens only.

    last      the state after the last token, in the backward direction after the first
    mean max  over the review's states, each unit by itself
    concat    all three side by side (Howard and Ruder 2018, "concat pooling")

A packed batch holds no pads, so on the CPU one pass over its rows does (`kernels.py`). Elsewhere the rows are laid out
review by review and what lies beyond a review's end is masked.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from sentiment.config.model import Pooling
from sentiment.data.batching import transpose_counts
from sentiment.nn.kernels import autograd, loops


def pool(kind: Pooling, states: Tensor, final: Tensor, batch_sizes: Tensor) -> list[Tensor]:
    """Return what the readout sees of each review, one or three of float[reviews, hidden].

    states: float[tokens, hidden], packed; final: float[reviews, hidden]; batch_sizes: int64[steps], on the CPU
    """
    if kind == "last":
        return [final]
    found = _OnCpu.apply if states.device.type == "cpu" else _padded
    total, highest = found(states, batch_sizes)
    mean = total / lengths(batch_sizes).to(total)[:, None]
    return {"mean": [mean], "max": [highest], "concat": [final, mean, highest]}[kind]


def lengths(batch_sizes: Tensor) -> Tensor:
    """Return the tokens of each review: int64[reviews], descending.

    >>> lengths(torch.tensor([3, 2, 2, 1])).tolist()
    [4, 3, 1]
    """
    return torch.from_numpy(transpose_counts(batch_sizes.numpy()))


def layout(batch_sizes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the row of each review's tokens and which of them exist: int64 and bool[reviews, steps].

    >>> rows, present = layout(torch.tensor([2, 1]))
    >>> rows.tolist(), present.tolist()
    ([[0, 2], [1, 0]], [[True, True], [True, False]])
    """
    first = torch.cumsum(batch_sizes, 0) - batch_sizes
    review = torch.arange(int(batch_sizes[0]))[:, None]
    present = review < batch_sizes
    return torch.where(present, first + review, 0), present


def _padded(states: Tensor, batch_sizes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum and the maximum of each review's states, in plain torch. Ties share the maximum's gradient."""
    rows, present = (each.to(states.device) for each in layout(batch_sizes))
    table = functional.embedding(rows, states)
    absent = ~present[..., None]
    return table.masked_fill(absent, 0).sum(1), table.masked_fill(absent, -torch.inf).amax(1)


class _OnCpu(torch.autograd.Function):
    """`_padded`, without the padding. The first of equal states gets the maximum's gradient."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, batch_sizes: Tensor) -> tuple[Tensor, Tensor]:
        order = autograd.steps(batch_sizes, reverse=False)
        total, highest = (states.new_empty(autograd.reviews(order), states.shape[1]) for _ in range(2))
        where = np.empty(total.shape, np.int64)
        given = (order, states.detach().numpy(), total.numpy(), highest.numpy(), where)
        autograd.share(order, autograd.SPAN, states.shape[1], lambda a, b: loops.pool_forward(a, b, *given))
        ctx.order, ctx.where, ctx.tokens = order, where, len(states)
        return total, highest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_total: Tensor, d_highest: Tensor) -> tuple[Tensor, None]:
        d_states = d_total.new_empty(ctx.tokens, d_total.shape[1])
        given = (ctx.order, d_total.contiguous().numpy(), d_highest.contiguous().numpy(), ctx.where, d_states.numpy())
        autograd.share(ctx.order, autograd.SPAN, d_states.shape[1], lambda a, b: loops.pool_backward(a, b, *given))
        return d_states, None
