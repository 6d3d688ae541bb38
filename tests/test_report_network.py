"""The network in the page: its own script, run in a JavaScript engine, gives what Python gives."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_mini_racer import MiniRacer

from sentiment.config import paths
from sentiment.data import predictions, sample
from sentiment.data.encoding import Truncation
from sentiment.data.languages import LANGUAGES
from sentiment.data.tokenizer import MAX_TOKEN, Tokenizer
from sentiment.data.vocabulary import FIRST_TOKEN, OUT_OF_VOCABULARY
from sentiment.inference import checkpoint, explanation
from sentiment.inference.checkpoint import Checkpoint
from sentiment.inference.predictor import predict_texts
from sentiment.io import parquet
from sentiment.nn import states
from sentiment.report import network as page_network
from sentiment.report import walks
from tests.support.checkpoints import CPU, TEXTS, VOCABULARY, example
from tests.support.clone import Clone
from tests.support.javascript import Engine
from tests.support.networks import batch_of, network, random_words, smooth

LECTURE = Tokenizer(method="whitespace", lowercase=False, strip_html=False)
WORDS = Tokenizer(method="words", lowercase=True, strip_html=True)
Side = Literal["start", "middle", "end"]
TOKENS = VOCABULARY.tokens.to_pylist()
PREDICT = "texts.map((text) => network.probabilities(network.logits(network.read(text).map(({ id }) => id))))"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with MiniRacer() as context:
        yield Engine(context)


def exact(trained: Checkpoint, **changes: Any) -> Checkpoint:
    """Return a network that computes in float64, as the page does, and reads whole texts."""
    whole = trained.encoding.model_copy(update={"truncation": Truncation(max_tokens=0, truncation_side="start")})
    trained.classifier.double()
    return replace(trained, encoding=whole, **changes)


def tokens(engine: Engine, text: str, tokenizer: Tokenizer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = engine("tokenize(text, settings)", text=text, settings=tokenizer.model_dump())
    return found


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("pooling", ["last", "mean", "max", "concat"])
@pytest.mark.parametrize("model", [
    {"cell": "rnn"}, {"cell": "rnn", "nonlinearity": "relu"}, {"cell": "rnn", "nonlinearity": "logistic"},
    {"cell": "gru"}, {"cell": "lstm"}, {"cell": "gru", "layers": 3}, {"cell": "rnn", "bidirectional": True},
    {"cell": "lstm", "layers": 2, "bidirectional": True, "concat_last_embedding": True},
], ids=str)  # fmt: skip
def test_probabilities_are_those_of_python(engine: Engine, model: dict[str, Any], pooling: str, classes: int) -> None:
    trained = exact(smooth(classes, pooling=pooling, **model))
    engine.load(trained)
    texts = ["", "unknown", *(" ".join(TOKENS[token] for token in word) for word in random_words(12))]
    expected = predict_texts(trained, texts).probability
    assert expected.std(axis=0).min() > 1e-3  # the texts differ
    assert np.abs(np.array(engine(PREDICT, texts=texts)) - expected).max() < 1e-6


@pytest.mark.parametrize("cell", page_network.CELLS)
@pytest.mark.parametrize("pooling", ["last", "mean", "max", "concat"])
def test_states_and_logits_after_every_token_are_those_of_python(engine: Engine, cell: str, pooling: str) -> None:
    trained = exact(smooth(cell=cell, pooling=pooling))
    engine.load(trained)
    for word in random_words(4):
        reading = states.read(trained.classifier, batch_of([word]).ids)
        ids = [token + FIRST_TOKEN for token in word]
        (found,) = engine("network.states(ids).at(-1).map((states) => states.map((state) => [...state]))", ids=ids)
        hidden = trained.classifier.config.hidden_dim
        assert np.abs(np.array(found) - reading.states[:, :hidden].numpy()).max() < 1e-12
        assert (
            np.abs(np.concatenate(engine("[...network.prefixes(ids)]", ids=ids)) - reading.logits.numpy()).max() < 1e-11
        )


def test_with_two_directions_each_beginning_is_read_anew(engine: Engine) -> None:
    trained = exact(network(cell="gru", bidirectional=True))
    engine.load(trained)
    ids = [token + FIRST_TOKEN for token in random_words(1, longest=12)[0]]
    alone = [engine("network.logits(ids)", ids=ids[: end + 1]) for end in range(len(ids))]
    assert len(ids) > 5
    assert engine("[...network.prefixes(ids)]", ids=ids) == alone


@pytest.mark.parametrize("classes", [2, 5])
def test_a_words_contribution_is_that_of_leave_one_out(engine: Engine, classes: int) -> None:
    trained = exact(smooth(classes, cell="lstm"))
    engine.load(trained)
    text = "good bad good unknown NA good 🎬"
    for label in range(classes):
        expected = explanation.explain(trained, text, label, "leave-one-out")
        found = engine(
            "[...network.leaveOneOut(network.read(text).map(({ id }) => id), label)]", text=text, label=label
        )
        assert np.abs(np.array(found) - expected.contributions).max() < 1e-9


@pytest.mark.parametrize("side", get_args(Side))
@pytest.mark.parametrize("text", TEXTS)
def test_long_texts_are_cut_as_in_python(engine: Engine, side: Side, text: str) -> None:
    trained = network()
    cut = Truncation(max_tokens=5, truncation_side=side)
    trained = replace(trained, encoding=trained.encoding.model_copy(update={"truncation": cut}))
    engine.load(trained)
    ids, _ = trained.encoding.encode(trained.encoding.tokenizer(pa.array([text])), trained.vocabulary)
    found = engine("network.read(text)", text=text)
    assert [token["id"] for token in found] == ids.tolist()
    assert len(found) <= 5


# Characters at which JavaScript and Arrow, or the regular expressions of both, could differ.
TROUBLE = (
    "aB9 \t\n\x0b\x1c\x85\xa0\u3000\ufeff\u200b'’.,!<>/İIıΣσςßẞǅ\u0301\u20e3é"
    "日本ひらカนก\u0e31ລ\u0eb1ကျำ\u102bA\U0001f3ac\U00010400"
)


@settings(max_examples=400)
@given(
    st.text(
        st.one_of(st.sampled_from(TROUBLE), st.characters(exclude_categories=["Cs", "Cn"], exclude_characters="\0"))
    )
)
@pytest.mark.parametrize("tokenizer", [LECTURE, WORDS], ids=["whitespace", "words"])
def test_tokens_are_those_of_python(engine: Engine, tokenizer: Tokenizer, text: str) -> None:
    assert [token["word"] for token in tokens(engine, text, tokenizer)] == tokenizer(pa.array([text]))[0].as_py()


def test_a_token_knows_where_it_stands(engine: Engine) -> None:
    text = "Not <b>GOOD</b>, İstanbul!"
    found = tokens(engine, text, WORDS)
    stands = [text.encode("utf-16-le")[2 * token["start"] : 2 * token["end"]].decode("utf-16-le") for token in found]
    assert stands == ["Not", "GOOD", ",", "İstanbul", "!"]
    assert [token["word"] for token in found] == ["not", "good", ",", "istanbul", "!"]


def test_a_very_long_token_is_cut(engine: Engine) -> None:
    long = "🎬" * (MAX_TOKEN + 5)
    assert [token["word"] for token in tokens(engine, long, LECTURE)] == LECTURE(pa.array([long]))[0].as_py()


def test_words_that_javascript_knows_are_words_like_any_other(engine: Engine) -> None:
    trained = network()
    engine.load(replace(trained, encoding=trained.encoding.model_copy(update={"tokenizer": LECTURE})))
    ids = [token["id"] for token in engine("network.read('constructor toString __proto__ good')")]
    assert ids == [OUT_OF_VOCABULARY] * 3 + [FIRST_TOKEN]


def test_the_page_predicts_every_test_review_as_the_pipeline_did(engine: Engine, reproduced: Clone) -> None:
    trained = checkpoint.load(reproduced.path / paths.MODEL, CPU)
    engine.load(trained)
    texts = parquet.read_all(reproduced.path / paths.REVIEWS.test, parquet.REVIEWS)["text"].to_pylist()
    expected = predictions.read(reproduced.path / paths.PREDICTIONS, trained.classes).probability
    assert len(texts) == len(expected) > 80
    assert np.abs(np.array(engine(PREDICT, texts=texts)) - expected).max() < 1e-6


def test_a_network_that_the_script_cannot_run_has_a_reason() -> None:
    assert page_network.reason_against(example("transformer")) == "a transformer does not run in this page"
    assert page_network.reason_against(example(cell="gru")) is None


AUTOMATA = {name: language for name, language in LANGUAGES.items() if language.finite}


@pytest.mark.parametrize("name", AUTOMATA)
def test_the_walk_through_an_automaton_is_that_of_the_language(engine: Engine, name: str) -> None:
    language = AUTOMATA[name]
    automaton = language.automaton(language.tokens).minimal()
    steps = walks.steps(name, automaton)
    for word in random_words(20, len(language.tokens)):
        found = engine(
            "new Automaton(steps).trace(words)", steps=steps, words=[language.tokens[token] for token in word]
        )
        assert [automaton.labels[state] for state in found] == [
            language.label([language.tokens[token] for token in word[: end + 1]]) for end in range(len(word))
        ]


def test_the_grammar_of_the_sample_corpus_takes_unknown_words_for_neutral(engine: Engine) -> None:
    steps = walks.steps("language", walks.automaton("verdicts", ["good", "not", "although", "The"]))
    words = "The zebra was not zebra, good although zebra good zebra. not zebra good although zebra"
    found = engine("new Automaton(steps).trace(words)", steps=steps, words=words.split())
    true = list(accumulate(words.split(), sample.State.read, initial=sample.State()))[1:]
    assert len(set(true)) == len(set(found)) == len(set(zip(true, found, strict=True))) == 7


def test_an_automaton_without_a_rule_for_unknown_words_stops_at_one(engine: Engine) -> None:
    steps = walks.steps("language", walks.automaton("tomita-1", ["0", "1"]))
    assert engine("new Automaton(steps).trace(['1', '2', '1'])", steps=steps) == [0, None, None]
