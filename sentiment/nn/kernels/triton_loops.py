"""The time loops of the recurrent layers over packed rows on a GPU, forward and backward, in Triton.

They compute the equations of `loops.py`, from the same inputs and for the same rows, in float32.

**A program walks through all steps of a few reviews.** It takes BLOCK neighbouring reviews of a batch, which are of
similar length. Their state stays in registers. The recurrent weights are loaded once and stay on the chip if they fit
(RESIDENT). Larger weights are read from the L2 cache at every step, CHUNK rows at a time; the state is then read back
from memory too. The next step's inputs are loaded while this step is computed.

cuDNN instead launches kernels for every step of a packed batch and waits for them: 33 us a step on an H100 for any
width.

**The bytes are the same on every run.** Programs do not communicate, and no sum is atomic.

**Both directions run side by side,** as the second axis of the grid.

    inputs          float[rows, directions * gates * hidden], a row for each token or, if HAS_LOOKUP, for each entry
    lookup          int32[tokens], the row of `inputs` for each token, if HAS_LOOKUP
    weight          float or bfloat16[directions, gates, WIDTH, WIDTH]: U, transposed for the forward loops
    bias            float[directions, hidden]: b of a GRU
    first, sizes    int32[steps], the first row and the number of rows of each step
    lengths         int32[reviews], descending
    gates           float[tokens, directions * gates * hidden], kept for the backward loop if SAVES: i f g o of an LSTM,
                    r z n of a GRU
    cells           float[directions, tokens, hidden], kept likewise: c of an LSTM, q of a GRU
    states, final   float[directions, tokens, hidden], float[directions, reviews, hidden]

**Padding.** Tensor cores multiply blocks of at least 16 rows and columns, so WIDTH is HIDDEN rounded up to a power of
two, at least 16. Padding units have zero weights and are never read or written.

**Products** are in float32, as three products in tf32, which tensor cores have; or in bfloat16 if the weights are.

**Backward,** `d_h` of a review holds the gradient of its final state until the loop reaches the review's last token.
`d_states` is read if HAS_STATES. The loops write the gradient of each sum inside a non-linearity to `d_sums` (and that
of q to `d_cells`), and each token's h' to `previous`; the gradient of U is then one matrix product.
"""

import triton
import triton.language as tl

CHUNK = tl.constexpr(32)

# Without this, a loop would be compiled again for other batches: for another number of reviews or tokens, and for other
# addresses of what `PackedVectors.places` sends as one array.
loop = triton.jit(do_not_specialize=["reviews", "tokens"], do_not_specialize_on_alignment=["first", "sizes", "lengths"])


@triton.jit
def _tanh(x):
    # The difference loses the digits of a small x; the series is exact there.
    square = x * x
    series = x * (1 - square * (1 / 3 - square * (2 / 15 - square * (17 / 315))))
    return tl.where(square < 0.01, series, 2 * tl.sigmoid(2 * x) - 1)


@triton.jit
def _apply(x, NONLINEARITY: tl.constexpr):
    if NONLINEARITY == 0:
        y = _tanh(x)
    elif NONLINEARITY == 1:
        y = tl.where(x < 0, 0.0, x)  # a maximum would lose NaN
    else:
        y = tl.sigmoid(x)
    return y


@triton.jit
def _slope(y, NONLINEARITY: tl.constexpr):
    """Return the derivative of a non-linearity where its value is `y`."""
    if NONLINEARITY == 0:
        slope = 1 - y * y
    elif NONLINEARITY == 1:
        slope = tl.where(y > 0, 1.0, 0.0)
    else:
        slope = y * (1 - y)
    return slope


@triton.jit
def _locate(first, sizes, number, steps, review, backwards):
    """Return each review's row at a step, and whether the review has a token there.

    number: the step in reading order; outside of 0 to `steps` - 1 no review has a token
    """
    step = tl.where(backwards, steps - 1 - number, number)
    exists = (number >= 0) & (number < steps)
    row = tl.load(first + step, mask=exists, other=0) + review
    return row.to(tl.int64), review < tl.load(sizes + step, mask=exists, other=0)


@triton.jit
def _source(lookup, row, present, HAS_LOOKUP: tl.constexpr):
    """Return the rows of `inputs` that some tokens take."""
    if HAS_LOOKUP:
        source = tl.load(lookup + row, mask=present, other=0).to(tl.int64)
    else:
        source = row
    return source


