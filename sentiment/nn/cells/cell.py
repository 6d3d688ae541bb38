"""What a recurrent cell is: one step in plain torch, and optionally faster ways to compute a whole layer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from sentiment.nn.cells import CELLS
from sentiment.nn.kernels.autograd import Kernels, Weights

# float[reviews, hidden] each; the first is the hidden state, which the layer above and the readout see.
State = tuple[Tensor, ...]


class Cell(ABC):
    """A recurrence over tokens. A subclass needs `num_gates` and `step`; all else is optional.

    Its weights are those of `torch.nn.LSTM` with `num_gates` blocks of rows in the place of four.
    """

    num_gates: ClassVar[int]  # blocks of hidden_size rows in weight_ih and weight_hh; 1 without gates
    num_states: ClassVar[int] = 1
    initial_biases: ClassVar[Mapping[int, float]] = {}  # by gate; the others start at 0
    kernels: ClassVar[Kernels | None] = None  # compiled loops for the CPU
    triton: ClassVar[str | None] = None  # prefix of the names of the loops for a GPU, in `kernels/triton_loops.py`

    def __init__(self, nonlinearity: str = "tanh") -> None:
        self.nonlinearity = nonlinearity

    @abstractmethod
    def step(self, x: Tensor, state: State, weight: Tensor, bias: Tensor) -> State:
        """Return the state after one more token.

        x: float[reviews, gates * hidden], the token's product with `weight_ih` plus `bias_ih`
        state: float[reviews, hidden] each, `num_states` of them; all zero before the first token
        weight: float[gates * hidden, hidden]; bias: float[gates * hidden]
        """

    def torch_layer(self, input_size: int, hidden_size: int, **options: Any) -> nn.RNNBase | None:
        """Return the same layer of `torch.nn`, which cuDNN runs on a GPU, or None where torch has none.

        options: `bidirectional` and `dtype`, as `torch.nn` has them
        """
        return None


class CellWeights(nn.Module):
    """The weights of one layer of a cell that `torch.nn` does not have, under the names of `nn.LSTM`.

    They are drawn as `torch.nn` draws its own, so with one seed all cells of one shape start from the same numbers.
    """

    def __init__(
        self, num_gates: int, input_size: int, hidden_size: int, bidirectional: bool, dtype: torch.dtype
    ) -> None:
        super().__init__()
        rows, bound = num_gates * hidden_size, hidden_size**-0.5
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (rows, input_size),
            "weight_hh": (rows, hidden_size),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
        }
        for suffix in ("_l0", "_l0_reverse") if bidirectional else ("_l0",):
            for name, shape in shapes.items():
                weight = nn.Parameter(torch.empty(shape, dtype=dtype))
                nn.init.uniform_(weight, -bound, bound)
                self.register_parameter(name + suffix, weight)


def make_cell(name: str, nonlinearity: str = "tanh") -> Cell:
    """Return the cell of that name in params.yaml."""
    module, _, class_name = CELLS[name].partition(".")
    cell: Cell = getattr(import_module(f"sentiment.nn.cells.{module}"), class_name)(nonlinearity)
    return cell


def make_layer(
    cell: Cell, input_size: int, hidden_size: int, bidirectional: bool, dtype: torch.dtype = torch.float32
) -> nn.Module:
    """Return the module that holds the weights of one layer."""
    layer = cell.torch_layer(input_size, hidden_size, bidirectional=bidirectional, dtype=dtype)
    return layer or CellWeights(cell.num_gates, input_size, hidden_size, bidirectional, dtype)


def weights_by_direction(layer: nn.Module) -> list[Weights]:
    """Return the weights of a layer's forward direction and, if it has one, of its backward direction."""
    values = list(layer.parameters())  # four for each direction, in this order
    return [tuple(values[first : first + 4]) for first in range(0, len(values), 4)]  # type: ignore[misc]
