"""Comparing two runs: intervals cover the truth, McNemar by hand, and the command prints and writes what it finds."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sentiment.cli.compare import changes, classes_of, join, lines
from sentiment.cli.main import call
from sentiment.config import paths
from sentiment.data import predictions
from sentiment.data.classes import BINARY, Classes
from sentiment.data.predictions import Probabilities, both
from sentiment.errors import InputError
from sentiment.evaluation.metrics import METRICS, Labels
from sentiment.evaluation.significance import WITHOUT_INTERVAL, accuracy_gain, compare, mcnemar
from sentiment.io import parquet
from sentiment.io.json_file import read_json, write_json
from tests.support.imports import ROOT

THREE = Classes(names=["bad", "fair", "good"])


def some_reviews() -> tuple[Labels, Probabilities]:
    labels, probability = zip(*[(0, 0.3), (1, 0.6), *[(1, 0.9), (0, 0.55), (1, 0.2)] * 20], strict=True)
    return np.array(labels, np.uint8), both(np.array(probability, np.float32))


def test_mcnemar_worked_by_hand() -> None:
    """A alone has five right, B alone one: p = 2 (C(6,0) + C(6,1)) / 2^6 = 14 / 64."""
    labels = np.ones(10, np.uint8)
    a = np.array([0.9] * 5 + [0.1] + [0.9] * 4, np.float32)
    b = np.array([0.1] * 5 + [0.9] + [0.9] * 4, np.float32)
    labels[9], a[9], b[9] = 0, 0.1, 0.1
    found = compare(labels, both(a), both(b), BINARY, 0.5, 100)
    assert (found.only_a_right, found.only_b_right) == (5, 1)
    assert found.mcnemar_p == pytest.approx(14 / 64)
    accuracy = found.metrics["accuracy"]
    assert [accuracy[which]["value"] for which in ("a", "b")] == pytest.approx([0.9, 0.5])
    difference = accuracy["difference"]
    assert difference["value"] == pytest.approx(-0.4)
    assert difference["low"] < -0.4 < difference["high"]


def test_a_run_does_not_differ_from_itself() -> None:
    labels, probability = some_reviews()
    found = compare(labels, probability, probability, BINARY, 0.5, 100)
    assert found.mcnemar_p == 1
    for columns in found.metrics.values():
        assert set(columns["difference"].values()) == {0.0}


def keep(metrics: Iterable[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare by these metrics alone, which takes a tenth of the time."""
    for name in set(METRICS) - set(metrics):
        monkeypatch.delitem(METRICS, name)


def test_the_interval_of_a_difference_covers_the_true_one_95_times_in_100(monkeypatch: pytest.MonkeyPatch) -> None:
    """A is right with 0.8, B with 0.85, both on the same 400 reviews."""
    keep(["accuracy"], monkeypatch)
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        a, b = (random.random(400) < share for share in (0.8, 0.85))
        labels = np.arange(400) % 2
        one, other = (both(np.where(right, labels, 1 - labels)) for right in (a, b))
        found = compare(labels.astype(np.uint8), one, other, BINARY, 0.5, 100)
        difference = found.metrics["accuracy"]["difference"]
        covered += difference["low"] <= 0.05 <= difference["high"]
    assert 0.88 <= covered / 200 <= 0.99


def test_the_gain_in_accuracy_is_the_difference_that_the_comparison_has() -> None:
    labels, probability = some_reviews()
    other = both(np.where(np.arange(len(labels)) % 5 == 0, labels, probability[:, 1]))
    found = compare(labels, probability, other, BINARY, 0.5, 100).metrics["accuracy"]["difference"]
    assert accuracy_gain(labels, probability, other, 0.5, 100) == pytest.approx(tuple(found.values()))
    assert found["value"] > 0


