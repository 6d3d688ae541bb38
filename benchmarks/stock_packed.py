"""Where `torch.nn` spends its time on packed input on a CPU: the figures of docs/stock-packed.md.

    python -m benchmarks.stock_packed

64 reviews whose lengths differ by one each, embedding and hidden size 64, one step forward and backward. Twice as long
reviews should take twice as long; where time grows fourfold, something is quadratic. Written to
benchmarks/results/stock_packed.json with the operators that took most of it.
"""

import time
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence
from torch.profiler import ProfilerActivity, profile

from benchmarks import timing
from benchmarks.corpora import RESULTS
from sentiment.io.command import run
from sentiment.io.json_file import write_json
from sentiment.nn.cells.cell import make_cell, weights_by_direction
from sentiment.nn.kernels import autograd
from sentiment.nn.packed import PackedVectors

THREADS = 2
REVIEWS, WIDTH = 64, 64
LENGTHS = (125, 250, 500)
CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def batch(longest: int) -> PackedSequence:
    torch.manual_seed(0)
    packed = pack_sequence([torch.randn(longest - row, WIDTH) for row in range(REVIEWS)])
    return packed._replace(data=packed.data.requires_grad_())


def stock(cell: str, inputs: PackedSequence) -> torch.Tensor:
    torch.manual_seed(0)
    packed, _ = CELLS[cell](WIDTH, WIDTH)(inputs)
    states: torch.Tensor = packed.data
    return states


def ours(cell: str, inputs: PackedSequence) -> torch.Tensor:
    torch.manual_seed(0)
    layer = CELLS[cell](WIDTH, WIDTH)
    packed = PackedVectors(inputs.data, None, inputs.batch_sizes)
    (weights,) = weights_by_direction(layer)
    kernels = make_cell(cell).kernels
    assert kernels
    states, _ = autograd.run_direction(kernels, "tanh", packed, weights, reverse=False)
    return states


def seconds(way: Any, cell: str, longest: int) -> tuple[float, float]:
    """Return the seconds of a forward and of a backward pass, the better of three each."""
    passes = []
    for _ in range(3):
        inputs = batch(longest)
        start = time.perf_counter()
        states = way(cell, inputs)
        half = time.perf_counter()
        states.sum().backward()
        passes.append((half - start, time.perf_counter() - half))
    forward, backward = (min(each) for each in zip(*passes, strict=True))
    return forward, backward


def operators(cell: str, longest: int) -> list[dict[str, Any]]:
    """Return the five operators that took most of stock torch's time, with their share of it and their calls."""
    inputs = batch(longest)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        stock(cell, inputs).sum().backward()  # type: ignore[no-untyped-call]
    events = sorted(profiled.key_averages(), key=lambda event: -event.self_cpu_time_total)
    total = sum(event.self_cpu_time_total for event in events)
    return [
        {"operator": event.key, "share": round(event.self_cpu_time_total / total, 3), "calls": event.count}
        for event in events[:5]
    ]


def main() -> None:
    torch.set_num_threads(THREADS)
    torch.set_flush_denormal(True)
    rows = []
    for cell in CELLS:
        for longest in LENGTHS:
            row: dict[str, Any] = {"cell": cell, "longest": longest}
            for name, way in (("stock", stock), ("ours", ours)):
                forward, backward = seconds(way, cell, longest)
                row |= {f"{name}_forward": round(forward, 4), f"{name}_backward": round(backward, 4)}
            rows.append(row)
            print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    shares = {cell: operators(cell, 250) for cell in CELLS}
    for cell, found in shares.items():
        print(cell, *(f"{each['operator']} {each['share']:.0%} in {each['calls']} calls" for each in found), sep="\n  ")
    machine = timing.machine(THREADS, ["torch", "numba"])
    write_json(RESULTS / "stock_packed.json", {"machine": machine, "seconds": rows, "operators_at_250": shares})


if __name__ == "__main__":
    run(main)
