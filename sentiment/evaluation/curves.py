"""The tables behind the plots of metrics/plots/: data frames with a row for each point, bin or tenth."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn import metrics as sklearn_metrics

from sentiment.evaluation.metrics import Labels, Probabilities, calibration_bin

POINTS = 200  # of a curve at most: 25,000 are too many for a file in Git, and look the same
_CLASSES = ["negative", "positive"]


def tables(
    labels: Labels, models: Mapping[str, Probabilities], lengths: npt.NDArray[np.int64], threshold: float
) -> dict[str, pd.DataFrame]:
    """Return every table by the name of its file.

    Curves have a column `model` and the points of every model; the other tables are about the first one.

    labels: uint8[reviews]
    models: float32[reviews], each model's probabilities by its name
    lengths: int64[reviews], in tokens
    """
    probability = next(iter(models.values()))
    curves = {"roc": roc, "precision_recall": precision_recall, "calibration": calibration}
    by_model = {
        name: pd.concat({model: curve(labels, found) for model, found in models.items()}, names=["model"])
        for name, curve in curves.items()
    }
    return {
        "confusion": confusion(labels, probability, threshold),
        "length": by_length(labels, probability, lengths, threshold),
        **{name: table.reset_index("model") for name, table in by_model.items()},
    }


def roc(labels: Labels, probability: Probabilities) -> pd.DataFrame:
    """Return false and true positive rate, from (0, 0) to (1, 1)."""
    false_rate, true_rate, _ = sklearn_metrics.roc_curve(labels, probability)
    return _thinned(pd.DataFrame({"false_positive_rate": false_rate, "true_positive_rate": true_rate}))


def precision_recall(labels: Labels, probability: Probabilities) -> pd.DataFrame:
    """Return recall, ascending, and precision."""
    precision, recall, _ = sklearn_metrics.precision_recall_curve(labels, probability)
    return _thinned(pd.DataFrame({"recall": recall[::-1], "precision": precision[::-1]}))


def confusion(labels: Labels, probability: Probabilities, threshold: float) -> pd.DataFrame:
    """Return the reviews of each pair of actual and predicted class, and their share of the actual class."""
    names = pd.CategoricalDtype(_CLASSES)
    table = pd.DataFrame(
        {
            "actual": pd.Categorical.from_codes(labels, dtype=names),
            "predicted": pd.Categorical.from_codes((probability >= threshold).astype(np.uint8), dtype=names),
        }
    )
    counts = table.groupby(["actual", "predicted"], observed=False).size().reset_index(name="reviews")
    actual = counts.groupby("actual", observed=False)["reviews"].transform("sum")
    return counts.assign(share=counts["reviews"] / actual)


def calibration(labels: Labels, probability: Probabilities) -> pd.DataFrame:
    """Return the mean probability, the share of positives and the number of reviews of each bin that is not empty."""
    table = pd.DataFrame({"probability": probability.astype(np.float64), "label": labels})
    return (
        table.groupby(calibration_bin(probability))
        .agg(
            probability=("probability", "mean"),
            positive_share=("label", "mean"),
            reviews=("label", "size"),
        )
        .reset_index(drop=True)
    )


def by_length(
    labels: Labels, probability: Probabilities, lengths: npt.NDArray[np.int64], threshold: float
) -> pd.DataFrame:
    """Return shortest and longest review, accuracy and number of reviews of each tenth by length in tokens.

    Reviews of one length stay together, so the tenths are even only as far as lengths differ.
    """
    limits = np.unique(np.quantile(lengths, np.arange(1, 11) / 10, method="inverted_cdf"))
    table = pd.DataFrame({"length": lengths, "right": (probability >= threshold) == labels})
    return (
        table.groupby(np.searchsorted(limits, lengths))
        .agg(
            shortest=("length", "min"),
            longest=("length", "max"),
            accuracy=("right", "mean"),
            reviews=("right", "size"),
        )
        .reset_index(drop=True)
    )


def _thinned(curve: pd.DataFrame) -> pd.DataFrame:
    """Return at most POINTS rows of a curve, evenly spaced, its ends among them."""
    return curve.iloc[np.unique(np.linspace(0, len(curve) - 1, POINTS).round().astype(np.int64))]
