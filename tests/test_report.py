"""The page about a run: what it says, that texts stay texts in it, and that it loads nothing."""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sentiment.config import paths
from sentiment.data.predictions import Predictions, both
from sentiment.errors import InputError
from sentiment.inference import checkpoint
from sentiment.report import behaviour, contents, reviews
from sentiment.report.config import ReportConfig
from sentiment.report.plots import Drawings, inline
from tests.conftest import Command
from tests.support.checkpoints import STARS, example
from tests.support.clone import Clone
from tests.support.configs import model_config
from tests.support.networks import smooth
from tests.support.pages import Elements, html
from tests.support.texts import SCRIPTS, TEXTS


def found(probabilities: list[float], labels: list[int]) -> Predictions:
    ids = pa.array([f"review {row}" for row in range(len(labels))])
    return Predictions(ids, np.array(labels, np.uint8), both(np.array(probabilities)))


def test_the_reviews_are_the_surest_right_the_surest_wrong_and_the_least_sure() -> None:
    predictions = found([0.9, 0.1, 0.99, 0.02, 0.45, 0.7, 0.1], [1, 1, 0, 0, 0, 1, 0])
    chosen = {name: rows.tolist() for name, rows in reviews.choose(predictions, 0.5, 2).items()}
    assert chosen == {"right": [3, 0], "wrong": [2, 1], "unsure": [4, 5]}


def test_the_threshold_decides_which_reviews_are_right() -> None:
    predictions = found([0.6, 0.8], [0, 1])
    assert reviews.choose(predictions, 0.5, 5)["wrong"].tolist() == [0]
    assert reviews.choose(predictions, 0.7, 5)["wrong"].tolist() == []


def test_the_least_sure_are_nearest_to_the_threshold() -> None:
    assert reviews.choose(found([0.55, 0.72, 0.3], [0, 1, 0]), 0.7, 1)["unsure"].tolist() == [1]


def test_the_least_sure_of_several_classes_have_two_that_are_equally_probable() -> None:
    probability = np.array([[0.5, 0.49, 0.01], [0.4, 0.3, 0.3], [0.9, 0.05, 0.05]], np.float32)
    predictions = Predictions(pa.array(["a", "b", "c"]), np.zeros(3, np.uint8), probability)
    assert reviews.choose(predictions, 0.5, 1)["unsure"].tolist() == [0]


@pytest.mark.parametrize("changes, expected", [
    ({"cell": "rnn"}, "tanh RNN, 4 units"),
    ({"cell": "rnn", "nonlinearity": "relu", "layers": 2}, "relu RNN, 4 units, 2 layers"),
    ({"cell": "lstm", "bidirectional": True}, "Bidirectional LSTM, 4 units each way"),
    ({"encoder": "transformer"}, "Transformer"),
])  # fmt: skip
def test_a_network_is_described_in_a_few_words(changes: dict[str, Any], expected: str) -> None:
    assert contents.describe(model_config(**changes)) == expected


def test_the_page_loads_nothing_and_runs_its_own_script_alone() -> None:
    source = html(example(), ["Good.", "Bad!"])
    elements = Elements(source)
    (policy,) = [each["content"] for each in elements.named("meta") if "http-equiv" in each]
    data, script = elements.texts["script"]
    (style,) = elements.texts["style"]

    def digest(text: str) -> str:
        return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    assert policy == (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src '{digest(style)}'; "
        f"script-src '{digest(script)}'"
    )
    assert json.loads(data)["network"]["classes"] == ["negative", "positive"]
    links = [value for _, attributes in elements.tags for name, value in attributes.items() if name in ("src", "href")]
    assert all(str(link).startswith("#") for link in links)
    assert not [
        name for _, attributes in elements.tags for name in attributes if name.startswith("on") or name == "style"
    ]


@settings(max_examples=25)
@given(st.lists(TEXTS | st.sampled_from(SCRIPTS), min_size=1, max_size=4))
def test_any_text_stays_a_text(texts: list[str]) -> None:
    trained = smooth()
    plain, elements = Elements(html(trained, ["x" for _ in texts])), Elements(html(trained, texts))
    assert {tag for tag, _ in elements.tags} <= {tag for tag, _ in plain.tags}
    for tag in ("script", "style", "article", "section", "textarea"):
        assert len(elements.named(tag)) == len(plain.named(tag))


