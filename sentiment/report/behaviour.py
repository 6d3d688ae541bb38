"""What stage `probe` found, as the pages show it: how often each capability fails, and the worst failures."""

from typing import Any

from pandas import isna

from sentiment.config import paths
from sentiment.data.classes import BINARY
from sentiment.io.csv_file import read_csv
from sentiment.report.words import percent, readable, shares

WORST = 2  # cases that are shown of a capability
COLUMNS = ["model", "capability", "text", "changed", "expected"]
NUMBERS = ["probability", "changed_probability", "failed", "severity"]


def gather(metrics: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the section about behaviour. metrics: metrics/probe.json"""
    network, baseline = metrics["probe"], metrics["probe_baseline"]
    if "reason" in network:
        return {"reason": network["reason"]}
    found = read_csv(paths.PROBE, COLUMNS, NUMBERS)
    failed = found[(found["model"] == "network") & (found["failed"] == 1)].sort_values(
        ["severity", "text"], ascending=[False, True], kind="stable"
    )
    examples = [
        {
            "capability": readable(name),
            "rate": percent(network[name]["failure_rate"]),
            "cases": [case | {"two": not isna(case["changed_probability"])} for case in cases.to_dict("records")],
        }
        for name, cases in (
            (name, failed[failed["capability"] == name].head(WORST))
            for name in sorted(capabilities(network), key=lambda name: -network[name]["failure_rate"])
        )
        if len(cases)
    ]
    return {
        "reason": None,
        "suite": network["suite"],
        "cases": network["cases"],
        "positive": BINARY.names[1],
        "models": ["network", *(["baseline"] if "reason" not in baseline else [])],
        "rows": rows(*([network] if "reason" in baseline else [network, baseline])),
        "absent": [f"{readable(name)}: {network[name]['reason']}" for name in absent(network)],
        "examples": examples,
    }


def rows(*models: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row for all cases and for each capability, with the share that each model fails, and its interval."""
    total = {"failure_rate", "failure_rate_low", "failure_rate_high"}
    told = []
    if all(total <= model.keys() for model in models):
        cells = [
            shares(model["failure_rate"], model["failure_rate_low"], model["failure_rate_high"]) for model in models
        ]
        told.append({"name": "all cases", "cells": cells})
    names = [name for name in capabilities(models[0]) if all(name in capabilities(model) for model in models)]
    return told + [
        {
            "name": readable(name),
            "cells": [shares(model[name]["failure_rate"], *model[name]["interval"]) for model in models],
        }
        for name in names
    ]


def capabilities(model: dict[str, Any]) -> list[str]:
    """Return the capabilities that have cases."""
    return [name for name, value in model.items() if isinstance(value, dict) and "failure_rate" in value]


def absent(model: dict[str, Any]) -> list[str]:
    return [name for name, value in model.items() if isinstance(value, dict) and "reason" in value]
