"""The time loops of the recurrent layers over packed rows, forward and backward, compiled by numba.

Why not `torch.nn`: on a CPU it differentiates each step's slice of a packed batch into a gradient of full size, which
costs the square of the length (docs/stock-packed.md). Here a step reads and writes its own rows, once.

**Rows.** A packed batch has one row a token, step by step; a step's reviews are a prefix of those of the step before.
`steps` holds the first row and the number of rows of each step, in reading order: the backward direction has the same
rows in a table turned over. A kernel works on the reviews `first` to `last` of a batch, so that threads share it.

**Inputs.** The product of a token's embedding with the input weights, biases included, arrives computed: `inputs` has
one row a token, or one row for each entry of the vocabulary, and then `index` says which row a token takes.

**Equations.** x is the input's row, h' the state after the previous token (zero before the first), U the recurrent
weights without their bias, * the product element by element, s the logistic function.

    rnn     h = tanh(x + U h')                        Elman (1990); or relu instead of tanh
    gru     r = s(x_r + U_r h')   z = s(x_z + U_z h')  Cho et al. (2014), in the variant of cuDNN and torch:
            q = U_n h' + b         n = tanh(x_n + r * q)
            h = n + z * (h' - n)
    lstm    i = s(x_i + U_i h')   f = s(x_f + U_f h')  Hochreiter and Schmidhuber (1997), Gers et al. (2000)
            g = tanh(x_g + U_g h') o = s(x_o + U_o h')
            c = f * c' + i * g     h = o * tanh(c)

The backward kernels follow the reviews from their ends to their beginnings. They start from the loss's gradient of the
final state (`d_final`) and, where somebody reads all states, of each state (`d_states`; no rows otherwise). They leave
the gradients of the sums in brackets above (the pre-activations), row by row, and each token's h' beside them, so
that all weight gradients are one matrix product at the end. An LSTM's c, not needed any more, makes room for h'.

The matrix products of a step are numba's `np.dot`, which calls SciPy's BLAS: 32 rows times 64 x 256 ran at up to 186
GFLOP/s on one core, loops written out in numba at 15. The loops between the products are kept simple enough for LLVM to
vectorise: slices of one row, one or two written arrays each.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import scipy.linalg.cython_blas  # noqa: F401 - loads the BLAS that `np.dot` calls, for the limit below to find
import threadpoolctl
from numba import njit, types
from numba.extending import overload

# The threads share a batch among themselves; a BLAS that starts threads of its own would only get into their way.
threadpoolctl.threadpool_limits(1, user_api="blas")

F = TypeVar("F", bound=Callable[..., Any])

# "contract" lets a product and a sum be one instruction; nothing else is reordered, so NaN and the order of sums hold.
_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": {"contract"}, "error_model": "numpy"}


def kernel(function: F) -> F:
    """Compile for the types it is called with, once: the machine code is kept in __pycache__ or the user's cache."""
    compiled: F
    try:
        compiled = njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # neither can be written
        compiled = njit(**_OPTIONS)(function)
    return compiled


def _tanh(x: Any) -> Any:
    """Return tanh(x). In float32 within 3e-7, as a ratio of polynomials, which LLVM can vectorise."""
    raise NotImplementedError("for compiled code only")


@overload(_tanh, inline="never")
def _tanh_of(x: Any) -> Any:
    def exact(x: Any) -> Any:
        return np.tanh(x)

    if x != types.float32:
        return exact

    # The [13/6] minimax ratio that Eigen uses (Eigen/src/Core/MathFunctionsImpl.h), odd over even powers of x. Beyond
    # 7.9 the result rounds to 1.
    end = np.float32(7.90531110763549805)
    a1, a3, a5 = np.float32(4.89352455891786e-03), np.float32(6.37261928875436e-04), np.float32(1.48572235717979e-05)
    a7, a9 = np.float32(5.12229709037114e-08), np.float32(-8.60467152213735e-11)
    a11, a13 = np.float32(2.00018790482477e-13), np.float32(-2.76076847742355e-16)
    b0, b2 = np.float32(4.89352518554385e-03), np.float32(2.26843463243900e-03)
    b4, b6 = np.float32(1.18534705686654e-04), np.float32(1.19825839466702e-06)

    def ratio(x: Any) -> Any:
        y = min(max(x, -end), end)
        s = y * y
        odd = y * (((((((a13 * s + a11) * s + a9) * s + a7) * s + a5) * s + a3) * s) + a1)
        return odd / (((b6 * s + b4) * s + b2) * s + b0)

    return ratio


