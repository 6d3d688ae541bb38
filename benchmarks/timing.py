"""How contestants are timed: side by side in one run, so that a busy machine slows all alike, and told as ratios.

A round calls each contestant once. What a round gives is a rate, work per second; a ratio is taken within a round, and
its median and its extremes over the rounds are what a table shows.

>>> rates = {"ours": [30.0, 20.0, 40.0], "theirs": [10.0, 10.0, 10.0]}
>>> ratio(rates["ours"], rates["theirs"])
Ratio(median=3.0, low=2.0, high=4.0)
"""

import importlib.util
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from sentiment import files

RESULTS = Path(__file__).parent / "results"

# What one call did, in units of work: tokens, say. The clock is read around the call.
Contestant = Callable[[], float]


class Ratio(NamedTuple):
    """How many times faster, over the rounds."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return "{} ({} to {})".format(*(f"{value:.{1 if value < 10 else 0}f}" for value in self))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Return the ratio of two contestants' rates, round by round."""
    each = [one / other for one, other in zip(ours, theirs, strict=True)]
    return Ratio(statistics.median(each), min(each), max(each))


def rates(contestants: Mapping[str, Contestant], rounds: int) -> dict[str, list[float]]:
    """Return each contestant's work per second in each round. A call before the first round warms up, untimed."""
    for work in contestants.values():
        work()
    measured: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, work in contestants.items():
            start = time.perf_counter()
            done = work()
            measured[name].append(done / (time.perf_counter() - start))
    return measured


def missing(package: str) -> bool:
    """Return whether a peer's package is not installed here: its row is skipped then, and says so."""
    return importlib.util.find_spec(package) is None


def machine(threads: int) -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def save(name: str, content: Mapping[str, Any]) -> None:
    """Write benchmarks/results/<name>.json."""
    files.write_json(RESULTS / f"{name}.json", content)


def show(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, its first column to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        first, *others = (
            cell.ljust(width) if not at else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join([first, *others]))
