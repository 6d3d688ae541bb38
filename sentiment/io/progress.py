"""Progress on standard error: bars on a terminal; plain lines elsewhere, as in the log of a queued experiment."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from tqdm import tqdm

T = TypeVar("T")

INTERVAL = 30.0  # seconds between two lines


def bar(items: Iterable[T], name: str, unit: str = " reviews") -> Iterator[T]:
    """Yield the items and count them."""
    with counter(name, len(items) if isinstance(items, Sized) else None, unit) as count:
        for item in items:
            yield item
            count.update(1)


def counter(name: str, total: int | None, unit: str = " reviews") -> Any:
    """Return a counter, a context manager with `update(n)`."""
    if sys.stderr.isatty():
        return tqdm(desc=name, total=total, unit=unit, mininterval=0.5, leave=False)
    return _Lines(name, total, unit)


def log(line: str) -> None:
    """Print a line where there are no bars."""
    if not sys.stderr.isatty():
        print(line, file=sys.stderr)


class _Lines(AbstractContextManager["_Lines"]):
    """A counter that prints a line now and then; nothing where the work takes less than the interval."""

    def __init__(self, name: str, total: int | None, unit: str) -> None:
        self._name, self._unit = name, unit if total is None else f" of {total:,}{unit}"
        self._done, self._printed = 0, time.monotonic()

    def update(self, n: int) -> None:
        self._done += n
        if time.monotonic() >= self._printed + INTERVAL:
            log(f"{self._name}: {self._done:,}{self._unit}")
            self._printed = time.monotonic()

    def __exit__(self, *error: object) -> None: ...
