"""95 % intervals: how far a metric would move with other reviews of the same kind, not with another training seed."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Weights = npt.NDArray[np.float64]

_Z = 1.959964  # of the normal distribution, 2.5 % of which lies above


def wilson(share: float, count: int) -> tuple[float, float]:
    """Return the interval of a share of `count` reviews (Wilson 1927). It stays honest where the share is 0 or 1.

    >>> low, high = wilson(1.0, 100)
    >>> round(low, 3), round(high, 3)
    (0.963, 1.0)
    """
    centre = share + _Z**2 / (2 * count)
    spread = _Z * np.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    scale = 1 + _Z**2 / count
    return float(max((centre - spread) / scale, 0)), float(min((centre + spread) / scale, 1))


def bootstrap(labels: npt.NDArray[np.uint8], samples: int, seed: int = 0) -> Iterator[Weights]:
    """Yield how often each review is drawn in samples of all reviews with replacement (Efron 1979): float64[reviews].

    A sample of a single class is drawn again. The seed is fixed, so equal predictions have equal intervals.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    least = min(len(np.unique(labels)), 2)
    for _ in range(samples):
        while True:
            weight = np.bincount(random.integers(0, len(labels), len(labels)), minlength=len(labels)).astype(np.float64)
            if np.count_nonzero(np.bincount(labels, weight)) >= least:
                break
        yield weight


def central(values: Sequence[Any]) -> npt.NDArray[Any]:
    """Return the limits of the middle 95 % of values along their first axis: float64[2, ...]."""
    limits: npt.NDArray[Any] = np.quantile(values, [0.025, 0.975], axis=0)
    return limits
