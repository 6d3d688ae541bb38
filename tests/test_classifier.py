"""The model is exact: packed, padded and masked, and one review at a time give the same logits and gradients."""

import copy
import math
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sentiment.config.compute import Backend
from sentiment.data.batching import Batch, collate
from sentiment.data.word_vectors import Vectors
from sentiment.nn import device, outputs
from sentiment.nn.classifier import Classifier
from sentiment.nn.packed import PackedVectors
from sentiment.nn.pooling import padded_sum_and_max, pool
from sentiment.nn.recurrent import RecurrentEncoder
from tests.support.configs import model_config

REVIEWS = [[2, 3, 4, 5, 6], [], [7], [3, 3, 2], [], [9, 8, 7, 6, 5, 4, 3, 2], [5, 4, 1]]
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
SHAPES = [
    pytest.param(cell, nonlinearity, layers, bidirectional, id=f"{cell}-{nonlinearity}-{layers}-{bidirectional}")
    for (cell, nonlinearity), layers, bidirectional in product(
        [
            ("rnn", "tanh"),
            ("rnn", "relu"),
            ("gru", "tanh"),
            ("lstm", "tanh"),
            ("rnn", "logistic"),
        ],
        [1, 3],
        [False, True],
    )
]
NONLINEAR = {"tanh": torch.tanh, "relu": torch.relu, "logistic": torch.sigmoid}


def classifier(
    kind: torch.dtype = torch.float64, backend: Backend = "auto", num_classes: int = 2, **changes: Any
) -> Classifier:
    torch.manual_seed(0)
    model = Classifier(model_config(**changes), 10, backend, num_classes=num_classes).to(kind)
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


def layers_of(model: Classifier) -> list[Any]:
    assert isinstance(model.recurrence, RecurrentEncoder)
    return list(model.recurrence.layers)


