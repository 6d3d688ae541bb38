"""Behaviour tests: the truth of their cases, what counts as a failure, and what stage `probe` writes."""

import csv
import hashlib
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sentiment.api import Model, Prediction
from sentiment.config import paths
from sentiment.config.yaml_file import read_yaml
from sentiment.data import sample
from sentiment.data.classes import BINARY, Classes
from sentiment.data.corpus import Corpus
from sentiment.data.model_folder import write_none
from sentiment.data.predictions import TextPredictions, both
from sentiment.errors import InputError
from sentiment.evaluation import summary
from sentiment.evaluation.intervals import wilson
from sentiment.inference import checkpoint
from sentiment.io import parquet
from sentiment.probing import films, grammar, report
from sentiment.probing.suite import CAPABILITIES, Case, Drawn, Suite, draw
from stages import probe
from tests.support.checkpoints import example, example_baseline
from tests.support.clone import Clone
from tests.support.imports import ROOT

SUITES = {suite.name: suite for suite in (grammar.SUITE, films.SUITE)}
EACH_SUITE = pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
COUNT = read_yaml(ROOT / "params.yaml")["probe"]["cases"]
WORDS = {"an", *re.findall(r"\w+", repr((grammar.SUITE, films.SUITE)))}


def knows(text: str) -> bool:
    """Return whether a text has only words of the templates, which typos are not."""
    return all(word.strip(".,!") in WORDS for word in text.split())


@cache
def drawn(name: str, count: int = 40, seed: int = 0) -> Drawn:
    return draw(SUITES[name], count, seed, lambda words: list(map(knows, words)))


def pairs(suite: Suite, *capabilities: str) -> list[Case]:
    cases = drawn(suite.name).cases
    return [case for name in capabilities for case in cases.get(name, [])]


class Fake:
    """A model that answers by a function of the text: the probability of being positive."""

    num_words = 0
    corpus = Corpus(source="none", reviews=0)

    def __init__(self, answer: Callable[[str], float], known: Callable[[str], bool] = lambda text: True) -> None:
        self.classes = BINARY
        self.answer = answer
        self.known = known

    def describe(self) -> list[str]:
        return []

    def predict_texts(self, texts: list[str]) -> TextPredictions:
        positive = np.array([self.answer(text) for text in texts])
        return TextPredictions(both(positive), np.array([float(not self.known(text)) for text in texts]))


def fake(answer: Callable[[str], float], *known: Callable[[str], bool]) -> Model:
    return Model(Fake(answer, *known))


def automaton(text: str) -> float:
    return float(sample.verdict(text) == "positive")


NEGATIONS = r"\b(not|never|nothing)\b"
WITHOUT_WEIGHT = (  # what others think, what was expected, and what a verdict overrules
    r"I expected .*?, but",
    r"My friends told me .*?, but",
    r"Some people say [^.]*\.",
    r"When I was young [^.]*\.",
    r"Although [^,]*,",
    r", even though [^.]*",
    r"The [^.]*, but (?=overall|I still)",
)
POSITIVE = re.findall(
    r"\w+",
    """good great excellent wonderful amazing brilliant fantastic perfect superb beautiful interesting funny
    entertaining enjoyable believable loved enjoyed liked best greatest finest""",
)
NEGATIVE = re.findall(
    r"\w+",
    """bad terrible awful horrible boring stupid poor lame disappointing ridiculous dull predictable hated disliked
    worst dumbest dullest""",
)


def read(text: str) -> set[str]:
    """Return the classes that the clauses of a review express, by rules that know nothing of the templates."""
    for pattern in WITHOUT_WEIGHT:
        text = re.sub(pattern, "", text)
    found = set()
    for clause in re.split(r"\.|,| and ", text):
        negated = len(re.findall(NEGATIONS, clause)) % 2 == 1
        for word in re.findall(r"\w+", clause):
            if word in POSITIVE + NEGATIVE:
                found.add(BINARY.names[(word in POSITIVE) != negated])
    return found


