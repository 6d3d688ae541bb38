"""Stacking: one classifier of two classifiers' predictions (Wolpert 1992).

It is a log-linear pool: the weighted sum of both models' log-probabilities and an intercept for each class, normalised.
For two classes this is a logistic regression of both log-odds. A multinomial logistic regression of all
log-probabilities would have a weight for each pair of classes: for five classes 55 parameters instead of 7, for which a
validation split of some hundred reviews is too small (docs/experiments.md).

It is fitted on the validation split, where neither model is as overconfident as on its own training reviews. The
network's best epoch was chosen on that split too, which favours the network a little.
"""

import shutil
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from sentiment.config.section import Settings
from sentiment.data.model_folder import SETTINGS
from sentiment.data.predictions import Probabilities
from sentiment.evaluation.metrics import Floats, Labels, clipped
from sentiment.io.json_file import rounded, write_json

NETWORK, BASELINE = "network", "baseline"  # the folders of both models in the folder of a stacked one


class StackedMetadata(Settings):
    """settings.json."""

    kind: Literal["stacked"]
    weight_of_network: float
    weight_of_baseline: float
    intercepts: list[float]


class StackedClassifier(NamedTuple):
    """The weight of each classifier's log-probabilities, and an intercept for each class."""

    weights: tuple[float, float]
    intercepts: list[float]

    @classmethod
    def fit(cls, one: Probabilities, other: Probabilities, labels: Labels) -> "StackedClassifier":
        """Fit the weights by maximum likelihood, with the digits that a JSON file holds.

        L2 regularization keeps them finite where a classifier separates all reviews, and where a class has none.
        """
        logs = _logs(one, other)
        weights, intercepts = _fit_two(logs, labels) if one.shape[1] == 2 else _fit_more(logs, labels)
        first, second = rounded(weights.tolist())
        return cls((first, second), rounded(intercepts.tolist()))

    def save(self, folder: Path, network: Path, baseline: Path) -> None:
        """Write the weights, and copies of both models, into a folder."""
        for source, name in ((network, NETWORK), (baseline, BASELINE)):
            shutil.copytree(source, folder / name, copy_function=shutil.copyfile)  # DVC's may be read-only
        one, other = self.weights
        metadata = StackedMetadata(
            kind="stacked", weight_of_network=one, weight_of_baseline=other, intercepts=self.intercepts
        )
        write_json(folder / SETTINGS, metadata.model_dump())

    @classmethod
    def load(cls, folder: Path) -> "StackedClassifier":
        """Read the weights that `save` wrote. Raises InputError where the file is missing or damaged."""
        metadata = StackedMetadata.from_json(folder / SETTINGS, "run `dvc repro --force evaluate`")
        return cls((metadata.weight_of_network, metadata.weight_of_baseline), metadata.intercepts)

    def __call__(self, one: Probabilities, other: Probabilities) -> Probabilities:
        """Return the probability of each class: float32[reviews, classes]."""
        from scipy.special import softmax

        probability: Probabilities = softmax(_logs(one, other) @ self.weights + self.intercepts, axis=1)
        return probability.astype(np.float32)


def _logs(one: Probabilities, other: Probabilities) -> Floats:
    """Return both models' log-probabilities: float64[reviews, classes, 2]."""
    return np.log(np.stack([clipped(one), clipped(other)], axis=2))


def _fit_two(logs: Floats, labels: Labels) -> tuple[Floats, Floats]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1.0).fit(logs[:, 1] - logs[:, 0], labels)
    return model.coef_[0], np.append(0.0, model.intercept_)


def _fit_more(logs: Floats, labels: Labels) -> tuple[Floats, Floats]:
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    actual = np.eye(logs.shape[1])[labels]

    def loss(parameters: Floats) -> tuple[float, Floats]:
        """Return the penalised cross entropy and its gradient."""
        predicted = log_softmax(logs @ parameters[:2] + parameters[2:], axis=1)
        error = np.exp(predicted) - actual
        gradient = np.append(np.einsum("rc,rcm->m", error, logs), error.sum(axis=0))
        return float(parameters @ parameters / 2 - (actual * predicted).sum()), parameters + gradient

    found = minimize(loss, np.zeros(2 + logs.shape[1]), jac=True, method="BFGS").x
    return found[:2], found[2:]
