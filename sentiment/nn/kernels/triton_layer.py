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

from sentiment.nn.kernels.autograd import NONLINEARITY_CODES, Weights
from sentiment.nn.packed import Directions, PackedVectors, Places

# Reviews of one program: the smallest block that tensor cores multiply.
BLOCK = 16

# Units and tokens of one review that a program of pooling takes at a time.
POOLED_WIDTH, POOLED_STEPS, POOLED_WARPS = 64, 16, 4

# The widest layers that the loops compute; cuDNN computes others. This is an estimate, not a measurement: a processor
# of an H100 reads about 110 GB/s from the L2 cache, so 1 MiB of weights takes 10 us at each step, and cuDNN takes 33 us
# for a step of any width.
WIDEST = {"rnn": 512, "gru": 256, "lstm": 256}


def padded_width(hidden: int) -> int:
    """Return the width that a hidden size is computed with.

    >>> padded_width(1), padded_width(16), padded_width(100)
    (16, 16, 128)
    """
    return max(16, 1 << (hidden - 1).bit_length())


def num_warps(width: int) -> int:
    """Return the threads of a program in groups of 32: few, but enough that (nearly) no values spill from registers."""
    return 4 if width <= 32 else 8


def resident_memory(gates: int, width: int) -> int:
    """Return the bytes of shared memory that a program needs to keep the recurrent weights on the chip, at most.

    A weight is kept as two numbers in tf32, of 4 bytes each; the rest is room for the state. Weights in bfloat16 need a
    quarter of that, but an LSTM of 128 units that kept them on the chip had not compiled after eight minutes.
    """
    return 8 * gates * width**2 + 128 * width


@cache
def shared_memory(device: torch.device) -> int:
    """Return the bytes of shared memory that a program can have on a device; in Triton's interpreter, on an H100."""
    if device.type != "cuda":
        return 227 * 1024
    index = torch.cuda.current_device() if device.index is None else device.index
    return int(_driver().utils.get_device_properties(index)["max_shared_mem"])


@cache
def reason_against(device: torch.device) -> str | None:
    """Return why the loops cannot run on a device, or None. In Triton's interpreter they run on the CPU."""
    if find_spec("triton") is None:
        return "Triton is not installed"
    if os.environ.get("TRITON_INTERPRET") == "1":
        return None
    if device.type != "cuda" or torch.version.hip:
        return "they need a GPU of NVIDIA"
    major, minor = torch.cuda.get_device_capability(device)
    if major < 8:  # Triton's own limit
        return f"they need a GPU of compute capability 8.0, and this one has {major}.{minor}"
    try:
        _driver()
    except Exception as error:  # it compiles a helper in C
        return f"Triton does not start, for lack of a C compiler perhaps: {' '.join(str(error).split())}"
    return None


def _reason(values: Tensor) -> str | None:
    """Return why the loops cannot compute these vectors, or None."""
    return reason_against(values.device) or (
        "they do not compute in float64" if values.dtype == torch.float64 else None
    )


def runs_on(values: Tensor) -> bool:
    """Return whether the loops can compute these vectors."""
    return _reason(values) is None


def supports(kernels: str, hidden: int, values: Tensor) -> bool:
    """Return whether the loops compute a layer with some vectors as its input; say once why not."""
    reason = _reason(values)
    if not reason and hidden > WIDEST[kernels]:
        reason = f"a layer {kernels} has at most {WIDEST[kernels]} units there, and this one has {hidden}"
    if reason:
        say_once(f"compute.backend: triton's loops are not used: {reason}")
    return not reason


@cache
def say_once(message: str) -> None:
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
    # Added before the directions are joined: otherwise the gradients of both biases share memory, and a second backward
    # pass adds to it twice.
    biases = [weights[side][2] + bias for side, bias in enumerate(recurrent_biases)]
    inputs = functional.linear(packed.values, input_weight, torch.cat(biases)).float()
    autocast = torch.is_autocast_enabled(packed.values.device.type)
    precision = torch.bfloat16 if autocast else torch.float32
    layer = Layer(kernels, NONLINEARITY_CODES[nonlinearity], precision, packed.places())
    states, final = _Recurrence.apply(layer, inputs, packed.lookup, recurrent, candidate_bias)  # type: ignore[no-untyped-call]
    if len(weights) == 1:
        return [(states.squeeze(0), final.squeeze(0))]
    return list(zip(states.unbind(), final.unbind(), strict=True))


@dataclass(frozen=True)
class Layer:
    """The arguments of a layer's loops that are not differentiated.

    precision: the type of the recurrent weights in products, float32 or bfloat16
    """

    kernels: str
    nonlinearity: int
    precision: torch.dtype
    places: Places

    def launch(self, direction: str, arrays: list[Tensor], weight: Tensor, tokens: int, **options: bool) -> None:
        """Run a loop, `forward` or `backward`. weight: float[directions, gates, hidden, hidden]"""
        directions, gates, hidden, _ = weight.shape
        width, reviews = padded_width(hidden), len(self.places.lengths)
        with torch.cuda.device_of(weight):  # type: ignore[no-untyped-call]
            _loop(f"{self.kernels}_{direction}")[-(-reviews // BLOCK), directions](
                *arrays,
                reviews,
                tokens,
                HIDDEN=hidden,
                WIDTH=width,
                BLOCK=BLOCK,
                RESIDENT=resident_memory(gates, width) <= shared_memory(weight.device),
                NONLINEARITY=self.nonlinearity,
                num_warps=num_warps(width),
                num_stages=1,
                **options,
            )

    def padded(self, weight: Tensor) -> Tensor:
        """Return recurrent weights as the loops read them."""
        added = padded_width(weight.shape[-1]) - weight.shape[-1]
        return functional.pad(weight, (0, added, 0, added)).to(self.precision).contiguous()


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
            "forward",
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
            "backward",
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
        _pool("pool_forward", places, [states.contiguous(), total, highest, row])
        ctx.save_for_backward(row)
        ctx.places, ctx.tokens = places, len(states)
        return total, highest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_total: Tensor, d_highest: Tensor) -> tuple[Tensor, None]:
        (row,) = ctx.saved_tensors
        d_states = d_total.new_empty(ctx.tokens, d_total.shape[1])
        _pool("pool_backward", ctx.places, [d_total.contiguous(), d_highest.contiguous(), row, d_states])
        return d_states, None


def _pool(name: str, places: Places, arrays: list[Tensor]) -> None:
    """Run a loop of pooling. The second dimension of the arrays is that of the hidden units."""
    hidden = arrays[0].shape[1]
    width = min(padded_width(hidden), POOLED_WIDTH)
    with torch.cuda.device_of(arrays[0]):  # type: ignore[no-untyped-call]
        _loop(name)[len(places.lengths), -(-hidden // width)](
            *(places.first, places.lengths, *arrays),
            HIDDEN=hidden,
            WIDTH=width,
            STEPS=POOLED_STEPS,
            num_warps=POOLED_WARPS,
            num_stages=1,
        )


def _driver() -> Any:
    """Return Triton's driver of the GPU. The first call compiles a part of it in C."""
    return import_module("triton.runtime").driver.active


def _loop(name: str) -> Any:
    """Return a loop. They are imported when the first one runs, since not every machine has Triton."""
    return getattr(import_module("sentiment.nn.kernels.triton_loops"), name)
