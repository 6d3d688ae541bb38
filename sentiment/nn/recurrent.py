"""The recurrent encoder: a stack of recurrent layers over a packed batch, its states pooled for each review."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from sentiment.config.compute import Backend
from sentiment.nn import reference
from sentiment.nn.cells.cell import make_cell, make_layer, weights_by_direction
from sentiment.nn.config import ModelConfig
from sentiment.nn.kernels import autograd, triton_layer
from sentiment.nn.packed import Directions, PackedVectors
from sentiment.nn.pooling import pool


class RecurrentEncoder(nn.Module):
    """A stack of layers of one cell, in one direction or in both.

    A layer is computed by compiled loops on the CPU (`kernels/`), by cuDNN or Triton's loops on a GPU, and by plain
    torch (`reference.py`) wherever the cell has none of them, or where the backend asks for it.

    Dropout lies between the layers, as our own module: cuDNN's is not reproducible (pytorch#35661, pytorch#104697).
    """

    def __init__(self, config: ModelConfig, backend: Backend = "auto", dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.config, self.backend = config, backend
        self.cell = make_cell(config.cell, config.nonlinearity)
        widths = [config.embedding_dim] + [config.state_dim] * (config.layers - 1)
        self.layers = nn.ModuleList(
            make_layer(self.cell, width, config.hidden_dim, config.bidirectional, dtype) for width in widths
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, packed: PackedVectors) -> Tensor:
        """Return the last layer's states, pooled: float[reviews, directions * hidden], three times that for `concat`.

        The forward direction has read the whole review at its last token, the backward direction at its first one. Each
        direction's final state is taken there.
        """
        kind = self.config.pooling
        pooled = [pool(kind, states, final, packed, self.backend) for states, final in self.states(packed)]
        return torch.cat([part for parts in zip(*pooled, strict=True) for part in parts], dim=1)

    def states(self, packed: PackedVectors) -> Directions:
        """Return the last layer's states, and each review's final state, of each direction."""
        directions = self._run_layer(self.layers[0], packed)
        for layer in self.layers[1:]:
            states = torch.cat([states for states, _ in directions], dim=1)
            directions = self._run_layer(layer, packed.with_rows(self.dropout(states)))
        return directions

    def _run_layer(self, layer: nn.Module, packed: PackedVectors) -> Directions:
        if self.backend == "reference":
            return reference.run(self.cell, layer, packed)
        cell, weights, hidden = self.cell, weights_by_direction(layer), self.config.hidden_dim
        if self.backend == "triton" and cell.triton and triton_layer.supports(cell.triton, hidden, packed.values):
            return triton_layer.run_layer(cell.triton, cell.nonlinearity, packed, weights)
        on_cpu = packed.values.device.type == "cpu"
        if on_cpu and cell.kernels:
            return [
                autograd.run_direction(cell.kernels, cell.nonlinearity, packed, direction, reverse=bool(number))
                for number, direction in enumerate(weights)
            ]
        if not on_cpu and isinstance(layer, nn.RNNBase):
            return _run_torch_layer(layer, packed)
        return reference.run(cell, layer, packed)

    def initialise(self) -> None:
        """Draw the initial weights.

        Recurrent maps are orthogonal, times `recurrent_gain`. With a gain of 1 such a map keeps the length of a vector,
        hence of a gradient, over any number of steps (Saxe et al. 2013, arXiv 1312.6120). But then a state of a plain
        RNN adds up all earlier tokens and saturates after a few dozen, and pooled states of long reviews are noise; a
        small gain lets it begin with the last few tokens. Biases are zero, except where the cell says otherwise.
        """
        for name, parameter in self.named_parameters():
            for gate, block in enumerate(torch.split(parameter, self.config.hidden_dim)):
                if "weight_hh" in name:
                    nn.init.orthogonal_(block, self.config.recurrent_gain)
                elif "weight_ih" in name:
                    nn.init.xavier_uniform_(block)
                else:
                    nn.init.constant_(block, self.cell.initial_biases.get(gate, 0.0) if "bias_ih" in name else 0.0)


def _run_torch_layer(layer: nn.RNNBase, packed: PackedVectors) -> Directions:
    """Run a layer of `torch.nn`, which takes both directions together; on CUDA this is cuDNN."""
    rows = packed.per_token()
    # Under autocast, torch casts the input of cuDNN to float16, whatever type was asked for
    # (ATen/cudnn/AutocastRNN.cpp), so the recurrence stays in the type of its weights.
    with torch.autocast(rows.device.type, enabled=False):
        states, final = layer(PackedSequence(rows, packed.batch_sizes))
    final = final[0] if isinstance(final, tuple) else final  # of an LSTM: hidden and cell state
    return list(zip(states.data.split(layer.hidden_size, dim=1), final.unbind(), strict=True))
