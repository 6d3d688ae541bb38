"""Figures and names as people read them."""

_ABBREVIATIONS = {"roc": "ROC", "auc": "AUC", "f1": "F1", "brier": "Brier"}


def percent(share: float) -> str:
    """Return a share in per cent.

    >>> percent(0.0625)
    '6.2 %'
    """
    return f"{100 * share:.1f} %"


def readable(name: str) -> str:
    """Return the name of a metric or a capability without underscores.

    >>> readable("roc_auc"), readable("double_negation")
    ('ROC AUC', 'double negation')
    """
    return " ".join(_ABBREVIATIONS.get(word, word) for word in name.split("_"))


def scores(value: float, low: float | None = None, high: float | None = None) -> dict[str, str]:
    """Return a metric with its interval, if it has one, as a cell of a table."""
    return {"value": f"{value:.4f}", "interval": "" if low is None else f"{low:.4f} to {high:.4f}"}


def shares(value: float, low: float, high: float) -> dict[str, str]:
    """Return a share with its interval as a cell of a table, in per cent."""
    return {"value": percent(value), "interval": f"{percent(low)} to {percent(high)}"}
