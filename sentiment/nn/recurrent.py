"""The recurrence: a stack of recurrent layers over a packed batch, its states pooled for each review.

    h_t = tanh(W x_t + U h_{t-1} + b),  h_0 = 0        Elman (1990); GRU and LSTM replace this step by gated ones

Each layer's weights lie in a `torch.nn` module of its own. On the CPU the project's own loops read them
(`recurrence.py`); elsewhere the module itself runs, on CUDA by cuDNN. The cell `manual_rnn` is written out in plain
torch for all devices (`manual.py`). Dropout between layers is ours: cuDNN's is not reproducible (pytorch#35661,
pytorch#104697).
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from sentiment.config.model import ModelConfig
from sentiment.nn import reference
from sentiment.nn.kernels import autograd, threads
from sentiment.nn.pooling import pool

# All states and each review's final state, packed, of each direction.
Directions = list[tuple[Tensor, Tensor]]


class Recurrence(nn.Module):
    """A stack of `rnn`, `gru`, `lstm` or `manual_rnn` layers, in one direction or in both."""

    def __init__(self, shape: ModelConfig) -> None:
        super().__init__()
        self.shape = shape
        widths = [shape.embedding_dim] + [shape.state_dim] * (shape.layers - 1)
        self.layers = nn.ModuleList(_layer(shape, width) for width in widths)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, entries: Tensor, index: Tensor | None, batch_sizes: Tensor) -> Tensor:
        """Return the last layer's states, pooled: float[reviews, directions * hidden], three times that for `concat`.

        entries: float[rows, embedding], one row a token, packed, the reviews by length descending; or, with an
            `index`, a table of embeddings
        index: int32[tokens], the row of `entries` that each token takes
        batch_sizes: int64[steps], on the CPU

        The forward direction has read the whole review at its last token, the backward direction at its first: each is
        taken there.
        """
        directions = self.states(entries, index, batch_sizes)
        pooled = [pool(self.shape.pooling, states, final, batch_sizes) for states, final in directions]
        return torch.cat([part for parts in zip(*pooled, strict=True) for part in parts], dim=1)

    def states(self, entries: Tensor, index: Tensor | None, batch_sizes: Tensor) -> Directions:
        """Return the last layer's states, from what `forward` takes."""
        if self.shape.cell == "manual_rnn":
            read = self._by_hand
        else:
            read = self._by_kernels if entries.device.type == "cpu" else self._by_torch
        directions = read(self.layers[0], entries, index, batch_sizes)
        for layer in self.layers[1:]:
            states = torch.cat([states for states, _ in directions], dim=1)
            directions = read(layer, self.dropout(states), None, batch_sizes)
        return directions

    def _by_kernels(self, layer: nn.Module, entries: Tensor, index: Tensor | None, batch_sizes: Tensor) -> Directions:
        cell = self.shape.nonlinearity if self.shape.cell == "rnn" else self.shape.cell
        hidden = self.shape.hidden_dim
        directions = []
        for reverse, (weight, recurrent, bias, recurrent_bias) in enumerate(_weights(layer)):
            scaled = None  # the part of the bias that a GRU's reset gate scales cannot join the input's
            if cell == "gru":
                scaled = recurrent_bias[2 * hidden :]
                recurrent_bias = functional.pad(recurrent_bias[: 2 * hidden], (0, hidden))
            inputs = threads.linear(entries, weight, bias + recurrent_bias).to(weight.dtype)  # bfloat16 in autocast
            directions.append(autograd.run(cell, inputs, index, recurrent, scaled, batch_sizes, bool(reverse)))
        return directions

    def _by_hand(self, layer: nn.Module, entries: Tensor, index: Tensor | None, batch_sizes: Tensor) -> Directions:
        entries = entries if index is None else functional.embedding(index, entries)
        with torch.autocast(entries.device.type, enabled=False):
            return [
                reference.run(self.shape.nonlinearity, entries, *weights, batch_sizes, bool(reverse))
                for reverse, weights in enumerate(_weights(layer))
            ]

    def _by_torch(self, layer: nn.Module, entries: Tensor, index: Tensor | None, batch_sizes: Tensor) -> Directions:
        entries = entries if index is None else functional.embedding(index, entries)
        # Under autocast, torch casts what it hands to cuDNN to float16, whatever type was asked for
        # (ATen/cudnn/AutocastRNN.cpp): the recurrence stays in the type of its weights.
        with torch.autocast(entries.device.type, enabled=False):
            states, final = layer(PackedSequence(entries, batch_sizes))
        final = final[0] if isinstance(final, tuple) else final  # an LSTM's state is hidden and cell
        return list(zip(states.data.split(self.shape.hidden_dim, dim=1), final.unbind(), strict=True))

    def torch_state_dict(self) -> dict[str, Tensor]:
        """Return the weights under the names of `nn.RNN`, `nn.GRU` or `nn.LSTM` with the same number of layers."""
        return {
            name.replace("_l0", f"_l{depth}"): value
            for depth, layer in enumerate(self.layers)
            for name, value in layer.state_dict().items()
        }

    def load_torch_state_dict(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of an `nn.RNN`, `nn.GRU` or `nn.LSTM`. Raises RuntimeError where its shape differs."""
        names = {
            name: f"{depth}.{own}"
            for depth, layer in enumerate(self.layers)
            for own in layer.state_dict()
            for name in [own.replace("_l0", f"_l{depth}")]
        }
        self.layers.load_state_dict({names.get(name, name): value for name, value in weights.items()})


def _layer(shape: ModelConfig, width: int) -> nn.RNNBase:
    """Return the module that holds a layer's weights; that of a `manual_rnn` never runs."""
    if shape.cell == "rnn":
        return nn.RNN(width, shape.hidden_dim, nonlinearity=shape.nonlinearity, bidirectional=shape.bidirectional)
    kinds: dict[str, type[nn.GRU] | type[nn.LSTM] | type[nn.RNN]]
    kinds = {"gru": nn.GRU, "lstm": nn.LSTM, "manual_rnn": nn.RNN}
    return kinds[shape.cell](width, shape.hidden_dim, bidirectional=shape.bidirectional)


def _weights(layer: nn.Module) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Return `weight_ih`, `weight_hh`, `bias_ih` and `bias_hh` of each direction."""
    values = list(layer.parameters())  # in this order, by direction
    return [tuple(values[first : first + 4]) for first in range(0, len(values), 4)]  # type: ignore[misc]
