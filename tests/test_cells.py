"""What every cell of the registry promises. A new cell is checked here without a new test."""

import pytest
import torch
from torch import Tensor, nn

from sentiment.config.compute import Backend
from sentiment.nn.cells import CELLS
from sentiment.nn.cells.cell import make_cell, make_layer, weights_by_direction
from sentiment.nn.packed import PackedVectors
from sentiment.nn.recurrent import RecurrentEncoder
from tests.support.configs import model_config

WIDTH, HIDDEN = 3, 4
LENGTHS = [5, 3, 3, 1]
BATCH_SIZES = torch.tensor([sum(step < length for length in LENGTHS) for step in range(LENGTHS[0])])


def encoder(cell: str, backend: Backend, layers: int, bidirectional: bool) -> RecurrentEncoder:
    """Return an encoder in float64. Its biases are drawn too: at zero, a mistake in them would not show."""
    torch.manual_seed(0)
    network = RecurrentEncoder(
        model_config(cell=cell, embedding_dim=WIDTH, hidden_dim=HIDDEN, layers=layers, bidirectional=bidirectional),
        backend,
    ).double()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.5)
    return network


def batch() -> PackedVectors:
    random = torch.Generator().manual_seed(1)
    values = torch.randn(sum(LENGTHS), WIDTH, dtype=torch.float64, generator=random, requires_grad=True)
    return PackedVectors(values, None, BATCH_SIZES)


def reviews_of(packed: PackedVectors) -> list[Tensor]:
    """Return the vectors of each review: float[tokens, width]."""
    first = packed.first_rows
    return [
        torch.stack([packed.values[first[step] + row] for step in range(length)]) for row, length in enumerate(LENGTHS)
    ]


def one_by_one(network: RecurrentEncoder, packed: PackedVectors) -> Tensor:
    """Return the final states from one `step` after the other, review by review: the definition of the cell."""
    cell, finals = network.cell, []
    for inputs in reviews_of(packed):
        for layer in network.layers:
            sides = []
            for direction, (w, u, b, c) in enumerate(weights_by_direction(layer)):
                state = tuple(inputs.new_zeros(1, HIDDEN) for _ in range(cell.num_states))
                states = []
                for x in inputs.flip(0) if direction else inputs:
                    state = cell.step((w @ x + b)[None], state, u, c)
                    states.append(state[0][0])
                sides.append(states[::-1] if direction else states)
            final = torch.cat([states[0 if direction else -1] for direction, states in enumerate(sides)])
            inputs = torch.stack([torch.cat(states) for states in zip(*sides, strict=True)])
        finals.append(final)
    return torch.stack(finals)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("backend", ["auto", "reference"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_packed_batch_computes_what_the_step_defines(
    cell: str, backend: Backend, layers: int, bidirectional: bool
) -> None:
    network, packed = encoder(cell, backend, layers, bidirectional), batch()
    expected, result = one_by_one(network, packed), network(packed)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-10)
    weighing = torch.randn_like(expected)
    inputs = [packed.values, *network.parameters()]
    gradients = (torch.autograd.grad((final * weighing).sum(), inputs) for final in (result, expected))
    for gradient, other in zip(*gradients, strict=True):
        torch.testing.assert_close(gradient, other, rtol=0, atol=1e-10)


@pytest.mark.parametrize("backend", ["auto", "reference"])
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_those_of_finite_differences(cell: str, backend: Backend) -> None:
    network, packed = encoder(cell, backend, layers=1, bidirectional=True), batch()
    names = [name for name, _ in network.named_parameters()]

    def final(values: Tensor, *weights: Tensor) -> Tensor:
        changed = (PackedVectors(values, None, BATCH_SIZES),)
        result: Tensor = torch.func.functional_call(network, dict(zip(names, weights, strict=True)), changed)
        return result

    assert torch.autograd.gradcheck(final, (packed.values, *network.parameters()))


@pytest.mark.parametrize("cell", CELLS)
def test_a_layer_of_torch_is_the_same_layer(cell: str) -> None:
    """Where torch has the layer, cuDNN runs it on a GPU, so its weights and results must be those of the step."""
    layer = make_cell(cell).torch_layer(WIDTH, HIDDEN, bidirectional=True)
    if layer is None:
        pytest.skip("torch has no such layer")
    layer = layer.double()
    network, packed = encoder(cell, "reference", layers=1, bidirectional=True), batch()
    network.layers[0].load_state_dict(layer.state_dict())
    _, final = layer(nn.utils.rnn.PackedSequence(packed.values, BATCH_SIZES))
    final = final[0] if isinstance(final, tuple) else final
    torch.testing.assert_close(network(packed), torch.cat(final.unbind(), dim=1), rtol=0, atol=1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_a_table_with_a_lookup_is_a_row_for_each_token(cell: str) -> None:
    network = encoder(cell, "auto", layers=1, bidirectional=False)
    table = torch.randn(6, WIDTH, dtype=torch.float64)
    lookup = torch.arange(sum(LENGTHS), dtype=torch.int32) % 6
    rows = PackedVectors(table[lookup], None, BATCH_SIZES)
    torch.testing.assert_close(network(PackedVectors(table, lookup, BATCH_SIZES)), network(rows), rtol=0, atol=1e-12)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_every_weight_is_drawn_anew(cell: str, bidirectional: bool) -> None:
    """`initialise` leaves nothing of the memory that a layer was built in."""
    network = RecurrentEncoder(model_config(cell=cell, hidden_dim=HIDDEN, bidirectional=bidirectional))
    for parameter in network.parameters():
        nn.init.constant_(parameter, torch.nan)
    network.initialise()
    assert all(parameter.isfinite().all() for parameter in network.parameters())


@pytest.mark.parametrize("gain", [0.0, 0.2, 1.0])
def test_the_recurrent_gain_scales_what_a_state_keeps_of_the_one_before(gain: float) -> None:
    network = RecurrentEncoder(model_config(cell="gru", hidden_dim=HIDDEN, recurrent_gain=gain))
    network.initialise()
    for block in torch.split(network.layers[0].get_parameter("weight_hh_l0").detach(), HIDDEN):
        torch.testing.assert_close(block @ block.T, gain**2 * torch.eye(HIDDEN))


@pytest.mark.parametrize("cell", CELLS)
def test_a_layer_has_the_weights_of_its_gates(cell: str) -> None:
    layer = make_layer(make_cell(cell), WIDTH, HIDDEN, bidirectional=True)
    rows = make_cell(cell).num_gates * HIDDEN
    shapes = {name: list(weight.shape) for name, weight in layer.named_parameters()}
    for suffix in ("_l0", "_l0_reverse"):
        assert shapes[f"weight_ih{suffix}"] == [rows, WIDTH]
        assert shapes[f"weight_hh{suffix}"] == [rows, HIDDEN]
        assert shapes[f"bias_ih{suffix}"] == shapes[f"bias_hh{suffix}"] == [rows]


@pytest.mark.cuda
@pytest.mark.parametrize("backend", ["auto", "reference"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_computes_the_same_on_cuda(cell: str, backend: Backend) -> None:
    network, packed = encoder(cell, backend, layers=2, bidirectional=True), batch()
    expected = network(packed)
    moved = PackedVectors(packed.values.cuda(), None, BATCH_SIZES)
    torch.testing.assert_close(network.cuda()(moved).cpu(), expected, rtol=0, atol=1e-10)
