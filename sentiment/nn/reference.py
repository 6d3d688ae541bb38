"""A recurrent layer in plain torch, one step after the other, as the lecture writes it.

It runs every cell on every device. Autograd differentiates each step by itself, so it is slow, and it is the plainest
statement of what the kernels must compute. `compute.backend: reference` chooses it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from sentiment.nn.cells.cell import Cell, weights_by_direction
from sentiment.nn.kernels.autograd import Weights
from sentiment.nn.packed import Directions, PackedVectors


def run(cell: Cell, layer: nn.Module, packed: PackedVectors) -> Directions:
    """Return all states and each review's final state, of each direction of a layer."""
    rows = packed.per_token()
    with torch.autocast(rows.device.type, enabled=False):
        return [
            run_direction(cell, rows, weights, packed.batch_sizes, reverse=bool(direction))
            for direction, weights in enumerate(weights_by_direction(layer))
        ]


def run_direction(
    cell: Cell, rows: Tensor, weights: Weights, batch_sizes: Tensor, reverse: bool
) -> tuple[Tensor, Tensor]:
    """Return all states, float[tokens, hidden], and each review's state after its last token, float[reviews, hidden].

    rows: float[tokens, width], packed
    batch_sizes: int64[steps]; the reviews of a step are a prefix of those of the step before
    reverse: read each review from its end; the "last" token is then its first
    """
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    steps = torch.split(functional.linear(rows, weight_ih, bias_ih), batch_sizes.tolist())
    state = tuple(rows.new_zeros(0, weight_hh.shape[1]) for _ in range(cell.num_states))
    states, ended = [], []
    for x in reversed(steps) if reverse else steps:
        new = max(0, len(x) - len(state[0]))  # backwards, reviews begin at different steps
        state = tuple(functional.pad(part, (0, 0, 0, new)) for part in state)
        ended.append(state[0][len(x) :])
        state = cell.step(x, tuple(part[: len(x)] for part in state), weight_hh, bias_hh)
        states.append(state[0])
    return torch.cat(states[::-1] if reverse else states), torch.cat([state[0], *reversed(ended)])
