"""The time loops of the recurrent layers over packed rows, forward and backward, compiled by numba.

On a CPU `torch.nn` differentiates each step's slice of a packed batch into a gradient of the size of the whole batch,
so its backward pass is quadratic in the length (docs/stock-packed.md). Here a step reads and writes its own rows once.

**Rows.** A packed batch has one row for each token, step by step; the reviews of a step are a prefix of those of the
step before. `steps` holds the first row and the number of rows of each step in reading order; the backward direction
reads the same steps in the opposite order. A kernel works on the reviews `first` to `last`, so threads share a batch.

**Inputs.** `inputs` holds the products of the embeddings with the input weights, plus the biases: a row for each token,
or a row for each entry of the vocabulary, and then `lookup` holds the row of each token.

**Equations.** x is a row of `inputs`, h' the state after the previous token (zero before the first), U the recurrent
weights, * the product element by element, s the logistic function.

    rnn     h = f(x + U h')                           Elman (1990); f is tanh, relu or s
    gru     r = s(x_r + U_r h')   z = s(x_z + U_z h')  Cho et al. (2014), in the variant of cuDNN and torch:
            q = U_n h' + b         n = tanh(x_n + r * q)
            h = n + z * (h' - n)
    lstm    i = s(x_i + U_i h')   f = s(x_f + U_f h')  Hochreiter and Schmidhuber (1997), Gers et al. (2000)
            g = tanh(x_g + U_g h') o = s(x_o + U_o h')
            c = f * c' + i * g     h = o * tanh(c)

**Arrays.** All forward kernels have the same arguments, and so have all backward kernels; a cell passes over those that
it does not need. `gates` and `cells` carry values from forward to backward: i f g o and c of an LSTM, q r z n of a GRU.
Without rows they are not kept. A backward kernel starts from the gradient of the final states (`d_final`) and, where
all states are read, of each state (`d_states`; otherwise without rows). It writes the gradient of each sum inside a
non-linearity to `d_sums` and each token's h' to `previous`, so that the gradient of U is one matrix product at the end.
`d_sums` takes the place of `gates`, and `previous` that of `cells`, where a cell has these.

**Speed.** The matrix products of a step are `np.dot`, for which numba calls SciPy's BLAS: 32 rows times 64 x 256 ran
at up to 186 GFLOP/s on one core, loops written out in numba at 15. The loops between the products are simple enough for
LLVM to vectorise: slices of one row, one or two written arrays each.

All kernels stand in one file, since stored machine code counts as that of the file of the kernel alone
(`machine_code.py`): in another file, a changed helper would go on running as it was.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba import njit, types
from numba.extending import overload

from sentiment.errors import InputError
from sentiment.nn.kernels.machine_code import MachineCode, folder

F = TypeVar("F", bound=Callable[..., Any])

# "contract" lets a product and a sum be one instruction; nothing else is reordered, so NaN and the order of sums hold.
_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": {"contract"}, "error_model": "numpy"}


def kernel(function: F, place: Callable[[], Path | None] = folder) -> F:
    """Compile a function for the types of its arguments, once on this machine. `place`: gives the folder of the code.

    Raises InputError where numba is told to compile nothing: the loops would take hours.
    """
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        raise InputError("NUMBA_DISABLE_JIT: the loops of the recurrent layers have to be compiled; unset it")
    compiled: Any = njit(**_OPTIONS)(function)
    compiled._cache = MachineCode(function, place)
    return cast(F, compiled)


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


@cache
def use_one_blas_thread() -> None:
    """Keep SciPy's BLAS, which the kernels call, to one thread: `threads.py` shares a batch among its own threads.

    NumPy brings a BLAS of its own in its wheels. That one is left alone: it may be busy in the program that predicts.
    """
    import scipy.linalg.cython_blas  # noqa: F401 - loads that BLAS, so that the limit finds it
    import threadpoolctl

    found = threadpoolctl.ThreadpoolController().select(user_api="blas")
    own = [library["filepath"] for library in found.info() if "scipy." in library["filepath"]]
    (found.select(filepath=own) if own else found).limit(limits=1)


@kernel
def _apply_tanh(row: Any) -> None:
    for k in range(len(row)):
        row[k] = _tanh(row[k])


@kernel
def _apply_logistic(row: Any) -> None:
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
    """Return the first row of the reviews `first` to `last` in a step, and how many rows they have there."""
    if step < 0 or step >= len(steps):
        return 0, 0
    return steps[step, 0] + first, max(0, min(steps[step, 1], last) - first)


@kernel
def _locate(steps: Any, step: int, first: int, last: int) -> tuple[int, int, int, int, int]:
    """Locate the reviews `first` to `last` in a step and in its neighbours.

    Return their first row and number of rows in this step; their first row in the step before and how many of this
    step's rows have one there; and how many of this step's rows continue in the step after.
    """
    here, rows = _rows(steps, step, first, last)
    before, there = _rows(steps, step - 1, first, last)
    return here, rows, before, min(there, rows), min(_rows(steps, step + 1, first, last)[1], rows)


@kernel
def rnn_forward(
    first: int,
    last: int,
    steps: Any,
    inputs: Any,
    lookup: Any,
    weight: Any,
    bias: Any,
    nonlinearity: int,
    gates: Any,
    cells: Any,
    states: Any,
    final: Any,
) -> None:
    """Write h to `states` [tokens, hidden] and each review's last h to `final`. `weight`: U transposed.

    `nonlinearity`: 0 tanh, 1 relu, 2 logistic.
    """
    by_token = len(lookup) == 0
    zero = states.dtype.type(0)
    for step in range(len(steps)):
        here, rows, before, kept, continuing = _locate(steps, step, first, last)
        block = states[here : here + rows]
        if kept:
            np.dot(states[before : before + kept], weight, block[:kept])
        block[kept:] = zero
        for row in range(rows):
            _add(block[row], inputs[here + row] if by_token else inputs[lookup[here + row]])
        flat = block.reshape(block.size)
        if nonlinearity == 0:
            _apply_tanh(flat)
        elif nonlinearity == 1:
            for k in range(len(flat)):
                if flat[k] < zero:  # a NaN stays
                    flat[k] = zero
        else:
            _apply_logistic(flat)
        for row in range(continuing, rows):
            _copy(final[first + row], block[row])


@kernel
def rnn_backward(
    first: int,
    last: int,
    steps: Any,
    weight: Any,
    nonlinearity: int,
    gates: Any,
    cells: Any,
    states: Any,
    d_final: Any,
    d_states: Any,
    d_sums: Any,
    previous: Any,
) -> None:
    """Write the gradient of x + U h' to `d_sums` and h' to `previous`: [tokens, hidden]. `weight`: U."""
    zero, one = states.dtype.type(0), states.dtype.type(1)
    d_state = np.empty((last - first, states.shape[1]), states.dtype)
    for step in range(len(steps) - 1, -1, -1):
        here, rows, before, kept, continuing = _locate(steps, step, first, last)
        d_state[continuing:rows] = d_final[first + continuing : first + rows]
        if len(d_states):
            for row in range(rows):
                _add(d_state[row], d_states[here + row])
        size = rows * states.shape[1]
        h, d = states[here : here + rows].reshape(size), d_state[:rows].reshape(size)
        out = d_sums[here : here + rows].reshape(size)
        if nonlinearity == 0:
            for k in range(size):
                out[k] = d[k] * (one - h[k] * h[k])
        elif nonlinearity == 1:
            for k in range(size):
                out[k] = d[k] if h[k] > zero else zero
        else:
            for k in range(size):
                out[k] = d[k] * h[k] * (one - h[k])
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
    lookup: Any,
    weight: Any,
    bias: Any,
    nonlinearity: int,
    gates: Any,
    cells: Any,
    states: Any,
    final: Any,
) -> None:
    """Write i f g o to `gates` [tokens, 4 hidden], c to `cells`, h to `states` and the last h to `final`.

    `weight`: U transposed.
    """
    hidden = states.shape[1]
    by_token, kept_gates = len(lookup) == 0, len(gates) > 0
    products = np.empty((last - first, 4 * hidden), states.dtype)
    for step in range(len(steps)):
        here, rows, before, kept, continuing = _locate(steps, step, first, last)
        if kept:
            np.dot(states[before : before + kept], weight, products[:kept])
        products[kept:rows] = states.dtype.type(0)
        for row in range(rows):
            x = inputs[here + row] if by_token else inputs[lookup[here + row]]
            gate = gates[here + row] if kept_gates else products[row]
            _sum(gate, x, products[row])
            i, f, g, o = gate[:hidden], gate[hidden : 2 * hidden], gate[2 * hidden : 3 * hidden], gate[3 * hidden :]
            _apply_logistic(gate[: 2 * hidden])
            _apply_tanh(g)
            _apply_logistic(o)
            c, h = cells[here + row], states[here + row]
            for k in range(hidden):
                c[k] = i[k] * g[k]
            if row < kept:
                old = cells[before + row]
                for k in range(hidden):
                    c[k] += f[k] * old[k]
            for k in range(hidden):
                h[k] = o[k] * _tanh(c[k])
            if row >= continuing:
                _copy(final[first + row], h)


@kernel
def lstm_backward(
    first: int,
    last: int,
    steps: Any,
    weight: Any,
    nonlinearity: int,
    gates: Any,
    cells: Any,
    states: Any,
    d_final: Any,
    d_states: Any,
    d_sums: Any,
    previous: Any,
) -> None:
    """Replace `gates` by the gradients of the four sums, and `cells` [tokens, hidden] by h'. `weight`: U."""
    hidden = states.shape[1]
    zero, one = states.dtype.type(0), states.dtype.type(1)
    d_state = np.empty((last - first, hidden), states.dtype)
    d_cell = np.empty((last - first, hidden), states.dtype)
    t = np.empty(hidden, states.dtype)
    for step in range(len(steps) - 1, -1, -1):
        here, rows, before, kept, continuing = _locate(steps, step, first, last)
        d_state[continuing:rows] = d_final[first + continuing : first + rows]
        d_cell[continuing:rows] = zero
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
    lookup: Any,
    weight: Any,
    bias: Any,
    nonlinearity: int,
    gates: Any,
    cells: Any,
    states: Any,
    final: Any,
) -> None:
    """Write q r z n to `gates` [tokens, 4 hidden], h to `states` and the last h to `final`.

    `weight` is U transposed, in the order n r z; `bias` is b. With q first, the three sums that U feeds (q r z) and the
    three that x feeds (r z n) are both contiguous.
    """
    hidden = states.shape[1]
    by_token, kept_gates = len(lookup) == 0, len(gates) > 0
    products = np.empty((last - first, 3 * hidden), states.dtype)
    spare = np.empty(4 * hidden, states.dtype)
    for step in range(len(steps)):
        here, rows, before, kept, continuing = _locate(steps, step, first, last)
        if kept:
            np.dot(states[before : before + kept], weight, products[:kept])
        products[kept:rows] = states.dtype.type(0)
        for row in range(rows):
            x = inputs[here + row] if by_token else inputs[lookup[here + row]]
            gate = gates[here + row] if kept_gates else spare
            q, r, z, n = gate[:hidden], gate[hidden : 2 * hidden], gate[2 * hidden : 3 * hidden], gate[3 * hidden :]
            x_n, h = x[2 * hidden :], states[here + row]
            _sum(q, products[row, :hidden], bias)
            _sum(gate[hidden : 3 * hidden], x[: 2 * hidden], products[row, hidden:])
            _apply_logistic(gate[hidden : 3 * hidden])
            for k in range(hidden):
                n[k] = _tanh(x_n[k] + r[k] * q[k])
            if row < kept:
                old = states[before + row]
                for k in range(hidden):
                    h[k] = n[k] + z[k] * (old[k] - n[k])
            else:
                for k in range(hidden):
                    h[k] = n[k] - z[k] * n[k]
            if row >= continuing:
                _copy(final[first + row], h)