@triton.jit
def _load(array, row, width, unit, mask):
    """Return some columns of some rows of an array; zero where there is nothing to read."""
    return tl.load(array + row[:, None] * width + unit[None, :], mask=mask, other=0.0)


@triton.jit
def _store(array, row, width, unit, mask, values):
    tl.store(array + row[:, None] * width + unit[None, :], values, mask=mask)


@triton.jit
def _block(weight, gate: tl.constexpr, WIDTH: tl.constexpr):
    """Return the weights of a gate: [WIDTH, WIDTH]. `weight` points to those of a direction."""
    unit = tl.arange(0, WIDTH)
    return tl.load(weight + gate * WIDTH * WIDTH + unit[:, None] * WIDTH + unit[None, :])


@triton.jit
def _dot(x, block, total):
    """Return `total + x @ block`."""
    return tl.dot(x.to(block.dtype), block, total, input_precision="tf32x3")


@triton.jit
def _product(rows, row, width, present, weight, gate: tl.constexpr, total, HIDDEN: tl.constexpr, WIDTH: tl.constexpr):
    """Return `total + rows @ weights` of a gate. Both are read from memory, CHUNK columns and rows at a time."""
    unit = tl.arange(0, WIDTH)
    for start in tl.range(0, WIDTH, CHUNK, num_stages=2):
        source = start + tl.arange(0, CHUNK)
        part = _load(rows, row, width, source, present[:, None] & (source[None, :] < HIDDEN))
        block = tl.load(weight + gate * WIDTH * WIDTH + source[:, None] * WIDTH + unit[None, :])
        total = _dot(part, block, total)
    return total


@loop
def rnn_forward(
    inputs,
    lookup,
    weight,
    bias,
    first,
    sizes,
    lengths,
    gates,
    cells,
    states,
    final,
    reviews,
    tokens,
    HIDDEN: tl.constexpr,
    WIDTH: tl.constexpr,
    BLOCK: tl.constexpr,
    HAS_LOOKUP: tl.constexpr,
    SAVES: tl.constexpr,
    RESIDENT: tl.constexpr,
    NONLINEARITY: tl.constexpr,
):
    """Write h to `states` and each review's last h to `final`. NONLINEARITY: 0 tanh, 1 relu, 2 logistic."""
    direction, directions = tl.program_id(1).to(tl.int64), tl.num_programs(1)
    review = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    unit = tl.arange(0, WIDTH)
    real, width = unit[None, :] < HIDDEN, directions * HIDDEN
    weight += direction * WIDTH * WIDTH
    inputs += direction * HIDDEN
    states += direction * tokens * HIDDEN
    final += direction * reviews * HIDDEN
    if RESIDENT:
        u = _block(weight, 0, WIDTH)
    steps = tl.load(lengths + tl.program_id(0) * BLOCK)
    h = tl.zeros((BLOCK, WIDTH), tl.float32)
    row, present = _locate(first, sizes, 0, steps, review, direction == 1)
    x = _load(inputs, _source(lookup, row, present, HAS_LOOKUP), width, unit, present[:, None] & real)
    old_row, old_present = row, review < 0  # no state yet: zero
    for number in range(steps):
        next_row, next_present = _locate(first, sizes, number + 1, steps, review, direction == 1)
        source = _source(lookup, next_row, next_present, HAS_LOOKUP)
        next_x = _load(inputs, source, width, unit, next_present[:, None] & real)
        if RESIDENT:
            total = _dot(h, u, x)
        else:
            tl.debug_barrier()  # the states of the step before are in memory
            total = _product(states, old_row, HIDDEN, old_present, weight, 0, x, HIDDEN, WIDTH)
        h = tl.where(present[:, None], _apply(total, NONLINEARITY), h)
        _store(states, row, HIDDEN, unit, present[:, None] & real, h)
        old_row, old_present = row, present
        row, present, x = next_row, next_present, next_x
    _store(final, review, HIDDEN, unit, (review < reviews)[:, None] & real, h)


