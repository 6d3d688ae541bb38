"""Time contestants against each other in one run, so that what else the machine does hits all of them alike.

A round runs each contestant once; a ratio is formed within a round, and its median and range over the rounds are
what a result says. Seconds of different rounds, runs or machines are not compared.
"""

import gc
import importlib.util
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sentiment.io.json_file import write_json

T = TypeVar("T")


class Contestant(NamedTuple):
    """One way to do the work. `measure` does it once and returns the seconds of that: see `clock`."""

    name: str
    measure: Callable[[], float]
    package: str = ""  # what must be installed for it, beyond the project's own requirements


class Ratio(NamedTuple):
    """Seconds of a contestant in those of the reference, round by round: above 1 it is slower."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Timing:
    """A contestant's seconds in each round, or the package for whose lack it was skipped."""

    name: str
    seconds: tuple[float, ...] = ()
    missing: str = ""

    def ratio(self, reference: "Timing") -> Ratio:
        """Return the seconds of each round in those of the reference in the same round.

        >>> Timing("ours", (6.0, 9.0, 8.0)).ratio(Timing("bound", (2.0, 3.0, 4.0)))
        Ratio(median=3.0, low=2.0, high=3.0)
        """
        ratios = [mine / its for mine, its in zip(self.seconds, reference.seconds, strict=True)]
        return Ratio(statistics.median(ratios), min(ratios), max(ratios))


def clock(work: Callable[[], T], check: Callable[[T], None] = lambda _: None) -> Callable[[], float]:
    """Return what does the work and returns its seconds. `check` sees each result when the clock has stopped."""

    def measure() -> float:
        gc.collect()
        start = time.perf_counter()
        result = work()
        seconds = time.perf_counter() - start
        check(result)
        return seconds

    return measure


def repeated(work: Callable[[], object]) -> float:
    """Do the work until a second has passed, as often as that takes. Return the mean of its seconds."""
    gc.collect()
    times, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < 1:
        work()
        times += 1
    return spent / times


def compete(contestants: Sequence[Contestant], rounds: int) -> list[Timing]:
    """Run every contestant once in each round, in their order, after a first round that warms up and does not count.

    Those whose package is missing are skipped.
    """
    seconds: dict[str, list[float]] = {each.name: [] for each in contestants if not _missing(each)}
    for _ in range(rounds + 1):
        for each in contestants:
            if each.name in seconds:
                seconds[each.name].append(each.measure())
    return [Timing(each.name, tuple(seconds.get(each.name, [])[1:]), _missing(each)) for each in contestants]


def _missing(contestant: Contestant) -> str:
    package = contestant.package
    return package if package and importlib.util.find_spec(package) is None else ""


def described(timings: Sequence[Timing], reference: str) -> list[dict[str, Any]]:
    """Return what a result stores of the timings: a skipped contestant is a row too."""
    base = next(timing for timing in timings if timing.name == reference)
    return [
        {"name": timing.name, "skipped": f"{timing.missing} is not installed"}
        if timing.missing
        else {
            "name": timing.name,
            "seconds": [float(f"{seconds:.4g}") for seconds in timing.seconds],
            "ratio": {name: float(f"{value:.4g}") for name, value in timing.ratio(base)._asdict().items()},
        }
        for timing in timings
    ]


def lines(rows: Sequence[Mapping[str, Any]], reference: str) -> list[str]:
    """Return a table of what `described` returned, to print."""
    width = max(len(row["name"]) for row in rows)
    shown = [f"{'':{width}}  seconds, median   in those of {reference}: median (lowest to highest)"]
    for row in rows:
        if "skipped" in row:
            shown.append(f"{row['name']:{width}}  skipped: {row['skipped']}")
        else:
            ratio, seconds = Ratio(**row["ratio"]), statistics.median(row["seconds"])
            shown.append(
                f"{row['name']:{width}}  {seconds:15.3f}   {ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"
            )
    return shown


def report(
    path: Path, timings: Sequence[Timing], reference: str, about: Mapping[str, Any], machine: Mapping[str, Any]
) -> None:
    """Print the timings as a table and write them, with what they are `about` and the machine, to a JSON file."""
    rows = described(timings, reference)
    print("\n".join(lines(rows, reference)))
    write_json(path, {**about, "machine": machine, "reference": reference, "contestants": rows})


def machine(cores: int, packages: Sequence[str]) -> dict[str, Any]:
    """Describe what was measured on: the processor, how many cores the work had, and versions; no names, no dates."""
    versions = {name: found for name in packages if (found := _version(name))}
    return {"cpu": _cpu(), "cores": cores, "of": os.cpu_count(), "python": platform.python_version(), **versions}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _cpu() -> str:
    try:
        entries = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = (entry.partition(":")[2].strip() for entry in entries if entry.startswith("model name"))
    return next(models, platform.machine())
