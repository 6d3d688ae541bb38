"""The compiled recurrence is `nn.RNN`, `nn.GRU` and `nn.LSTM` on packed input, gradients included."""

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

from sentiment.nn.kernels import autograd, threads
from sentiment.nn.recurrent import Recurrence
from tests.support.configs import shape
from tests.support.imports import ROOT

CELLS = [("rnn", "tanh"), ("rnn", "relu"), ("gru", "tanh"), ("lstm", "tanh")]
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
WIDTH, HIDDEN, ENTRIES = 5, 7, 40

# More reviews than one span, of uneven lengths, so that spans begin, end and stay empty at different steps.
LENGTHS = np.sort(np.random.default_rng(0).integers(1, 40, 2 * autograd.SPAN + 6))[::-1]
BATCH_SIZES = torch.tensor([int((step < LENGTHS).sum()) for step in range(LENGTHS[0])])
IDS = torch.from_numpy(np.random.default_rng(1).integers(0, ENTRIES, int(LENGTHS.sum())).astype(np.int32))


def pair(
    cell: str, nonlinearity: str, layers: int, bidirectional: bool, kind: torch.dtype
) -> tuple[Recurrence, nn.RNNBase]:
    """Return our recurrence and torch's with the same weights, which only torch drew."""
    torch.manual_seed(0)
    options: dict[str, Any] = {"num_layers": layers, "bidirectional": bidirectional, "dtype": kind}
    module = {
        "rnn": lambda: nn.RNN(WIDTH, HIDDEN, nonlinearity=nonlinearity, **options),
        "gru": lambda: nn.GRU(WIDTH, HIDDEN, **options),
        "lstm": lambda: nn.LSTM(WIDTH, HIDDEN, **options),
    }[cell]()  # type: ignore[no-untyped-call]
    ours = Recurrence(
        shape(
            cell=cell,
            nonlinearity=nonlinearity,
            embedding_dim=WIDTH,
            hidden_dim=HIDDEN,
            layers=layers,
            bidirectional=bidirectional,
        )
    ).to(kind)
    ours.load_torch_state_dict(module.state_dict())
    return ours, module


def by_torch(module: nn.RNNBase, embedded: Tensor) -> tuple[Tensor, Tensor]:
    """Return all states of the last layer, and the final ones of its directions side by side."""
    packed, state = module(PackedSequence(embedded, BATCH_SIZES))
    final = state[0] if isinstance(state, tuple) else state
    return packed.data, torch.cat(final[-2 if module.bidirectional else -1 :].unbind(), dim=1)


def gradients(loss: Tensor, *of: Any) -> list[Tensor]:
    return list(torch.autograd.grad(loss, of))


def test_a_tanh_rnn_worked_by_hand() -> None:
    """Two reviews, "a b" and "a", one unit: h = tanh(x + h' / 2) with x(a) = 1, x(b) = -1."""
    inputs = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    index = torch.tensor([0, 0, 1], dtype=torch.int32)
    weight = torch.tensor([[0.5]], dtype=torch.float64)
    states, final = autograd.run("tanh", inputs, index, weight, None, torch.tensor([2, 1]), reverse=False)
    a = math.tanh(1)
    b = math.tanh(-1 + a / 2)
    assert states[:, 0].tolist() == pytest.approx([a, a, b])
    assert final[:, 0].tolist() == pytest.approx([b, a])
    _, backward = autograd.run("tanh", inputs, index, weight, None, torch.tensor([2, 1]), reverse=True)
    assert backward[:, 0].tolist() == pytest.approx([math.tanh(1 + math.tanh(-1) / 2), a])


