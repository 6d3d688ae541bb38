"""One recurrent layer over a packed batch on a GPU, both directions at once, as a differentiable function of torch.

It computes what `nn.RNN`, `nn.GRU` and `nn.LSTM` compute for a `PackedSequence` with the same weights, gradients
included, in float32. Around the loops over time (`triton_loops.py`) the work is the same as on the CPU (`autograd.py`):
the inputs' product with the input weights comes first, for both directions together and once for each entry of the
vocabulary where a batch has more tokens; the gradient of the recurrent weights is one product over all tokens at the
end; the gradient of an entry is a sum over its tokens in order, which torch computes by sorting, without atomics.
"""

import os
import sys
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from sentiment.nn.kernels.autograd import NONLINEARITY_CODES
from sentiment.nn.packed import Directions, PackedVectors, Places

# weight_ih, weight_hh, bias_ih and bias_hh of one direction, as `torch.nn` has them.
Weights = tuple[Tensor, Tensor, Tensor, Tensor]

# Reviews of one program: the smallest block that tensor cores multiply. Larger blocks were slower.
BLOCK = 16

# Units and tokens of one review that a program of pooling takes at a time.
POOLED_WIDTH, POOLED_STEPS = 64, 16


@dataclass(frozen=True)
class Plan:
    """How the loops of one width run.

    resident: whether the recurrent weights stay on the chip; otherwise they are read from the L2 cache at each step
    warps: the threads of a program, in groups of 32
    """

    resident: bool
    warps: int


# By cell and width, the hidden size rounded up to a power of two; wider layers are left to cuDNN. Weights stay on the
# chip while they fit. Warps are as few as keep a thread's values in its registers, or nearly (docs/performance.md has
# the table). The widest layers follow from an estimate: at 110 GB/s from the L2 cache, a step reads 1 MiB of weights in
# 10 us, and cuDNN takes 33 us for a step of any width.
PLANS = {
    ("rnn", 16): Plan(True, warps=4),
    ("rnn", 32): Plan(True, warps=4),
    ("rnn", 64): Plan(True, warps=4),
    ("rnn", 128): Plan(True, warps=8),
    ("rnn", 256): Plan(False, warps=8),
    ("rnn", 512): Plan(False, warps=8),
    ("gru", 16): Plan(True, warps=4),
    ("gru", 32): Plan(True, warps=4),
    ("gru", 64): Plan(True, warps=8),
    ("gru", 128): Plan(False, warps=8),
    ("gru", 256): Plan(False, warps=8),
    ("lstm", 16): Plan(True, warps=4),
    ("lstm", 32): Plan(True, warps=4),
    ("lstm", 64): Plan(True, warps=8),
    ("lstm", 128): Plan(False, warps=8),
    ("lstm", 256): Plan(False, warps=8),
}


def padded_width(hidden: int) -> int:
    """Return the width that a hidden size is computed with.

    >>> padded_width(1), padded_width(16), padded_width(100)
    (16, 16, 128)
    """
    return max(16, 1 << (hidden - 1).bit_length())


@cache
def reason_against(device: torch.device) -> str | None:
    """Return why the loops cannot run on a device, or None. In Triton's interpreter they run on the CPU."""
    if find_spec("triton") is None:
        return "Triton is not installed"
    if os.environ.get("TRITON_INTERPRET") == "1":
        return None
    if device.type != "cuda":
        return f"they need a CUDA GPU, and the device is {device.type}"
    major, minor = torch.cuda.get_device_capability(device)
    if major < 8:  # Triton's own limit
        return f"they need a GPU of compute capability 8.0, and this one has {major}.{minor}"
    return None


def runs_on(values: Tensor) -> bool:
    """Return whether the loops compute with some vectors: not in float64."""
    return values.dtype != torch.float64 and reason_against(values.device) is None


def supports(kernels: str, weights: Weights, packed: PackedVectors) -> bool:
    """Return whether the loops compute a layer with these weights; say once why not."""
    hidden, reason = weights[1].shape[1], reason_against(packed.values.device)
    if not reason and packed.values.dtype == torch.float64:
        reason = "they do not compute in float64"
    if not reason and (kernels, padded_width(hidden)) not in PLANS:
        reason = f"a cell {kernels} of {hidden} units is too wide for them"
    if reason:
        _say_once(f"compute.backend: triton's loops are not used: {reason}")
    return not reason