@pytest.mark.parametrize(
    "text, label",
    [
        ("The plot was awful.", "negative"),
        ("I loved this movie.", "positive"),
        ("The music was not good.", "negative"),
        ("There is nothing boring about this movie.", "positive"),
        ("I do not think that the acting was good.", "negative"),
        ("It is not true that the acting was not good.", "positive"),
        ("You can not say that the plot was not bad.", "negative"),
        ("The cast was great, but overall this is a bad movie.", "negative"),
        ("Although the plot was lame, this is a great movie and I loved it.", "positive"),
        ("This is a great film, even though the plot was bad.", "positive"),
        ("I expected a bad movie, but it was good.", "positive"),
        ("Some people say that it is bad. I think it is good.", "positive"),
        ("When I was young I thought it was good. Now I think it is bad.", "negative"),
        ("The script was never boring and the music was great.", "positive"),
    ],
)
def test_the_rules_that_check_the_templates_read_as_a_person_does(text: str, label: str) -> None:
    assert read(text) == {label}


def test_every_case_of_the_film_reviews_has_the_class_that_its_text_expresses() -> None:
    for name, cases in drawn(films.SUITE.name, COUNT).cases.items():
        for case in cases:
            classes = read(case.text)
            assert len(classes) == 1, case
            if case.expected in BINARY.names:
                assert classes == {case.expected}, case
            else:
                assert read(case.changed) == classes, case
                direction = {"positive": "not lower", "negative": "not higher"}[classes.pop()]
                assert case.expected == (direction if name == "intensifiers" else "same"), case


def test_every_template_of_the_film_reviews_is_among_the_cases() -> None:
    cases = drawn(films.SUITE.name, COUNT).cases
    for name, templates in films.SUITE.templates.items():
        if name not in ("filler", "length"):  # whose sentences are counted
            assert {case.template for case in cases[name]} == set(templates)


@pytest.mark.parametrize(
    "text, label",
    [
        ("The plot was dull.", "negative"),
        ("The plot was never truly dull.", "positive"),
        ("It is hardly a masterpiece.", "negative"),
        ("I found the cast never not superb.", "positive"),
        ("The plot was dull, but the ending was not bad.", "positive"),
        ("I expected a triumph, but the cast was weak.", "negative"),
        ("It is a good film, despite the silly script.", "positive"),
        ("The plot was good. I found the script weak.", "negative"),
    ],
)
def test_the_automaton_reads_the_cases_of_the_sample_corpus_as_a_person_does(text: str, label: str) -> None:
    assert sample.verdict(text) == label


def test_the_automaton_fails_no_case_of_the_sample_corpus() -> None:
    answers = report.ask(fake(automaton), drawn(grammar.SUITE.name, COUNT).cases)
    assert len(answers) >= 2000
    assert not answers["failed"].any()
    assert not answers["severity"].any()


@EACH_SUITE
def test_there_are_ten_capabilities_and_two_thousand_different_cases(suite: Suite) -> None:
    cases = drawn(suite.name, COUNT).cases
    assert len(cases) >= 10
    assert all(len(each) == COUNT for each in cases.values())
    assert sum(map(len, cases.values())) >= 2000
    for each in cases.values():
        assert len({(case.text, case.changed) for case in each}) == len(each)
    assert cases.keys() | suite.inapplicable.keys() == CAPABILITIES.keys()
    assert not cases.keys() & suite.inapplicable.keys()


@EACH_SUITE
def test_articles_fit_their_words(suite: Suite) -> None:
    for case in pairs(suite, *suite.templates):
        for text in (case.text, case.changed):
            assert not re.search(r"\b([Aa] [aeiou]|[Aa]n [^aeiou])", text), text


@EACH_SUITE
def test_both_classes_are_about_as_frequent(suite: Suite) -> None:
    for each in drawn(suite.name, COUNT).cases.values():
        negative = sum(case.expected in ("negative", "not higher") for case in each)
        positive = sum(case.expected in ("positive", "not lower") for case in each)
        assert min(negative, positive) >= 0.4 * (negative + positive)


def test_the_cases_are_the_same_on_every_machine() -> None:
    cases = [drawn(suite.name, 20, seed=3).cases for suite in (grammar.SUITE, films.SUITE)]
    digest = hashlib.sha256(json.dumps(cases).encode()).hexdigest()
    assert digest.startswith("a8272996e310d1c9")


