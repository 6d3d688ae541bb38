"""What the page says about two runs side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sentiment.data.classes import Classes
from sentiment.evaluation.significance import Comparison
from sentiment.report import behaviour
from sentiment.report.plots import Drawings
from sentiment.report.words import percent, readable, scores

if TYPE_CHECKING:
    import pandas as pd

SECTIONS = [
    ("difference", "The difference"),
    ("parameters", "Parameters that differ"),
    ("behaviour", "Behaviour"),
    ("plots", "Plots"),
    ("reviews", "Reviews that changed most"),
]


def gather(
    names: tuple[str, str],
    found: Comparison,
    changed: "pd.DataFrame",
    classes: Classes,
    parameters: dict[str, dict[str, Any]],
    probed: Sequence[dict[str, Any]],
    drawings: Drawings,
) -> dict[str, Any]:
    """Return the values of `page/comparison.html`.

    changed: id, label, probability_a, probability_b and text of the reviews to show
    parameters: of each that differs, by its name, the "old" and the "new" value
    probed: the network's or the baseline's part of metrics/probe.json in A and B; none where one has none
    """
    rows = [
        {"name": readable(name), "cells": [scores(**cells[column]) for column in ("a", "b", "difference")]}
        for name, cells in found.metrics.items()
    ]
    return {
        "title": f"{names[1]} against {names[0]}",
        "names": names,
        "paragraph": paragraph(found),
        "rows": rows,
        "parameters": [(name, each.get("old", "–"), each.get("new", "–")) for name, each in parameters.items()],
        "behaviour": behaviour.rows(*probed) if probed else [],
        "plots": drawings.drawn,
        "absent": drawings.absent,
        "reviews": [
            {"id": name, "label": classes.names[label], "shown": classes.names[1 if len(classes) == 2 else label]}
            | {"a": a, "b": b, "text": text}
            for name, label, a, b, text in changed.itertuples(index=False, name=None)
        ],
    }


def paragraph(found: Comparison) -> list[str]:
    """Return the comparison in sentences."""
    accuracy = found.metrics["accuracy"]
    gain = accuracy["difference"]
    low, high = 100 * gain["low"], 100 * gain["high"]
    if not found.discordant:
        verdict = "Both are right on the same reviews"
    elif low > 0 or high < 0:
        verdict = f"B is {'better' if low > 0 else 'worse'} by more than chance"
    else:
        verdict = "The difference may be chance"
    return [
        f"The accuracy is {percent(accuracy['a']['value'])} in A and {percent(accuracy['b']['value'])} in B.",
        f"{verdict}: B − A is {100 * gain['value']:+.1f} points (95 % interval {low:+.1f} to {high:+.1f}).",
        f"They disagree on {found.discordant:,} of {found.reviews:,} reviews; A alone is right on "
        f"{found.only_a_right:,}, B alone on {found.only_b_right:,} (McNemar's exact p = {found.mcnemar_p:.2g}).",
    ]
