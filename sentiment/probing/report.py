"""Ask models the cases of a suite: which they fail, how often with each capability, and how badly."""

from typing import Any, NamedTuple

import pandas as pd

from sentiment.api import Model, Prediction
from sentiment.evaluation.intervals import wilson
from sentiment.probing.suite import CAPABILITIES, NOT_HIGHER, SAME, TOLERANCE, Case, Suite, draw

COLUMNS = [
    "model", "capability", "kind", "template", "text", "changed", "expected", "probability", "changed_probability",
    "failed", "severity",
]  # fmt: skip
KEYS = {"network": "probe", "baseline": "probe_baseline"}  # in metrics/probe.json
_LEAST_KNOWN = 0.5  # of the words; a network that knows fewer is made for other reviews
_DIGITS = 6


class Results(NamedTuple):
    """The metrics, JSON-ready, and a table with the columns COLUMNS: a row for each case and model."""

    metrics: dict[str, Any]
    table: pd.DataFrame


def nothing(reason: str) -> Results:
    """Return results that say why there are none."""
    return Results({key: {"reason": reason} for key in KEYS.values()}, pd.DataFrame(columns=COLUMNS))


def probe(network: Model, baseline: Model | None, suite: Suite, count: int, seed: int) -> Results:
    """Ask both models up to `count` cases of each capability, of words that the network knows."""
    drawn = draw(suite, count, seed, lambda words: [found.unknown == 0 for found in network.predict(words)])
    if drawn.known < _LEAST_KNOWN * drawn.words:
        return nothing(f"the network knows {drawn.known} of the {drawn.words} words of the cases ({suite.name})")
    models = {"network": network} | ({"baseline": baseline} if baseline else {})
    tables = {name: ask(model, drawn.cases) for name, model in models.items()}
    metrics = {KEYS[name]: summarise(table) for name, table in tables.items()}
    metrics.setdefault(KEYS["baseline"], {"reason": "the run has no baseline"})
    metrics[KEYS["network"]] |= {"suite": suite.name, "left_out": drawn.left_out} | {
        name: {"reason": suite.inapplicable.get(name, "the network knows too few of its words")}
        for name in CAPABILITIES
        if not drawn.cases.get(name)
    }
    table = pd.concat([table.assign(model=name) for name, table in tables.items()], ignore_index=True)
    return Results(metrics, table[COLUMNS])


def ask(model: Model, cases: dict[str, list[Case]]) -> pd.DataFrame:
    """Return the cases of each capability with a model's answers: the columns COLUMNS without `model`."""
    texts = dict.fromkeys(
        text for each in cases.values() for case in each for text in (case.text, case.changed) if text
    )
    answers = dict(zip(texts, model.predict(texts), strict=True))
    rows = []
    for name, each in cases.items():
        for case in each:
            before, after = answers[case.text], answers.get(case.changed)
            failed, severity = judge(case.expected, before, after)
            rows.append(
                {
                    "capability": name,
                    "kind": CAPABILITIES[name].kind,
                    "template": case.template,
                    "text": case.text,
                    "changed": case.changed,
                    "expected": case.expected,
                    "probability": round(before.probability, _DIGITS),
                    "changed_probability": round(after.probability, _DIGITS) if after else None,
                    "failed": int(failed),
                    "severity": round(severity, _DIGITS),
                }
            )
    return pd.DataFrame(rows, columns=COLUMNS[1:])


def judge(expected: str, before: Prediction, after: Prediction | None) -> tuple[bool, float]:
    """Return whether a model fails a case, and how wrong it is, from 0 to 1.

    before, after: the answers to the text and, if there is one, to the changed text

    The severity is the probability of the wrong class, or how far the probability of being positive moves, in the wrong
    direction if one is right.
    """
    if after is None:
        return before.label != expected, 1 - before.probabilities[expected]
    moved = after.probability - before.probability
    if expected == SAME:
        return after.label != before.label, abs(moved)
    wrong = max(moved if expected == NOT_HIGHER else -moved, 0.0)
    return wrong > TOLERANCE, wrong


def summarise(answers: pd.DataFrame) -> dict[str, Any]:
    """Return the share of failed cases with its 95 % interval, of all and of each capability.

    Of a capability, interval and numbers are lists, which DVC leaves out of its tables: `dvc metrics diff` has one line
    for a capability, not five.
    """
    rate, (low, high), (_, cases) = _rate(answers["failed"])
    result: dict[str, Any] = {"cases": cases, "failure_rate": rate, "failure_rate_low": low, "failure_rate_high": high}
    for name, failed in answers.groupby("capability", sort=False)["failed"]:
        result[str(name)] = dict(zip(("failure_rate", "interval", "failed_of"), _rate(failed), strict=True))
    return result


def _rate(failed: "pd.Series[int]") -> tuple[float, list[float], list[int]]:
    """Return the share of failed cases, its interval, and their number with that of all cases."""
    count, cases = int(failed.sum()), len(failed)
    rate = count / cases
    return round(rate, _DIGITS), [round(limit, _DIGITS) for limit in wilson(rate, cases)], [count, cases]
