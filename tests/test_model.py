"""The model is exact: packed, padded and masked, and one review at a time give the same logits and gradients."""

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sentiment.architecture import Architecture
from sentiment.batches import Batch, collate
from sentiment.model import Classifier

REVIEWS = [[2, 3, 4, 5, 6], [], [7], [3, 3, 2], [], [9, 8, 7, 6, 5, 4, 3, 2], [5, 4, 1]]
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
SHAPES = [
    pytest.param(cell, nonlinearity, layers, bidirectional, id=f"{cell}-{nonlinearity}-{layers}-{bidirectional}")
    for (cell, nonlinearity), layers, bidirectional in product(
        [("rnn", "tanh"), ("rnn", "relu"), ("gru", "tanh"), ("lstm", "tanh")], [1, 3], [False, True]
    )
]


def classifier(kind: torch.dtype = torch.float64, **changes: Any) -> Classifier:
    values: dict[str, Any] = {
        "cell": "rnn", "nonlinearity": "tanh", "embedding_dim": 5, "hidden_dim": 4, "layers": 1, "bidirectional": False,
        "dropout": 0.0, "embedding_dropout": 0.0,
    }  # fmt: skip
    torch.manual_seed(0)
    model = Classifier(Architecture(**values | changes), 10).to(kind)
    with torch.no_grad():  # biases start at zero, where a mistake in them would not show
        for parameter in model.parameters():
            parameter.add_((0.3 if changes.get("nonlinearity") == "relu" else 0.5) * torch.randn_like(parameter))
    return model


def packed(reviews: list[list[int]]) -> Batch:
    return collate([(position, np.array(ids, np.int64), position % 2) for position, ids in enumerate(reviews)])


def in_order(model: Classifier, reviews: list[list[int]]) -> Tensor:
    """Return the logits of the packed batch, put back into the order of the reviews."""
    batch = packed(reviews)
    logits = model(batch.ids, len(batch))
    return torch.empty_like(logits).index_copy(0, batch.positions, logits)


