"""The compiled loops compute `nn.RNN`, `nn.GRU` and `nn.LSTM` on packed input, gradients included."""

import math
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from sentiment.nn.cells.cell import make_cell, weights_by_direction
from sentiment.nn.kernels import autograd, threads
from sentiment.nn.packed import PackedVectors
from sentiment.nn.recurrent import RecurrentEncoder
from tests.support.configs import model_config
from tests.support.imports import ROOT

CELLS = [("rnn", "tanh"), ("rnn", "relu"), ("gru", "tanh"), ("lstm", "tanh")]
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
WIDTH, HIDDEN, VOCAB_SIZE = 5, 7, 40

# More reviews than one span, of uneven lengths, so that spans begin, end and stay empty at different steps.
LENGTHS = np.sort(np.random.default_rng(0).integers(1, 40, 2 * autograd.SPAN + 6))[::-1]
BATCH_SIZES = torch.tensor([int((step < LENGTHS).sum()) for step in range(LENGTHS[0])])
IDS = torch.from_numpy(np.random.default_rng(1).integers(0, VOCAB_SIZE, int(LENGTHS.sum())).astype(np.int32))


def pair(
    cell: str, nonlinearity: str, layers: int, bidirectional: bool, kind: torch.dtype
) -> tuple[RecurrentEncoder, nn.RNNBase]:
    """Return our recurrence and torch's with the same weights, which only torch drew."""
    torch.manual_seed(0)
    options: dict[str, Any] = {"num_layers": layers, "bidirectional": bidirectional, "dtype": kind}
    module = {
        "rnn": lambda: nn.RNN(WIDTH, HIDDEN, nonlinearity=nonlinearity, **options),
        "gru": lambda: nn.GRU(WIDTH, HIDDEN, **options),
        "lstm": lambda: nn.LSTM(WIDTH, HIDDEN, **options),
    }[cell]()  # type: ignore[no-untyped-call]
    ours = RecurrentEncoder(
        model_config(
            cell=cell,
            nonlinearity=nonlinearity,
            embedding_dim=WIDTH,
            hidden_dim=HIDDEN,
            layers=layers,
            bidirectional=bidirectional,
        )
    ).to(kind)
    for depth, layer in enumerate(ours.layers):  # torch numbers all layers within one module
        layer.load_state_dict(
            {name: module.state_dict()[name.replace("_l0", f"_l{depth}")] for name in layer.state_dict()}
        )
    return ours, module


def by_torch(module: nn.RNNBase, embedded: Tensor) -> tuple[Tensor, Tensor]:
    """Return all states of the last layer, and the final ones of its directions side by side."""
    packed, state = module(PackedSequence(embedded, BATCH_SIZES))
    final = state[0] if isinstance(state, tuple) else state
    return packed.data, torch.cat(final[-2 if module.bidirectional else -1 :].unbind(), dim=1)


def gradients(loss: Tensor, *of: Any) -> list[Tensor]:
    return list(torch.autograd.grad(loss, of))


def run(
    cell: str, packed: PackedVectors, weights: Any, reverse: bool = False, nonlinearity: str = "tanh"
) -> tuple[Tensor, Tensor]:
    kernels = make_cell(cell).kernels
    assert kernels
    return autograd.run_direction(kernels, nonlinearity, packed, weights, reverse)


def test_a_tanh_rnn_worked_by_hand() -> None:
    """Two reviews, "a b" and "a", one unit: h = tanh(x + h' / 2) with x(a) = 1, x(b) = -1."""
    table = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    packed = PackedVectors(table, torch.tensor([0, 0, 1], dtype=torch.int32), torch.tensor([2, 1]))
    one, half, zero = (torch.tensor(value, dtype=torch.float64) for value in ([[1.0]], [[0.5]], [0.0]))
    states, final = run("rnn", packed, (one, half, zero, zero))
    a = math.tanh(1)
    b = math.tanh(-1 + a / 2)
    assert states[:, 0].tolist() == pytest.approx([a, a, b])
    assert final[:, 0].tolist() == pytest.approx([b, a])
    _, backward = run("rnn", packed, (one, half, zero, zero), reverse=True)
    assert backward[:, 0].tolist() == pytest.approx([math.tanh(1 + math.tanh(-1) / 2), a])


