"""Comparing two runs: intervals cover the truth, McNemar by hand, and the command prints and writes what it finds."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sentiment.cli.compare import by_change, join, lines
from sentiment.cli.main import call
from sentiment.config import paths
from sentiment.data import predictions
from sentiment.data.classes import BINARY
from sentiment.errors import InputError
from sentiment.evaluation.metrics import METRICS, Labels, Probabilities
from sentiment.evaluation.significance import WITHOUT_INTERVAL, compare, mcnemar
from sentiment.io import parquet
from sentiment.io.json_file import read_json
from tests.support.imports import ROOT


def some_reviews() -> tuple[Labels, Probabilities]:
    labels, probability = zip(*[(0, 0.3), (1, 0.6), *[(1, 0.9), (0, 0.55), (1, 0.2)] * 20], strict=True)
    return np.array(labels, np.uint8), np.array(probability, np.float32)


def test_mcnemar_worked_by_hand() -> None:
    """A alone has five right, B alone one: p = 2 (C(6,0) + C(6,1)) / 2^6 = 14 / 64."""
    labels = np.ones(10, np.uint8)
    a = np.array([0.9] * 5 + [0.1] + [0.9] * 4, np.float32)
    b = np.array([0.1] * 5 + [0.9] + [0.9] * 4, np.float32)
    labels[9], a[9], b[9] = 0, 0.1, 0.1
    found = compare(labels, a, b, 0.5, 100)
    assert (found.only_a_right, found.only_b_right) == (5, 1)
    assert found.mcnemar_p == pytest.approx(14 / 64)
    accuracy = found.metrics["accuracy"]
    assert [accuracy[which]["value"] for which in ("a", "b")] == pytest.approx([0.9, 0.5])
    difference = accuracy["difference"]
    assert difference["value"] == pytest.approx(-0.4)
    assert difference["low"] < -0.4 < difference["high"]


def test_a_run_does_not_differ_from_itself() -> None:
    labels, probability = some_reviews()
    found = compare(labels, probability, probability, 0.5, 100)
    assert found.mcnemar_p == 1
    for columns in found.metrics.values():
        assert set(columns["difference"].values()) == {0.0}


def test_the_interval_of_a_difference_covers_the_true_one_95_times_in_100() -> None:
    """A is right with 0.8, B with 0.85, both on the same 400 reviews."""
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        a, b = (random.random(400) < share for share in (0.8, 0.85))
        labels = np.arange(400) % 2
        probability = [np.where(right, labels, 1 - labels).astype(np.float32) for right in (a, b)]
        found = compare(labels.astype(np.uint8), probability[0], probability[1], 0.5, 100)
        difference = found.metrics["accuracy"]["difference"]
        covered += difference["low"] <= 0.05 <= difference["high"]
    assert 0.88 <= covered / 200 <= 0.99


def test_intervals_cover_the_true_values_where_the_classes_differ() -> None:
    """Of 400 reviews half are positive; 95 % of the positive ones are called so, and 40 % of the others."""
    random = np.random.default_rng(0)
    true = {"accuracy": (0.95 + 0.6) / 2, "precision": 0.95 / (0.95 + 0.4), "recall": 0.95}
    covered = dict.fromkeys(true, 0)
    for _ in range(200):
        labels = (random.random(400) < 0.5).astype(np.uint8)
        called = random.random(400) < np.where(labels == 1, 0.95, 0.4)
        found = compare(labels, called.astype(np.float32), called.astype(np.float32), 0.5, 200)
        for name, value in true.items():
            covered[name] += found.metrics[name]["a"]["low"] <= value <= found.metrics[name]["a"]["high"]
    assert all(0.9 <= count / 200 <= 0.99 for count in covered.values()), covered


def test_a_set_without_a_mistake_is_not_certain() -> None:
    labels = np.array([0, 1] * 100, np.uint8)
    found = compare(labels, labels.astype(np.float32), np.ones(200, np.float32), 0.5, 100)
    assert found.discordant == found.only_a_right == 100
    accuracy = found.metrics["accuracy"]
    assert (accuracy["a"]["low"], accuracy["a"]["high"]) == pytest.approx((0.981, 1.0), abs=1e-3)
    assert accuracy["b"]["low"] < 0.44
    assert accuracy["b"]["high"] > 0.56
    assert set(found.metrics["calibration_error"]["a"]) == {"value"}


def predicted(ids: list[str], labels: list[int], probability: float = 0.5) -> pa.Table:
    columns = [ids, pa.array(labels, pa.uint8()), pa.array([probability] * len(ids), pa.float32())]
    return pa.table(columns, schema=predictions.schema(BINARY))


def test_mcnemar_without_a_changed_review_is_certain() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(3, 3) == 1


def test_a_registered_metric_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS, "share_positive", lambda sample: sample.mean(sample.predictions.predicted))
    labels, probability = some_reviews()
    found = compare(labels, probability, 1 - probability, 0.5, 100).metrics["share_positive"]
    assert found["difference"]["value"] == pytest.approx(found["b"]["value"] - found["a"]["value"])
    assert found["difference"]["low"] < found["difference"]["value"] < found["difference"]["high"]


def test_every_metric_has_an_interval_but_the_biased_one() -> None:
    labels, probability = some_reviews()
    for name, cells in compare(labels, probability, 1 - probability, 0.5, 100).metrics.items():
        for cell in cells.values():
            assert set(cell) == ({"value"} if name in WITHOUT_INTERVAL else {"value", "low", "high"})


def test_reviews_are_matched_by_their_id() -> None:
    one, other = predicted(["y", "x"], [1, 0], 0.25), predicted(["x", "y"], [0, 1], 0.75)
    both = join(one, other, ("a", "b"))
    assert both.values.tolist() == [["y", 1, 0.25, 0.75], ["x", 0, 0.25, 0.75]]
    assert list(both) == ["id", "label", "probability_a", "probability_b"]
    with pytest.raises(InputError, match=r"'a' and 'b': tested on different reviews \(2 and 1, 1 in common\)"):
        join(one, predicted(["y"], [1]), ("a", "b"))
    with pytest.raises(InputError, match="'a' and 'b': one of them has an id twice"):
        join(predicted(["x", "x"], [0, 1]), one, ("a", "b"))
    with pytest.raises(InputError, match="'a' and 'b': the same reviews have other labels"):
        join(one, predicted(["x", "y"], [1, 1]), ("a", "b"))


def test_the_most_changed_review_comes_first() -> None:
    ids, before = ["a", "b", "c", "d"], np.array([0.1, 0.9, 0.5, 0.5], np.float32)
    reviews = pd.DataFrame({"id": ids, "label": 0, "probability_a": before, "probability_b": np.float32(0.4)})
    assert by_change(reviews)["id"].tolist() == ["b", "a", "c", "d"]


def changed(text: str) -> pd.DataFrame:
    return pd.DataFrame({"id": ["r1"], "label": [1], "a": [0.9], "b": [0.1], "text": [text]})


def test_every_metric_is_printed_within_100_columns() -> None:
    labels, probability = some_reviews()
    found = compare(labels, probability, 1 - probability, 0.5, 100)
    printed = lines(("one", "two"), found, changed("Not\n bad" + " at all" * 30))
    for name in METRICS:
        assert any(line.startswith(name) for line in printed)
    assert any(line.startswith("positive  0.900  0.100  Not bad at all") for line in printed)
    assert max(map(len, printed)) <= 100
    assert "nan" not in "\n".join(printed)
    hostile = "\n".join(lines(("one", "\u202eowt"), found, changed("\x1b[31mred \u202etfel ot thgir\u2069")))
    assert all(line.isprintable() for line in hostile.split("\n"))
    assert "\\x1b[31mred \\u202etfel ot thgir\\u2069" in hostile


def test_the_command_writes_metrics_and_reviews(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace / "dvc.yaml").touch()
    (workspace / ".dvc").mkdir()
    labels, probability = some_reviews()
    ids = pa.array([str(row) for row in range(len(labels))])
    for path, column in [(paths.PREDICTIONS, probability), (paths.STACKED_PREDICTIONS, 1 - probability)]:
        with parquet.open_writer(path, predictions.schema(BINARY)) as table:
            table.write(ids, pa.array(labels), pa.array(column))
    with parquet.open_writer(paths.REVIEWS.test, parquet.REVIEWS) as table:
        table.write(ids, pa.array([f"a, \r{row}" for row in range(len(labels))]), pa.array(labels))
    call(["compare", "workspace", "workspace:stacked", "--reviews", "2"])
    assert "B  workspace:stacked" in capsys.readouterr().out
    assert read_json(Path("comparison/metrics.json"))["reviews"] == len(labels)
    written = pd.read_csv("comparison/reviews.csv", dtype={"id": str})
    assert list(written) == ["id", "label", "probability_a", "probability_b", "text"]
    assert written["text"].tolist() == [f"a, \r{row}" for row in written["id"]]
    assert (written["probability_b"] - written["probability_a"]).abs().is_monotonic_decreasing
    paths.REVIEWS.test.unlink()
    call(["compare", "workspace", "workspace:stacked"])
    assert pd.read_csv("comparison/reviews.csv")["text"].isna().all()


@pytest.mark.parametrize(
    "words", [["", "b"], [":baseline", "b"], ["a", "b", "--reviews", "-1"], ["a", "b", "--reviews", "x"]]
)
def test_what_names_no_run_is_refused(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(InputError, match="names no run|is not a number of reviews"):
        call(["compare", *words])