def test_a_word_has_a_colour_for_what_it_contributed() -> None:
    trained = smooth()
    told = reviews.describe(trained, "1", "good bad unknown", 0, 1)
    values = {word.text: word.contribution for word in told["words"]}
    assert [word.text for word in told["most"]] == sorted(values, key=lambda name: -abs(values[name]))
    largest = told["most"][0]
    assert largest.shade == ("for-9" if largest.contribution > 0 else "against-9")
    assert [word.unknown for word in told["words"]] == [False, False, True]
    assert told["shown_class"] == "positive"


def test_of_several_classes_the_predicted_one_is_explained() -> None:
    assert reviews.describe(smooth(5), "1", "good", 0, 3)["shown_class"] == STARS.names[3]


def test_a_transformer_is_said_not_to_run_in_the_page() -> None:
    source = html(example("transformer"), ["Good."])
    assert "a transformer does not run in this page" in source
    assert "<script" not in source
    assert "script-src 'none'" in source


def test_a_picture_is_drawn_and_does_nothing_else() -> None:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink" width="9" onload="f()">'
        '<style type="text/css">p { color: red }</style><script>f()</script><a x:href="https://example.org"><g/></a>'
        '<g id="a" role="graphics-symbol" clip-path="url(#a)"><text x="1">1 &lt; 2</text></g></svg>'
    )
    assert inline(svg, 'a "picture"', "p-") == (
        '<svg width="9" role="img" aria-label="a &quot;picture&quot;">'
        '<g id="p-a" clip-path="url(#p-a)"><text x="1">1 &lt; 2</text></g></svg>'
    )
    for other in ("not an svg", "<p>text</p>"):
        with pytest.raises(ValueError, match="."):
            inline(other, "", "")


@pytest.mark.parametrize("above, expected", [
    ({"baseline": 0.01}, "The baseline is more accurate: 80.0 %, 1.0 to 9.0 points above the network."),
    ({"baseline": -0.01}, None),
    ({}, None),
])  # fmt: skip
def test_a_better_model_is_named(above: dict[str, float], expected: str | None) -> None:
    scores = {
        name: {"accuracy": 0.8, "above_network_low": low, "above_network_high": 0.09} for name, low in above.items()
    }
    assert contents.better(scores.get("baseline", {}), {}) == expected


@pytest.fixture
def run(reproduced: Clone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> checkpoint.Checkpoint:
    """The network of a small run, in whose folder the test is."""
    import shutil

    shutil.copytree(reproduced.path, tmp_path / "run", ignore=shutil.ignore_patterns(".git", "cache"))
    monkeypatch.chdir(tmp_path / "run")
    return checkpoint.load(paths.MODEL, torch.device("cpu"))


def test_the_page_says_what_the_metrics_say(run: checkpoint.Checkpoint) -> None:
    values = contents.gather(run, lambda: Drawings([], ["counter"]), ReportConfig(reviews=3), 0.5)
    test = json.loads(paths.TEST_METRICS.read_text(encoding="utf-8"))
    assert f"its accuracy is {100 * test['accuracy']:.1f} %" in values["paragraph"][1]
    rows = {row["name"]: row["cells"] for row in values["scores"]["rows"]}
    assert rows["ROC AUC"][0]["value"] == f"{test['roc_auc']:.4f}"
    assert len(rows["accuracy"]) == 3
    assert [len(group.reviews) for group in values["reviews"]] == [3, 3, 3]
    assert values["again"]["parameters"]["train.epochs"] == 2
    assert "compute.threads" not in values["again"]["parameters"]
    assert values["inside"]["paragraphs"] == [
        "Left out (saturation, automaton of the network, known language): analyze.reviews is 0."
    ]
    assert values["absent"] == ["counter"]


INPUTS = (
    paths.TEST_METRICS, paths.BASELINE_METRICS, paths.STACKED_METRICS, paths.CORPUS, paths.IDS_METRICS,
    paths.ANALYSIS_METRICS, paths.PROBE_METRICS, paths.HISTORY, paths.PREDICTIONS, paths.REVIEWS.test,
    paths.ANALYSIS / "tokens.csv",
)  # fmt: skip


@pytest.mark.parametrize("content", [None, b"\xff\xfe not what it was", b"{}"], ids=["missing", "damaged", "empty"])
@pytest.mark.parametrize("path", INPUTS, ids=str)
def test_a_missing_or_damaged_input_is_named(run: checkpoint.Checkpoint, path: Path, content: bytes | None) -> None:
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(str(path))):
        contents.gather(run, lambda: Drawings([], ["counter"]), ReportConfig(reviews=3), 0.5)


