"""One recurrent layer in one direction over a packed batch on the CPU, as a differentiable function of torch.

It computes what `nn.RNN`, `nn.GRU` and `nn.LSTM` compute for a `PackedSequence` with the same weights, gradients
included. Three things make it fast:

* The input's product with the input weights is computed before the time loop, for all tokens at once. Where a batch has
  more tokens than the vocabulary has entries, it is computed once for each entry and looked up.
* The time loop is compiled (`loops.py`), touches each row once, and runs without Python's lock, so threads share a
  batch by its reviews.
* The gradient of the recurrent weights is one matrix product over all tokens.

The number of threads changes no bit: a batch is cut into the same spans of reviews for one thread and for many, a row
is computed within its span, and gradients are summed in the order of the rows (`threads.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from sentiment.nn.kernels import loops, threads
from sentiment.nn.packed import PackedVectors

# Reviews that one thread takes at a time. A step of 32 rows is enough for a matrix product near the core's peak, and
# its gates, 4 x 64 units, take 32 KiB, which fit into the first-level cache. Wide layers gain a tenth from long spans,
# since BLAS copies the weights for each product; they get them where the batch is large enough to be shared anyway.
SPAN = 32
WIDE = 128  # hidden units

NO_LOOKUP = np.empty(0, np.int32)
NONLINEARITY_CODES = {"tanh": 0, "relu": 1, "logistic": 2}

# weight_ih, weight_hh, bias_ih and bias_hh of one direction, as `torch.nn` has them.
Weights = tuple[Tensor, Tensor, Tensor, Tensor]

# First row and number of rows of each step, in reading order: int64[steps, 2].
Steps = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Kernels:
    """The compiled loops of a cell, and the arrays that the forward loop leaves for the backward loop.

    saved_gates: values kept for each hidden unit and token, beside the states
    saved_cells: whether a cell state is kept too (LSTM)
    split_candidate: whether the candidate's recurrent product is kept apart from its input, since a gate scales it
        (GRU). `loops.py` then orders the recurrent weights n r z, and the saved values q r z n.
    """

    forward: Callable[..., None]
    backward: Callable[..., None]
    saved_gates: int = 0
    saved_cells: bool = False
    split_candidate: bool = False


def run_direction(
    kernels: Kernels,
    nonlinearity: str,
    packed: PackedVectors,
    weights: Weights,
    reverse: bool,
) -> tuple[Tensor, Tensor]:
    """Return all states, float[tokens, hidden], and each review's state after its last token, float[reviews, hidden].

    reverse: read each review from its end; the "last" token is then its first
    """
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    candidate_bias = None
    if kernels.split_candidate:  # the last third of bias_hh is scaled by a gate, so it cannot join the input's bias
        hidden = weight_hh.shape[1]
        bias_hh, candidate_bias = functional.pad(bias_hh[:-hidden], (0, hidden)), bias_hh[-hidden:]
    inputs = threads.linear(packed.values, weight_ih, bias_ih + bias_hh).to(weight_hh.dtype)  # autocast: bfloat16
    steps = make_steps(packed.batch_sizes, reverse)
    loop = Loop(kernels, NONLINEARITY_CODES[nonlinearity], steps)
    states, final = PackedRecurrence.apply(  # type: ignore[no-untyped-call]
        loop, inputs, packed.lookup, weight_hh, candidate_bias
    )
    return states, final


def make_steps(batch_sizes: Tensor, reverse: bool) -> Steps:
    """Return the first row and the number of rows of each step, in reading order.

    >>> make_steps(torch.tensor([2, 2, 1]), reverse=True).tolist()
    [[4, 1], [2, 2], [0, 2]]
    """
    sizes = batch_sizes.numpy()
    steps = np.stack([np.cumsum(sizes) - sizes, sizes], axis=1)
    return np.ascontiguousarray(steps[::-1]) if reverse else steps


@dataclass(frozen=True)
class Loop:
    """What a time loop is given beside tensors. `nonlinearity` is one of NONLINEARITY_CODES."""

    kernels: Kernels
    nonlinearity: int
    steps: Steps

    def forward(
        self, inputs: Tensor, lookup: Tensor | None, weight: Tensor, bias: Tensor | None, save_gates: bool
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return states, final states, gates and cells; the last two have no rows where they are not needed."""
        loops.use_one_blas_thread()
        kernels, tokens, hidden = self.kernels, int(self.steps[:, 1].sum()), weight.shape[1]
        states, final = inputs.new_empty(tokens, hidden), inputs.new_empty(num_reviews(self.steps), hidden)
        gates = inputs.new_empty(tokens if save_gates and kernels.saved_gates else 0, kernels.saved_gates * hidden)
        cells = inputs.new_empty(tokens if kernels.saved_cells else 0, hidden)
        recurrent = torch.roll(weight, hidden, 0) if kernels.split_candidate else weight
        arrays = [
            _array(inputs),
            NO_LOOKUP if lookup is None else _array(lookup),
            _array(recurrent.t()),
            _array(inputs.new_empty(0) if bias is None else bias),
            self.nonlinearity,
            *(_array(each) for each in (gates, cells, states, final)),
        ]
        _share_reviews(self.steps, weight, lambda first, last: kernels.forward(first, last, self.steps, *arrays))
        return states, final, gates, cells


