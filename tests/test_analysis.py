"""Stage `analyze`: the rounded network, the evidence for the steps of a known automaton, and what the stage writes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from sentiment.analysis import evidence, extraction, quantized, report
from sentiment.analysis.config import AnalysisConfig
from sentiment.analysis.findings import TABLES
from sentiment.data import languages, sample
from sentiment.data.automaton import Automaton
from sentiment.data.tokenizer import Tokenizer
from sentiment.data.vocabulary import FIRST_TOKEN, OUT_OF_VOCABULARY
from sentiment.nn import outputs, states
from sentiment.nn.cells import CELLS
from tests.support.clone import Clone
from tests.support.configs import model_config
from tests.support.encoded import write_split
from tests.support.networks import batch_of, network, random_words
from tests.support.teachers import Known, Rule


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pooling", ["last", "concat"])
@pytest.mark.parametrize("classes", [2, 5])
def test_a_network_read_step_by_step_answers_as_the_network(cell: str, pooling: str, classes: int) -> None:
    trained = network(classes, cell=cell, pooling=pooling, concat_last_embedding=pooling == "concat")
    words = random_words(100)
    batch = batch_of(words)
    reading = states.read(trained.classifier, batch.ids)
    with torch.inference_mode():
        logits = trained.classifier(batch.ids, len(words))
    torch.testing.assert_close(reading.answers, logits)
    assert len(set(outputs.predict(logits).tolist())) > 1
    assert len(reading.states) == len(reading.logits) == sum(map(len, words))
    alone = states.read(trained.classifier, batch_of([words[0]]).ids)
    prefixes = [
        states.read(trained.classifier, batch_of([words[0][:end]]).ids).answers for end in range(1, 1 + len(words[0]))
    ]
    torch.testing.assert_close(alone.logits, torch.cat(prefixes))


def test_rounding_to_all_states_of_a_text_changes_no_answer() -> None:
    trained = network(cell="gru")
    words = random_words(20, longest=4)
    batch = batch_of(words)
    reading = states.read(trained.classifier, batch.ids)
    steps = quantized.to_steps(reading.states)
    centres = quantized.cluster(steps, len(steps), seed=0)
    assert centres.tolist() == np.unique(steps, axis=0).tolist()
    rounded = states.read(trained.classifier, batch.ids, quantized.rounding(centres))
    assert outputs.predict(rounded.answers).tolist() == outputs.predict(reading.answers).tolist()


def test_clusters_are_found_where_there_are_some() -> None:
    random = np.random.default_rng(0)
    middles = np.array([[0.0, 0.0], [900.0, 0.0], [0.0, 900.0]])
    values = np.round(np.repeat(middles, 50, axis=0) + random.normal(0, 20, (150, 2)))
    found = min((quantized.cluster(values, 3, seed) for seed in range(5)), key=lambda centres: spread(values, centres))
    assert np.abs(np.sort(found, axis=0) - np.sort(middles, axis=0)).max() < 15


def spread(values: quantized.Steps, centres: quantized.Steps) -> float:
    return float(((values - centres[quantized.nearest(values, centres)]) ** 2).sum())


@pytest.mark.parametrize("changes", [{"layers": 2}, {"bidirectional": True}, {"encoder": "transformer"}])
def test_a_network_without_one_state_after_each_token_says_why(changes: dict[str, object]) -> None:
    assert states.reason_against(model_config(**changes))
    assert not states.reason_against(model_config())


GRAMMAR_TOKENS = ("the", "plot", "good", "dull", "not", "although", "but", "film,")


@pytest.fixture(scope="module")
def grammar() -> Automaton:
    return languages.LANGUAGES["verdicts"].automaton(GRAMMAR_TOKENS).minimal()


def test_a_network_that_is_the_automaton_has_learned_every_step(grammar: Automaton) -> None:
    words = random_words(4000, len(GRAMMAR_TOKENS), longest=15)
    table = evidence.steps(grammar, words, grammar.classify(words))
    assert table["right"].tolist() == table["texts"].tolist()
    # Of nine states and six classes of tokens. No step decides a text after an aside before the first verdict: it has
    # no label until a later verdict gives it one.
    assert evidence.summary(table) == {"steps": 54, "deciding": 47, "learned": 47}


def test_the_step_that_a_network_takes_wrongly_stands_out(grammar: Automaton) -> None:
    words = random_words(4000, len(GRAMMAR_TOKENS), longest=15)
    state, token = 1, GRAMMAR_TOKENS.index("not")  # after praise it takes no notice of "not"
    transitions = grammar.transitions.copy()
    transitions[state, token] = state
    deaf = Automaton(grammar.tokens, transitions, grammar.labels)
    table = evidence.steps(grammar, words, deaf.classify(words))
    broken = table[(table["state"] == state) & (table["token"] == "not")]
    right, texts = broken[["right", "texts"]].to_numpy()[0]
    assert right < 0.8 * texts
    assert evidence.summary(table)["learned"] < 47


def test_a_step_that_no_text_takes_or_that_changes_no_label_decides_nothing(grammar: Automaton) -> None:
    words = [(GRAMMAR_TOKENS.index("the"), GRAMMAR_TOKENS.index("good"))]
    table = evidence.steps(grammar, words, grammar.classify(words))
    deciding = table[table["texts"] > 0]
    assert deciding["state"].tolist() == [0, 0]
    assert sorted(deciding["token"]) == ["good", "the"]


@pytest.mark.pipeline
def test_the_stage_finds_the_grammar_of_the_sample_corpus(clone: Clone) -> None:
    none = {"reason": "analyze.reviews is 0"}  # in the small clone
    metrics = json.loads((clone.path / "metrics/analysis.json").read_text(encoding="utf-8"))
    assert metrics == {"saturation": none, "automaton": none, "language": none}

    clone.set("analyze.reviews", 300)
    clone.python("-m", "stages.analyze")
    metrics = json.loads((clone.path / "metrics/analysis.json").read_text(encoding="utf-8"))
    assert metrics["language"]["name"] == "verdicts"
    assert metrics["language"]["states"] == 9
    assert metrics["language"]["steps"] == 72
    assert "at most 12 tokens" in metrics["automaton"]["reason"]
    assert metrics["saturation"]["parameter_norm"] > 0
    assert all(metrics["language"][f"times_{times}"]["accuracy"] > 0.4 for times in (2, 4, 8))
    rows = {
        name: len(pd.read_csv(clone.path / f"analysis/{name}.csv")) for name in ("steps", "tokens", "units", "states")
    }
    assert rows["steps"] == 72
    assert rows["units"] == 16
    assert 50 < rows["tokens"] <= 174
    assert 1 < rows["states"] <= 10
    picture = (clone.path / "metrics/plots/language.svg").read_text(encoding="utf-8")
    assert picture.count("<circle") > 9
    assert "No automaton of the network" in (clone.path / "metrics/plots/automaton.svg").read_text(encoding="utf-8")
    rounded = pd.read_csv(clone.path / "metrics/plots/quantized.csv")
    assert rounded["states"].tolist() == [2, 5, 10, 20, 50, 100, 200]
    assert rounded["fidelity"].between(rounded["fidelity_low"], rounded["fidelity_high"]).all()


def test_reviews_with_unknown_words_are_read_and_are_no_words_of_a_language(tmp_path: Path) -> None:
    known, unknown = [FIRST_TOKEN, FIRST_TOKEN + 1], [FIRST_TOKEN, OUT_OF_VOCABULARY]
    split = write_split(tmp_path, [known, unknown, []])
    texts = report.Texts.of(split, AnalysisConfig(reviews=10, seed=0), width=4)
    assert texts.words == [(0, 1)]
    assert texts.labels.tolist() == [0]
    assert sorted(texts.batch.positions.tolist()) == [0, 1]


@pytest.mark.parametrize(
    "changes",
    [{"encoder": "transformer", "pooling": "mean"}, {"layers": 2}, {"cell": "lstm"}, {"nonlinearity": "relu"}],
)
def test_every_network_has_findings_and_says_what_it_lacks(
    tmp_path: Path, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "MOST_QUESTIONS", 2_000)
    monkeypatch.setattr(extraction, "RANDOM_WORDS", 100)
    monkeypatch.setattr(report, "SEARCHED_WORDS", 1_000)
    reviews = [[FIRST_TOKEN + token for token in word] for word in random_words(40)]
    splits = [write_split(tmp_path / name, reviews) for name in "abc"]
    found = report.analyze(network(**changes), splits, AnalysisConfig(reviews=100, seed=0))
    assert ("reason" in found.metrics["saturation"]) == ("layers" in changes or "encoder" in changes)
    assert found.metrics["automaton"]["states"] >= 1
    assert found.metrics["language"] == {"reason": "no known language gives the reviews their labels"}
    for name in TABLES:
        assert list(found.table(name).columns) == TABLES[name]
    assert set(found.pictures) <= {"automaton"}
    json.dumps(found.metrics, allow_nan=False)


@pytest.mark.parametrize("method, lowercase", [("whitespace", True), ("words", True)])
def test_long_texts_are_cut_into_tokens_as_the_reviews_were(method: Any, lowercase: bool) -> None:
    tokenizer = Tokenizer(method=method, lowercase=lowercase, strip_html=False)
    reviews = pa.array([text for text, _ in sample.reviews(2000, 5)])
    known = {token for tokens in tokenizer(reviews).to_pylist() for token in tokens}
    texts = report.long_texts("verdicts", sorted(known), tokenizer, times=2, seed=0)
    assert len(texts) == report.LONG_TEXTS
    assert {label for _, label in texts} == {0, 1}
    assert not report.long_texts("verdicts", ["nothing"], tokenizer, times=2, seed=0)


def test_a_step_with_few_texts_that_are_all_right_is_not_wrong() -> None:
    table = pd.DataFrame({"texts": [0, 10, 10, 40, 40], "right": [0, 10, 3, 40, 20]})
    assert evidence.verdicts(table) == ["undecided", "undecided", "wrong", "learned", "wrong"]
    assert evidence.summary(table) == {"steps": 5, "deciding": 4, "learned": 1}


def test_the_shortest_error_is_found(grammar: Automaton) -> None:
    deaf = Rule(GRAMMAR_TOKENS, lambda word: int(GRAMMAR_TOKENS.index("good") in word))
    word = report.shortest_error(deaf, grammar)
    assert word is not None
    assert [GRAMMAR_TOKENS[token] for token in word] == ["good", "dull"]
    assert report.shortest_error(Known(grammar), grammar) is None
