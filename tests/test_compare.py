"""Comparing two runs: the figures are those of scikit-learn on the drawn sample, and the command says what is wrong."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.cli.compare import aligned, lines
from sentiment.cli.main import call
from sentiment.errors import InputError
from sentiment.evaluation import metrics, significance
from sentiment.evaluation.significance import WeightedMetrics, compare
from tests.support.imports import ROOT

PAIRS = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.55, 0.9, 1.0])), min_size=4)


def arrays(pairs: list[tuple[int, float]]) -> tuple[metrics.Labels, metrics.Probabilities]:
    labels, probability = zip(*[(0, 0.3), (1, 0.6), *pairs], strict=True)
    return np.array(labels, np.uint8), np.array(probability, np.float32)


@given(PAIRS)
def test_equal_weights_give_the_figures_of_evaluate(pairs: list[tuple[int, float]]) -> None:
    labels, probability = arrays(pairs)
    expected = metrics.summary(labels, probability, 0.5)
    found = WeightedMetrics(labels, probability, 0.5)(np.ones(len(labels)))
    for name, value in found.items():
        assert value == pytest.approx(expected[name], abs=1e-6), name


@given(PAIRS, st.integers(0, 100))
def test_a_weight_is_that_many_copies_of_a_review(pairs: list[tuple[int, float]], seed: int) -> None:
    labels, probability = arrays(pairs)
    weight = np.random.default_rng(seed).integers(0, 3, len(labels))
    weight[:2] = 1  # both classes stay
    copies = np.repeat(np.arange(len(labels)), weight)
    found = WeightedMetrics(labels, probability, 0.5)(weight.astype(np.float64))
    expected = metrics.summary(labels[copies], probability[copies], 0.5)
    for name, value in found.items():
        assert value == pytest.approx(expected[name], abs=1e-6), name


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
    labels, probability = arrays([(1, 0.9), (0, 0.55), (1, 0.2)] * 20)
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
    assert found.changed_sides == found.only_a_right == 100
    accuracy = found.metrics["accuracy"]
    assert (accuracy["a"]["low"], accuracy["a"]["high"]) == pytest.approx((0.981, 1.0), abs=1e-3)
    assert accuracy["b"]["low"] < 0.44
    assert accuracy["b"]["high"] > 0.56
    assert set(found.metrics["calibration_error"]["a"]) == {"value"}


def predicted(ids: list[str], labels: list[int]) -> pa.Table:
    return pa.table(
        {"id": ids, "label": pa.array(labels, pa.uint8()), "probability": pa.array([0.5] * len(ids), pa.float32())}
    )


def test_reviews_are_matched_by_their_id() -> None:
    one, other = predicted(["x", "y"], [0, 1]), predicted(["y", "x"], [1, 0])
    ids, labels, _, _ = aligned(one, other, ("a", "b"))
    assert (ids, labels.tolist()) == (["x", "y"], [0, 1])
    with pytest.raises(InputError, match=r"'a' and 'b': tested on different reviews \(2 and 1, 1 in common\)"):
        aligned(one, predicted(["y"], [1]), ("a", "b"))
    with pytest.raises(InputError, match="'a' and 'b': the same reviews have other labels"):
        aligned(one, predicted(["x", "y"], [1, 1]), ("a", "b"))


def test_what_is_printed_names_every_metric() -> None:
    labels, probability = arrays([(1, 0.9), (0, 0.55)] * 5)
    found = significance.compare(labels, probability, 1 - probability, 0.5, 100)
    printed = "\n".join(lines(("one", "two"), found, [("r1", 1, 0.9, 0.1, "Not\n bad")]))
    for name in found.metrics:
        assert name in printed
    assert "positive  0.900  0.100  Not bad" in printed
    assert "\x1b" not in "\n".join(lines(("one", "two"), found, [("r1", 1, 0.9, 0.1, "\x1b[31mred")]))


def test_a_rare_class_is_in_every_sample() -> None:
    labels = np.array([1, 1] + [0] * 40, np.uint8)
    found = compare(labels, labels.astype(np.float32), labels.astype(np.float32), 0.5, 100)
    assert set(found.metrics["roc_auc"]["a"].values()) == {1.0}


@pytest.mark.parametrize(
    "words", [["", "b"], [":baseline", "b"], ["a", "b", "--reviews", "-1"], ["a", "b", "--reviews", "x"]]
)
def test_what_names_no_run_is_refused(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(InputError, match="names no run|is no number of reviews"):
        call(["compare", *words])