@EACH_SUITE
def test_another_seed_draws_other_cases_and_another_number_the_first_of_the_same(suite: Suite) -> None:
    first, other, few = drawn(suite.name).cases, drawn(suite.name, seed=1).cases, drawn(suite.name, 10).cases
    assert all(first[name] != other[name] for name in first)
    assert all(first[name][:10] == few[name] for name in first)


@EACH_SUITE
def test_a_swap_changes_one_word(suite: Suite) -> None:
    groups = [group for each in suite.swaps.values() for group in each]
    for case in pairs(suite, "aspects", "names", "places", "gender", "nationality"):
        before, after = case.text.split(), case.changed.split()
        ((one, other),) = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
        assert any(one in group and other in group for group in groups)


@EACH_SUITE
def test_a_typo_swaps_two_letters_of_a_word_without_an_opinion(suite: Suite) -> None:
    for case in pairs(suite, "typos"):
        ((one, typo),) = [
            pair for pair in zip(case.text.split(), case.changed.split(), strict=True) if pair[0] != pair[1]
        ]
        assert sorted(one) == sorted(typo)
        assert (one[0], one[-1]) == (typo[0], typo[-1])
        assert sum(a != b for a, b in zip(one, typo, strict=True)) == 2
        assert suite.is_neutral(one)


@EACH_SUITE
def test_the_other_changes_keep_the_text(suite: Suite) -> None:
    for case in pairs(suite, "intensifiers"):
        words = case.changed.split()
        without = [" ".join(words[:place] + words[place + 1 :]) for place in range(len(words))]
        assert case.text in without
    for case in pairs(suite, "punctuation"):
        assert case.changed in (case.text[:-1], f"{case.text[:-1]}!")
    facts = "|".join(map(re.escape, suite.words["fact"]))
    for name, least, most in (("filler", 1, 1), ("length", 6, 10)):
        for case in pairs(suite, name):
            rest, count = re.subn(facts, "", case.changed)
            assert rest.strip() == case.text
            assert least <= count <= most


def test_every_word_of_the_cases_is_in_the_sample_corpus() -> None:
    with (ROOT / paths.SAMPLE).open(encoding="utf-8", newline="") as stream:
        vocabulary = {token for row in csv.DictReader(stream) for token in row["text"].split()}
    found = draw(grammar.SUITE, COUNT, 0, lambda words: [word in vocabulary for word in words])
    assert found.known == found.words
    assert found.left_out == 0
    assert all(len(cases) == COUNT for cases in found.cases.values())


def test_cases_with_unknown_words_are_left_out_and_counted() -> None:
    found = draw(films.SUITE, 40, 0, lambda words: [word != "music" and knows(word) for word in words])
    assert found.left_out > 0
    assert found.known == found.words - 1
    assert all("music" not in case.words() for cases in found.cases.values() for case in cases)


def prediction(probability: float) -> Prediction:
    label = BINARY.names[probability >= 0.5]
    return Prediction(label, probability, 0.0, {"negative": 1 - probability, "positive": probability})


@pytest.mark.parametrize(
    "expected, before, after, failed, severity",
    [
        ("positive", 0.75, None, False, 0.25),
        ("positive", 0.25, None, True, 0.75),
        ("negative", 0.75, None, True, 0.75),
        ("same", 0.625, 0.375, True, 0.25),
        ("same", 0.875, 0.5, False, 0.375),
        ("not lower", 0.75, 0.5, True, 0.25),
        ("not lower", 0.75, 0.6875, False, 0.0625),
        ("not lower", 0.5, 0.75, False, 0.0),
        ("not higher", 0.5, 0.75, True, 0.25),
        ("not higher", 0.75, 0.25, False, 0.0),
    ],
)
def test_what_fails_and_how_badly(
    expected: str, before: float, after: float | None, failed: bool, severity: float
) -> None:
    answered = None if after is None else prediction(after)
    assert report.judge(expected, prediction(before), answered) == (failed, severity)


@EACH_SUITE
def test_a_model_that_always_says_positive_fails_the_negative_texts_and_no_pair(suite: Suite) -> None:
    answers = report.ask(fake(lambda text: 0.9), drawn(suite.name).cases)
    assert (answers["failed"] == (answers["expected"] == "negative")).all()