@pytest.mark.parametrize("kind", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell, nonlinearity", CELLS)
def test_states_and_gradients_are_those_of_torch(
    cell: str, nonlinearity: str, layers: int, bidirectional: bool, kind: torch.dtype
) -> None:
    ours, module = pair(cell, nonlinearity, layers, bidirectional, kind)
    table = torch.randn(VOCAB_SIZE, WIDTH, dtype=kind, requires_grad=True)
    _, expected = by_torch(module, table[IDS])
    weighing = torch.randn_like(expected)
    wanted = gradients((expected * weighing).sum(), table, *module.parameters())
    for packed in (PackedVectors(table, IDS, BATCH_SIZES), PackedVectors(table[IDS], None, BATCH_SIZES)):
        found = ours(packed)
        torch.testing.assert_close(found, expected, rtol=0, atol=TOLERANCE[kind])
        for one, other in zip(gradients((found * weighing).sum(), table, *ours.parameters()), wanted, strict=True):
            torch.testing.assert_close(
                one, other, rtol=TOLERANCE[kind], atol=TOLERANCE[kind] * float(other.abs().max())
            )


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("cell, nonlinearity", CELLS)
def test_a_readout_of_all_states_has_the_right_gradients(cell: str, nonlinearity: str, reverse: bool) -> None:
    _, module = pair(cell, nonlinearity, 1, True, torch.float64)
    weights = weights_by_direction(module)[reverse]
    embedded = torch.randn(len(IDS), WIDTH, dtype=torch.float64, requires_grad=True)
    expected = by_torch(module, embedded)[0][:, HIDDEN * reverse : HIDDEN * (1 + reverse)]
    states, final = run(cell, PackedVectors(embedded, None, BATCH_SIZES), weights, reverse, nonlinearity)
    torch.testing.assert_close(states, expected, rtol=0, atol=1e-10)
    weighing = torch.randn_like(states)
    # Both outputs at once: each state, and the final ones twice.
    ends = torch.arange(len(LENGTHS)) if reverse else torch.from_numpy(_last_rows())
    torch.testing.assert_close(final, expected[ends], rtol=0, atol=1e-10)
    wanted = gradients((expected * weighing).sum() + (2 * expected[ends]).sum(), embedded, *weights)
    found = gradients((states * weighing).sum() + (2 * final).sum(), embedded, *weights)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def _last_rows() -> Any:
    starts = np.cumsum(BATCH_SIZES.numpy()) - BATCH_SIZES.numpy()
    return starts[LENGTHS - 1] + np.arange(len(LENGTHS))


def test_a_second_pass_over_a_retained_graph_gives_the_same_gradients() -> None:
    """The backward loops write over what the forward loops saved."""
    for cell, nonlinearity in CELLS:
        ours, _ = pair(cell, nonlinearity, 2, True, torch.float64)
        final = ours(PackedVectors(torch.randn(len(IDS), WIDTH, dtype=torch.float64), None, BATCH_SIZES))
        weighing = torch.randn_like(final)
        first, second = (
            torch.autograd.grad((final * weighing).sum(), list(ours.parameters()), retain_graph=True) for _ in range(2)
        )
        assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True)), cell


@pytest.mark.parametrize("cell, nonlinearity", CELLS)
def test_a_nan_spreads(cell: str, nonlinearity: str) -> None:
    """The polynomial behind tanh bounds its argument, which must not turn a NaN into a number."""
    rows = make_cell(cell).num_gates
    packed = PackedVectors(torch.full((1, 1), math.nan), None, torch.tensor([1]))
    weights = (torch.ones(rows, 1), torch.ones(rows, 1), torch.zeros(rows), torch.zeros(rows))
    _, final = run(cell, packed, weights, nonlinearity=nonlinearity)
    assert final.isnan().all()


def test_tanh_in_float32_is_within_its_bound() -> None:
    x = torch.linspace(-20, 20, 400_001)[:, None]
    weights = (torch.ones(1, 1), torch.zeros(1, 1), torch.zeros(1), torch.zeros(1))
    states, _ = run("rnn", PackedVectors(x, None, torch.tensor([len(x)])), weights)
    assert (states.double() - x.double().tanh()).abs().max() <= 3e-7


@pytest.mark.parametrize("rows", [0, 1, threads.BLOCK, 2 * threads.BLOCK + 5])
@pytest.mark.parametrize("count", [1, 3])
def test_a_product_by_blocks_is_the_product(rows: int, count: int) -> None:
    x, weight, bias, weighing = (
        torch.randn(size, dtype=torch.float64, requires_grad=True) for size in [(rows, 40), (30, 40), (30,), (rows, 30)]
    )
    before = threads.num_threads()
    threads.set_num_threads(count)
    try:
        found = threads.linear(x, weight, bias)
        gradients = torch.autograd.grad((found * weighing).sum(), (x, weight, bias))
    finally:
        threads.set_num_threads(before)
    expected = functional.linear(x, weight, bias)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    for one, other in zip(gradients, torch.autograd.grad((expected * weighing).sum(), (x, weight, bias)), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


_TRAINING = """
import torch, hashlib, numpy as np
from itertools import product
from sentiment.nn import device
from sentiment.inference import predictor
from sentiment.training import trainer
from sentiment.data.batching import collate
from sentiment.nn.classifier import Classifier
from tests.support.configs import model_config, train_config
networks = [({"cell": cell, "bidirectional": True}, "auto") for cell in ("rnn", "gru", "lstm")]
networks += [({}, "reference"), ({"encoder": "transformer"}, "auto")]
for (changes, backend), precision, threads in product(networks, ("float32", "float64"), (1, 2, 5)):
    device.configure_torch(torch.device("cpu"), threads)
    random = np.random.default_rng(0)
    torch.manual_seed(0)
    config = model_config(
        embedding_dim=64, hidden_dim=64, layers=2, dropout=0.1, pooling="concat", word_dropout=0.1, **changes
    )
    num_classes = 2 if backend == "auto" else 5
    model = Classifier(config, 2000, backend, num_classes=num_classes).to(device.dtype(precision))
    for epsilon in (0.0, 0.02):
        settings = train_config(precision=precision, adversarial_epsilon=epsilon)
        state = trainer.TrainState.create(model.train(), settings, 1)
        batch = collate(
            [(n, random.integers(2, 2000, random.integers(1, 40)), n % num_classes) for n in range(100)]
        )
        trainer.train_step(state, batch, settings)
    weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
    scores = trainer.evaluate(model, [batch], precision), predictor.probabilities(model, [batch], 100).tobytes()
    print(hashlib.sha256(repr((weights, scores)).encode()).hexdigest())
"""


@pytest.mark.slow
def test_the_number_of_threads_changes_no_bit() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TRAINING], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True
    )
    hashes = [set(done.stdout.split()[start : start + 3]) for start in range(0, 30, 3)]  # of three numbers of threads
    assert [len(same) for same in hashes] == [1] * 10
    assert len(set.union(*hashes)) == 10
