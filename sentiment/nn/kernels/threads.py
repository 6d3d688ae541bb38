"""The threads that share a batch, and matrix products over its rows. Their number changes no bit of a result.

Torch itself runs on one thread, since its libraries cut sums by the number of threads. MKL has a switch against that,
which works on Intel's processors only: on an AMD EPYC (family 26) float64 products differed between one, two and five
threads. Here the work is cut in the same way for any number of threads, and sums are added in one order.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

# Rows of a matrix that are multiplied in one piece.
BLOCK = 4096

# Below this many multiplications the work takes less time than waking a thread (50 to 100 us).
_MIN_OPERATIONS = 5_000_000

_count = 1

Parts = list[tuple[int, int]]


def set_num_threads(number: int) -> None:
    """Set the number of threads that share a batch."""
    global _count
    _count = number
    torch.set_num_threads(1)


def num_threads() -> int:
    """Return the number of threads that share a batch."""
    return _count


def chunks(length: int, size: int) -> Parts:
    """Return the start and the end, exclusive, of each chunk of `size`.

    >>> chunks(10, 4)
    [(0, 4), (4, 8), (8, 10)]
    """
    return [(first, min(first + size, length)) for first in range(0, length, size)]


def parallel_for(parts: Parts, operations: int, work: Callable[[int, int], object]) -> None:
    """Call `work(first, last)` for each part, on several threads if there is enough work for them.

    operations: the multiplications of all parts together
    """
    if _count == 1 or len(parts) == 1 or operations <= _MIN_OPERATIONS:
        for first, last in parts:
            work(first, last)
        return
    inference = torch.is_inference_mode_enabled()  # a setting of each thread

    def run(first: int, last: int) -> None:
        with torch.inference_mode(inference):
            work(first, last)

    for result in [_pool(_count).submit(run, first, last) for first, last in parts]:
        result.result()


@cache
def _pool(number: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(number, "batch", _begin)


def _begin() -> None:
    torch.set_flush_denormal(True)  # a setting of each thread (nn/device.py has the reason)
    torch.set_num_threads(1)  # so is this


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return `functional.linear` of many rows: float[rows, out] from float[rows, in] and torch's weights and bias."""
    if torch.is_autocast_enabled(x.device.type):
        return functional.linear(x, weight, bias)
    result: Tensor = _Linear.apply(x, weight, bias)  # type: ignore[no-untyped-call]
    return result


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        rows, by, offset = x.detach(), weight.detach().t(), bias.detach()
        result = x.new_empty(len(x), len(weight))
        _by_blocks(len(x), weight.numel(), lambda a, b: torch.addmm(offset, rows[a:b], by, out=result[a:b]))
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, weight = (saved.detach() for saved in ctx.saved_tensors)
        d_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        if d_x is not None:
            _by_blocks(len(x), weight.numel(), lambda a, b: torch.mm(gradient[a:b], weight, out=d_x[a:b]))
        return d_x, sum_of_products(gradient, x), gradient.sum(0)


def sum_of_products(a: Tensor, b: Tensor) -> Tensor:
    """Return `a.t() @ b`, a sum over rows: float[columns of a, columns of b]."""
    products = a.new_zeros(-(-len(a) // BLOCK), a.shape[1], b.shape[1])
    _by_blocks(
        len(a),
        a.shape[1] * b.shape[1],
        lambda first, last: torch.mm(a[first:last].t(), b[first:last], out=products[first // BLOCK]),
    )
    return products.sum(0)


def _by_blocks(rows: int, operations: int, work: Callable[[int, int], object]) -> None:
    """Call `work(first, last)` for each block of rows; a small product is one block.

    operations: multiplications for each row
    """
    large = rows * operations > _MIN_OPERATIONS
    parallel_for(chunks(rows, BLOCK if large else max(rows, 1)), rows * operations, work)
