"""One recurrent layer in one direction over a packed batch on the CPU, as a differentiable function of torch.

It gives what `nn.RNN`, `nn.GRU` and `nn.LSTM` give for a `PackedSequence` with the same weights, gradients included.
Three things make it fast:

* the input's product with the input weights is hoisted out of the time loop, and where a batch has more tokens than
  the vocabulary has entries it is computed once for each entry and looked up (`model.py` chooses);
* the time loop is compiled (`kernels.py`), touches each row once, and runs without Python's lock, so that threads share
  a batch by its reviews;
* the gradient of the recurrent weights is one matrix product over all tokens.

**Reproducible.** A batch is cut into spans of `SPAN` reviews whatever the number of threads, a row's numbers come from
its own span, and gradients are summed in the order of the rows: the number of threads changes no bit (`threads.py`).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sentiment.nn.kernels import loops, threads

# Reviews that one thread takes at a time. A step of 32 rows is enough for a matrix product near the core's peak, and
# with their gates for 4 x 64 units 32 KiB, which stay in the first cache. Wide layers gain a tenth from longer spans,
# since BLAS copies the weights for each product: a batch large enough to be shared all the same gets them.
SPAN = 32
_WIDE = 128

_NO_INDEX = np.empty(0, np.int32)

Steps = npt.NDArray[np.int64]


def steps(batch_sizes: Tensor, reverse: bool) -> Steps:
    """Return the first row and the number of rows of each step, in reading order: int64[steps, 2].

    >>> steps(torch.tensor([2, 2, 1]), reverse=True).tolist()
    [[4, 1], [2, 2], [0, 2]]
    """
    sizes = batch_sizes.numpy()
    table = np.stack([np.cumsum(sizes) - sizes, sizes], axis=1)
    return np.ascontiguousarray(table[::-1]) if reverse else table


def run(
    cell: str,
    inputs: Tensor,
    index: Tensor | None,
    weight: Tensor,
    bias: Tensor | None,
    batch_sizes: Tensor,
    reverse: bool,
) -> tuple[Tensor, Tensor]:
    """Return all states, float[tokens, hidden], and each review's state after its last token, float[reviews, hidden].

    cell: tanh, relu, gru or lstm
    inputs: float[tokens or entries, gates * hidden], the input's product with its weights plus the biases
    index: int32[tokens], the row of `inputs` that each token takes; None where each has its own
    weight: float[gates * hidden, hidden], torch's `weight_hh`
    bias: float[hidden], for a GRU only: the part of torch's `bias_hh` that the reset gate scales
    batch_sizes: int64[steps], as in a `PackedSequence`
    reverse: read each review from its end; the "last" token is then its first
    """
    order = steps(batch_sizes, reverse)
    states, final = _Layer.apply(cell, inputs, index, weight, bias, order)  # type: ignore[no-untyped-call]
    return states, final


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        cell: str,
        inputs: Tensor,
        index: Tensor | None,
        weight: Tensor,
        bias: Tensor | None,
        order: Steps,
    ) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        states, final, gates, cells = _read(
            cell, inputs, index, weight, bias, order, keep_gates=any(ctx.needs_input_grad)
        )
        ctx.save_for_backward(inputs, index, weight, bias, states, gates, cells)
        ctx.cell, ctx.order, ctx.spent = cell, order, False
        return states, final

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_states: Tensor | None, d_final: Tensor | None) -> tuple[Tensor | None, ...]:
        inputs, index, weight, bias, states, gates, cells = ctx.saved_tensors
        cell, order, hidden = ctx.cell, ctx.order, weight.shape[1]
        # The kernels write over gates and cells. Whoever goes back a second time over a retained graph finds none.
        if ctx.spent:
            _, _, gates, cells = _read(cell, inputs, index, weight, bias, order, keep_gates=True)
        ctx.spent = True
        d_states = states.new_empty(0, hidden) if d_states is None else d_states
        d_final = states.new_zeros(reviews(order), hidden) if d_final is None else d_final
        given = (order, _array(_recurrent(cell, weight)))
        ends = (_array(states), _array(d_final), _array(d_states))
        previous = cells if cell == "lstm" else torch.empty_like(states)
        d_sums = torch.empty_like(states) if cell in ("tanh", "relu") else gates
        to = _array(previous)
        if cell == "lstm":
            _share(order, weight, lambda a, b: loops.lstm_backward(a, b, *given, _array(gates), to, *ends))
        elif cell == "gru":
            _share(order, weight, lambda a, b: loops.gru_backward(a, b, *given, _array(gates), *ends, to))
        else:
            _share(
                order,
                weight,
                lambda a, b: loops.rnn_backward(a, b, *given, cell == "relu", *ends, _array(d_sums), to),
            )
        d_bias, skipped = None, 0
        if cell == "gru":  # q r z n: the recurrent weights feed the first three, the input the last three
            skipped = hidden
            d_bias = d_sums[:, :hidden].sum(0)
            d_weight = torch.roll(threads.sum_of_products(d_sums[:, : 3 * hidden], previous), -hidden, 0)
        else:
            d_weight = threads.sum_of_products(d_sums, previous)
        d_inputs = d_sums[:, skipped:] if index is None else _sum_by_index(d_sums, skipped, index, len(inputs))
        return None, d_inputs, None, d_weight, d_bias, None


def _read(
    cell: str,
    inputs: Tensor,
    index: Tensor | None,
    weight: Tensor,
    bias: Tensor | None,
    order: Steps,
    keep_gates: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return states, final states, gates and cells; no gates for a plain RNN or where none are to be kept."""
    tokens, hidden = int(order[:, 1].sum()), weight.shape[1]
    states, final = inputs.new_empty(tokens, hidden), inputs.new_empty(reviews(order), hidden)
    gates = inputs.new_empty(tokens if keep_gates and cell in ("gru", "lstm") else 0, 4 * hidden)
    cells = inputs.new_empty(tokens if cell == "lstm" else 0, hidden)
    rows = _NO_INDEX if index is None else _array(index)
    given = (order, _array(inputs), rows, _array(_recurrent(cell, weight).t()))
    out = (_array(states), _array(final))
    if cell == "lstm":
        kept = (_array(gates), _array(cells))
        _share(order, weight, lambda a, b: loops.lstm_forward(a, b, *given, *kept, *out))
    elif cell == "gru":
        assert bias is not None
        b_n = _array(bias)
        _share(order, weight, lambda a, b: loops.gru_forward(a, b, *given, b_n, _array(gates), *out))
    else:
        _share(order, weight, lambda a, b: loops.rnn_forward(a, b, *given, cell == "relu", *out))
    return states, final, gates, cells