@cache
def _say_once(message: str) -> None:
    print(message, file=sys.stderr)


def run_layer(kernels: str, nonlinearity: str, packed: PackedVectors, weights: list[Weights]) -> Directions:
    """Return all states, float[tokens, hidden], and each review's final state, float[reviews, hidden], by direction.

    kernels: the prefix of the loops' names
    weights: those of each direction
    """
    hidden = weights[0][1].shape[1]
    gates = len(weights[0][1]) // hidden
    input_weight = torch.cat([weight_ih for weight_ih, _, _, _ in weights])
    recurrent = torch.stack([weight_hh for _, weight_hh, _, _ in weights]).view(len(weights), gates, hidden, hidden)
    recurrent_biases, candidate_bias = [bias_hh for _, _, _, bias_hh in weights], None
    if kernels == "gru":  # the candidate's bias is scaled by a gate, so it cannot join the input's bias
        candidate_bias = torch.stack([bias[2 * hidden :] for bias in recurrent_biases])
        recurrent_biases = [functional.pad(bias[: 2 * hidden], (0, hidden)) for bias in recurrent_biases]
    # Added up before they are joined: the gradients of both would otherwise be views of one array, which a second
    # backward pass would add to twice.
    biases = [weights[side][2] + bias for side, bias in enumerate(recurrent_biases)]
    inputs = functional.linear(packed.values, input_weight, torch.cat(biases)).float()
    plan = PLANS[kernels, padded_width(hidden)]
    products = "bf16" if torch.is_autocast_enabled(packed.values.device.type) else "tf32x3"
    layer = Layer(kernels, NONLINEARITY_CODES[nonlinearity], plan, products, packed.places())
    states, final = _Recurrence.apply(layer, inputs, packed.lookup, recurrent, candidate_bias)  # type: ignore[no-untyped-call]
    if len(weights) == 1:
        return [(states.squeeze(0), final.squeeze(0))]
    return list(zip(states.unbind(), final.unbind(), strict=True))