def test_a_model_of_single_words_fails_negation() -> None:
    def bag(text: str) -> float:
        words = re.findall(r"\w+", text)
        return 0.5 + 0.05 * (sum(word in POSITIVE for word in words) - sum(word in NEGATIVE for word in words))

    found = report.probe(fake(bag, knows), None, films.SUITE, 40, 0).metrics["probe"]
    assert found["vocabulary"]["failure_rate"] == 0
    assert found["names"]["failure_rate"] == 0
    assert found["negation"]["failure_rate"] > 0.5


@EACH_SUITE
def test_the_metrics_are_a_recount_of_the_table(suite: Suite) -> None:
    network = fake(lambda text: len(text) % 10 / 9, knows)
    baseline = fake(lambda text: len(text) % 7 / 6)
    metrics, table = report.probe(network, baseline, suite, 40, 0)
    assert list(table.columns) == report.COLUMNS
    for model, key in report.KEYS.items():
        rows = table[table["model"] == model]
        found = metrics[key]
        share = rows["failed"].mean()
        assert found["cases"] == len(rows) == 40 * len(suite.templates)
        assert found["failure_rate"] == pytest.approx(share, abs=1e-6)
        interval = (found["failure_rate_low"], found["failure_rate_high"])
        assert interval == pytest.approx(wilson(share, len(rows)), abs=1e-6)
        for name in suite.templates:
            failed = rows.loc[rows["capability"] == name, "failed"]
            assert found[name]["failed_of"] == [failed.sum(), 40]
            assert found[name]["failure_rate"] == failed.sum() / 40
            assert found[name]["interval"] == pytest.approx(wilson(failed.mean(), 40), abs=1e-6)
        assert found.keys() >= suite.templates.keys()
    for name, reason in suite.inapplicable.items():
        assert metrics["probe"][name] == {"reason": reason}
    assert metrics["probe"]["suite"] == suite.name


def test_a_network_that_knows_few_of_the_words_is_not_tested() -> None:
    metrics, table = report.probe(fake(lambda text: 0.9, lambda text: len(text) < 3), None, films.SUITE, 40, 0)
    assert re.fullmatch(r"the network knows \d+ of the \d+ words of the cases \(film reviews\)", reason_of(metrics))
    assert not len(table)
    assert list(table.columns) == report.COLUMNS


def test_a_capability_whose_words_the_network_does_not_know_says_so() -> None:
    network = fake(lambda text: 0.9, lambda text: knows(text) and text not in ("he", "she") and "not" not in text)
    metrics = report.probe(network, None, films.SUITE, 20, 0).metrics["probe"]
    assert metrics["negation"].keys() == {"failure_rate", "interval", "failed_of"}  # "never" and "nothing" are left
    assert metrics["double_negation"] == {"reason": "the network knows too few of its words"}


def reason_of(metrics: dict[str, Any]) -> str:
    """Return the reason why neither model was tested."""
    assert metrics["probe"] == metrics["probe_baseline"]
    return str(metrics["probe"]["reason"])


def test_the_grammar_labels_the_sample_corpus_and_no_other() -> None:
    def batch(*rows: tuple[str, int]) -> list[pa.RecordBatch]:
        return [pa.RecordBatch.from_pylist([{"id": "", "text": text, "label": label} for text, label in rows])]

    assert grammar.labels(batch(("The plot was dull.", 0), ("The plot was never dull.", 1)))
    assert not grammar.labels(batch(("The plot was dull.", 0), ("The plot was never dull.", 0)))
    assert not grammar.labels(batch(("0 1 1", 0)))


def write_inputs(network: checkpoint.Checkpoint) -> None:
    """Write the inputs of the stage into the current directory: untrained models, and a review."""
    checkpoint.save(paths.MODEL, network, seed=0, epoch=0)
    paths.BASELINE_MODEL.mkdir(parents=True)
    example_baseline().save(paths.BASELINE_MODEL)
    with parquet.open_writer(paths.REVIEWS.test, parquet.REVIEWS) as table:
        table.write(pa.array(["1"]), pa.array(["Good."]), pa.array([1], pa.uint8()))


def run_stage(cases: int = 3) -> dict[str, Any]:
    return probe.probe(probe.Params(cases=cases, seed=0)).metrics