@loop
def rnn_backward(
    weight,
    first,
    sizes,
    lengths,
    gates,
    cells,
    states,
    d_states,
    d_final,
    d_sums,
    d_cells,
    previous,
    reviews,
    tokens,
    HIDDEN: tl.constexpr,
    WIDTH: tl.constexpr,
    BLOCK: tl.constexpr,
    HAS_STATES: tl.constexpr,
    RESIDENT: tl.constexpr,
    NONLINEARITY: tl.constexpr,
):
    direction, directions = tl.program_id(1).to(tl.int64), tl.num_programs(1)
    review = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    unit = tl.arange(0, WIDTH)
    real, width = unit[None, :] < HIDDEN, directions * HIDDEN
    weight += direction * WIDTH * WIDTH
    d_sums += direction * HIDDEN
    states += direction * tokens * HIDDEN
    d_states += direction * tokens * HIDDEN
    previous += direction * tokens * HIDDEN
    d_final += direction * reviews * HIDDEN
    if RESIDENT:
        u = _block(weight, 0, WIDTH)
    steps = tl.load(lengths + tl.program_id(0) * BLOCK)
    d_h = _load(d_final, review, HIDDEN, unit, (review < reviews)[:, None] & real)
    row, present = _locate(first, sizes, steps - 1, steps, review, direction == 1)
    h = _load(states, row, HIDDEN, unit, present[:, None] & real)
    for done in range(steps):
        old_row, old_present = _locate(first, sizes, steps - 2 - done, steps, review, direction == 1)
        old_h = _load(states, old_row, HIDDEN, unit, old_present[:, None] & real)
        mask = present[:, None] & real
        if HAS_STATES:
            d_h += _load(d_states, row, HIDDEN, unit, mask)
        d_sum = d_h * _slope(h, NONLINEARITY)
        _store(d_sums, row, width, unit, mask, d_sum)
        _store(previous, row, HIDDEN, unit, mask, old_h)
        through = tl.zeros((BLOCK, WIDTH), tl.float32)
        if RESIDENT:
            through = _dot(d_sum, u, through)
        else:
            tl.debug_barrier()  # d_sums of this step are in memory
            through = _product(d_sums, row, width, present, weight, 0, through, HIDDEN, WIDTH)
        d_h = tl.where(present[:, None], through, d_h)
        row, present, h = old_row, old_present, old_h


@loop
def lstm_forward(
    inputs,
    lookup,
    weight,
    bias,
    first,
    sizes,
    lengths,
    gates,
    cells,
    states,
    final,
    reviews,
    tokens,
    HIDDEN: tl.constexpr,
    WIDTH: tl.constexpr,
    BLOCK: tl.constexpr,
    HAS_LOOKUP: tl.constexpr,
    SAVES: tl.constexpr,
    RESIDENT: tl.constexpr,
    NONLINEARITY: tl.constexpr,
):
    """Write h to `states` and each review's last h to `final`; i f g o to `gates` and c to `cells`."""
    direction, directions = tl.program_id(1).to(tl.int64), tl.num_programs(1)
    review = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    unit = tl.arange(0, WIDTH)
    real, width = unit[None, :] < HIDDEN, directions * 4 * HIDDEN
    weight += direction * 4 * WIDTH * WIDTH
    inputs += direction * 4 * HIDDEN
    gates += direction * 4 * HIDDEN
    states += direction * tokens * HIDDEN
    cells += direction * tokens * HIDDEN
    final += direction * reviews * HIDDEN
    if RESIDENT:
        u_i, u_f = _block(weight, 0, WIDTH), _block(weight, 1, WIDTH)
        u_g, u_o = _block(weight, 2, WIDTH), _block(weight, 3, WIDTH)
    steps = tl.load(lengths + tl.program_id(0) * BLOCK)
    h = tl.zeros((BLOCK, WIDTH), tl.float32)
    c = tl.zeros((BLOCK, WIDTH), tl.float32)
    row, present = _locate(first, sizes, 0, steps, review, direction == 1)
    source, mask = _source(lookup, row, present, HAS_LOOKUP), present[:, None] & real
    x_i = _load(inputs, source, width, unit, mask)
    x_f = _load(inputs + HIDDEN, source, width, unit, mask)
    x_g = _load(inputs + 2 * HIDDEN, source, width, unit, mask)
    x_o = _load(inputs + 3 * HIDDEN, source, width, unit, mask)
    old_row, old_present = row, review < 0  # no state yet: zero
    for number in range(steps):
        next_row, next_present = _locate(first, sizes, number + 1, steps, review, direction == 1)
        source, next_mask = _source(lookup, next_row, next_present, HAS_LOOKUP), next_present[:, None] & real
        next_i = _load(inputs, source, width, unit, next_mask)
        next_f = _load(inputs + HIDDEN, source, width, unit, next_mask)
        next_g = _load(inputs + 2 * HIDDEN, source, width, unit, next_mask)
        next_o = _load(inputs + 3 * HIDDEN, source, width, unit, next_mask)
        if RESIDENT:
            i, f = _dot(h, u_i, x_i), _dot(h, u_f, x_f)
            g, o = _dot(h, u_g, x_g), _dot(h, u_o, x_o)
        else:
            tl.debug_barrier()  # the states of the step before are in memory
            i = _product(states, old_row, HIDDEN, old_present, weight, 0, x_i, HIDDEN, WIDTH)
            f = _product(states, old_row, HIDDEN, old_present, weight, 1, x_f, HIDDEN, WIDTH)
            g = _product(states, old_row, HIDDEN, old_present, weight, 2, x_g, HIDDEN, WIDTH)
            o = _product(states, old_row, HIDDEN, old_present, weight, 3, x_o, HIDDEN, WIDTH)
        i, f, g, o = tl.sigmoid(i), tl.sigmoid(f), _tanh(g), tl.sigmoid(o)
        c = tl.where(present[:, None], f * c + i * g, c)
        h = tl.where(present[:, None], o * _tanh(c), h)
        _store(states, row, HIDDEN, unit, mask, h)
        if SAVES:
            _store(cells, row, HIDDEN, unit, mask, c)
            _store(gates, row, width, unit, mask, i)
            _store(gates + HIDDEN, row, width, unit, mask, f)
            _store(gates + 2 * HIDDEN, row, width, unit, mask, g)
            _store(gates + 3 * HIDDEN, row, width, unit, mask, o)
        old_row, old_present = row, present
        row, present, mask = next_row, next_present, next_mask
        x_i, x_f, x_g, x_o = next_i, next_f, next_g, next_o
    _store(final, review, HIDDEN, unit, (review < reviews)[:, None] & real, h)


