"""Triton's loops compute what the reference does: in the interpreter on a CPU; where there is a GPU, on that."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from torch import Tensor

from sentiment.config.compute import Backend
from sentiment.data.batching import Batch, collate
from sentiment.nn import outputs
from sentiment.nn.cells import CELLS
from sentiment.nn.cells.cell import make_cell, make_layer, weights_by_direction
from sentiment.nn.classifier import Classifier
from sentiment.nn.kernels import triton_layer
from sentiment.nn.packed import Directions, PackedVectors
from sentiment.nn.pooling import padded_sum_and_max
from sentiment.nn.reference import run
from sentiment.training import adversarial
from tests.support.configs import model_config
from tests.support.imports import ROOT

pytest.importorskip("triton", reason="Triton is for Linux alone")

ON_GPU = "TRITON_INTERPRET" not in os.environ  # conftest.py sets it
PLACE = torch.device("cuda" if ON_GPU else "cpu")
pytestmark = [pytest.mark.cuda] if ON_GPU else []

WIDTH, ENTRIES = 3, 7
# More reviews than a program takes, so that the second one begins in the middle of a step.
LENGTHS = [3, 3, *[2] * 14, 2, 2, 1, 1]


def batch_sizes(lengths: list[int]) -> Tensor:
    return torch.tensor([sum(step < length for length in lengths) for step in range(lengths[0])])


def vectors(lengths: list[int], lookup: bool) -> PackedVectors:
    random = torch.Generator().manual_seed(1)
    tokens = sum(lengths)
    values = torch.randn(ENTRIES if lookup else tokens, WIDTH, dtype=torch.float64, generator=random)
    chosen = torch.randint(ENTRIES, (tokens,), dtype=torch.int32, generator=random) if lookup else None
    return PackedVectors(values, chosen, batch_sizes(lengths))


def moved(packed: PackedVectors) -> PackedVectors:
    """Return the vectors in float32, on the device of the loops."""
    lookup = None if packed.lookup is None else packed.lookup.to(PLACE)
    return PackedVectors(packed.values.float().to(PLACE), lookup, packed.batch_sizes)


def differentiated(found: Directions, inputs: list[Tensor], every_state: bool) -> list[Tensor]:
    """Return all states and final states, and the gradients of the inputs of a weighted sum of them."""
    random = torch.Generator().manual_seed(2)
    weighed = []
    for states, final in found:
        for part, used in ((states, every_state), (final, True)):
            weights = torch.randn(part.shape, dtype=torch.float64, generator=random).to(part)
            weighed.append((part * weights).sum() * used if used else part.new_zeros(()))
    values = [part.detach() for direction in found for part in direction]
    return [each.double().cpu() for each in (*values, *torch.autograd.grad(torch.stack(weighed).sum(), inputs))]


@pytest.mark.parametrize("lookup", [False, True], ids=["rows", "table"])
@pytest.mark.parametrize(
    "cell, nonlinearity, hidden, bidirectional, every_state",
    [
        ("rnn", "tanh", 1, True, True),
        ("rnn", "relu", 16, True, False),
        ("rnn", "logistic", 20, False, True),
        ("gru", "tanh", 5, True, True),
        ("gru", "tanh", 16, False, False),
        ("lstm", "tanh", 20, True, True),
        ("lstm", "tanh", 16, False, False),
    ],
)
def test_a_layer_and_its_gradients_are_those_of_the_reference(
    cell: str, nonlinearity: str, hidden: int, bidirectional: bool, every_state: bool, lookup: bool
) -> None:
    check(cell, nonlinearity, hidden, bidirectional, every_state, vectors(LENGTHS, lookup))


@pytest.mark.parametrize(
    "cell, width", [("rnn", 128), ("rnn", 512), ("gru", 64), ("gru", 256), ("lstm", 64), ("lstm", 128), ("lstm", 256)]
)
def test_wide_layers_too(cell: str, width: int) -> None:
    """Their weights stay on the chip up to 64 units, and 128 of an RNN; otherwise they are read at each step."""
    check(cell, "tanh", width, False, True, vectors([3, 2, 1], lookup=True))


@pytest.mark.parametrize("cell", triton_layer.WIDEST)
def test_weights_that_are_read_at_each_step(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both directions, more than one program, a width that is padded."""
    monkeypatch.setattr(triton_layer, "shared_memory", lambda device: 0)
    check(cell, "tanh", 20, True, True, vectors(LENGTHS, lookup=False))