def test_intervals_cover_the_true_values_where_the_classes_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 400 reviews half are positive; 95 % of the positive ones are called so, and 40 % of the others."""
    random = np.random.default_rng(0)
    true = {"accuracy": (0.95 + 0.6) / 2, "precision": 0.95 / (0.95 + 0.4), "recall": 0.95}
    keep(true, monkeypatch)
    covered = dict.fromkeys(true, 0)
    for _ in range(200):
        labels = (random.random(400) < 0.5).astype(np.uint8)
        called = random.random(400) < np.where(labels == 1, 0.95, 0.4)
        probability = both(called.astype(np.float32))
        found = compare(labels, probability, probability, BINARY, 0.5, 200)
        for name, value in true.items():
            covered[name] += found.metrics[name]["a"]["low"] <= value <= found.metrics[name]["a"]["high"]
    assert all(0.9 <= count / 200 <= 0.99 for count in covered.values()), covered


def test_a_set_without_a_mistake_is_not_certain() -> None:
    labels = np.array([0, 1] * 100, np.uint8)
    found = compare(labels, both(labels.astype(np.float32)), both(np.ones(200)), BINARY, 0.5, 100)
    assert found.discordant == found.only_a_right == 100
    accuracy = found.metrics["accuracy"]
    assert (accuracy["a"]["low"], accuracy["a"]["high"]) == pytest.approx((0.981, 1.0), abs=1e-3)
    assert accuracy["b"]["low"] < 0.44
    assert accuracy["b"]["high"] > 0.56
    assert set(found.metrics["calibration_error"]["a"]) == {"value"}


def predicted(ids: list[str], labels: list[int], *columns: list[float], classes: Classes = BINARY) -> pa.Table:
    stored = columns or [[0.5] * len(ids)]
    arrays = [ids, pa.array(labels, pa.uint8()), *(pa.array(column, pa.float32()) for column in stored)]
    return pa.table(arrays, schema=predictions.schema(classes))


def test_mcnemar_without_a_changed_review_is_certain() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(3, 3) == 1


def test_a_registered_metric_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS, "share_positive", lambda sample: sample.confusion[:, 1].sum())
    labels, probability = some_reviews()
    found = compare(labels, probability, 1 - probability, BINARY, 0.5, 100).metrics["share_positive"]
    assert found["difference"]["value"] == pytest.approx(found["b"]["value"] - found["a"]["value"])
    assert found["difference"]["low"] < found["difference"]["value"] < found["difference"]["high"]


def test_every_metric_has_an_interval_but_the_biased_one() -> None:
    labels, probability = some_reviews()
    for name, cells in compare(labels, probability, 1 - probability, BINARY, 0.5, 100).metrics.items():
        for cell in cells.values():
            assert set(cell) == ({"value"} if name in WITHOUT_INTERVAL else {"value", "low", "high"})


def test_reviews_are_matched_by_their_id() -> None:
    one, other = predicted(["y", "x"], [1, 0], [0.25, 0.25]), predicted(["x", "y"], [0, 1], [0.75, 0.5])
    a, b = join(one, other, ("a", "b"))
    assert a.review_ids.to_pylist() == b.review_ids.to_pylist() == ["y", "x"]
    assert a.labels.tolist() == b.labels.tolist() == [1, 0]
    assert (a.probability[:, 1].tolist(), b.probability[:, 1].tolist()) == ([0.25, 0.25], [0.5, 0.75])
    with pytest.raises(InputError, match=r"'a' and 'b': tested on different reviews \(2 and 1, 1 in common\)"):
        join(one, predicted(["y"], [1]), ("a", "b"))
    with pytest.raises(InputError, match="'a' and 'b': one of them has an id twice"):
        join(predicted(["x", "x"], [0, 1]), one, ("a", "b"))
    with pytest.raises(InputError, match="'a' and 'b': the same reviews have other labels"):
        join(one, predicted(["x", "y"], [1, 1]), ("a", "b"))


def test_the_most_changed_review_comes_first() -> None:
    ids = ["a", "b", "c", "d"]
    one, other = predicted(ids, [0] * 4, [0.1, 0.9, 0.5, 0.5]), predicted(ids, [0] * 4, [0.4] * 4)
    found = changes(*join(one, other, ("a", "b")))
    assert found["id"].tolist() == ["b", "a", "c", "d"]
    assert found["probability_a"].tolist() == [0.9, 0.1, 0.5, 0.5]  # of being positive


def test_the_probability_of_the_label_is_shown_of_more_than_two_classes() -> None:
    one = predicted(["x", "y"], [2, 0], [0.1, 0.3], [0.1, 0.3], [0.8, 0.4], classes=THREE)
    other = predicted(["x", "y"], [2, 0], [0.2, 0.9], [0.1, 0.1], [0.7, 0.0], classes=THREE)
    found = changes(*join(one, other, ("a", "b")))
    assert found.values.tolist() == [["y", 0, 0.3, 0.9], ["x", 2, 0.8, 0.7]]
    a, b = (table.probability for table in join(one, other, ("a", "b")))
    comparison = compare(np.array([2, 0], np.uint8), a, b, THREE, 0.5, 100)
    assert (comparison.only_a_right, comparison.only_b_right) == (0, 1)
    printed = lines(("one", "two"), comparison, found.assign(text="A film."), THREE)
    assert printed[-3:] == [
        "Changed most: label, probability of the label in A and in B, review",
        "bad   0.300  0.900  A film.",
        "good  0.800  0.700  A film.",
    ]
    assert any(line.startswith("macro_f1") for line in printed)


def test_two_classes_have_the_names_that_the_reviews_of_the_run_have(workspace: Path) -> None:
    table = predicted(["x"], [1])
    write_json(paths.CLASSES, {"names": ["ham", "spam"]})
    assert classes_of(table, "workspace").names == ["ham", "spam"]
    (workspace / paths.CLASSES).unlink()
    assert classes_of(table, "workspace").names == ["0", "1"]


def test_runs_of_other_classes_are_refused() -> None:
    three = predicted(["x"], [2], [0.1], [0.1], [0.8], classes=THREE)
    with pytest.raises(InputError, match="'a' and 'b': predict other classes, 'two' and 'bad, fair, good'; compare"):
        join(predicted(["x"], [1]), three, ("a", "b"))


def changed(text: str) -> pd.DataFrame:
    return pd.DataFrame({"id": ["r1"], "label": [1], "a": [0.9], "b": [0.1], "text": [text]})


def test_every_metric_is_printed_within_100_columns() -> None:
    labels, probability = some_reviews()
    found = compare(labels, probability, 1 - probability, BINARY, 0.5, 100)
    printed = lines(("one", "two"), found, changed("Not\n bad" + " at all" * 30), BINARY)
    for name in METRICS:
        assert any(line.startswith(name) for line in printed)
    assert any(line.startswith("positive  0.900  0.100  Not bad at all") for line in printed)
    assert max(map(len, printed)) <= 100
    assert "nan" not in "\n".join(printed)
    hostile = "\n".join(lines(("one", "\u202eowt"), found, changed("\x1b[31mred \u202etfel ot thgir\u2069"), BINARY))
    assert all(line.isprintable() for line in hostile.split("\n"))
    assert "\\x1b[31mred \\u202etfel ot thgir\\u2069" in hostile


def test_the_command_writes_metrics_and_reviews(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace / "dvc.yaml").touch()
    (workspace / ".dvc").mkdir()
    labels, probability = some_reviews()
    ids = pa.array([str(row) for row in range(len(labels))])
    for path, column in [(paths.PREDICTIONS, probability), (paths.STACKED_PREDICTIONS, 1 - probability)]:
        with parquet.open_writer(path, predictions.schema(BINARY)) as table:
            table.write(ids, pa.array(labels), pa.array(column[:, 1]))
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