def rate(share: float) -> dict[str, Any]:
    return {"failure_rate": share, "interval": [share / 2, 1.0], "failed_of": [1, 2]}


TESTED = {"suite": "films", "left_out": 0, "cases": 4, "negation": rate(0.25), "double_negation": rate(0.75)}
CASES = """\
model,capability,kind,template,text,changed,expected,probability,changed_probability,failed,severity
network,negation,,,not good,,negative,0.9,,1,0.9
network,negation,,,not NA,,negative,0.2,,0,0.2
network,double_negation,,,mild,,positive,0.4,,1,0.6
network,double_negation,,,worst,changed,same,0.9,0.1,1,0.8
network,double_negation,,,second,,positive,0.3,,1,0.7
baseline,negation,,,not bad,,positive,0.0,,1,1.0
"""


def test_the_worst_failures_of_the_worst_capability_come_first(workspace: Path) -> None:
    paths.PROBE.write_text(CASES, encoding="utf-8")
    found = behaviour.gather({"probe": TESTED, "probe_baseline": {"reason": "the run has no baseline"}})
    assert found["models"] == ["network"]
    assert [(row["name"], row["cells"][0]["value"]) for row in found["rows"]] == [
        ("negation", "25.0 %"), ("double negation", "75.0 %"),
    ]  # fmt: skip
    shown = [(each["capability"], [case["text"] for case in each["cases"]]) for each in found["examples"]]
    assert shown == [("double negation", ["worst", "second"]), ("negation", ["not good"])]


@pytest.mark.parametrize("before, after, message", [
    ("severity", "other", "has no column severity"),
    (",0.4,", ",much,", "column probability does not hold numbers alone"),
])  # fmt: skip
def test_damaged_cases_are_named(workspace: Path, before: str, after: str, message: str) -> None:
    paths.PROBE.write_text(CASES.replace(before, after), encoding="utf-8")
    with pytest.raises(InputError, match=f"^data/probe.csv: {message}; run `dvc repro`$"):
        behaviour.gather({"probe": TESTED, "probe_baseline": TESTED})


def test_the_stage_makes_the_same_page_again(clone: Clone) -> None:
    clone.set("report.reviews", 2)
    clone.dvc("repro")
    clone.commit("With a page")
    first = (clone.path / paths.REPORT).read_text(encoding="utf-8")
    elements = Elements(first)
    assert len(elements.named("article")) == 6
    assert len([each for each in elements.named("svg") if each["role"] == "img"]) == 10
    (shown,) = [text for text in elements.texts["pre"] if "git log" in text]
    assert clone.run("sh", "-c", shown).stdout == clone.git("log", "-1", "--format=%h")
    assert "Not drawn: " in first
    assert clone.sentiment("report").stdout == "reports/index.html\n"
    assert (clone.path / paths.REPORT).read_text(encoding="utf-8") == first


def test_two_runs_are_shown_side_by_side(clone: Clone) -> None:
    clone.set("train.epochs", 1)
    assert clone.sentiment("report", "--against", "main").stdout == "reports/against.html\n"
    source = (clone.path / "reports/against.html").read_text(encoding="utf-8")
    assert re.search(r"<th scope=\"row\">train.epochs</th><td>2</td><td>1</td>", source)
    assert "Both are right on the same reviews: B − A is +0.0 points (95 % interval +0.0 to +0.0)." in source


def test_a_run_to_show_needs_one_to_compare_it_with(command: Command) -> None:
    done = command("sentiment", "report", "main")
    assert (done.returncode, done.stderr) == (2, "error: main: give the run to compare it with too, as --against REV\n")
