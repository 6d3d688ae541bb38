"""Long short-term memory (Hochreiter and Schmidhuber 1997) with a forget gate (Gers et al. 2000):

i = s(x_i + U_i h' + c_i)       f = s(x_f + U_f h' + c_f)
g = tanh(x_g + U_g h' + c_g)    o = s(x_o + U_o h' + c_o)
c = f * c' + i * g              h = o * tanh(c)
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from sentiment.nn.cells.cell import Cell, State
from sentiment.nn.kernels import loops
from sentiment.nn.kernels.autograd import Kernels


class LSTM(Cell):
    """Input gate i, forget gate f, candidate g, output gate o; in this order in the weights."""

    num_gates = 4
    num_states = 2  # hidden state h and cell state c
    initial_biases: ClassVar = {1: 1.0}  # the forget gate starts open (Jozefowicz et al. 2015)
    kernels = Kernels(loops.lstm_forward, loops.lstm_backward, saved_gates=4, saved_cells=True)
    triton = "lstm"

    def step(self, x: Tensor, state: State, weight: Tensor, bias: Tensor) -> State:
        h, c = state
        i, f, g, o = (x + functional.linear(h, weight, bias)).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    def torch_layer(self, input_size: int, hidden_size: int, **options: Any) -> nn.RNNBase:
        return nn.LSTM(input_size, hidden_size, **options)
