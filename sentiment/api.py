"""The library's interface: `sentiment.load` reads a model folder, `Model.predict` classifies texts.

Nothing here changes a setting of torch: a program that predicts has its own. Commands choose theirs in `nn/device.py`.
The first prediction on a CPU limits SciPy's BLAS to one thread, since the kernels have threads of their own.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from sentiment.data import sources
from sentiment.data.classes import Classes
from sentiment.data.corpus import Corpus
from sentiment.data.model_folder import kind_of
from sentiment.data.predictions import TextPredictions, predicted
from sentiment.errors import InputError, quote

if TYPE_CHECKING:  # each kind of model loads the packages that it needs
    from sentiment.baseline.model import Baseline
    from sentiment.evaluation.stacking import StackedClassifier
    from sentiment.inference.checkpoint import Checkpoint


class Prediction(NamedTuple):
    """The predicted class of a text.

    `probability` is the one number to sort or to threshold by. With two classes it is always that of the second, so it
    orders texts from one class to the other, say from negative to positive. With more classes no single number does
    that; it is the probability of the label.
    """

    label: str  # the name of a class
    probability: float
    unknown: float  # share of the text's tokens that the model has not learned; the higher, the less the rest means
    probabilities: dict[str, float]  # of every class, by its name


class TextClassifier(Protocol):
    """A model of any kind."""

    @property
    def classes(self) -> Classes: ...

    @property
    def corpus(self) -> Corpus: ...

    @property
    def num_words(self) -> int:
        """The number of words that the model has learned."""

    def describe(self) -> list[str]:
        """Return what the model is, in lines to print."""

    def predict_texts(self, texts: list[str]) -> TextPredictions:
        """Predict texts, in the given order."""


class Model:
    """A trained classifier of texts. Threads may share one: predicting changes nothing in it."""

    def __init__(self, trained: TextClassifier) -> None:
        self.trained = trained

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of their labels in the training reviews."""
        return list(self.trained.classes.names)

    def predict(self, texts: Iterable[str], threshold: float | None = None) -> list[Prediction]:
        """Classify texts. Returns a prediction for each, in their order; an empty text has one too.

        The label is the most probable class. With two classes, it is the second if that has at least the probability
        `threshold`, 0.5 by default. The other texts of a call change a text's probabilities by 1e-5 at most, since sums
        are added in another order.

        Raises TypeError where `texts` is a single string or holds anything but strings, ValueError for a threshold
        that is not between 0 and 1 or comes with more than two classes, and InputError for a text that is not UTF-8,
        holds a NUL or is longer than 2**24.
        """
        if isinstance(texts, str | bytes):
            raise TypeError("predict takes several texts; write predict([text]) for one")
        names = self.classes
        if threshold is not None and len(names) > 2:
            raise ValueError(f"a threshold is for two classes, and this model has {len(names)}")
        if threshold is not None and not 0 < threshold < 1:
            raise ValueError(f"threshold {threshold} is not between 0 and 1")
        checked = [_checked(number, text) for number, text in enumerate(texts)]
        probability, unknown = self.trained.predict_texts(checked)
        labels = predicted(probability, threshold or 0.5)
        shown = [1] * len(labels) if len(names) == 2 else labels.tolist()
        return [
            Prediction(names[label], row[column], share, dict(zip(names, row, strict=True)))
            for label, column, row, share in zip(
                labels.tolist(), shown, probability.tolist(), unknown.tolist(), strict=True
            )
        ]


@dataclass(frozen=True)
class _Network:
    checkpoint: "Checkpoint"

    @property
    def classes(self) -> Classes:
        return self.checkpoint.classes

    @property
    def corpus(self) -> Corpus:
        return self.checkpoint.corpus

    @property
    def num_words(self) -> int:
        return len(self.checkpoint.vocabulary.tokens)

    def describe(self) -> list[str]:
        config = self.checkpoint.classifier.config
        network = config.encoder if config.encoder == "transformer" else config.cell
        parameters = sum(parameter.numel() for parameter in self.checkpoint.classifier.parameters())
        limit = self.checkpoint.encoding.truncation.max_tokens
        reads = f"reads {limit:,} tokens of a text" if limit else "reads texts of any length"
        return [f"Network: {network} with {parameters:,} parameters, which {reads}."]

    def predict_texts(self, texts: list[str]) -> TextPredictions:
        from sentiment.inference import predictor

        return predictor.predict_texts(self.checkpoint, texts)


@dataclass(frozen=True)
class _Stacked:
    network: _Network
    baseline: "Baseline"
    stack: "StackedClassifier"

    @property
    def classes(self) -> Classes:
        return self.network.classes

    @property
    def corpus(self) -> Corpus:
        return self.network.corpus

    @property
    def num_words(self) -> int:
        return max(self.network.num_words, self.baseline.num_words)

    def describe(self) -> list[str]:
        one, other = self.stack.weights
        sums = f"Stacked: {one:.2f} times the log-probabilities of the network, {other:.2f} times the baseline's."
        return [sums, *self.network.describe(), *self.baseline.describe()]

    def predict_texts(self, texts: list[str]) -> TextPredictions:
        one, other = self.network.predict_texts(texts), self.baseline.predict_texts(texts)
        probability = self.stack(one.probability, other.probability)
        return TextPredictions(probability, np.minimum(one.unknown, other.unknown))


def load(folder: str | os.PathLike[str], device: str = "cpu") -> Model:
    """Read a model from a folder that a stage wrote: models/classifier, models/baseline or models/stacked.

    device: cpu, cuda, the number of a GPU such as cuda:1, mps, or auto, the best one here; a baseline needs none

    Raises InputError where files are missing, damaged or do not belong together, or where the device is absent.
    """
    path = Path(folder)
    kind = kind_of(path)
    if kind == "network":
        return Model(_load_network(path, device))
    from sentiment.baseline.model import Baseline

    if kind == "baseline":
        return Model(Baseline.load(path))
    from sentiment.evaluation import stacking

    stack = stacking.StackedClassifier.load(path)
    network, baseline = _load_network(path / stacking.NETWORK, device), Baseline.load(path / stacking.BASELINE)
    if not network.classes == baseline.classes or len(stack.intercepts) != len(network.classes):
        raise InputError(f"{path}: network and baseline have other classes; run `dvc repro --force evaluate`")
    return Model(_Stacked(network, baseline, stack))


def _load_network(path: Path, device: str) -> _Network:
    from sentiment.inference import checkpoint

    return _Network(checkpoint.load(path, checkpoint.choose_device(path, device, "device")))


def _checked(number: int, text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"texts[{number}] is {quote(text)}, not a string")
    return sources.check_text(f"texts[{number}]", text)