def test_what_does_not_apply_has_a_reason(workspace: Path) -> None:
    assert reason_of(run_stage(cases=0)) == "probe.cases is 0"
    write_inputs(example())
    assert re.fullmatch(r"the network knows \d of the \d+ words of .*", reason_of(run_stage()))


def test_other_classes_have_a_reason(workspace: Path) -> None:
    write_inputs(example(classes=Classes(names=["bad", "fair", "good"])))
    reason = "the cases are negative or positive; the classes of the reviews are bad, fair, good"
    assert reason_of(run_stage()) == reason


@pytest.mark.parametrize("missing", [paths.MODEL, paths.BASELINE_MODEL, paths.REVIEWS.test])
def test_a_missing_or_damaged_input_is_named_on_one_line(workspace: Path, missing: Path) -> None:
    write_inputs(example())
    file = missing / "settings.json" if missing.is_dir() else missing
    file.write_bytes(b"damaged")
    with pytest.raises(InputError, match=rf"^{file}: .*; run `[^\n]*$"):
        run_stage()
    file.unlink()
    with pytest.raises(InputError, match=rf"^{file}: missing; run `[^\n]*$"):
        run_stage()


def test_a_run_without_a_baseline_tests_the_network(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_inputs(example())
    write_none(paths.BASELINE_MODEL)
    monkeypatch.setattr("sentiment.api.load", lambda folder: fake(automaton, knows))
    metrics = run_stage()
    assert metrics["probe"]["cases"] > 0
    assert metrics["probe_baseline"] == {"reason": "the run has no baseline"}


@pytest.mark.pipeline
def test_the_stage_tests_both_models(clone: Clone) -> None:
    file, table = clone.path / paths.PROBE_METRICS, clone.path / paths.PROBE
    none = {"reason": "probe.cases is 0"}  # in the small clone
    assert json.loads(file.read_text(encoding="utf-8")) == {"probe": none, "probe_baseline": none}
    assert table.read_text(encoding="utf-8").strip() == ",".join(report.COLUMNS)

    clone.set("probe.cases", 20)
    clone.stage("probe")
    first = file.read_bytes(), table.read_bytes()
    metrics = json.loads(first[0])
    assert metrics["probe"]["suite"] == "sample corpus"
    assert metrics["probe"]["cases"] == metrics["probe_baseline"]["cases"] == 20 * len(grammar.SUITE.templates)
    rows = pd.read_csv(table, keep_default_na=False)
    assert list(rows.columns) == report.COLUMNS
    assert rows.groupby("model").size().to_dict() == dict.fromkeys(report.KEYS, metrics["probe"]["cases"])
    assert ((rows["changed"] == "") == (rows["kind"] == "minimum functionality")).all()
    assert set(rows.loc[rows["changed"] == "", "changed_probability"]) == {""}

    shown = json.loads(clone.dvc("metrics", "diff", "--json").stdout)[str(paths.PROBE_METRICS)]
    rates = [name for name in shown if name.startswith("probe.") and name.count(".") == 2]
    assert {name.split(".")[2] for name in rates} == {"failure_rate", "reason"}  # one for each capability

    clone.stage("probe")
    assert first == (file.read_bytes(), table.read_bytes())


def test_the_summary_names_the_capability_with_most_failures() -> None:
    parts = {name: {"failure_rate": rate, "interval": [0, 1], "failed_of": []} for name, rate in RATES.items()}
    found = {"suite": "film reviews", "cases": 3000, "failure_rate": 0.0512, "order": {"reason": "none"}, **parts}
    line = "Behaviour        5.1% of 3,000 test cases failed; most of those of double negation, 25.0%"
    assert summary.behaviour({"probe": found}) == [line]
    assert summary.behaviour({"probe": {"reason": "probe.cases is 0"}}) == []
    perfect = {"cases": 12, "failure_rate": 0.0, "names": {"failure_rate": 0.0, "interval": [0, 0.2]}}
    assert summary.behaviour({"probe": perfect}) == ["Behaviour        0.0% of 12 test cases failed"]


RATES = {"vocabulary": 0.0, "double_negation": 0.25, "names": 0.01}
