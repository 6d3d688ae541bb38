"""How saturated a network is, and what each token and unit does."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from sentiment.analysis import activity, counter, merging, quantized
from sentiment.analysis.questions import Network
from sentiment.data import languages
from sentiment.data.batching import Batch, collate
from sentiment.data.vocabulary import FIRST_TOKEN
from sentiment.inference.checkpoint import Checkpoint
from sentiment.nn import outputs, saturation, states
from sentiment.nn.cells.cell import weights_by_direction
from sentiment.nn.classifier import Classifier
from sentiment.nn.packed import PackedVectors
from sentiment.nn.recurrent import RecurrentEncoder
from tests.support.networks import batch_of, network, random_words


def trained_for_long(cell: str) -> Classifier:
    """Return a network whose weights are so large that multiplying them changes nothing."""
    return saturation.saturated(network(cell=cell).classifier)


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_a_network_of_large_weights_is_saturated(cell: str) -> None:
    classifier, batch = trained_for_long(cell), batch_of(random_words(200))
    answers = outputs.predict(states.read(classifier, batch.ids).answers)
    batch = Batch(batch.ids, answers, batch.positions)  # the labels are what it answers
    found = saturation.measure(classifier, batch)
    assert found.saturation == pytest.approx(1, abs=1e-6)
    assert found.saturated_accuracy == 1
    if cell == "rnn":
        assert found.units_near_one == found.sign_accuracy == 1
    small = saturation.measure(network(cell=cell).classifier, batch)
    assert small.saturation is not None
    assert small.saturation < 0.99
    assert small.parameter_norm == pytest.approx(found.parameter_norm / saturation.SCALE)


def test_the_measures_of_a_network_are_what_they_say() -> None:
    classifier, batch = network(cell="rnn").classifier, batch_of(random_words(100))
    found, reading = saturation.measure(classifier, batch), states.read(classifier, batch.ids)
    assert found.parameter_norm == pytest.approx(
        np.linalg.norm(
            np.concatenate(
                [
                    each.detach().numpy().ravel()
                    for name, each in classifier.named_parameters()
                    if "embedding" not in name
                ]
            )
        )
    )
    assert found.units_near_one == pytest.approx(float((reading.states.abs() > 0.9).double().mean()))
    assert found.sign_vectors == len({tuple(row) for row in (reading.states >= 0).tolist()})
    assert found.largest_state == pytest.approx(float(reading.states.abs().max()))
    corners = states.read(classifier, batch.ids, saturation.to_signs).states
    assert set(corners.flatten().tolist()) == {-1.0, 1.0}


@pytest.mark.parametrize(
    "changes, present",
    [
        ({"encoder": "transformer"}, {"parameter_norm"}),
        ({"cell": "lstm"}, {"saturation", "largest_state"}),
        ({"cell": "gru", "layers": 2, "bidirectional": True}, {"saturation", "sign_vectors"}),
        ({"nonlinearity": "relu"}, {"largest_state"}),
        ({"nonlinearity": "logistic"}, {"saturation", "units_near_one"}),
    ],
)
def test_a_network_has_the_measures_that_mean_something_for_it(changes: dict[str, Any], present: set[str]) -> None:
    found = saturation.measure(network(**changes).classifier, batch_of(random_words(20, longest=80)))
    measured = {name: value for name, value in vars(found).items() if value is not None}
    assert present <= set(measured)
    assert "sign_accuracy" not in measured
    assert all(np.isfinite(value) for value in measured.values())
    if changes.get("encoder") == "transformer":
        assert set(measured) == present


def test_the_saturated_network_still_remembers() -> None:
    """With the embedding multiplied too, its state would depend on the last token alone."""
    limit = trained_for_long("rnn")
    ends = [(*word, 0) for word in random_words(50)]
    states_after = states.read(limit, batch_of(ends).ids)
    last = PackedVectors(states_after.states, None, batch_of(ends).ids.batch_sizes).last()
    assert len({tuple(row) for row in last.sign().tolist()}) > 1


def test_reviews_without_a_token_are_left_out() -> None:
    empty = collate([(0, np.array([], np.int64), 1)])
    assert saturation.measure(network(cell="rnn").classifier, empty).saturation is None


@pytest.mark.parametrize("classes", [2, 5])
def test_the_change_of_a_token_is_the_difference_between_two_answers(classes: int) -> None:
    classifier = network(classes=classes, cell="gru", pooling="concat").classifier
    words = random_words(30)
    batch = batch_of(words)
    found = activity.changes(classifier, batch, states.read(classifier, batch.ids))
    with torch.inference_mode():
        for place in (0, 1, 5, len(words) - 1):
            word = words[int(batch.positions[place])]
            texts = batch_of([word[:end] for end in range(len(word) + 1)])
            answers = torch.empty(len(texts), classes)
            answers[texts.positions] = outputs.probabilities(classifier(texts.ids, len(texts)))
            expected = (answers[1:] - answers[:-1]).abs().sum(dim=1) / 2
            rows = [int(batch.ids.batch_sizes[:step].sum()) + place for step in range(len(word))]
            assert found[rows] == pytest.approx(expected.numpy(), abs=1e-6)


def test_the_table_of_the_tokens_begins_with_those_that_decide() -> None:
    trained = network(cell="rnn")
    with torch.no_grad():
        trained.classifier.embedding.weight[FIRST_TOKEN + 1 :] = 0
    batch = batch_of(random_words(100))
    reading = states.read(trained.classifier, batch.ids)
    table = activity.tables(trained.classifier, batch, reading, Network(trained).tokens)["tokens"]
    assert table["token"].tolist()[0] == Network(trained).tokens[0]
    assert table["count"].sum() == len(batch.ids.data)
    assert table["saturation"].between(-1.001, 1.001).all()


def test_the_table_of_the_states_says_which_words_lead_there() -> None:
    trained = last_token()
    batch = batch_of(random_words(200))
    reading = states.read(trained.classifier, batch.ids)
    centres = quantized.cluster(quantized.to_steps(reading.states), 2, seed=0)
    table = activity.clusters(batch, reading, centres, Network(trained).tokens, ("no", "yes"))
    assert table["share"].sum() == pytest.approx(1)
    tokens = Network(trained).tokens
    found = {frozenset(words.split()): name for words, name in zip(table["words"], table["class"], strict=True)}
    assert found == {frozenset(tokens[:1]): "yes", frozenset(tokens[1:]): "no"}


def zeroed(trained: Checkpoint) -> tuple[Tensor, Tensor]:
    """Set all parameters of a network of one layer to zero. Return its weights of the input and of the state."""
    encoder = trained.classifier.recurrence
    assert isinstance(encoder, RecurrentEncoder)
    for parameter in trained.classifier.parameters():
        parameter.zero_()
    weight_ih, weight_hh, _, _ = weights_by_direction(encoder.layers[0])[0]
    return weight_ih, weight_hh


def last_token() -> Checkpoint:
    """Return a network that answers 1 after the first token of the vocabulary, 0 after any other."""
    trained = network(cell="rnn", hidden_dim=1, embedding_dim=2)
    with torch.no_grad():
        weight_ih, _ = zeroed(trained)
        trained.classifier.embedding.weight[:] = torch.tensor([-3.0, 0.0])
        trained.classifier.embedding.weight[FIRST_TOKEN] = torch.tensor([3.0, 0.0])
        weight_ih[:] = torch.tensor([1.0, 0.0])
        trained.classifier.readout.weight[:] = 5.0
    return trained


def test_clusters_and_merging_find_the_automaton_of_a_network_that_is_one() -> None:
    asked = Network(last_token())
    merged = merging.merge(asked)
    assert merged is not None
    assert len(merged) == 2
    words = random_words(200)
    assert merged.classify(words).tolist() == asked.classify(words).tolist()
    reading = states.read(asked.classifier, batch_of(words).ids)
    centres = quantized.cluster(quantized.to_steps(reading.states), 2, seed=0)
    assert quantized.automaton(asked, centres).difference(merged) is None


def test_merging_ends_where_no_state_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "SIMILAR", 1 + 1e-6)
    assert merging.merge(Network(network(cell="gru"))) is None


def brackets() -> Checkpoint:
    """Return a network whose first unit counts tokens: plus one for the first, minus one for the second."""
    trained = network(cell="rnn", nonlinearity="relu", hidden_dim=2, embedding_dim=2)
    with torch.no_grad():
        weight_ih, weight_hh = zeroed(trained)
        trained.classifier.embedding.weight[FIRST_TOKEN, 0] = 1.0
        trained.classifier.embedding.weight[FIRST_TOKEN + 1, 0] = -1.0
        weight_ih[0, 0] = weight_hh[0, 0] = 1.0
    return trained


def test_a_unit_that_counts_is_found() -> None:
    asked = Network(brackets())
    asked.tokens = ("(", ")", *asked.tokens[2:])
    words = list(languages.long_words("dyck-1", 1, 20, seed=0))
    found, table = counter.find(asked, languages.LANGUAGES["dyck-1"], words)
    assert found["unit"] == 0
    assert found["correlation"] == pytest.approx(1)
    assert table["token"].tolist() == words[1][0]
    pd.testing.assert_series_equal(table["unit"], table["count"], check_names=False, check_dtype=False)
    assert table["count"].iloc[-1] == 0
    assert table["count"].max() > 1
