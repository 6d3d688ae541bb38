"""The simple recurrent cell (Elman 1990), the lecture's: h = f(x + U h' + c).

f is tanh, relu or the logistic function. The slope of the logistic function is at most 1/4, so a gradient shrinks at
least fourfold with each step unless U stretches it: the lecture's example of a vanishing gradient.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sentiment.nn.cells.cell import Cell, State
from sentiment.nn.kernels import loops
from sentiment.nn.kernels.autograd import Kernels

NONLINEARITIES = {"tanh": torch.tanh, "relu": torch.relu, "logistic": torch.sigmoid}


class RNN(Cell):
    """One state, one gate-free update."""

    num_gates = 1
    kernels = Kernels(loops.rnn_forward, loops.rnn_backward)
    triton = "rnn"

    def step(self, x: Tensor, state: State, weight: Tensor, bias: Tensor) -> State:
        (h,) = state
        return (NONLINEARITIES[self.nonlinearity](x + functional.linear(h, weight, bias)),)

    def torch_layer(self, input_size: int, hidden_size: int, **options: Any) -> nn.RNNBase | None:
        if self.nonlinearity == "logistic":
            return None
        return nn.RNN(input_size, hidden_size, nonlinearity=self.nonlinearity, **options)
