"""The recurrence: a stack of recurrent layers over a packed batch, read at each review's last token.

    h_t = tanh(W x_t + U h_{t-1} + b),  h_0 = 0        Elman (1990); GRU and LSTM replace this step by gated ones

Each layer's weights lie in a `torch.nn` module of its own. On the CPU the project's own loops read them
(`recurrence.py`); elsewhere the module itself runs, on CUDA by cuDNN. Dropout between layers is ours: cuDNN's is not
reproducible (pytorch#35661, pytorch#104697).
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from sentiment import recurrence
from sentiment.architecture import Architecture


class Recurrence(nn.Module):
    """A stack of `rnn`, `gru` or `lstm` layers, in one direction or in both."""

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        self.shape = shape
        widths = [shape.embedding_dim] + [shape.state_dim] * (shape.layers - 1)
        self.layers = nn.ModuleList(_layer(shape, width) for width in widths)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, entries: Tensor, index: Tensor | None, batch_sizes: Tensor) -> Tensor:
        """Return the last layer's state after each review's last token: float[reviews, directions * hidden].

        entries: float[rows, embedding], one row a token, packed, the reviews by length descending; or, with an
            `index`, a table of embeddings
        index: int32[tokens], the row of `entries` that each token takes
        batch_sizes: int64[steps], on the CPU

        The forward direction has read the whole review at its last token, the backward direction at its first: each is
        taken there.
        """
        if entries.device.type != "cpu":
            embedded = entries if index is None else functional.embedding(index, entries)
            # Under autocast, torch casts what it hands to cuDNN to float16, whatever type was asked for
            # (ATen/cudnn/AutocastRNN.cpp): the recurrence stays in the type of its weights.
            with torch.autocast(entries.device.type, enabled=False):
                return self._by_torch(embedded, batch_sizes)
        states, final = zip(*self._directions(self.layers[0], entries, index, batch_sizes), strict=True)
        for layer in self.layers[1:]:
            entries = self.dropout(torch.cat(states, dim=1))
            states, final = zip(*self._directions(layer, entries, None, batch_sizes), strict=True)
        return torch.cat(final, dim=1)

    def _directions(
        self, layer: nn.Module, entries: Tensor, index: Tensor | None, batch_sizes: Tensor
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the states and the final states of each direction of a layer."""
        cell = self.shape.nonlinearity if self.shape.cell == "rnn" else self.shape.cell
        weights: dict[str, Tensor] = dict(layer.named_parameters())
        hidden = self.shape.hidden_dim
        for suffix in ("_l0", "_l0_reverse")[: 1 + self.shape.bidirectional]:
            weight, recurrent = weights["weight_ih" + suffix], weights["weight_hh" + suffix]
            bias, recurrent_bias = weights["bias_ih" + suffix], weights["bias_hh" + suffix]
            scaled = None  # the part of the bias that a GRU's reset gate scales cannot join the input's
            if cell == "gru":
                scaled = recurrent_bias[2 * hidden :]
                recurrent_bias = functional.pad(recurrent_bias[: 2 * hidden], (0, hidden))
            inputs = functional.linear(entries, weight, bias + recurrent_bias).to(weight.dtype)  # bfloat16 in autocast
            yield recurrence.run(cell, inputs, index, recurrent, scaled, batch_sizes, reverse=suffix != "_l0")

    def _by_torch(self, embedded: Tensor, batch_sizes: Tensor) -> Tensor:
        packed, final = PackedSequence(embedded, batch_sizes), embedded
        for depth, layer in enumerate(self.layers):
            if depth:
                packed = packed._replace(data=self.dropout(packed.data))
            packed, state = layer(packed)
            final = state[0] if isinstance(state, tuple) else state  # an LSTM's state is hidden and cell
        return torch.cat(final.unbind(), dim=1)

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


def _layer(shape: Architecture, width: int) -> nn.RNNBase:
    if shape.cell == "rnn":
        return nn.RNN(width, shape.hidden_dim, nonlinearity=shape.nonlinearity, bidirectional=shape.bidirectional)
    kinds: dict[str, type[nn.GRU] | type[nn.LSTM]] = {"gru": nn.GRU, "lstm": nn.LSTM}
    return kinds[shape.cell](width, shape.hidden_dim, bidirectional=shape.bidirectional)
