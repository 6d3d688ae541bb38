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