@kernel
def gru_backward(
    first: int,
    last: int,
    steps: Any,
    weight: Any,
    nonlinearity: int,
    gates: Any,
    cells: Any,
    states: Any,
    d_final: Any,
    d_states: Any,
    d_sums: Any,
    previous: Any,
) -> None:
    """Replace `gates` q r z n by the gradients of q and of the three sums; write h' to `previous`. `weight`: n r z."""
    hidden = states.shape[1]
    zero, one = states.dtype.type(0), states.dtype.type(1)
    d_state = np.empty((last - first, hidden), states.dtype)
    d_products = np.empty((last - first, 3 * hidden), states.dtype)
    through = np.empty((last - first, hidden), states.dtype)
    for step in range(len(steps) - 1, -1, -1):
        here, rows, before, kept, continuing = _locate(steps, step, first, last)
        d_state[continuing:rows] = d_final[first + continuing : first + rows]
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
def sum_by_entry(first: int, last: int, rows: Any, skipped: int, lookup: Any, total: Any) -> None:
    """Add each row, without its first `skipped` columns, to its entry's row of `total`, in the order of the rows.

    Only the columns `first` to `last` of `total` are computed.
    """
    for row in range(len(lookup)):
        _add(total[lookup[row], first:last], rows[row, skipped + first : skipped + last])