@dataclass(frozen=True)
class Layer:
    """What the loops of a layer are given beside tensors."""

    kernels: str
    nonlinearity: int
    plan: Plan
    products: str
    places: Places

    def launch(self, backward: bool, arrays: list[Tensor], weight: Tensor, tokens: int, **options: bool) -> None:
        """Run the forward or the backward loop. weight: float[directions, gates, hidden, hidden]"""
        hidden, reviews = weight.shape[-1], len(self.places.lengths)
        kernel = _loop(f"{self.kernels}_{'backward' if backward else 'forward'}")
        with torch.cuda.device_of(weight):  # type: ignore[no-untyped-call]
            kernel[-(-reviews // BLOCK), len(weight)](
                *arrays,
                reviews,
                tokens,
                HIDDEN=hidden,
                WIDTH=padded_width(hidden),
                BLOCK=BLOCK,
                RESIDENT=self.plan.resident,
                NONLINEARITY=self.nonlinearity,
                PRODUCTS=self.products,
                num_warps=self.plan.warps,
                num_stages=1,
                **options,
            )

    def padded(self, weight: Tensor) -> Tensor:
        """Return recurrent weights with the width that they are computed with."""
        added = padded_width(weight.shape[-1]) - weight.shape[-1]
        return functional.pad(weight, (0, added, 0, added)) if added else weight.contiguous()


class _Recurrence(torch.autograd.Function):
    """The loops over time: from the inputs' products and the recurrent weights to the states of both directions."""

    @staticmethod
    def forward(
        ctx: Any, layer: Layer, inputs: Tensor, lookup: Tensor | None, weight: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        directions, num_gates, hidden, _ = weight.shape
        places, tokens = layer.places, len(inputs) if lookup is None else len(lookup)
        states = inputs.new_empty(directions, tokens, hidden)
        final = inputs.new_empty(directions, len(places.lengths), hidden)
        saves = num_gates > 1 and any(ctx.needs_input_grad)
        gates = inputs.new_empty(tokens if saves else 0, directions * num_gates * hidden)
        cells = inputs.new_empty(directions, tokens if saves else 0, hidden)
        absent = inputs  # in the place of an array that the loop does not read
        layer.launch(
            False,
            [
                inputs.contiguous(),
                absent if lookup is None else lookup,
                layer.padded(weight.transpose(-1, -2)),
                absent if bias is None else bias,
                *(places.first, places.sizes, places.lengths),
                *(gates, cells, states, final),
            ],
            weight,
            tokens,
            HAS_LOOKUP=lookup is not None,
            SAVES=saves,
        )
        ctx.save_for_backward(lookup, weight, gates, cells, states)
        ctx.layer, ctx.rows, ctx.has_bias = layer, len(inputs), bias is not None
        return states, final

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_states: Tensor | None, d_final: Tensor | None) -> tuple[Tensor | None, ...]:
        lookup, weight, gates, cells, states = ctx.saved_tensors
        layer: Layer = ctx.layer
        places, (directions, num_gates, hidden, _), tokens = layer.places, weight.shape, states.shape[1]
        d_sums = states.new_empty(tokens, directions * num_gates * hidden)
        d_cells = torch.empty_like(states) if ctx.has_bias else states
        previous = torch.empty_like(states)
        d_final = states.new_zeros(directions, len(places.lengths), hidden) if d_final is None else d_final
        layer.launch(
            True,
            [
                layer.padded(weight),
                *(places.first, places.sizes, places.lengths),
                *(gates, cells, states, states if d_states is None else d_states.contiguous(), d_final.contiguous()),
                *(d_sums, d_cells, previous),
            ],
            weight,
            tokens,
            HAS_STATES=d_states is not None,
        )
        d_weights = []
        for direction, d_gates in enumerate(d_sums.split(num_gates * hidden, dim=1)):
            # Of a GRU, the recurrent weights of the candidate feed q, not the sum that the input joins.
            pieces = [d_gates[:, : 2 * hidden], d_cells[direction]] if ctx.has_bias else [d_gates]
            d_weights.append(torch.cat([piece.t() @ previous[direction] for piece in pieces]))
        d_bias = d_cells.sum(1) if ctx.has_bias else None
        d_inputs = d_sums
        if lookup is not None:
            d_inputs = torch.ops.aten.embedding_dense_backward(d_sums, lookup, ctx.rows, -1, False)
        return None, d_inputs, None, torch.stack(d_weights).view(weight.shape), d_bias


def sum_and_max(states: Tensor, packed: PackedVectors) -> tuple[Tensor, Tensor]:
    """Return the sum and the maximum of each review's states, float[reviews, hidden].

    The first of equal states gets the gradient of the maximum.
    """
    total, highest = _SumAndMax.apply(states, packed.places())  # type: ignore[no-untyped-call]
    return total, highest


class _SumAndMax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        shape = len(places.lengths), states.shape[1]
        total, highest = states.new_empty(shape), states.new_empty(shape)
        row = torch.empty(shape, dtype=torch.int64, device=states.device)
        _launch_pooling("pool_forward", places, [states.contiguous(), total, highest, row], len(states))
        ctx.save_for_backward(row)
        ctx.places, ctx.tokens = places, len(states)
        return total, highest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_total: Tensor, d_highest: Tensor) -> tuple[Tensor, None]:
        (row,) = ctx.saved_tensors
        d_states = d_total.new_empty(ctx.tokens, d_total.shape[1])
        arrays = [d_total.contiguous(), d_highest.contiguous(), row, d_states]
        _launch_pooling("pool_backward", ctx.places, arrays, ctx.tokens)
        return d_states, None


def _launch_pooling(name: str, places: Places, arrays: list[Tensor], tokens: int) -> None:
    """Run a loop of pooling. The last dimension of the arrays is that of the hidden units."""
    hidden, reviews = arrays[0].shape[1], len(places.lengths)
    width = min(padded_width(hidden), POOLED_WIDTH)
    with torch.cuda.device_of(arrays[0]):  # type: ignore[no-untyped-call]
        _loop(name)[reviews, -(-hidden // width)](
            *(places.first, places.sizes, places.lengths),
            *arrays,
            reviews,
            tokens,
            HIDDEN=hidden,
            WIDTH=width,
            STEPS=POOLED_STEPS,
        )


def _loop(name: str) -> Any:
    """Return a loop. They are imported when the first one runs, since not every machine has Triton."""
    return getattr(import_module("sentiment.nn.kernels.triton_loops"), name)