def reviews(order: Steps) -> int:
    """Return how many reviews a batch has."""
    return int(order[:, 1].max())


def _recurrent(cell: str, weight: Tensor) -> Tensor:
    """Return the recurrent weights in the order that the kernels want: a GRU's as n r z instead of r z n."""
    return torch.roll(weight, weight.shape[1], 0) if cell == "gru" else weight


def _array(tensor: Tensor) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = tensor.detach().contiguous().numpy()
    return array


def _share(order: Steps, weight: Tensor, work: Callable[[int, int], None]) -> None:
    span = 2 * SPAN if weight.shape[1] >= _WIDE and reviews(order) >= 4 * SPAN else SPAN
    share(order, span, weight.numel(), work)


def share(order: Steps, span: int, operations: int, work: Callable[[int, int], None]) -> None:
    """Call `work(first, last)` for each span of a batch's reviews, on several threads if that is worth their while.

    operations: how many multiplications a token costs
    """
    threads.parallel_for(threads.chunks(reviews(order), span), int(order[:, 1].sum()) * operations, work)


def _sum_by_index(rows: Tensor, skipped: int, index: Tensor, entries: int) -> Tensor:
    """Return the sum of the rows of each entry, without the first columns: float[entries, columns - skipped].

    rows: float[tokens, columns]; index: int32[tokens]. The rows come whole, since a kernel does not vectorise over what
    may have gaps.
    """
    width = rows.shape[1] - skipped
    total = rows.new_zeros(entries, width)
    # A thread adds up its own columns, so that each number is a sum in the order of the rows.
    columns = threads.chunks(width, max(16, -(-width // threads.num_threads())))
    given = (rows.numpy(), skipped, _array(index), total.numpy())
    threads.parallel_for(columns, rows.numel(), lambda a, b: loops.sum_by_index(a, b, *given))
    return total