@loop
def lstm_backward(
    weight,
    first,
    sizes,
    lengths,
    gates,
    cells,
    states,
    d_states,
    d_final,
    d_sums,
    d_cells,
    previous,
    reviews,
    tokens,
    HIDDEN: tl.constexpr,
    WIDTH: tl.constexpr,
    BLOCK: tl.constexpr,
    HAS_STATES: tl.constexpr,
    RESIDENT: tl.constexpr,
    NONLINEARITY: tl.constexpr,
):
    direction, directions = tl.program_id(1).to(tl.int64), tl.num_programs(1)
    review = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    unit = tl.arange(0, WIDTH)
    real, width = unit[None, :] < HIDDEN, directions * 4 * HIDDEN
    weight += direction * 4 * WIDTH * WIDTH
    gates += direction * 4 * HIDDEN
    d_sums += direction * 4 * HIDDEN
    states += direction * tokens * HIDDEN
    d_states += direction * tokens * HIDDEN
    cells += direction * tokens * HIDDEN
    previous += direction * tokens * HIDDEN
    d_final += direction * reviews * HIDDEN
    if RESIDENT:
        u_i, u_f = _block(weight, 0, WIDTH), _block(weight, 1, WIDTH)
        u_g, u_o = _block(weight, 2, WIDTH), _block(weight, 3, WIDTH)
    steps = tl.load(lengths + tl.program_id(0) * BLOCK)
    d_h = _load(d_final, review, HIDDEN, unit, (review < reviews)[:, None] & real)
    d_c = tl.zeros((BLOCK, WIDTH), tl.float32)
    row, present = _locate(first, sizes, steps - 1, steps, review, direction == 1)
    mask = present[:, None] & real
    c = _load(cells, row, HIDDEN, unit, mask)
    i, f = _load(gates, row, width, unit, mask), _load(gates + HIDDEN, row, width, unit, mask)
    g = _load(gates + 2 * HIDDEN, row, width, unit, mask)
    o = _load(gates + 3 * HIDDEN, row, width, unit, mask)
    for done in range(steps):
        old_row, old_present = _locate(first, sizes, steps - 2 - done, steps, review, direction == 1)
        old_mask = old_present[:, None] & real
        old_h, old_c = _load(states, old_row, HIDDEN, unit, old_mask), _load(cells, old_row, HIDDEN, unit, old_mask)
        old_i = _load(gates, old_row, width, unit, old_mask)
        old_f = _load(gates + HIDDEN, old_row, width, unit, old_mask)
        old_g = _load(gates + 2 * HIDDEN, old_row, width, unit, old_mask)
        old_o = _load(gates + 3 * HIDDEN, old_row, width, unit, old_mask)
        if HAS_STATES:
            d_h += _load(d_states, row, HIDDEN, unit, mask)
        t = _tanh(c)
        d_sum_c = d_c + d_h * o * (1 - t * t)
        d_i, d_f = d_sum_c * g * i * (1 - i), d_sum_c * old_c * f * (1 - f)
        d_g, d_o = d_sum_c * i * (1 - g * g), d_h * t * o * (1 - o)
        _store(d_sums, row, width, unit, mask, d_i)
        _store(d_sums + HIDDEN, row, width, unit, mask, d_f)
        _store(d_sums + 2 * HIDDEN, row, width, unit, mask, d_g)
        _store(d_sums + 3 * HIDDEN, row, width, unit, mask, d_o)
        _store(previous, row, HIDDEN, unit, mask, old_h)
        through = tl.zeros((BLOCK, WIDTH), tl.float32)
        if RESIDENT:
            through = _dot(d_i, u_i, through)
            through = _dot(d_f, u_f, through)
            through = _dot(d_g, u_g, through)
            through = _dot(d_o, u_o, through)
        else:
            tl.debug_barrier()  # d_sums of this step are in memory
            through = _product(d_sums, row, width, present, weight, 0, through, HIDDEN, WIDTH)
            through = _product(d_sums + HIDDEN, row, width, present, weight, 1, through, HIDDEN, WIDTH)
            through = _product(d_sums + 2 * HIDDEN, row, width, present, weight, 2, through, HIDDEN, WIDTH)
            through = _product(d_sums + 3 * HIDDEN, row, width, present, weight, 3, through, HIDDEN, WIDTH)
        d_h, d_c = tl.where(present[:, None], through, d_h), tl.where(present[:, None], d_sum_c * f, d_c)
        row, present, mask = old_row, old_present, old_mask
        c, i, f, g, o = old_c, old_i, old_f, old_g, old_o