def by_hand(model: Classifier, ids: list[int]) -> Tensor:
    """Return the logits of one review, token by token, from the formulas of the cells in torch's documentation."""
    if not ids:
        empty: Tensor = model.readout(model.readout.weight.new_zeros(model.config.readout_dim)).squeeze()
        return empty
    config, hidden = model.config, model.config.hidden_dim
    inputs = embedded = [model.embedding.weight[token] for token in ids]
    for layer in layers_of(model):
        sides = []
        for suffix in ["", "_reverse"][: 1 + config.bidirectional]:
            w, u, b, c = (
                getattr(layer, f"{name}_l0{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            state, memory, outputs = w.new_zeros(hidden), w.new_zeros(hidden), []
            for x in inputs[::-1] if suffix else inputs:
                seen, remembered = (w @ x + b).split(hidden), (u @ state + c).split(hidden)
                if config.cell == "rnn":
                    state = NONLINEAR[config.nonlinearity](seen[0] + remembered[0])
                elif config.cell == "gru":
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
    states = torch.stack(inputs)
    pooled = {"last": [final], "mean": [states.mean(0)], "max": [states.amax(0)]}
    pooled["concat"] = sum(pooled.values(), [])
    last = embedded[-1:] if config.concat_last_embedding else []
    logit: Tensor = model.readout(torch.cat(pooled[config.pooling] + last)).squeeze()
    return logit


def padded_and_masked(model: Classifier, reviews: list[list[int]]) -> Tensor:
    """Return the logits from a padded batch: at a pad a state stays as it was, so the last one is right."""
    steps = max(map(len, reviews))
    ids = torch.tensor([review + [0] * (steps - len(review)) for review in reviews])
    mask = torch.arange(steps) < torch.tensor([[len(review)] for review in reviews])
    inputs = model.embedding(ids)
    final = inputs.new_zeros(len(reviews), model.config.state_dim)
    for layer in layers_of(model):
        sides, ends = [], []
        for suffix in ["", "_reverse"][: 1 + model.config.bidirectional]:
            cell = one_step(layer, suffix, model.config.nonlinearity)
            state = inputs.new_zeros(len(reviews), model.config.hidden_dim)
            states: Any = (state, state) if model.config.cell == "lstm" else state
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


def one_step(layer: nn.Module, suffix: str, nonlinearity: str) -> Any:
    """Return torch's own cell with the weights of one direction of a layer."""
    names = [f"{name}_l0{suffix}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    weights = [getattr(layer, name) for name in names]
    if isinstance(layer, nn.LSTM):
        return lambda x, state: torch.lstm_cell(x, state, *weights)
    if isinstance(layer, nn.GRU):
        return lambda x, state: torch.gru_cell(x, state, *weights)
    if nonlinearity == "logistic":  # torch has none: tanh of half the sum
        weights = [weight / 2 for weight in weights]
        return lambda x, state: (torch.rnn_tanh_cell(x, state, *weights) + 1) / 2
    step = torch.rnn_tanh_cell if nonlinearity == "tanh" else torch.rnn_relu_cell
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


@pytest.mark.parametrize("concat_last_embedding", [False, True])
@pytest.mark.parametrize("pooling", ["last", "mean", "max", "concat"])
@pytest.mark.parametrize(
    "cell, backend, bidirectional",
    [("lstm", "auto", True), ("rnn", "reference", True), ("gru", "auto", False), ("rnn", "auto", False)],
)
def test_a_readout_sees_the_true_tokens_alone(
    cell: str, backend: Backend, bidirectional: bool, pooling: str, concat_last_embedding: bool
) -> None:
    model = classifier(
        backend=backend,
        cell=cell,
        bidirectional=bidirectional,
        layers=2,
        pooling=pooling,
        concat_last_embedding=concat_last_embedding,
    )
    packed_way = in_order(model, REVIEWS)
    by_formula = torch.stack([by_hand(model, review) for review in REVIEWS])
    torch.testing.assert_close(packed_way, by_formula, rtol=0, atol=1e-10)
    expected = gradients(model, by_formula)
    assert set(expected) == {name for name, _ in model.named_parameters()}
    for name, gradient in gradients(model, packed_way).items():
        torch.testing.assert_close(gradient, expected[name], rtol=0, atol=1e-10, msg=name)


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "concat"])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_several_logits_and_the_gradients_of_their_loss_are_those_by_formula(cell: str, pooling: str) -> None:
    model = classifier(cell=cell, pooling=pooling, bidirectional=True, num_classes=5)
    labels = torch.tensor([0, 4, 1, 3, 2, 4, 1])
    found, by_formula = in_order(model, REVIEWS), torch.stack([by_hand(model, review) for review in REVIEWS])
    assert found.shape == (len(REVIEWS), 5)
    torch.testing.assert_close(found, by_formula, rtol=0, atol=1e-10)
    likelihood = by_formula.exp()[range(len(labels)), labels] / by_formula.exp().sum(1)
    losses = [outputs.cross_entropy(found, labels), -likelihood.log().mean()]
    torch.testing.assert_close(losses[0], losses[1], rtol=0, atol=1e-12)
    found_gradients, expected = (torch.autograd.grad(loss, list(model.parameters())) for loss in losses)
    for one, other in zip(found_gradients, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def sum_and_max(states: Tensor, packed: PackedVectors) -> tuple[Tensor, Tensor]:
    """Return what pooling on the CPU reads in one pass: mean pooling times the lengths, and the maximum."""
    (mean,), (highest,) = (pool(kind, states, states, packed) for kind in ("mean", "max"))
    return mean * packed.lengths[:, None], highest


def test_pooling_on_the_cpu_is_pooling_over_padded_states() -> None:
    batch = packed([[2] * (1 + row % 40) for row in range(150)])
    states = torch.randn(len(batch.ids.data), 6, dtype=torch.float64, requires_grad=True)
    vectors = PackedVectors(states, None, batch.ids.batch_sizes)
    result = sum_and_max(states, vectors)
    expected = padded_sum_and_max(states, vectors)
    weighing = torch.randn(2, *expected[0].shape, dtype=torch.float64)
    for one, other in zip(result, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
    (one,), (other,) = (
        torch.autograd.grad((torch.stack(each) * weighing).sum(), states) for each in (result, expected)
    )
    torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_state_that_is_not_a_number_is_not_pooled_away(position: int) -> None:
    states = torch.tensor([[1.0], [3.0], [2.0]])
    states[position] = math.nan
    for pooled in (sum_and_max, padded_sum_and_max):
        vectors = PackedVectors(states, None, torch.tensor([1, 1, 1]))
        assert all(each.isnan().all() for each in pooled(states, vectors)), pooled


def test_the_layers_of_a_transformer_begin_apart() -> None:
    one, other = classifier(encoder="transformer", layers=2).recurrence.layers
    for name, value in one.named_parameters():
        if value.dim() > 1:
            assert not torch.equal(value, other.get_parameter(name)), name


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "concat"])
def test_a_transformer_is_scored_in_bfloat16(pooling: str) -> None:
    model = classifier(torch.float32, encoder="transformer", pooling=pooling).eval()
    exact = in_order(model, [[2, 3, 4], [5]])
    with torch.inference_mode(), device.autocast(torch.device("cpu"), "bfloat16"):
        rough = in_order(model, [[2, 3, 4], [5]]).float()
    assert not torch.equal(rough, exact)
    torch.testing.assert_close(rough, exact, rtol=0.05, atol=0.02)


def test_a_transformer_is_scored_by_the_code_that_trained_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by a program that uses the library and leaves torch's fast path on."""
    assert torch.backends.mha.get_fastpath_enabled()
    monkeypatch.setattr(torch, "_transformer_encoder_layer_fwd", None)
    monkeypatch.setattr(torch, "_native_multi_head_attention", None)
    with torch.inference_mode():
        in_order(classifier(encoder="transformer").eval(), REVIEWS)


def test_a_transformer_knows_the_order_and_sees_no_pad() -> None:
    for pooling in ("last", "mean", "max", "concat"):
        model = classifier(encoder="transformer", layers=2, hidden_dim=16, pooling=pooling).eval()
        together = in_order(model, REVIEWS)
        alone = torch.cat([in_order(model, [review]) for review in REVIEWS])
        torch.testing.assert_close(together, alone, rtol=0, atol=1e-10)
        found = gradients(model, in_order(model, REVIEWS))
        assert set(found) == {name for name, _ in model.named_parameters()}
        queries, keys, values = found["recurrence.layers.0.self_attn.in_proj_bias"].chunk(3)
        assert [bool(part.any()) for part in (queries, keys, values)] == [True, False, True]
        one, other = in_order(model, [[2, 3, 4], [3, 2, 4]])
        assert abs(one - other) > 1e-6


REVIEWS_TWO = [[2, 3, 4], [5, 6]]


@pytest.mark.parametrize("name", ["word_dropout", "embedding_dropout", "dropout", "output_dropout"])
@pytest.mark.parametrize(
    "network",
    [{"cell": "lstm"}, {"backend": "reference"}, {"encoder": "transformer"}],
    ids=lambda network: str(network),
)
def test_dropout_is_for_training_alone(network: dict[str, Any], name: str) -> None:
    model = classifier(layers=2, **(network | {name: 0.5})).train()
    drawn = torch.stack([in_order(model, REVIEWS_TWO) for _ in range(20)])
    assert (drawn.std(0) > 0).all()
    model.eval()
    assert torch.equal(in_order(model, REVIEWS_TWO), in_order(model, REVIEWS_TWO))
    plain = classifier(layers=2, **network).eval()
    assert torch.equal(in_order(model, REVIEWS_TWO), in_order(plain, REVIEWS_TWO))


def test_a_recurrence_of_one_layer_has_nothing_between_layers_to_drop() -> None:
    model = classifier(dropout=0.9).train()
    assert torch.equal(in_order(model, REVIEWS_TWO), in_order(model, REVIEWS_TWO))


def without(model: Classifier) -> Classifier:
    """Return a copy in which no word has an embedding."""
    found: Classifier = copy.deepcopy(model).eval()
    found.embedding.weight.data.zero_()
    return found


def test_a_dropped_word_is_missing_everywhere_in_a_batch() -> None:
    """Ten reviews of one word each, the same: all or none lose it, and what stays is longer."""
    model = classifier(word_dropout=0.5).train()
    batches = torch.stack([in_order(model, [[3]] * 10) for _ in range(50)])
    assert all(len(set(batch.tolist())) == 1 for batch in batches)
    assert len(set(batches.flatten().tolist())) == 2
    kept = [batch for batch in batches if not torch.equal(batch, in_order(without(model), [[3]] * 10))]
    assert kept
    model.embedding.weight.data[3] *= 2  # what is kept is 1 / (1 - p) as long
    torch.testing.assert_close(kept[0], in_order(model.eval(), [[3]] * 10))


def test_the_initial_weights_are_those_that_the_docstring_names() -> None:
    torch.manual_seed(0)
    model = Classifier(model_config(cell="lstm", embedding_dim=32, hidden_dim=16), 1000)
    assert model.embedding.weight[0].abs().max() == 0
    assert model.embedding.weight[1:].std().item() == pytest.approx(0.1, rel=0.02)
    weights = {name.removesuffix("_l0"): value for name, value in layers_of(model)[0].named_parameters()}
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


@pytest.mark.parametrize("dim, rows", [(1, [0]), (1, [0, 3]), (8, [0, 3])])
def test_vectors_without_a_spread_leave_the_other_words_as_they_would_be(dim: int, rows: list[int]) -> None:
    model = classifier(torch.float32, embedding_dim=dim)
    model.load_pretrained_embeddings(Vectors(np.array(rows), np.full((len(rows), dim), 0.5, np.float32)))
    weight = model.embedding.weight.detach()
    assert (weight[[row + 2 for row in rows]] == 0.5).all()
    others = weight[6:]
    assert 0.01 < others.abs().mean() < 0.3