@kernel
def pool_forward(first: int, last: int, steps: Any, states: Any, total: Any, highest: Any, argmax: Any) -> None:
    """Write the sum of each review's states, their maximum and the row of the maximum: [reviews, hidden] each."""
    for step in range(len(steps)):
        here, rows = _rows(steps, step, first, last)
        for row in range(rows):
            state, review = states[here + row], first + row
            if step == 0:
                _copy(total[review], state)
                _copy(highest[review], state)
                argmax[review] = here + row
            else:
                _add(total[review], state)
                top, top_row = highest[review], argmax[review]
                for k in range(len(state)):
                    if state[k] > top[k] or state[k] != state[k]:  # once NaN, it stays NaN
                        top[k] = state[k]
                        top_row[k] = here + row


@kernel
def pool_backward(first: int, last: int, steps: Any, d_total: Any, d_highest: Any, argmax: Any, d_states: Any) -> None:
    """Write the gradient of each state, [tokens, hidden]: of the sum, plus that of the maximum at its row."""
    for step in range(len(steps)):
        here, rows = _rows(steps, step, first, last)
        for row in range(rows):
            _copy(d_states[here + row], d_total[first + row])
    for review in range(first, last):
        for k in range(d_highest.shape[1]):
            d_states[argmax[review, k], k] += d_highest[review, k]