@kernel
def _squash(row: Any) -> None:
    for k in range(len(row)):
        row[k] = _tanh(row[k])


@kernel
def _gate(row: Any) -> None:
    """Apply the logistic function, (1 + tanh(x / 2)) / 2."""
    half = row.dtype.type(0.5)
    for k in range(len(row)):
        row[k] = half + half * _tanh(half * row[k])


@kernel
def _copy(target: Any, source: Any) -> None:
    for k in range(len(target)):
        target[k] = source[k]


@kernel
def _add(target: Any, source: Any) -> None:
    for k in range(len(target)):
        target[k] += source[k]


@kernel
def _sum(target: Any, left: Any, right: Any) -> None:
    for k in range(len(target)):
        target[k] = left[k] + right[k]


@kernel
def _rows(steps: Any, step: int, first: int, last: int) -> tuple[int, int]:
    """Return the first row and the number of rows that the reviews `first` to `last` have in a step."""
    if step < 0 or step >= len(steps):
        return 0, 0
    return steps[step, 0] + first, max(0, min(steps[step, 1], last) - first)


@kernel
def _place(steps: Any, step: int, first: int, last: int) -> tuple[int, int, int, int, int]:
    """Return where the reviews `first` to `last` stand in a step, and how many of them do before and after it.

    First row and rows here; first row in the step before, and how many of the rows have one there; how many of them go
    on in the step after.
    """
    here, rows = _rows(steps, step, first, last)
    before, there = _rows(steps, step - 1, first, last)
    return here, rows, before, min(there, rows), min(_rows(steps, step + 1, first, last)[1], rows)


@kernel
def rnn_forward(
    first: int, last: int, steps: Any, inputs: Any, index: Any, weight: Any, relu: bool, states: Any, final: Any
) -> None:
    """Write h into `states` [tokens, hidden] and each review's last one into `final`. `weight`: U transposed."""
    by_token = len(index) == 0
    zero = states.dtype.type(0)
    for step in range(len(steps)):
        here, rows, before, kept, going = _place(steps, step, first, last)
        block = states[here : here + rows]
        if kept:
            np.dot(states[before : before + kept], weight, block[:kept])
        block[kept:] = zero
        for row in range(rows):
            _add(block[row], inputs[here + row] if by_token else inputs[index[here + row]])
        flat = block.reshape(block.size)
        if relu:
            for k in range(len(flat)):
                if flat[k] < zero:  # a NaN stays
                    flat[k] = zero
        else:
            _squash(flat)
        for row in range(going, rows):
            _copy(final[first + row], block[row])


@kernel
def rnn_backward(
    first: int,
    last: int,
    steps: Any,
    weight: Any,
    relu: bool,
    states: Any,
    d_final: Any,
    d_states: Any,
    d_sums: Any,
    previous: Any,
) -> None:
    """Write the gradient of x + U h' into `d_sums` and h' into `previous`: [tokens, hidden]. `weight`: U."""
    zero, one = states.dtype.type(0), states.dtype.type(1)
    d_state = np.empty((last - first, states.shape[1]), states.dtype)
    for step in range(len(steps) - 1, -1, -1):
        here, rows, before, kept, going = _place(steps, step, first, last)
        d_state[going:rows] = d_final[first + going : first + rows]
        if len(d_states):
            for row in range(rows):
                _add(d_state[row], d_states[here + row])
        size = rows * states.shape[1]
        h, d = states[here : here + rows].reshape(size), d_state[:rows].reshape(size)
        out = d_sums[here : here + rows].reshape(size)
        if relu:
            for k in range(size):
                out[k] = d[k] if h[k] > zero else zero
        else:
            for k in range(size):
                out[k] = d[k] * (one - h[k] * h[k])
        previous[here : here + kept] = states[before : before + kept]
        previous[here + kept : here + rows] = zero
        if kept:
            np.dot(d_sums[here : here + kept], weight, d_state[:kept])