def by_hand(model: Classifier, ids: list[int]) -> Tensor:
    """Return the logit of one review, token by token, from the formulas of the cells in torch's documentation."""
    shape, hidden = model.shape, model.shape.hidden_dim
    inputs = [model.embedding.weight[token] for token in ids]
    final = inputs[0].new_zeros(shape.state_dim) if ids else model.readout.weight.new_zeros(shape.state_dim)
    for layer in model.recurrence.layers if ids else []:
        sides = []
        for suffix in ["", "_reverse"][: 1 + shape.bidirectional]:
            w, u, b, c = (
                getattr(layer, f"{name}_l0{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            state, memory, outputs = w.new_zeros(hidden), w.new_zeros(hidden), []
            for x in inputs[::-1] if suffix else inputs:
                seen, remembered = (w @ x + b).split(hidden), (u @ state + c).split(hidden)
                if shape.cell == "rnn":
                    total = seen[0] + remembered[0]
                    state = total.tanh() if shape.nonlinearity == "tanh" else total.relu()
                elif shape.cell == "gru":
                    reset, update = ((seen[gate] + remembered[gate]).sigmoid() for gate in (0, 1))
                    state = (1 - update) * (seen[2] + reset * remembered[2]).tanh() + update * state
                else:
                    enter, forget, leave = ((seen[gate] + remembered[gate]).sigmoid() for gate in (0, 1, 3))
                    memory = forget * memory + enter * (seen[2] + remembered[2]).tanh()
                    state = leave * memory.tanh()
                outputs.append(state)
            sides.append(outputs[::-1] if suffix else outputs)
        final = torch.cat([sides[0][-1], *(side[0] for side in sides[1:])])
        inputs = [torch.cat(states) for states in zip(*sides, strict=True)]
    logit: Tensor = model.readout(final).squeeze()
    return logit


def padded_and_masked(model: Classifier, reviews: list[list[int]]) -> Tensor:
    """Return the logits from a padded batch: at a pad a state stays as it was, so the last one is right."""
    steps = max(map(len, reviews))
    ids = torch.tensor([review + [0] * (steps - len(review)) for review in reviews])
    mask = torch.arange(steps) < torch.tensor([[len(review)] for review in reviews])
    inputs = model.embedding(ids)
    final = inputs.new_zeros(len(reviews), model.shape.state_dim)
    for layer in model.recurrence.layers:
        sides, ends = [], []
        for suffix in ["", "_reverse"][: 1 + model.shape.bidirectional]:
            cell = one_step(layer, suffix)
            state = inputs.new_zeros(len(reviews), model.shape.hidden_dim)
            states: Any = (state, state) if model.shape.cell == "lstm" else state
            outputs = [state] * steps
            for step in reversed(range(steps)) if suffix else range(steps):
                new, present = cell(inputs[:, step], states), mask[:, step, None]
                if isinstance(new, tuple):
                    states = tuple(torch.where(present, a, b) for a, b in zip(new, states, strict=True))
                else:
                    states = torch.where(present, new, states)
                outputs[step] = states[0] if isinstance(states, tuple) else states
            sides.append(torch.stack(outputs, dim=1))
            ends.append(states[0] if isinstance(states, tuple) else states)
        inputs, final = torch.cat(sides, dim=2), torch.cat(ends, dim=1)
    logits: Tensor = model.readout(final).squeeze(1)
    return logits


def one_step(layer: nn.Module, suffix: str) -> Any:
    """Return torch's own cell with the weights of one direction of a layer."""
    names = [f"{name}_l0{suffix}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    weights = [getattr(layer, name) for name in names]
    if isinstance(layer, nn.LSTM):
        return lambda x, state: torch.lstm_cell(x, state, *weights)
    if isinstance(layer, nn.GRU):
        return lambda x, state: torch.gru_cell(x, state, *weights)
    assert isinstance(layer, nn.RNN)
    step = torch.rnn_tanh_cell if layer.nonlinearity == "tanh" else torch.rnn_relu_cell
    return lambda x, state: step(x, state, *weights)


def gradients(model: Classifier, logits: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    labels = torch.arange(len(logits), dtype=logits.dtype) % 2
    nn.functional.binary_cross_entropy_with_logits(logits, labels).backward()  # type: ignore[no-untyped-call]
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


@pytest.mark.parametrize("kind", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("cell, nonlinearity, layers, bidirectional", SHAPES)
def test_packed_padded_and_one_at_a_time_agree(
    cell: str, nonlinearity: str, layers: int, bidirectional: bool, kind: torch.dtype
) -> None:
    model = classifier(kind, cell=cell, nonlinearity=nonlinearity, layers=layers, bidirectional=bidirectional)
    ways = [
        in_order(model, REVIEWS),
        padded_and_masked(model, REVIEWS),
        torch.stack([by_hand(model, review) for review in REVIEWS]),
        torch.cat([in_order(model, [review]) for review in REVIEWS]),
    ]
    assert ways[0].std() > 0.02  # the reviews are told apart, so that agreement says something
    expected = gradients(model, ways[0])
    assert set(expected) == {name for name, _ in model.named_parameters()}
    for logits in ways[1:]:
        torch.testing.assert_close(logits, ways[0], rtol=0, atol=TOLERANCE[kind])
        for name, gradient in gradients(model, logits).items():
            torch.testing.assert_close(gradient, expected[name], rtol=0, atol=TOLERANCE[kind], msg=name)


def test_an_empty_review_is_the_readout_of_the_zero_state() -> None:
    model = classifier()
    expected = model.readout(torch.zeros(4, dtype=torch.float64)).item()
    assert in_order(model, [[], [2, 3]])[0].item() == expected
    assert in_order(model, [[], []]).tolist() == [expected] * 2


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_prediction_does_not_depend_on_its_batch(cell: str) -> None:
    model = classifier(torch.float32, cell=cell, layers=2, bidirectional=True)
    reviews = [[2 + (3 * row + step) % 8 for step in range(row % 23)] for row in range(100)]
    together = in_order(model, reviews).sigmoid()
    order = np.random.default_rng(0).permutation(len(reviews))
    shuffled = in_order(model, [reviews[row] for row in order]).sigmoid()
    assert (shuffled - together[order]).abs().max() <= 1e-6
    for size in (1, 7):
        parts = [in_order(model, reviews[start : start + size]) for start in range(0, len(reviews), size)]
        assert (torch.cat(parts).sigmoid() - together).abs().max() <= 1e-6


def test_dropout_is_between_layers_alone() -> None:
    reviews = [[2, 3, 4], [5, 6]]
    one = classifier(dropout=0.9).train()
    assert torch.equal(in_order(one, reviews), in_order(one, reviews))
    two = classifier(dropout=0.9, layers=2).train()
    assert not torch.equal(in_order(two, reviews), in_order(two, reviews))
    assert torch.equal(in_order(two.eval(), reviews), in_order(two, reviews))
    embedded = classifier(embedding_dropout=0.9).train()
    assert not torch.equal(in_order(embedded, reviews), in_order(embedded, reviews))


def test_the_initial_weights_are_those_that_the_docstring_names() -> None:
    torch.manual_seed(0)
    shape = Architecture(
        cell="lstm", nonlinearity="tanh", embedding_dim=32, hidden_dim=16, layers=1, bidirectional=False, dropout=0.0,
        embedding_dropout=0.0,
    )  # fmt: skip
    model = Classifier(shape, 1000)
    assert model.embedding.weight[0].abs().max() == 0
    assert model.embedding.weight[1:].std().item() == pytest.approx(0.1, rel=0.02)
    weights = {name.removesuffix("_l0"): value for name, value in model.recurrence.layers[0].named_parameters()}
    for gate in torch.split(weights["weight_hh"], 16):
        torch.testing.assert_close(gate @ gate.T, torch.eye(16), rtol=0, atol=1e-5)
    assert weights["bias_ih"][16:32].tolist() == [1] * 16
    assert weights["bias_ih"].sum() + weights["bias_hh"].sum() == 16


def test_a_long_review_runs() -> None:
    model = classifier(torch.float32)
    assert in_order(model, [[2, 3] * 50_000, [4]]).isfinite().all()


@pytest.mark.cuda
@pytest.mark.parametrize("cell, nonlinearity, layers, bidirectional", SHAPES)
def test_cuda_agrees_with_the_cpu(cell: str, nonlinearity: str, layers: int, bidirectional: bool) -> None:
    model = classifier(torch.float64, cell=cell, nonlinearity=nonlinearity, layers=layers, bidirectional=bidirectional)
    expected = in_order(model, REVIEWS)
    batch = packed(REVIEWS).to(torch.device("cuda"))
    found = model.cuda()(batch.ids, len(batch)).cpu()
    torch.testing.assert_close(found, expected[batch.positions], rtol=0, atol=1e-10)
