"""The recurrence: a stack of recurrent layers over a packed batch, read at each review's last token.

    h_t = tanh(W x_t + U h_{t-1} + b),  h_0 = 0        Elman (1990); GRU and LSTM replace this step by gated ones

Each layer is a `torch.nn` module of its own, and dropout between layers is ours: cuDNN's is not reproducible
(pytorch#35661, pytorch#104697).
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from sentiment.architecture import Architecture


class Recurrence(nn.Module):
    """A stack of `rnn`, `gru` or `lstm` layers, in one direction or in both."""

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        widths = [shape.embedding_dim] + [shape.state_dim] * (shape.layers - 1)
        self.layers = nn.ModuleList(_layer(shape, width) for width in widths)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, embedded: PackedSequence) -> Tensor:
        """Return the last layer's state after each review's last token: float[reviews, directions * hidden].

        `embedded` holds float[tokens, embedding], its reviews by length descending. The forward direction has read
        the whole review at its last token, the backward direction at its first: each is taken there.
        """
        # Under autocast, torch casts what it hands to cuDNN to float16, whatever type was asked for
        # (ATen/cudnn/AutocastRNN.cpp): on CUDA the recurrence stays in the type of its weights.
        if embedded.data.is_cuda:
            with torch.autocast("cuda", enabled=False):
                return self._run(embedded)
        return self._run(embedded)

    def _run(self, embedded: PackedSequence) -> Tensor:
        final = torch.empty(0)
        for depth, layer in enumerate(self.layers):
            if depth:
                embedded = embedded._replace(data=self.dropout(embedded.data))
            embedded, state = layer(embedded)
            final = state[0] if isinstance(state, tuple) else state  # an LSTM's state is hidden and cell
        return torch.cat(final.unbind(), dim=1)


def _layer(shape: Architecture, width: int) -> nn.RNNBase:
    if shape.cell == "rnn":
        return nn.RNN(width, shape.hidden_dim, nonlinearity=shape.nonlinearity, bidirectional=shape.bidirectional)
    kinds: dict[str, type[nn.GRU] | type[nn.LSTM]] = {"gru": nn.GRU, "lstm": nn.LSTM}
    return kinds[shape.cell](width, shape.hidden_dim, bidirectional=shape.bidirectional)
