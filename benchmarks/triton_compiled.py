"""What the compiler makes of Triton's loops, for a GPU that need not be here.

    python -m benchmarks.triton_compiled [--capability 90] [--bfloat16] [--check]

For each loop and width: the registers of a thread, the bytes of its stack, which are mostly values that do not fit into
registers (each access to them goes to memory, at every step), and the shared memory of a program.
The choices in `sentiment/nn/kernels/triton_layer.py` rest on these figures. `benchmarks.training_cuda` measures the
speed of the loops, on a GPU.
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
from sentiment.nn.cells.cell import make_cell
from sentiment.nn.kernels import triton_layer
from sentiment.nn.kernels.autograd import NONLINEARITY_CODES

# By compute capability: the shared memory that a program can have, in bytes.
SHARED_MEMORY = {80: 163 * 1024, 86: 99 * 1024, 90: 227 * 1024}

# What the arguments are that are no arrays of float32.
TYPES = dict.fromkeys(("lookup", "first", "sizes", "lengths"), "*i32") | {"highest_row": "*i64"}
TYPES |= dict.fromkeys(("reviews", "tokens"), "i32")


class Compiled(NamedTuple):
    """What a thread and a program of a loop need."""

    registers: int
    stack_bytes: int
    shared_memory: int


def compiled(name: str, constants: Mapping[str, Any], warps: int, capability: int, weights: str) -> Compiled:
    """Compile a loop, such as lstm_forward, with these constants; those that it does not have are passed over.

    weights: the type of the recurrent weights, fp32 or bf16
    """
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from sentiment.nn.kernels import triton_loops

    function = getattr(triton_loops, name)
    signature, chosen, aligned = {}, {}, {}
    for place, argument in enumerate(function.arg_names):
        if argument in constants:
            signature[argument], chosen[(place,)] = "constexpr", constants[argument]
            continue
        signature[argument] = f"*{weights}" if argument == "weight" else TYPES.get(argument, "*fp32")
        if argument not in ("first", "sizes", "lengths", "reviews", "tokens"):  # Triton is told nothing of these
            aligned[(place,)] = [["tt.divisibility", 16]]
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


def loops(limit: int, every_option: bool) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Yield the name, the constants and the warps of each loop, for a GPU with that limit of shared memory."""
    for cell, widest in triton_layer.WIDEST.items():
        width = narrowest = triton_layer.padded_width(1)
        while width <= widest:
            resident = triton_layer.resident_memory(make_cell(cell).num_gates, width) <= limit
            shape = {"HIDDEN": width, "WIDTH": width, "BLOCK": triton_layer.BLOCK, "RESIDENT": resident}
            options = {"HAS_LOOKUP": True, "HAS_STATES": True, "SAVES": cell != "rnn", "NONLINEARITY": 0}
            for direction in ("forward", "backward"):
                yield f"{cell}_{direction}", shape | options, triton_layer.num_warps(width)
            if every_option and width in (narrowest, widest):
                others = {"HAS_LOOKUP": False, "HAS_STATES": False, "SAVES": False}
                for code in NONLINEARITY_CODES.values() if cell == "rnn" else (0,):
                    for direction in ("forward", "backward"):
                        chosen = shape | others | {"NONLINEARITY": code}
                        yield f"{cell}_{direction}", chosen, triton_layer.num_warps(width)
            width *= 2
    if every_option:
        pooling = {"HIDDEN": 64, "WIDTH": triton_layer.POOLED_WIDTH, "STEPS": triton_layer.POOLED_STEPS}
        for direction in ("forward", "backward"):
            yield f"pool_{direction}", pooling, triton_layer.POOLED_WARPS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--capability", type=int, choices=SHARED_MEMORY, default=90)
    parser.add_argument("--bfloat16", action="store_true", help="recurrent products in bfloat16, not in float32")
    parser.add_argument("--check", action="store_true", help="also with the other options, and write no result")
    args = parser.parse_args()
    limit, rows = SHARED_MEMORY[args.capability], []
    print(f"{'loop':15} width  weights   warps  registers  stack  shared memory")
    for name, constants, warps in loops(limit, args.check):
        found = compiled(name, constants, warps, args.capability, "bf16" if args.bfloat16 else "fp32")
        weights = "resident" if constants.get("RESIDENT", True) else "streamed"
        figures = f"{warps:5}  {found.registers:9}  {found.stack_bytes:5}  {found.shared_memory:13,}"
        print(f"{name:15} {constants['WIDTH']:5}  {weights}  {figures}", flush=True)
        if found.shared_memory > limit:
            raise InputError(
                f"{name} of {constants['WIDTH']} units needs {found.shared_memory:,} bytes of shared memory; a GPU of "
                f"compute capability {args.capability / 10} has {limit:,} for a program"
            )
        described = {"loop": name, "width": constants["WIDTH"], "weights": weights, "warps": warps}
        rows.append(described | found._asdict())
    if not args.check and not args.bfloat16:
        about = {"capability": args.capability / 10, "loops": rows}
        write_json(RESULTS / f"triton-compiled-{args.capability}.json", about)


if __name__ == "__main__":
    run(main, takes_arguments=True)