def check(
    cell: str, nonlinearity: str, hidden: int, bidirectional: bool, every_state: bool, packed: PackedVectors
) -> None:
    torch.manual_seed(0)
    kind = make_cell(cell, nonlinearity)
    layer = make_layer(kind, WIDTH, hidden, bidirectional, torch.float64)
    packed.values.requires_grad_()
    inputs = [packed.values, *layer.parameters()]
    expected = differentiated(run(kind, layer, packed), inputs, every_state)
    layer, near = layer.float().to(PLACE), moved(packed)
    values = near.values.detach().requires_grad_()
    near = PackedVectors(values, near.lookup, near.batch_sizes)
    states = triton_layer.run_layer(str(kind.triton), nonlinearity, near, weights_by_direction(layer))
    found = differentiated(states, [values, *layer.parameters()], every_state)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def packed_reviews(lengths: list[int]) -> Batch:
    random = np.random.default_rng(0)
    reviews = [(place, random.integers(2, 12, length), place % 2) for place, length in enumerate(lengths)]
    return collate(reviews).to(PLACE)


@pytest.mark.parametrize(
    "changes",
    [
        {"cell": "lstm", "layers": 2, "bidirectional": True, "pooling": "concat"},
        {"cell": "gru", "pooling": "mean", "concat_last_embedding": True},
        {"cell": "rnn", "pooling": "max"},
    ],
    ids=lambda changes: str(changes["cell"]),
)
def test_a_network_with_these_loops_is_the_same_network(changes: dict[str, Any]) -> None:
    """Adversarial steps too; two of the reviews are empty."""
    batch = packed_reviews([4, 4, 3, 2, 1, 0, 0])
    found = []
    backend: Backend
    for backend in ("triton", "reference"):
        torch.manual_seed(0)
        model = Classifier(model_config(embedding_dim=4, hidden_dim=4, **changes), 12, backend).to(PLACE).train()

        def loss_of(vectors: PackedVectors, model: Classifier = model) -> tuple[Tensor, Tensor]:
            logits = model.classify(vectors, len(batch))
            return outputs.cross_entropy(logits, batch.labels), logits

        embedded = model.embed(batch.ids)
        assert embedded.lookup is not None or (PLACE.type != "cpu" and backend == "reference")
        loss_of(embedded)[0].backward(retain_graph=True)  # type: ignore[no-untyped-call]  # through the table, then a row for each token
        loss, logits = adversarial.backward(embedded, 0.1, loss_of)
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        found.append([loss.detach(), logits.detach(), *gradients])
    assert len(found[0]) == len(found[1]) > 6
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.cuda
@pytest.mark.skipif(not ON_GPU, reason="the interpreter runs one program after the other")
def test_the_same_bytes_again() -> None:
    found, lengths = [], sorted(np.random.default_rng(0).integers(1, 60, 300).tolist(), reverse=True)
    for _ in range(2):
        torch.manual_seed(0)
        layer = make_layer(make_cell("lstm"), WIDTH, 16, True, torch.float32).to(PLACE)
        near = moved(vectors(lengths, lookup=True))
        states = triton_layer.run_layer("lstm", "tanh", near, weights_by_direction(layer))
        found.append(differentiated(states, list(layer.parameters()), every_state=True))
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize("hidden", [3, 70])
def test_pooling_is_that_over_padded_states(hidden: int) -> None:
    """Reviews longer than what a program reads at a time; the first of equal states gets the maximum's gradient."""
    lengths = [40, 33, 17, 16, 2, 1]
    random = torch.Generator().manual_seed(0)
    states = torch.randn(sum(lengths), hidden, generator=random).to(PLACE).requires_grad_()
    packed = PackedVectors(states, None, batch_sizes(lengths))
    both = triton_layer.sum_and_max(states, packed), padded_sum_and_max(states, packed)
    weighing = torch.randn(2, len(lengths), hidden, generator=random).to(PLACE)
    for one, other in zip(*both, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    one, other = (torch.autograd.grad((torch.stack(each) * weighing).sum(), states)[0] for each in both)
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    equal = torch.ones_like(states, requires_grad=True)
    _, highest = triton_layer.sum_and_max(equal, packed)
    (gradient,) = torch.autograd.grad(highest.sum(), equal)
    assert torch.equal(gradient[: len(lengths)], torch.ones(len(lengths), hidden, device=PLACE))
    assert not gradient[len(lengths) :].any()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_state_that_is_not_a_number_is_not_pooled_away(place: int) -> None:
    states = torch.tensor([[1.0], [3.0], [2.0]], device=PLACE)
    states[place] = torch.nan
    packed = PackedVectors(states, None, torch.tensor([1, 1, 1]))
    assert all(each.isnan().all() for each in triton_layer.sum_and_max(states, packed))


@pytest.mark.cuda
@pytest.mark.skipif(not ON_GPU, reason="the interpreter stores bfloat16 as integers and multiplies those")
def test_bfloat16_rounds_the_products_alone() -> None:
    layer = make_layer(make_cell("gru"), WIDTH, 16, False, torch.float32).to(PLACE)
    near, weights = moved(vectors(LENGTHS, lookup=False)), weights_by_direction(layer)
    exact = run(make_cell("gru"), layer, near)[0][0]
    with torch.autocast(PLACE.type, dtype=torch.bfloat16):
        rounded = triton_layer.run_layer("gru", "tanh", near, weights)[0][0]
    assert rounded.dtype == torch.float32
    assert 1e-5 < (rounded - exact).abs().max() < 2e-2


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Triton compiles, and nothing is known of a device nor said of it."""
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    for function in (triton_layer.reason_against, triton_layer.say_once):
        function.cache_clear()
    yield
    triton_layer.reason_against.cache_clear()


@pytest.mark.parametrize(
    "hidden, values, capability, reason",
    [
        (16, torch.zeros(1, dtype=torch.float64), (9, 0), "they do not compute in float64"),
        (257, torch.zeros(1), (9, 0), "a layer lstm has at most 256 units there, and this one has 257"),
        (16, torch.zeros(1), (7, 5), "they need a GPU of compute capability 8.0, and this one has 7.5"),
        (16, torch.zeros(1), (9, 0), ""),
    ],
)
def test_where_the_loops_cannot_run_they_say_so_once(
    forgotten: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    hidden: int,
    values: Tensor,
    capability: tuple[int, int],
    reason: str,
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(triton_layer, "import_module", lambda name: MagicMock())  # Triton's driver
    there = MagicMock(device=torch.device("cuda"), dtype=values.dtype)
    for _ in range(2):
        assert triton_layer.supports("lstm", hidden, there) == (not reason)
    said = f"compute.backend: triton's loops are not used: {reason}\n"
    assert capsys.readouterr().err == (said if reason else "")


def test_a_machine_without_a_gpu_or_a_compiler_says_so(forgotten: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert triton_layer.reason_against(torch.device("cpu")) == "they need a GPU of NVIDIA"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    if not ON_GPU:
        found = triton_layer.reason_against(torch.device("cuda"))
        assert str(found).startswith("Triton does not start, for lack of a C compiler perhaps: ")


def test_every_cell_with_loops_has_a_widest_layer() -> None:
    assert set(triton_layer.WIDEST) == {make_cell(name).triton for name in CELLS} - {None}


@pytest.mark.slow
@pytest.mark.parametrize("options", [["90"], ["86", "--bfloat16"]], ids=" ".join)
def test_every_loop_compiles_for_a_gpu_that_is_not_here(options: list[str]) -> None:
    """The interpreter accepts more than the compiler does. What does not fit into the chip's memory is no program."""
    words = [sys.executable, "-m", "benchmarks.triton_compiled", "--check", "--capability", *options]
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("forward") == done.stdout.count("backward") > 25