class PackedRecurrence(torch.autograd.Function):
    """The time loop: from the inputs' products and the recurrent weights to the states."""

    @staticmethod
    def forward(
        ctx: Any, loop: Loop, inputs: Tensor, lookup: Tensor | None, weight: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        states, final, gates, cells = loop.forward(inputs, lookup, weight, bias, any(ctx.needs_input_grad))
        ctx.save_for_backward(inputs, lookup, weight, bias, states, gates, cells)
        ctx.loop, ctx.spent = loop, False
        return states, final

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_states: Tensor | None, d_final: Tensor | None) -> tuple[Tensor | None, ...]:
        inputs, lookup, weight, bias, states, gates, cells = ctx.saved_tensors
        loop: Loop = ctx.loop
        kernels, steps, hidden = loop.kernels, loop.steps, weight.shape[1]
        if ctx.spent:  # the loop writes over gates and cells; a second pass over a retained graph computes them anew
            _, _, gates, cells = loop.forward(inputs, lookup, weight, bias, save_gates=True)
        ctx.spent = True
        d_states = states.new_empty(0, hidden) if d_states is None else d_states
        d_final = states.new_zeros(num_reviews(steps), hidden) if d_final is None else d_final
        # The gradient of each sum inside a non-linearity takes the place of the gates, each token's previous state that
        # of the cells, where there are any.
        d_sums = gates if kernels.saved_gates else torch.empty_like(states)
        previous = cells if kernels.saved_cells else torch.empty_like(states)
        arrays = [_array(each) for each in (gates, cells, states, d_final, d_states, d_sums, previous)]
        recurrent = _array(torch.roll(weight, hidden, 0) if kernels.split_candidate else weight)
        _share_reviews(
            steps,
            weight,
            lambda first, last: kernels.backward(first, last, steps, recurrent, loop.nonlinearity, *arrays),
        )
        d_bias, skipped = None, 0
        if kernels.split_candidate:  # q r z n: the recurrent weights feed the first three, the input the last three
            skipped = hidden
            d_bias = d_sums[:, :hidden].sum(0)
            d_weight = torch.roll(threads.sum_of_products(d_sums[:, : 3 * hidden], previous), -hidden, 0)
        else:
            d_weight = threads.sum_of_products(d_sums, previous)
        d_inputs = d_sums[:, skipped:] if lookup is None else _sum_by_entry(d_sums, skipped, lookup, len(inputs))
        return None, d_inputs, None, d_weight, d_bias


def num_reviews(steps: Steps) -> int:
    """Return the number of reviews in a batch."""
    return int(steps[:, 1].max())


def _array(tensor: Tensor) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = tensor.detach().contiguous().numpy()
    return array


def _share_reviews(steps: Steps, weight: Tensor, work: Callable[[int, int], None]) -> None:
    span = 2 * SPAN if weight.shape[1] >= WIDE and num_reviews(steps) >= 4 * SPAN else SPAN
    for_each_span(steps, span, weight.numel(), work)


def for_each_span(steps: Steps, span: int, operations: int, work: Callable[[int, int], None]) -> None:
    """Call `work(first, last)` for each span of a batch's reviews, on several threads if that is worth starting them.

    operations: multiplications for each token
    """
    parts = threads.chunks(num_reviews(steps), span)
    threads.parallel_for(parts, int(steps[:, 1].sum()) * operations, work)


def _sum_by_entry(rows: Tensor, skipped: int, lookup: Tensor, entries: int) -> Tensor:
    """Return the sum of the rows of each entry, without the first columns: float[entries, columns - skipped].

    rows: float[tokens, columns]; lookup: int32[tokens]. The rows are passed whole, since the loop does not vectorise
    over a view with gaps.
    """
    width = rows.shape[1] - skipped
    total = rows.new_zeros(entries, width)
    # A thread adds up its own columns, so that each number is a sum in the order of the rows.
    columns = threads.chunks(width, max(16, -(-width // threads.num_threads())))
    arrays = (rows.numpy(), skipped, _array(lookup), total.numpy())
    threads.parallel_for(columns, rows.numel(), lambda first, last: loops.sum_by_entry(first, last, *arrays))
    return total
