"""Pooling: from the states of all tokens to one vector for each review, over its own tokens only.

    last      the state after the last token; in the backward direction, after the first
    mean max  over the review's states, each unit by itself
    concat    all three side by side (Howard and Ruder 2018, "concat pooling")

A packed batch holds no padding, so one pass over its rows is enough, on the CPU (`kernels/loops.py`) and in Triton.
Elsewhere the rows are laid out review by review, and what lies beyond a review's end is masked: a scattered sum is not
reproducible on CUDA.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from sentiment.config.compute import Backend
from sentiment.nn.config import Pooling
from sentiment.nn.kernels import autograd, loops, triton_layer
from sentiment.nn.packed import PackedVectors


def pool(
    kind: Pooling, states: Tensor, final: Tensor, packed: PackedVectors, backend: Backend = "auto"
) -> list[Tensor]:
    """Return the pooled states of each review: one float[reviews, hidden], or three for `concat`.

    states: float[tokens, hidden], in the rows of `packed`; final: float[reviews, hidden]
    """
    if kind == "last":
        return [final]
    if backend == "triton" and triton_layer.runs_on(states):
        total, highest = triton_layer.sum_and_max(states, packed)
    elif states.device.type == "cpu":
        total, highest = _SumAndMax.apply(states, packed.batch_sizes)  # type: ignore[no-untyped-call]
    else:
        total, highest = padded_sum_and_max(states, packed)
    mean = total / packed.places().lengths.to(total)[:, None]
    return {"mean": [mean], "max": [highest], "concat": [final, mean, highest]}[kind]


def padded_sum_and_max(states: Tensor, packed: PackedVectors) -> tuple[Tensor, Tensor]:
    """Return the sum and the maximum of each review's states, in plain torch. Ties share the maximum's gradient."""
    rows, present = packed.padded_rows()
    table = functional.embedding(rows, states)
    absent = ~present[..., None]
    return table.masked_fill(absent, 0).sum(1), table.masked_fill(absent, -torch.inf).amax(1)


class _SumAndMax(torch.autograd.Function):
    """`padded_sum_and_max` without padding. The first of equal states gets the gradient of the maximum."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, batch_sizes: Tensor) -> tuple[Tensor, Tensor]:
        steps = autograd.make_steps(batch_sizes, reverse=False)
        total, highest = (states.new_empty(autograd.num_reviews(steps), states.shape[1]) for _ in range(2))
        argmax = np.empty(total.shape, np.int64)
        arrays = (steps, states.detach().numpy(), total.numpy(), highest.numpy(), argmax)
        autograd.for_each_span(
            steps, autograd.SPAN, states.shape[1], lambda first, last: loops.pool_forward(first, last, *arrays)
        )
        ctx.steps, ctx.argmax, ctx.tokens = steps, argmax, len(states)
        return total, highest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_total: Tensor, d_highest: Tensor) -> tuple[Tensor, None]:
        d_states = d_total.new_empty(ctx.tokens, d_total.shape[1])
        gradients = (d_total.contiguous().numpy(), d_highest.contiguous().numpy())
        arrays = (ctx.steps, *gradients, ctx.argmax, d_states.numpy())
        autograd.for_each_span(
            ctx.steps, autograd.SPAN, d_states.shape[1], lambda first, last: loops.pool_backward(first, last, *arrays)
        )
        return d_states, None
