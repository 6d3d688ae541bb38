"""The tables behind the plots of metrics/plots/: data frames with a row for each point, bin, class or tenth."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn import metrics as sklearn_metrics

from sentiment.data.classes import Classes
from sentiment.data.predictions import Probabilities, predicted
from sentiment.evaluation.metrics import Bools, Floats, Labels, Predictions, Sample, calibration

POINTS = 200  # of a curve at most: 25,000 are too many for a file in Git, and look the same

# x and y of the curve of a class, x ascending: from the reviews of the class and the probability of each review for it
_CurveOfClass = Callable[[Bools, npt.NDArray[np.float32]], tuple[Floats, Floats]]


def tables(
    labels: Labels,
    models: Mapping[str, Probabilities],
    lengths: npt.NDArray[np.int64],
    classes: Classes,
    threshold: float,
) -> dict[str, pd.DataFrame]:
    """Return every table by the name of its file.

    Curves have a column `model` and the points of every model; the other tables are about the first one.

    labels: uint8[reviews]
    models: float32[reviews, classes], each model's probabilities by its name
    lengths: int64[reviews], in tokens
    """
    probability = next(iter(models.values()))
    curves = {"roc": roc, "precision_recall": precision_recall, "calibration": calibration_curve}
    by_model = {
        name: pd.concat({model: curve(labels, found) for model, found in models.items()}, names=["model"])
        for name, curve in curves.items()
    }
    return {
        "classes": by_class(labels, probability, classes, threshold),
        "confusion": confusion(labels, probability, classes, threshold),
        "length": by_length(labels, probability, lengths, threshold),
        **{name: table.reset_index("model") for name, table in by_model.items()},
    }


def roc(labels: Labels, probability: Probabilities) -> pd.DataFrame:
    """Return false and true positive rate, from (0, 0) to (1, 1).

    Of more than two classes, each is positive in turn, and the true positive rates at each false positive rate are
    averaged. The area below this curve is the metric `roc_auc`.
    """
    return _curve(labels, probability, _roc_of_class, "false_positive_rate", "true_positive_rate")


def precision_recall(labels: Labels, probability: Probabilities) -> pd.DataFrame:
    """Return recall, ascending, and precision; of more than two classes the mean of their precisions."""
    return _curve(labels, probability, _precision_recall_of_class, "recall", "precision")


def _roc_of_class(positive: Bools, probability: npt.NDArray[np.float32]) -> tuple[Floats, Floats]:
    false_rate, true_rate, _ = sklearn_metrics.roc_curve(positive, probability)
    return false_rate, true_rate


def _precision_recall_of_class(positive: Bools, probability: npt.NDArray[np.float32]) -> tuple[Floats, Floats]:
    precision, recall, _ = sklearn_metrics.precision_recall_curve(positive, probability)
    return recall[::-1], precision[::-1]


def _curve(labels: Labels, probability: Probabilities, of_class: _CurveOfClass, x: str, y: str) -> pd.DataFrame:
    """Return the curve of the second of two classes, or the mean of those of all classes that have reviews."""
    if probability.shape[1] == 2:
        across, up = of_class(labels == 1, probability[:, 1])
        # At most POINTS rows, evenly spaced, the ends among them.
        kept = np.unique(np.linspace(0, len(across) - 1, POINTS).round().astype(np.int64))
        return pd.DataFrame({x: across[kept], y: up[kept]})
    curves = [of_class(labels == label, probability[:, label]) for label in np.unique(labels)]
    grid = np.linspace(0, 1, POINTS)
    mean = np.mean([np.interp(grid, *curve) for curve in curves], axis=0)
    mean[0] = np.mean([up[0] for _, up in curves])  # several points have x = 0, of which `interp` takes the last
    return pd.DataFrame({x: grid, y: mean})


def by_class(labels: Labels, probability: Probabilities, classes: Classes, threshold: float) -> pd.DataFrame:
    """Return precision, recall and F1 of each class, and the number of its reviews."""
    found = Sample.whole(Predictions(labels, probability, classes, threshold)).by_class
    return pd.DataFrame({"class": classes.names, **found._asdict()}).astype({"reviews": np.int64})


def confusion(labels: Labels, probability: Probabilities, classes: Classes, threshold: float) -> pd.DataFrame:
    """Return the reviews of each pair of actual and predicted class, and their share of the actual class."""
    counts = Sample.whole(Predictions(labels, probability, classes, threshold)).confusion
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return pd.DataFrame(
        {
            "actual": np.repeat(classes.names, len(classes)),
            "predicted": classes.names * len(classes),
            "reviews": counts.ravel().astype(np.int64),
            "share": share.ravel(),
        }
    )


def calibration_curve(labels: Labels, probability: Probabilities) -> pd.DataFrame:
    """Return the mean probability, the share of reviews where it came true, and their number, of each bin with any.

    Of two classes it is the probability of the second one, of more that of the predicted one.
    """
    calibrated = calibration(labels, probability)
    table = pd.DataFrame({"probability": calibrated.probability, "observed": calibrated.observed})
    return (
        table.groupby(calibrated.bin)
        .agg(
            probability=("probability", "mean"),
            observed_share=("observed", "mean"),
            reviews=("observed", "size"),
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
    table = pd.DataFrame({"length": lengths, "right": predicted(probability, threshold) == labels})
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
