"""Progress bars on standard error; nothing where that is not a terminal."""

from collections.abc import Iterable
from typing import Any, TypeVar

from tqdm import tqdm

T = TypeVar("T")


def bar(items: Iterable[T], name: str, unit: str = " reviews") -> Iterable[T]:
    """Yield the items and count them in a bar."""
    shown: Iterable[T] = tqdm(items, desc=name, unit=unit, disable=None, mininterval=0.5, leave=False)
    return shown


def counter(name: str, total: int | None, unit: str = " reviews") -> Any:
    """Return a bar to `update(n)` and `close()`."""
    return tqdm(desc=name, total=total, unit=unit, disable=None, mininterval=0.5, leave=False)