@kernel
def lstm_forward(
    first: int,
    last: int,
    steps: Any,
    inputs: Any,
    index: Any,
    weight: Any,
    gates: Any,
    cells: Any,
    states: Any,
    final: Any,
) -> None:
    """Write i f g o into `gates`, c into `cells`, h into `states` and the last h into `final`. `weight`: U transposed.

    `gates` [tokens, 4 hidden] serves the backward kernel. With no rows nothing is kept of them.
    """
    hidden = states.shape[1]
    by_token, kept_gates = len(index) == 0, len(gates) > 0
    products = np.empty((last - first, 4 * hidden), states.dtype)
    for step in range(len(steps)):
        here, rows, before, kept, going = _place(steps, step, first, last)
        if kept:
            np.dot(states[before : before + kept], weight, products[:kept])
        products[kept:rows] = states.dtype.type(0)
        for row in range(rows):
            x = inputs[here + row] if by_token else inputs[index[here + row]]
            gate = gates[here + row] if kept_gates else products[row]
            _sum(gate, x, products[row])
            i, f, g, o = gate[:hidden], gate[hidden : 2 * hidden], gate[2 * hidden : 3 * hidden], gate[3 * hidden :]
            _gate(gate[: 2 * hidden])
            _squash(g)
            _gate(o)
            c, h = cells[here + row], states[here + row]
            for k in range(hidden):
                c[k] = i[k] * g[k]
            if row < kept:
                old = cells[before + row]
                for k in range(hidden):
                    c[k] += f[k] * old[k]
            for k in range(hidden):
                h[k] = o[k] * _tanh(c[k])
            if row >= going:
                _copy(final[first + row], h)


@kernel
def lstm_backward(
    first: int,
    last: int,
    steps: Any,
    weight: Any,
    gates: Any,
    cells: Any,
    states: Any,
    d_final: Any,
    d_states: Any,
) -> None:
    """Turn `gates` into the gradients of the four sums, and `cells` [tokens, hidden] into h'. `weight`: U."""
    hidden = states.shape[1]
    zero, one = states.dtype.type(0), states.dtype.type(1)
    d_state = np.empty((last - first, hidden), states.dtype)
    d_cell = np.empty((last - first, hidden), states.dtype)
    t = np.empty(hidden, states.dtype)
    for step in range(len(steps) - 1, -1, -1):
        here, rows, before, kept, going = _place(steps, step, first, last)
        d_state[going:rows] = d_final[first + going : first + rows]
        d_cell[going:rows] = zero
        for row in range(rows):
            gate = gates[here + row]
            i, f, g, o = gate[:hidden], gate[hidden : 2 * hidden], gate[2 * hidden : 3 * hidden], gate[3 * hidden :]
            c, dh, dc = cells[here + row], d_state[row], d_cell[row]
            if len(d_states):
                _add(dh, d_states[here + row])
            for k in range(hidden):
                t[k] = _tanh(c[k])
            for k in range(hidden):
                dc[k] += dh[k] * o[k] * (one - t[k] * t[k])
            for k in range(hidden):
                o[k] = dh[k] * t[k] * o[k] * (one - o[k])
            for k in range(hidden):
                in_, new = i[k], g[k]
                i[k] = dc[k] * new * in_ * (one - in_)
                g[k] = dc[k] * in_ * (one - new * new)
            if row < kept:
                old = cells[before + row]
                for k in range(hidden):
                    forget = f[k]
                    f[k] = dc[k] * old[k] * forget * (one - forget)
                    dc[k] *= forget
                _copy(c, states[before + row])
            else:
                f[:] = zero
                c[:] = zero
        if kept:
            np.dot(gates[here : here + kept], weight, d_state[:kept])


@kernel
def gru_forward(
    first: int,
    last: int,
    steps: Any,
    inputs: Any,
    index: Any,
    weight: Any,
    bias: Any,
    gates: Any,
    states: Any,
    final: Any,
) -> None:
    """Write q r z n into `gates`, h into `states` and the last h into `final`.

    `weight` is U transposed, in the order n r z, `bias` b. With q first, the three sums that U feeds (q r z) and the
    three that x feeds (r z n) both stand side by side. `gates` as for the LSTM.
    """
    hidden = states.shape[1]
    by_token, kept_gates = len(index) == 0, len(gates) > 0
    products = np.empty((last - first, 3 * hidden), states.dtype)
    spare = np.empty(4 * hidden, states.dtype)
    for step in range(len(steps)):
        here, rows, before, kept, going = _place(steps, step, first, last)
        if kept:
            np.dot(states[before : before + kept], weight, products[:kept])
        products[kept:rows] = states.dtype.type(0)
        for row in range(rows):
            x = inputs[here + row] if by_token else inputs[index[here + row]]
            gate = gates[here + row] if kept_gates else spare
            q, r, z, n = gate[:hidden], gate[hidden : 2 * hidden], gate[2 * hidden : 3 * hidden], gate[3 * hidden :]
            x_n, h = x[2 * hidden :], states[here + row]
            _sum(q, products[row, :hidden], bias)
            _sum(gate[hidden : 3 * hidden], x[: 2 * hidden], products[row, hidden:])
            _gate(gate[hidden : 3 * hidden])
            for k in range(hidden):
                n[k] = _tanh(x_n[k] + r[k] * q[k])
            if row < kept:
                old = states[before + row]
                for k in range(hidden):
                    h[k] = n[k] + z[k] * (old[k] - n[k])
            else:
                for k in range(hidden):
                    h[k] = n[k] - z[k] * n[k]
            if row >= going:
                _copy(final[first + row], h)


