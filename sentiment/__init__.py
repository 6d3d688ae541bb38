"""Predict the sentiment of texts with a trained model.

    import sentiment

    model = sentiment.load("models/classifier")
    [prediction] = model.predict(["Not bad at all."])
    prediction.label, prediction.probability, prediction.unknown  # 'positive', 0.98, 0.0

Importing the package loads nothing else; each name below loads its module when it is first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentiment.api import Model as Model
    from sentiment.api import Prediction as Prediction
    from sentiment.api import load as load
    from sentiment.errors import InputError as InputError

__all__ = ["InputError", "Model", "Prediction", "load"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name not in __all__:
        raise AttributeError(f"module 'sentiment' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("sentiment.errors" if name == "InputError" else "sentiment.api"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])


def _version() -> str:
    """Return the installed version, "unknown" in a clone that is not installed."""
    from importlib import metadata

    try:
        return metadata.version("sentiment-pipeline")
    except metadata.PackageNotFoundError:
        return "unknown"
