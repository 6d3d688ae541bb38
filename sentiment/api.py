"""The library's interface: `sentiment.load` reads a model folder, `Model.predict` classifies texts.

Nothing here changes a setting of torch: a program that predicts has its own. Commands choose theirs in `nn/device.py`.
The first prediction on a CPU limits SciPy's BLAS to one thread, since the kernels have threads of their own.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from sentiment.data import sources
from sentiment.errors import quote
from sentiment.inference import checkpoint, predictor


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


class Model:
    """A trained classifier of texts. Threads may share one: predicting changes nothing in it."""

    def __init__(self, trained: checkpoint.Checkpoint) -> None:
        self._trained = trained

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of their labels in the training reviews."""
        return list(self._trained.classes.names)

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
        probability, unknown = predictor.predict_texts(self._trained, checked)
        predictions = []
        for row, share in zip(probability.tolist(), unknown.tolist(), strict=True):
            if len(names) == 2:
                shown = row[1]
                label = names[shown >= (threshold or 0.5)]
            else:
                shown = max(row)
                label = names[row.index(shown)]
            predictions.append(Prediction(label, shown, share, dict(zip(names, row, strict=True))))
        return predictions


def load(folder: str | os.PathLike[str], device: Literal["auto", "cpu", "cuda", "mps"] = "cpu") -> Model:
    """Read a model that stage `train` wrote, models/classifier say.

    `auto` is the best device that is here. Raises InputError where files are missing, damaged or do not belong
    together, or where the device is absent.
    """
    path = Path(folder)
    return Model(checkpoint.load(path, checkpoint.choose_device(path, device, "device")))


def _checked(number: int, text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"texts[{number}] is {quote(text)}, not a string")
    return sources.check_text(f"texts[{number}]", text)