@pytest.mark.parametrize("kind", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell, nonlinearity", CELLS)
def test_states_and_gradients_are_those_of_torch(
    cell: str, nonlinearity: str, layers: int, bidirectional: bool, kind: torch.dtype
) -> None:
    ours, module = pair(cell, nonlinearity, layers, bidirectional, kind)
    table = torch.randn(ENTRIES, WIDTH, dtype=kind, requires_grad=True)
    _, expected = by_torch(module, table[IDS])
    weighing = torch.randn_like(expected)
    wanted = gradients((expected * weighing).sum(), table, *module.parameters())
    for entries, index in ((table, IDS), (table[IDS], None)):
        found = ours(entries, index, BATCH_SIZES)
        torch.testing.assert_close(found, expected, rtol=0, atol=TOLERANCE[kind])
        for one, other in zip(gradients((found * weighing).sum(), table, *ours.parameters()), wanted, strict=True):
            torch.testing.assert_close(
                one, other, rtol=TOLERANCE[kind], atol=TOLERANCE[kind] * float(other.abs().max())
            )


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("cell", ["tanh", "relu", "gru", "lstm"])
def test_a_readout_of_all_states_has_the_right_gradients(cell: str, reverse: bool) -> None:
    name = cell if cell in ("gru", "lstm") else "rnn"
    _, module = pair(name, "relu" if cell == "relu" else "tanh", 1, True, torch.float64)
    suffix = "_l0_reverse" if reverse else "_l0"
    w, u, b, c = (getattr(module, f"{part}{suffix}") for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    embedded = torch.randn(len(IDS), WIDTH, dtype=torch.float64, requires_grad=True)
    expected = by_torch(module, embedded)[0][:, HIDDEN * reverse : HIDDEN * (1 + reverse)]
    scaled = c[2 * HIDDEN :] if cell == "gru" else None
    joined = torch.cat([c[: 2 * HIDDEN], torch.zeros_like(c[:HIDDEN])]) if cell == "gru" else c
    states, final = autograd.run(
        cell, nn.functional.linear(embedded, w, b + joined), None, u, scaled, BATCH_SIZES, reverse
    )
    torch.testing.assert_close(states, expected, rtol=0, atol=1e-10)
    weighing = torch.randn_like(states)
    # Both outputs at once: each state, and the final ones twice.
    ends = torch.arange(len(LENGTHS)) if reverse else torch.from_numpy(_last_rows())
    torch.testing.assert_close(final, expected[ends], rtol=0, atol=1e-10)
    wanted = gradients((expected * weighing).sum() + (2 * expected[ends]).sum(), embedded, w, u, b, c)
    found = gradients((states * weighing).sum() + (2 * final).sum(), embedded, w, u, b, c)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def _last_rows() -> Any:
    starts = np.cumsum(BATCH_SIZES.numpy()) - BATCH_SIZES.numpy()
    return starts[LENGTHS - 1] + np.arange(len(LENGTHS))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("cell", ["tanh", "gru", "lstm"])
def test_gradcheck(cell: str, reverse: bool) -> None:
    """Torch's comparison with finite differences goes back over the retained graph again and again."""
    torch.manual_seed(0)
    gates = {"tanh": 1, "gru": 3, "lstm": 4}[cell]
    inputs = torch.randn(3, gates * 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(gates * 2, 2, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(2, dtype=torch.float64, requires_grad=True) if cell == "gru" else None
    index = torch.tensor([0, 1, 2, 2, 0, 1], dtype=torch.int32)
    sizes = torch.tensor([3, 2, 1])
    assert torch.autograd.gradcheck(
        lambda x, u, b: autograd.run(cell, x, index, u, b, sizes, reverse),
        (inputs, weight, bias),  # type: ignore[arg-type]
    )


def test_weights_go_to_torch_and_back() -> None:
    ours, module = pair("lstm", "tanh", 2, True, torch.float32)
    weights = ours.torch_state_dict()
    assert {name: value.shape for name, value in weights.items()} == {
        name: value.shape for name, value in module.state_dict().items()
    }
    for name, value in module.state_dict().items():
        assert torch.equal(weights[name], value), name
    with pytest.raises(RuntimeError, match='Missing .* "1.weight_hh_l0"'):
        ours.load_torch_state_dict({name: value for name, value in weights.items() if name != "weight_hh_l1"})


def test_a_number_that_is_none_spreads() -> None:
    """The polynomial behind tanh bounds its argument, and must not make a NaN a number."""
    for cell, gates in (("tanh", 1), ("relu", 1), ("gru", 3), ("lstm", 4)):
        inputs = torch.full((1, gates), math.nan)
        bias = torch.zeros(1) if cell == "gru" else None
        _, final = autograd.run(cell, inputs, None, torch.ones(gates, 1), bias, torch.tensor([1]), reverse=False)
        assert final.isnan().all(), cell


def test_tanh_in_float32_is_within_its_bound() -> None:
    x = torch.linspace(-20, 20, 400_001)[:, None]
    states, _ = autograd.run("tanh", x, None, torch.zeros(1, 1), None, torch.tensor([len(x)]), reverse=False)
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
import sys, torch, hashlib, numpy as np
from sentiment.nn import device
from sentiment.inference import predictor
from sentiment.training import trainer
from sentiment.data.batching import collate
from sentiment.nn.classifier import Classifier
from tests.support.configs import shape
device.configure_torch(torch.device("cpu"), int(sys.argv[1]))
random = np.random.default_rng(0)
cells = ("rnn", "gru", "lstm", "manual_rnn", "transformer")
for cell, kind in [(cell, kind) for cell in cells for kind in (torch.float32, torch.float64)]:
    torch.manual_seed(0)
    model = Classifier(shape(cell=cell, embedding_dim=64, hidden_dim=64, layers=2, dropout=0.1, pooling="concat",
        bidirectional=cell not in ("manual_rnn", "transformer"), word_dropout=0.1), 2000).to(kind)
    adam = trainer.optimizer(model, "adam", 1e-3, 0.0)
    for adversarial in (0.0, 0.02):
        batch = collate([(n, random.integers(2, 2000, random.integers(1, 180)), n % 2) for n in range(100)])
        trainer.train_step(model.train(), batch, adam, trainer.TrainConfig(1, 1.0, 0, str(kind)[6:], 0.0, adversarial))
    print(hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in model.parameters())).hexdigest())
    print(trainer.score(model, [batch], str(kind)[6:]), predictor.probabilities(model, [batch], 100).tobytes().hex())
"""


def test_the_number_of_threads_changes_no_bit() -> None:
    found = {
        threads: subprocess.run(
            [sys.executable, "-c", _TRAINING, threads],
            cwd=ROOT,
            env=os.environ,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2", "5")
    }
    assert len(set(found["1"].splitlines())) == 20
    assert found["1"] == found["2"] == found["5"]