@loop
def gru_forward(
    inputs,
    lookup,
    weight,
    bias,
    first,
    sizes,
    lengths,
    gates,
    cells,
    states,
    final,
    reviews,
    tokens,
    HIDDEN: tl.constexpr,
    WIDTH: tl.constexpr,
    BLOCK: tl.constexpr,
    HAS_LOOKUP: tl.constexpr,
    SAVES: tl.constexpr,
    RESIDENT: tl.constexpr,
    NONLINEARITY: tl.constexpr,
):
    """Write h to `states` and each review's last h to `final`; r z n to `gates` and q to `cells`."""
    direction, directions = tl.program_id(1).to(tl.int64), tl.num_programs(1)
    review = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    unit = tl.arange(0, WIDTH)
    real, width = unit[None, :] < HIDDEN, directions * 3 * HIDDEN
    weight += direction * 3 * WIDTH * WIDTH
    inputs += direction * 3 * HIDDEN
    gates += direction * 3 * HIDDEN
    states += direction * tokens * HIDDEN
    cells += direction * tokens * HIDDEN
    final += direction * reviews * HIDDEN
    if RESIDENT:
        u_r, u_z = _block(weight, 0, WIDTH), _block(weight, 1, WIDTH)
        u_n = _block(weight, 2, WIDTH)
    b = tl.load(bias + direction * HIDDEN + unit, mask=unit < HIDDEN, other=0.0)
    b = tl.broadcast_to(b[None, :], (BLOCK, WIDTH))
    steps = tl.load(lengths + tl.program_id(0) * BLOCK)
    h = tl.zeros((BLOCK, WIDTH), tl.float32)
    row, present = _locate(first, sizes, 0, steps, review, direction == 1)
    source, mask = _source(lookup, row, present, HAS_LOOKUP), present[:, None] & real
    x_r = _load(inputs, source, width, unit, mask)
    x_z = _load(inputs + HIDDEN, source, width, unit, mask)
    x_n = _load(inputs + 2 * HIDDEN, source, width, unit, mask)
    old_row, old_present = row, review < 0  # no state yet: zero
    for number in range(steps):
        next_row, next_present = _locate(first, sizes, number + 1, steps, review, direction == 1)
        source, next_mask = _source(lookup, next_row, next_present, HAS_LOOKUP), next_present[:, None] & real
        next_r = _load(inputs, source, width, unit, next_mask)
        next_z = _load(inputs + HIDDEN, source, width, unit, next_mask)
        next_n = _load(inputs + 2 * HIDDEN, source, width, unit, next_mask)
        if RESIDENT:
            r, z, q = _dot(h, u_r, x_r), _dot(h, u_z, x_z), _dot(h, u_n, b)
        else:
            tl.debug_barrier()  # the states of the step before are in memory
            r = _product(states, old_row, HIDDEN, old_present, weight, 0, x_r, HIDDEN, WIDTH)
            z = _product(states, old_row, HIDDEN, old_present, weight, 1, x_z, HIDDEN, WIDTH)
            q = _product(states, old_row, HIDDEN, old_present, weight, 2, b, HIDDEN, WIDTH)
        r, z = tl.sigmoid(r), tl.sigmoid(z)
        n = _tanh(x_n + r * q)
        h = tl.where(present[:, None], n + z * (h - n), h)
        _store(states, row, HIDDEN, unit, mask, h)
        if SAVES:
            _store(cells, row, HIDDEN, unit, mask, q)
            _store(gates, row, width, unit, mask, r)
            _store(gates + HIDDEN, row, width, unit, mask, z)
            _store(gates + 2 * HIDDEN, row, width, unit, mask, n)
        old_row, old_present = row, present
        row, present, mask = next_row, next_present, next_mask
        x_r, x_z, x_n = next_r, next_z, next_n
    _store(final, review, HIDDEN, unit, (review < reviews)[:, None] & real, h)


