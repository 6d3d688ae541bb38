"""What the compiler makes of Triton's loops, for a GPU that need not be here.

    python -m benchmarks.triton_compiled [--capability 90] [--products bf16] [--check]

For each loop and width: the registers of a thread, the bytes of it that do not fit into them (each access to these goes
to memory, at every step), and the shared memory of a program. `PLANS` in `sentiment/nn/kernels/triton_layer.py` is
chosen by these figures; how fast the loops are, `benchmarks.training_cuda` measures on a GPU.
"""

import argparse
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.corpora import RESULTS
from sentiment.errors import InputError
from sentiment.io.command import run
from sentiment.io.json_file import write_json
from sentiment.nn.kernels import triton_layer
from sentiment.nn.kernels.autograd import NONLINEARITY_CODES
from sentiment.nn.kernels.triton_layer import BLOCK, PLANS, padded_width

# By compute capability: the shared memory that a program can have, in bytes.
SHARED_MEMORY = {80: 163 * 1024, 90: 227 * 1024}

# Arguments that are no arrays of float32.
INT32_ARRAYS = {"lookup", "first", "sizes", "lengths"}
INT64_ARRAYS = {"highest_row"}
INTEGERS = {"reviews", "tokens"}


class Compiled(NamedTuple):
    """What a thread and a program of a loop need."""

    registers: int
    spilled_bytes: int
    shared_memory: int


def compiled(name: str, constants: Mapping[str, Any], warps: int, capability: int) -> Compiled:
    """Compile a loop, such as lstm_forward, with these constants; those that it does not have are passed over."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from sentiment.nn.kernels import triton_loops

    function = getattr(triton_loops, name)
    signature, chosen, aligned = {}, {}, {}
    for place, argument in enumerate(function.arg_names):
        if argument in constants:
            signature[argument], chosen[(place,)] = "constexpr", constants[argument]
        elif argument in INTEGERS:
            signature[argument] = "i32"
        else:
            kind = "i32" if argument in INT32_ARRAYS else "i64" if argument in INT64_ARRAYS else "fp32"
            signature[argument], aligned[(place,)] = f"*{kind}", [["tt.divisibility", 16]]  # as torch's arrays are
    program = triton.compile(
        ASTSource(function, signature, chosen, aligned),
        target=GPUTarget("cuda", capability, 32),
        options={"num_warps": warps, "num_stages": 1},
    )
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder) / "loop.cubin"
        binary.write_bytes(program.asm["cubin"])
        tool = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
        usage = subprocess.run([tool, "-res-usage", binary], capture_output=True, text=True, check=True).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+)", usage)
    assert found, usage
    return Compiled(int(found[1]), int(found[2]), program.metadata.shared)


def recurrent(products: str) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Yield the name, the constants and the warps of each recurrent loop, for a layer that reads a table."""
    for (cell, width), plan in PLANS.items():
        shape = {"HIDDEN": width, "WIDTH": width, "BLOCK": BLOCK, "RESIDENT": plan.resident, "PRODUCTS": products}
        options = {"HAS_LOOKUP": True, "HAS_STATES": True, "SAVES": cell != "rnn", "NONLINEARITY": 0}
        for direction in ("forward", "backward"):
            yield f"{cell}_{direction}", shape | options, plan.warps


def others(products: str) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Yield the same of the loops of pooling, and of a narrow layer with each other option."""
    for direction in ("forward", "backward"):
        pooling = {"HIDDEN": 64, "WIDTH": triton_layer.POOLED_WIDTH, "STEPS": triton_layer.POOLED_STEPS}
        yield f"pool_{direction}", pooling, 4
        for nonlinearity in NONLINEARITY_CODES.values():
            shape = {"HIDDEN": 5, "WIDTH": padded_width(5), "BLOCK": BLOCK, "RESIDENT": True, "PRODUCTS": products}
            options = {"HAS_LOOKUP": False, "HAS_STATES": False, "SAVES": False, "NONLINEARITY": nonlinearity}
            yield f"rnn_{direction}", shape | options, 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--capability", type=int, choices=SHARED_MEMORY, default=90)
    parser.add_argument("--products", choices=("tf32x3", "bf16"), default="tf32x3")
    parser.add_argument("--check", action="store_true", help="compile the loops with their other options too")
    args = parser.parse_args()
    limit, rows = SHARED_MEMORY[args.capability], []
    print(f"{'loop':15} width  weights   warps  registers  spilled  shared memory")
    loops = [*recurrent(args.products), *(others(args.products) if args.check else ())]
    for name, constants, warps in loops:
        found = compiled(name, constants, warps, args.capability)
        if found.shared_memory > limit:
            raise InputError(
                f"{name} of {constants['HIDDEN']} units needs {found.shared_memory:,} bytes of shared memory; a GPU of "
                f"compute capability {args.capability / 10} has {limit:,} for a program"
            )
        weights = "resident" if constants.get("RESIDENT", True) else "streamed"
        figures = f"{warps:5}  {found.registers:9}  {found.spilled_bytes:7}  {found.shared_memory:13,}"
        print(f"{name:15} {constants['HIDDEN']:5}  {weights}  {figures}", flush=True)
        described = {"loop": name, "width": constants["WIDTH"], "weights": weights, "warps": warps}
        rows.append(described | found._asdict())
    if not args.check and args.products == "tf32x3":
        about = {"capability": args.capability / 10, "loops": rows}
        write_json(RESULTS / f"triton-compiled-{args.capability}.json", about)


if __name__ == "__main__":
    run(main, takes_arguments=True)
