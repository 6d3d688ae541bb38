"""Metrics, their intervals and their curves: worked by hand on six reviews, and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from sentiment.config.evaluation import EvaluationConfig
from sentiment.data.classes import BINARY, Classes
from sentiment.data.predictions import Probabilities, both
from sentiment.evaluation import curves, intervals
from sentiment.evaluation.metrics import (
    BINS,
    EPSILON,
    METRICS,
    MULTICLASS_METRICS,
    Labels,
    Predictions,
    Sample,
    metrics_of,
    report,
    score,
)  # fmt: skip

LABELS = np.array([0, 0, 1, 1, 1, 0], np.uint8)
PROBABILITY = both(np.array([0.1, 0.6, 0.35, 0.8, 0.9, 0.4], np.float32))

# Of 1, 2 and 4 stars, the second review and the last are wrong, by two and by three stars.
STARS = Classes(names=["1", "2", "4"])
STAR_LABELS = np.array([0, 1, 2, 2], np.uint8)
STAR_PROBABILITY = np.array([[0.5, 0.3, 0.2], [0.1, 0.4, 0.5], [0.2, 0.2, 0.6], [0.7, 0.2, 0.1]], np.float32)

THREE = Classes(names=["bad", "fair", "good"])
PAIRS = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.55, 0.9, 1.0])), min_size=4)


def scores(labels: Labels, probability: Probabilities) -> dict[str, float]:
    return score(Sample.whole(Predictions(labels, probability, BINARY, 0.5)))


def config(samples: int) -> EvaluationConfig:
    return EvaluationConfig.validated({"threshold": 0.5, "bootstrap_samples": samples})


def arrays(pairs: list[tuple[int, float]]) -> tuple[Labels, Probabilities]:
    """Return labels and probabilities of some reviews, and of one of each class."""
    labels, probability = zip(*[(0, 0.3), (1, 0.6), *pairs], strict=True)
    return np.array(labels, np.uint8), both(np.array(probability, np.float32))


def random_predictions(reviews: int, seed: int) -> tuple[Labels, Probabilities]:
    """Return labels and probabilities of three classes, all of which occur. Some probabilities are equal, some 0."""
    random = np.random.default_rng(seed)
    labels = np.append(random.integers(0, 3, reviews - 3), [0, 1, 2]).astype(np.uint8)
    counts = random.integers(0, 4, (reviews, 3)) + np.eye(3)[labels]
    return labels, (counts / counts.sum(axis=1, keepdims=True)).astype(np.float32)


def test_six_reviews_by_hand() -> None:
    # At 0.5 the predictions are 0 1 0 1 1 0: 4 of 6 right, 2 of 3 predicted positives right, 2 of 3 positives found.
    found = scores(LABELS, PROBABILITY)
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["precision"] == found["recall"] == found["f1"] == pytest.approx(2 / 3)
    # Of the nine pairs of a positive and a negative, 0.35 loses to 0.6 and 0.4.
    assert found["roc_auc"] == pytest.approx(7 / 9)
    # Positives are at ranks 1, 2 and 5: (1/1 + 2/2 + 3/5) / 3.
    assert found["average_precision"] == pytest.approx((1 + 1 + 3 / 5) / 3)
    right = [0.9, 0.4, 0.35, 0.8, 0.9, 0.6]
    assert found["log_loss"] == pytest.approx(-np.mean(np.log(right)), abs=1e-6)
    assert found["brier"] == pytest.approx(np.mean([(1 - p) ** 2 for p in right]), abs=1e-6)
    # Each review is alone in its bin, so the error is the mean distance of probability and label.
    assert found["calibration_error"] == pytest.approx(np.mean([1 - p for p in right]), abs=1e-6)


@given(PAIRS, st.integers(0, 100), st.booleans())
def test_metrics_are_those_of_scikit_learn_with_any_weights(
    pairs: list[tuple[int, float]], seed: int, equal: bool
) -> None:
    labels, probability = arrays(pairs)
    weight = np.ones(len(labels)) if equal else np.random.default_rng(seed).uniform(0.1, 3, len(labels))
    found = score(Sample(Predictions(labels, probability, BINARY, 0.5), weight))
    predicted, exact = probability[:, 1] >= 0.5, probability[:, 1].astype(np.float64)
    clipped = np.clip(exact, EPSILON, 1 - EPSILON)
    precision, recall, f1, _ = sklearn_metrics.precision_recall_fscore_support(
        labels, predicted, average="binary", sample_weight=weight, zero_division=0.0
    )
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(labels, predicted, sample_weight=weight),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "roc_auc": sklearn_metrics.roc_auc_score(labels, exact, sample_weight=weight),
        "average_precision": sklearn_metrics.average_precision_score(labels, exact, sample_weight=weight),
        "log_loss": sklearn_metrics.log_loss(labels, clipped, sample_weight=weight),
        "brier": sklearn_metrics.brier_score_loss(labels, exact, sample_weight=weight),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-12, abs=1e-14), name


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(3, 40), st.booleans())
def test_metrics_of_three_classes_are_those_of_scikit_learn_with_any_weights(
    seed: int, reviews: int, equal: bool
) -> None:
    labels, probability = random_predictions(reviews, seed)
    weight = np.ones(reviews) if equal else np.random.default_rng(seed).uniform(0.1, 3, reviews)
    found = score(Sample(Predictions(labels, probability, Classes(names=["1", "2", "3"]), 0.9), weight))
    predicted, exact = probability.argmax(axis=1), probability.astype(np.float64)
    clipped = np.clip(exact, EPSILON, 1 - EPSILON)
    precision, recall, f1, _ = sklearn_metrics.precision_recall_fscore_support(
        labels, predicted, average="macro", sample_weight=weight, zero_division=0.0
    )
    normalized = exact / exact.sum(axis=1, keepdims=True)
    squares = sklearn_metrics.brier_score_loss(labels, normalized, sample_weight=weight, labels=[0, 1, 2])
    kappa = sklearn_metrics.cohen_kappa_score(labels, predicted, weights="quadratic", sample_weight=weight)
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(labels, predicted, sample_weight=weight),
        "macro_precision": precision,
        "macro_recall": recall,
        "macro_f1": f1,
        "roc_auc": sklearn_metrics.roc_auc_score(labels, exact, sample_weight=weight, multi_class="ovr"),
        "log_loss": -np.average(np.log(clipped[np.arange(reviews), labels]), weights=weight),
        "brier": squares,
        "mean_absolute_error": sklearn_metrics.mean_absolute_error(labels, predicted, sample_weight=weight),
        "quadratic_kappa": kappa,
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name
    assert set(found) - set(expected) == {"calibration_error"}


def test_four_reviews_of_ordered_classes_by_hand() -> None:
    found = score(Sample.whole(Predictions(STAR_LABELS, STAR_PROBABILITY, STARS, 0.5)))
    assert list(found) == [*MULTICLASS_METRICS, "mean_absolute_error", "quadratic_kappa"]
    assert found["accuracy"] == 2 / 4
    assert found["macro_recall"] == pytest.approx((1 + 0 + 1 / 2) / 3)
    assert found["macro_precision"] == pytest.approx((1 / 2 + 0 + 1 / 2) / 3)
    assert found["mean_absolute_error"] == (2 + 3) / 4
    # Squared distances: 4 + 9 observed; by chance, of 2 predictions of 1 and 2 of 4 stars: (9 + 1 + 4 + 2 * 9) / 2.
    assert found["quadratic_kappa"] == pytest.approx(1 - (4 + 9) / ((9 + 1 + 4 + 2 * 9) / 2))
    # Confidence 0.5, 0.5, 0.6 and 0.7; right, wrong, right and wrong: bins with the mean gaps 0, 0.4 and 0.7.
    assert found["calibration_error"] == pytest.approx((0 + 0.4 + 0.7) / 4)


def test_classes_without_reviews_are_not_in_the_macro_mean() -> None:
    labels = np.array([0, 1, 1], np.uint8)
    probability = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1]], np.float32)
    found = report(labels, probability, THREE, config(100))
    assert (found["macro_f1"], found["roc_auc"], found["roc_auc_low"]) == (1, 1, 1)
    assert "mean_absolute_error" not in found


def test_a_bootstrap_sample_may_lack_some_of_many_classes() -> None:
    """With fifty classes of one review each, one sample in 10^20 has all."""
    weights = list(intervals.bootstrap(np.arange(50, dtype=np.uint8), 100))
    assert all(weight.sum() == 50 for weight in weights)


@given(PAIRS)
def test_the_calibration_error_is_the_mean_gap_of_the_calibration_curve(pairs: list[tuple[int, float]]) -> None:
    labels, probability = arrays(pairs)
    curve = curves.calibration_curve(labels, probability)
    gaps = (curve["probability"] - curve["observed_share"]).abs()
    expected = float((gaps * curve["reviews"]).sum() / len(labels))
    assert scores(labels, probability)["calibration_error"] == pytest.approx(expected, rel=1e-12, abs=1e-14)


@given(PAIRS, st.integers(0, 100))
def test_a_weight_is_that_many_copies_of_a_review(pairs: list[tuple[int, float]], seed: int) -> None:
    labels, probability = arrays(pairs)
    weight = np.random.default_rng(seed).integers(0, 3, len(labels))
    weight[:2] = 1  # both classes remain
    copies = np.repeat(np.arange(len(labels)), weight)
    found = score(Sample(Predictions(labels, probability, BINARY, 0.5), weight.astype(np.float64)))
    assert found == pytest.approx(scores(labels[copies], probability[copies]), rel=1e-12, abs=1e-14)


def test_a_registered_metric_is_in_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS, "specificity", lambda sample: sample.confusion[:, 0].sum() / 6)
    assert report(LABELS, PROBABILITY, BINARY, config(100))["specificity"] == pytest.approx(0.5)


def test_the_report_has_the_metrics_with_their_intervals() -> None:
    found = report(LABELS, PROBABILITY, BINARY, config(100))
    assert list(found) == [
        "reviews", "accuracy", "majority_accuracy", *list(metrics_of(BINARY))[1:],
        "accuracy_low", "accuracy_high", "roc_auc_low", "roc_auc_high",
    ]  # fmt: skip
    assert (found["reviews"], found["majority_accuracy"]) == (6, 0.5)
    assert found["accuracy_low"] < found["accuracy"] < found["accuracy_high"]
    assert found["roc_auc_low"] <= found["roc_auc"] <= found["roc_auc_high"]
    assert found == report(LABELS, PROBABILITY, BINARY, config(100))


def test_the_threshold_belongs_to_the_positive_side() -> None:
    assert scores(LABELS, both(np.full(6, 0.5)))["recall"] == 1


def test_a_model_that_never_predicts_positive_has_precision_zero() -> None:
    assert scores(LABELS, both(PROBABILITY[:, 1] / 10))["precision"] == 0


def test_certainty_that_is_wrong_has_a_finite_loss() -> None:
    assert 5 < scores(LABELS, both(1.0 - LABELS))["log_loss"] < 20


def test_the_accuracy_interval_covers_the_true_accuracy_95_times_in_100() -> None:
    random = np.random.default_rng(0)
    limits = [intervals.wilson(float(np.mean(random.random(200) < 0.8)), 200) for _ in range(2000)]
    assert 0.935 < np.mean([low <= 0.8 <= high for low, high in limits]) < 0.965


def test_the_accuracy_interval_of_a_model_that_is_never_right_begins_at_zero() -> None:
    assert intervals.wilson(0.0, 7)[0] == 0


@given(st.integers(0, 2**32), st.booleans())
def test_a_bootstrap_sample_s_auc_is_that_of_the_drawn_reviews(seed: int, ties: bool) -> None:
    random = np.random.default_rng(seed)
    labels = np.append(random.integers(0, 2, 28), [0, 1]).astype(np.uint8)
    probability = both(random.random(30).round(1) if ties else random.random(30))
    drawing = np.random.default_rng(seed)
    drawn = drawing.integers(0, 30, 30)
    while len(set(labels[drawn])) < 2:
        drawn = drawing.integers(0, 30, 30)
    negative, positive = (probability[drawn, 1][labels[drawn] == label] for label in (0, 1))
    pairs = np.mean((positive[:, None] > negative) + 0.5 * (positive[:, None] == negative))
    (weight,) = intervals.bootstrap(labels, 1, seed)
    assert METRICS["roc_auc"](Sample(Predictions(labels, probability, BINARY, 0.5), weight)) == pytest.approx(pairs)


def test_two_reviews_are_enough_for_an_interval() -> None:
    found = report(np.array([0, 1], np.uint8), both(np.array([0.2, 0.7])), BINARY, config(100))
    assert (found["roc_auc_low"], found["roc_auc_high"]) == (1, 1)


def test_the_auc_interval_contains_the_auc_and_shrinks_with_more_reviews() -> None:
    random = np.random.default_rng(0)
    widths = []
    for reviews in (100, 10_000):
        labels = random.integers(0, 2, reviews).astype(np.uint8)
        probability = both(labels * 0.3 + random.random(reviews) * 0.7)
        found = report(labels, probability, BINARY, config(200))
        assert found["roc_auc_low"] < found["roc_auc"] < found["roc_auc_high"]
        widths.append(found["roc_auc_high"] - found["roc_auc_low"])
    assert widths[0] > 5 * widths[1]


def test_a_rare_class_is_in_every_bootstrap_sample() -> None:
    labels = np.array([1, 1] + [0] * 40, np.uint8)
    for weight in intervals.bootstrap(labels, 100):
        assert weight.sum() == 42
        assert weight @ labels > 0


def test_confusion_by_hand() -> None:
    found = curves.confusion(LABELS, PROBABILITY, BINARY, 0.5)
    assert found[["actual", "predicted", "reviews"]].values.tolist() == [
        ["negative", "negative", 2],
        ["negative", "positive", 1],
        ["positive", "negative", 1],
        ["positive", "positive", 2],
    ]
    assert found["share"].tolist() == pytest.approx([2 / 3, 1 / 3, 1 / 3, 2 / 3])


def test_confusion_counts_pairs_that_do_not_occur() -> None:
    found = curves.confusion(LABELS, both(LABELS.astype(np.float32)), BINARY, 0.5)
    assert found["reviews"].tolist() == [3, 0, 0, 3]
    assert found["share"].tolist() == [1, 0, 0, 1]


def test_calibration_by_hand() -> None:
    found = curves.calibration_curve(LABELS, both(np.array([0.0, 0.05, 0.95, 1.0, 0.55, 0.55])))
    assert found["reviews"].tolist() == [2, 2, 2]
    assert found["observed_share"].tolist() == [0, 0.5, 1]
    assert found["probability"].tolist() == pytest.approx([0.025, 0.55, 0.975])
    assert len(curves.calibration_curve(np.tile(LABELS, 500), both(np.linspace(0, 1, 3000)))) == BINS


def test_the_table_of_classes_by_hand() -> None:
    found = curves.by_class(STAR_LABELS, STAR_PROBABILITY, STARS, 0.5)
    assert found.values.tolist() == [["1", 0.5, 1, 2 / 3, 1], ["2", 0, 0, 0, 1], ["4", 0.5, 0.5, 0.5, 2]]
    assert list(found) == ["class", "precision", "recall", "f1", "reviews"]


def test_tables_of_three_classes() -> None:
    labels, probability = random_predictions(3000, 0)
    tables = curves.tables(labels, {"network": probability}, np.arange(3000), THREE, 0.5)
    assert tables["confusion"]["reviews"].sum() == 3000
    assert tables["confusion"].iloc[1].tolist()[:2] == ["bad", "fair"]
    assert tables["calibration"]["reviews"].sum() == 3000
    assert np.average(tables["length"]["accuracy"], weights=tables["length"]["reviews"]) == pytest.approx(
        score(Sample.whole(Predictions(labels, probability, THREE, 0.5)))["accuracy"]
    )
    roc, precision_recall = tables["roc"], tables["precision_recall"]
    assert roc.iloc[0].tolist() == ["network", 0, 0]
    assert roc.iloc[-1].tolist() == ["network", 1, 1]
    assert max(len(roc), len(precision_recall)) <= curves.POINTS
    area = np.trapezoid(roc["true_positive_rate"], roc["false_positive_rate"])
    expected = sklearn_metrics.roc_auc_score(labels, probability, multi_class="ovr")
    assert area == pytest.approx(expected, abs=0.002)
    assert precision_recall["precision"].iloc[-1] == pytest.approx(1 / 3, abs=1e-6)


def test_curves_have_their_ends_and_few_points() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 5000).astype(np.uint8)
    probability = both(random.random(5000))
    roc = curves.roc(labels, probability)
    assert roc.iloc[0].tolist() == [0, 0]
    assert roc.iloc[-1].tolist() == [1, 1]
    assert len(roc) <= curves.POINTS
    recall = curves.precision_recall(labels, probability)["recall"]
    assert recall.is_monotonic_increasing
    assert (recall.iloc[0], recall.iloc[-1]) == (0, 1)


def test_accuracy_by_length_keeps_reviews_of_one_length_together() -> None:
    lengths = np.array([9] * 5 + [3] + [512] * 14)
    labels = np.array([0] * 12 + [1] * 8, np.uint8)
    found = curves.by_length(labels, both(np.ones(20)), lengths, 0.5)
    assert list(found) == ["shortest", "longest", "accuracy", "reviews"]
    assert found.values.tolist() == [[3, 9, 0, 6], [512, 512, 8 / 14, 14]]
    even = np.arange(100)
    tenths = curves.by_length((even % 2).astype(np.uint8), both(np.ones(100)), even, 0.5)
    assert tenths.values.tolist() == [[10 * part, 10 * part + 9, 0.5, 10] for part in range(10)]


def test_there_is_a_table_for_every_plot_of_the_test_split() -> None:
    models = {"network": PROBABILITY, "baseline": 1 - PROBABILITY}
    tables = curves.tables(LABELS, models, np.arange(6), BINARY, 0.5)
    assert set(tables) == {"classes", "confusion", "roc", "precision_recall", "length", "calibration"}
    assert all(len(table) > 1 for table in tables.values())
    assert tables["confusion"].equals(curves.confusion(LABELS, PROBABILITY, BINARY, 0.5))
    for name, curve in {"roc": curves.roc, "precision_recall": curves.precision_recall}.items():
        for model, table in tables[name].groupby("model", sort=False):
            assert table.drop(columns="model").reset_index(drop=True).equals(curve(LABELS, models[str(model)]))