@loop
def gru_backward(
    weight,
    first,
    sizes,
    lengths,
    gates,
    cells,
    states,
    d_states,
    d_final,
    d_sums,
    d_cells,
    previous,
    reviews,
    tokens,
    HIDDEN: tl.constexpr,
    WIDTH: tl.constexpr,
    BLOCK: tl.constexpr,
    HAS_STATES: tl.constexpr,
    RESIDENT: tl.constexpr,
    NONLINEARITY: tl.constexpr,
):
    direction, directions = tl.program_id(1).to(tl.int64), tl.num_programs(1)
    review = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    unit = tl.arange(0, WIDTH)
    real, width = unit[None, :] < HIDDEN, directions * 3 * HIDDEN
    weight += direction * 3 * WIDTH * WIDTH
    gates += direction * 3 * HIDDEN
    d_sums += direction * 3 * HIDDEN
    states += direction * tokens * HIDDEN
    d_states += direction * tokens * HIDDEN
    cells += direction * tokens * HIDDEN
    d_cells += direction * tokens * HIDDEN
    previous += direction * tokens * HIDDEN
    d_final += direction * reviews * HIDDEN
    if RESIDENT:
        u_r, u_z = _block(weight, 0, WIDTH), _block(weight, 1, WIDTH)
        u_n = _block(weight, 2, WIDTH)
    steps = tl.load(lengths + tl.program_id(0) * BLOCK)
    d_h = _load(d_final, review, HIDDEN, unit, (review < reviews)[:, None] & real)
    row, present = _locate(first, sizes, steps - 1, steps, review, direction == 1)
    mask = present[:, None] & real
    q, r = _load(cells, row, HIDDEN, unit, mask), _load(gates, row, width, unit, mask)
    z = _load(gates + HIDDEN, row, width, unit, mask)
    n = _load(gates + 2 * HIDDEN, row, width, unit, mask)
    for done in range(steps):
        old_row, old_present = _locate(first, sizes, steps - 2 - done, steps, review, direction == 1)
        old_mask = old_present[:, None] & real
        old_h, old_q = _load(states, old_row, HIDDEN, unit, old_mask), _load(cells, old_row, HIDDEN, unit, old_mask)
        old_r = _load(gates, old_row, width, unit, old_mask)
        old_z = _load(gates + HIDDEN, old_row, width, unit, old_mask)
        old_n = _load(gates + 2 * HIDDEN, old_row, width, unit, old_mask)
        if HAS_STATES:
            d_h += _load(d_states, row, HIDDEN, unit, mask)
        d_n, d_z = d_h * (1 - z) * (1 - n * n), d_h * (old_h - n) * z * (1 - z)
        d_r, d_q = d_n * q * r * (1 - r), d_n * r
        _store(d_sums, row, width, unit, mask, d_r)
        _store(d_sums + HIDDEN, row, width, unit, mask, d_z)
        _store(d_sums + 2 * HIDDEN, row, width, unit, mask, d_n)
        _store(d_cells, row, HIDDEN, unit, mask, d_q)
        _store(previous, row, HIDDEN, unit, mask, old_h)
        through = d_h * z
        if RESIDENT:
            through = _dot(d_r, u_r, through)
            through = _dot(d_z, u_z, through)
            through = _dot(d_q, u_n, through)
        else:
            tl.debug_barrier()  # d_sums and d_cells of this step are in memory
            through = _product(d_sums, row, width, present, weight, 0, through, HIDDEN, WIDTH)
            through = _product(d_sums + HIDDEN, row, width, present, weight, 1, through, HIDDEN, WIDTH)
            through = _product(d_cells, row, HIDDEN, present, weight, 2, through, HIDDEN, WIDTH)
        d_h = tl.where(present[:, None], through, d_h)
        row, present, mask = old_row, old_present, old_mask
        q, r, z, n = old_q, old_r, old_z, old_n