@kernel
def gru_backward(
    first: int,
    last: int,
    steps: Any,
    weight: Any,
    gates: Any,
    states: Any,
    d_final: Any,
    d_states: Any,
    previous: Any,
) -> None:
    """Turn `gates` q r z n into the gradients of q and of the three sums; write h' into `previous`. `weight`: n r z."""
    hidden = states.shape[1]
    zero, one = states.dtype.type(0), states.dtype.type(1)
    d_state = np.empty((last - first, hidden), states.dtype)
    d_products = np.empty((last - first, 3 * hidden), states.dtype)
    through = np.empty((last - first, hidden), states.dtype)
    for step in range(len(steps) - 1, -1, -1):
        here, rows, before, kept, going = _place(steps, step, first, last)
        d_state[going:rows] = d_final[first + going : first + rows]
        for row in range(rows):
            gate = gates[here + row]
            q, r, z, n = gate[:hidden], gate[hidden : 2 * hidden], gate[2 * hidden : 3 * hidden], gate[3 * hidden :]
            dh, old = d_state[row], previous[here + row]
            if row < kept:
                _copy(old, states[before + row])
            else:
                old[:] = zero
            if len(d_states):
                _add(dh, d_states[here + row])
            for k in range(hidden):
                update, new = z[k], n[k]
                z[k] = dh[k] * (old[k] - new) * update * (one - update)
                n[k] = dh[k] * (one - update) * (one - new * new)
                dh[k] *= update
            for k in range(hidden):
                reset, d_new = r[k], n[k]
                r[k] = d_new * q[k] * reset * (one - reset)
                q[k] = d_new * reset
            _copy(d_products[row], gate[: 3 * hidden])
        if kept:
            np.dot(d_products[:kept], weight, through[:kept])
            for row in range(kept):
                _add(d_state[row], through[row])


@kernel
def sum_by_index(first: int, last: int, rows: Any, skipped: int, index: Any, total: Any) -> None:
    """Add each row, without its first `skipped` columns, to row `index` of `total`, in the order of the rows.

    Of the columns of `total` only those from `first` to `last`.
    """
    for row in range(len(index)):
        _add(total[index[row], first:last], rows[row, skipped + first : skipped + last])


@kernel
def pool_forward(first: int, last: int, steps: Any, states: Any, total: Any, highest: Any, where: Any) -> None:
    """Write each review's sum of states, their maximum and the row of the maximum: [reviews, hidden] each."""
    for step in range(len(steps)):
        here, rows = _rows(steps, step, first, last)
        for row in range(rows):
            state, review = states[here + row], first + row
            if step == 0:
                _copy(total[review], state)
                _copy(highest[review], state)
                where[review] = here + row
            else:
                _add(total[review], state)
                top, place = highest[review], where[review]
                for k in range(len(state)):
                    if state[k] > top[k] or state[k] != state[k]:  # nothing exceeds a NaN afterwards
                        top[k] = state[k]
                        place[k] = here + row


@kernel
def pool_backward(first: int, last: int, steps: Any, d_total: Any, d_highest: Any, where: Any, d_states: Any) -> None:
    """Write the gradient of each state, [tokens, hidden]: that of the sum, and of the maximum where it was found."""
    for step in range(len(steps)):
        here, rows = _rows(steps, step, first, last)
        for row in range(rows):
            _copy(d_states[here + row], d_total[first + row])
    for review in range(first, last):
        for k in range(d_highest.shape[1]):
            d_states[where[review, k], k] += d_highest[review, k]
