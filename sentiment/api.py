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
    """The sentiment of a text."""

    label: Literal["positive", "negative"]
    probability: float  # of being positive
    unknown: float  # share of the text's tokens that the model has not learned; the higher, the less the rest means


class Model:
    """A trained classifier of texts. Threads may share one: predicting changes nothing in it."""

    def __init__(self, trained: checkpoint.Checkpoint) -> None:
        self._trained = trained

    def predict(self, texts: Iterable[str], threshold: float = 0.5) -> list[Prediction]:
        """Classify texts. Returns a prediction for each, in their order; an empty text has one too.

        A text is positive if its probability is at least `threshold`. The other texts of a call change a text's
        probability by 1e-5 at most, since sums are added in another order.

        Raises TypeError where `texts` is a single string or holds anything but strings, ValueError for a threshold
        that is not between 0 and 1, and InputError for a text that is not UTF-8, holds a NUL or is longer than 2**24.
        """
        if isinstance(texts, str | bytes):
            raise TypeError("predict takes several texts; write predict([text]) for one")
        if not 0 < threshold < 1:
            raise ValueError(f"threshold {threshold} is not between 0 and 1")
        checked = [_checked(number, text) for number, text in enumerate(texts)]
        probability, unknown = predictor.predict_texts(self._trained, checked)
        return [
            Prediction("positive" if value >= threshold else "negative", value, share)
            for value, share in zip(probability[:, 1].tolist(), unknown.tolist(), strict=True)
        ]


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