@triton.jit
def pool_forward(
    first,
    lengths,
    states,
    total,
    highest,
    highest_row,
    HIDDEN: tl.constexpr,
    WIDTH: tl.constexpr,
    STEPS: tl.constexpr,
):
    """Write the sum of a review's states, their maximum and the row of the first that has it: [reviews, hidden].

    A program takes one review and WIDTH of its units, STEPS tokens at a time. The maximum is NaN if a state is.
    """
    review, unit = tl.program_id(0), tl.program_id(1) * WIDTH + tl.arange(0, WIDTH)
    length = tl.load(lengths + review)
    real = unit[None, :] < HIDDEN
    sums = tl.zeros((1, WIDTH), tl.float32)
    top = tl.full((1, WIDTH), float("-inf"), tl.float32)
    top_row = tl.zeros((1, WIDTH), tl.int64) - 1
    nans = tl.zeros((1, WIDTH), tl.int32)
    for start in range(0, length, STEPS):
        step = start + tl.arange(0, STEPS)
        row = tl.load(first + step, mask=step < length, other=0).to(tl.int64) + review
        mask = (step < length)[:, None] & real
        values = _load(states, row, HIDDEN, unit, mask)
        sums += tl.sum(values, axis=0, keep_dims=True)
        nans += tl.sum((values != values).to(tl.int32), axis=0, keep_dims=True)
        values = tl.where(mask, values, float("-inf"))
        block_top = tl.max(values, axis=0, keep_dims=True)
        # Rows rise with the steps, so the smallest is the first.
        block_row = tl.min(tl.where(values == block_top, row[:, None], 1 << 62), axis=0, keep_dims=True)
        better = block_top > top
        top, top_row = tl.where(better, block_top, top), tl.where(better, block_row, top_row)
    place = review.to(tl.int64) * HIDDEN + unit[None, :]
    tl.store(total + place, sums, mask=real)
    tl.store(highest + place, tl.where(nans > 0, float("nan"), top), mask=real)
    tl.store(highest_row + place, top_row, mask=real)


@triton.jit
def pool_backward(
    first,
    lengths,
    d_total,
    d_highest,
    highest_row,
    d_states,
    HIDDEN: tl.constexpr,
    WIDTH: tl.constexpr,
    STEPS: tl.constexpr,
):
    """Write the gradient of each state: of the sum, plus that of the maximum at its row."""
    review, unit = tl.program_id(0), tl.program_id(1) * WIDTH + tl.arange(0, WIDTH)
    length = tl.load(lengths + review)
    real = unit[None, :] < HIDDEN
    place = review.to(tl.int64) * HIDDEN + unit[None, :]
    d_sum, d_top = tl.load(d_total + place, mask=real, other=0.0), tl.load(d_highest + place, mask=real, other=0.0)
    top_row = tl.load(highest_row + place, mask=real, other=-1)
    for start in range(0, length, STEPS):
        step = start + tl.arange(0, STEPS)
        row = tl.load(first + step, mask=step < length, other=0).to(tl.int64) + review
        gradient = d_sum + tl.where(row[:, None] == top_row, d_top, 0.0)
        _store(d_states, row, HIDDEN, unit, (step < length)[:, None] & real, gradient)
