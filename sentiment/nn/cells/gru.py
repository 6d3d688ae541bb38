"""The gated recurrent unit (Cho et al. 2014), in the variant of cuDNN and torch:

r = s(x_r + U_r h' + c_r)    z = s(x_z + U_z h' + c_z)
n = tanh(x_n + r * (U_n h' + c_n))
h = n + z * (h' - n)
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sentiment.nn.cells.cell import Cell, State
from sentiment.nn.kernels import loops
from sentiment.nn.kernels.autograd import Kernels


class GRU(Cell):
    """Reset gate r, update gate z, candidate n; in this order in the weights."""

    num_gates = 3
    kernels = Kernels(loops.gru_forward, loops.gru_backward, saved_gates=4, split_candidate=True)
    triton = "gru"

    def step(self, x: Tensor, state: State, weight: Tensor, bias: Tensor) -> State:
        (h,) = state
        x_r, x_z, x_n = x.chunk(3, dim=1)
        u_r, u_z, u_n = functional.linear(h, weight, bias).chunk(3, dim=1)
        r, z = torch.sigmoid(x_r + u_r), torch.sigmoid(x_z + u_z)
        n = torch.tanh(x_n + r * u_n)
        return (n + z * (h - n),)

    def torch_layer(self, input_size: int, hidden_size: int, **options: Any) -> nn.RNNBase:
        return nn.GRU(input_size, hidden_size, **options)
