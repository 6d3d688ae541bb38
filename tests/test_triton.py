"""Triton's loops compute what the reference does: in the interpreter on a CPU; where there is a GPU, on that."""

import os
import subprocess
import sys
from itertools import pairwise
from typing import Any

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


@pytest.mark.parametrize("cell, width", triton_layer.PLANS)
def test_every_width_is_computed(cell: str, width: int) -> None:
    check(cell, "tanh", width, False, True, vectors([2, 2, 1], lookup=True))


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
        assert embedded.lookup is not None
        loss, logits = adversarial.backward(embedded, 0.1, loss_of)
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        found.append([loss.detach(), logits.detach(), *gradients])
    assert len(found[0]) == len(found[1]) > 6
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_the_same_bytes_again() -> None:
    found = []
    for _ in range(2):
        torch.manual_seed(0)
        layer = make_layer(make_cell("lstm"), WIDTH, 16, True, torch.float32).to(PLACE)
        near = moved(vectors(LENGTHS, lookup=True))
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


@pytest.mark.cuda  # the interpreter takes bfloat16 for integers
def test_bfloat16_rounds_the_products_alone() -> None:
    layer = make_layer(make_cell("gru"), WIDTH, 16, False, torch.float32).to(PLACE)
    near, weights = moved(vectors(LENGTHS, lookup=False)), weights_by_direction(layer)
    exact = run(make_cell("gru"), layer, near)[0][0]
    with torch.autocast(PLACE.type, dtype=torch.bfloat16):
        rounded = triton_layer.run_layer("gru", "tanh", near, weights)[0][0]
    assert rounded.dtype == torch.float32
    assert 1e-5 < (rounded - exact).abs().max() < 2e-2


@pytest.mark.parametrize(
    "cell, hidden, dtype, capability, reason",
    [
        ("lstm", 16, torch.float64, (9, 0), "they do not compute in float64"),
        ("lstm", 257, torch.float32, (9, 0), "a cell lstm of 257 units is too wide for them"),
        ("lstm", 16, torch.float32, (7, 5), "they need a GPU of compute capability 8.0, and this one has 7.5"),
        ("lstm", 16, torch.float32, None, "they need a CUDA GPU, and the device is cpu"),
        ("lstm", 16, torch.float32, (9, 0), ""),
    ],
)
def test_where_the_loops_cannot_run_they_say_so_once(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cell: str,
    hidden: int,
    dtype: torch.dtype,
    capability: tuple[int, int] | None,
    reason: str,
) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    triton_layer.reason_against.cache_clear()
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    packed = PackedVectors(torch.zeros(1, WIDTH, dtype=dtype), None, torch.tensor([1]))
    if capability:  # the loops look at the device alone
        object.__setattr__(packed, "values", FarAway(dtype))
    weights = (torch.empty(0), torch.empty(0, hidden), torch.empty(0), torch.empty(0))
    for _ in range(2):
        assert triton_layer.supports(cell, weights, packed) == (not reason)
    triton_layer.reason_against.cache_clear()
    said = f"compute.backend: triton's loops are not used: {reason}\n"
    assert capsys.readouterr().err == (said if reason else "")


class FarAway:
    """Vectors on a GPU that is not here."""

    device = torch.device("cuda")

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype


def test_every_cell_with_loops_has_widths() -> None:
    named = {name: make_cell(name).triton for name in CELLS}
    assert {cell for cell, _ in triton_layer.PLANS} == set(filter(None, named.values()))
    for cell in named.values():
        widths = [width for name, width in triton_layer.PLANS if name == cell]
        assert widths[0] == triton_layer.padded_width(1)
        assert all(after == 2 * before for before, after in pairwise(widths))  # none is missing between


@pytest.mark.slow
@pytest.mark.parametrize("capability, products", [(80, "tf32x3"), (90, "tf32x3"), (90, "bf16")])
def test_every_loop_compiles_for_a_gpu_that_is_not_here(capability: int, products: str) -> None:
    """The interpreter accepts more than the compiler does. What does not fit into the chip's memory is no program."""
    options = ["--check", "--capability", str(capability), "--products", products]
    words = [sys.executable, "-m", "benchmarks.triton_compiled", *options]
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("forward") == done.stdout.count("backward") == len(triton_layer.PLANS) + 4
