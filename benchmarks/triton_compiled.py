"""What the compiler makes of Triton's loops, for a GPU that need not be here.

    python -m benchmarks.triton_compiled [--capability 90] [--check]

For each loop and width: the registers of a thread, the bytes of it that do not fit into them (each access to these goes
to memory, at every step), and the shared memory of a program. A GPU of compute capability 8.0 has 163 KiB of shared
memory for a program, 9.0 has 227 KiB. `PLANS` in `sentiment/nn/kernels/triton_layer.py` is chosen by these figures;
how fast the loops are, `benchmarks.training_cuda` measures on a GPU.
"""

import argparse
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.corpora import RESULTS
from sentiment.errors import InputError
from sentiment.io.command import run
from sentiment.io.json_file import write_json
from sentiment.nn.kernels.triton_layer import BLOCK, PLANS, Plan

# By compute capability: the shared memory that a program can have, in bytes.
SHARED_MEMORY = {80: 163 * 1024, 90: 227 * 1024}


class Compiled(NamedTuple):
    """What a thread and a program of a loop need."""

    registers: int
    spilled_bytes: int
    shared_memory: int


def compiled(name: str, width: int, plan: Plan, capability: int) -> Compiled:
    """Compile a loop, such as lstm_forward, for a layer that reads a table and whose states are all used."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from sentiment.nn.kernels import triton_loops

    constants: dict[str, Any] = {
        "HIDDEN": width, "WIDTH": width, "BLOCK": BLOCK, "RESIDENT": plan.resident, "NONLINEARITY": 0,
        "PRODUCTS": "tf32x3", "HAS_LOOKUP": True, "HAS_STATES": True, "SAVES": not name.startswith("rnn"),
    }  # fmt: skip
    integers = {"lookup", "first", "sizes", "lengths"}
    function = getattr(triton_loops, name)
    signature, chosen, aligned = {}, {}, {}
    for place, argument in enumerate(function.arg_names):
        if argument in constants:
            signature[argument], chosen[(place,)] = "constexpr", constants[argument]
        elif argument in ("reviews", "tokens"):
            signature[argument] = "i32"
        else:
            signature[argument] = "*i32" if argument in integers else "*fp32"
            aligned[(place,)] = [["tt.divisibility", 16]]  # as torch's arrays are
    program = triton.compile(
        ASTSource(function, signature, chosen, aligned),
        target=GPUTarget("cuda", capability, 32),
        options={"num_warps": plan.warps, "num_stages": 1},
    )
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder) / "loop.cubin"
        binary.write_bytes(program.asm["cubin"])
        tool = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
        usage = subprocess.run([tool, "-res-usage", binary], capture_output=True, text=True, check=True).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+)", usage)
    assert found, usage
    return Compiled(int(found[1]), int(found[2]), program.metadata.shared)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--capability", type=int, choices=SHARED_MEMORY, default=90)
    parser.add_argument("--check", action="store_true", help="write no result")
    args = parser.parse_args()
    capability: int = args.capability
    limit = SHARED_MEMORY[capability]
    rows = []
    print(f"{'loop':15} width  weights   warps  registers  spilled  shared memory")
    for (cell, width), plan in PLANS.items():
        for direction in ("forward", "backward"):
            found = compiled(f"{cell}_{direction}", width, plan, capability)
            if found.shared_memory > limit:
                raise InputError(
                    f"{cell}_{direction} of {width} units needs {found.shared_memory:,} bytes of shared memory, and a "
                    f"GPU of compute capability {capability / 10} has {limit:,}"
                )
            weights = "resident" if plan.resident else "streamed"
            print(f"{cell}_{direction:10} {width:5}  {weights}  {plan.warps:5}  {found.registers:9}  "
                  f"{found.spilled_bytes:7}  {found.shared_memory:13,}", flush=True)  # fmt: skip
            rows.append({"loop": f"{cell}_{direction}", "width": width, "weights": weights, "warps": plan.warps}
                        | found._asdict())  # fmt: skip
    if not args.check:
        write_json(RESULTS / f"triton-compiled-{capability}.json", {"capability": capability / 10, "loops": rows})


if __name__ == "__main__":
    run(main, takes_arguments=True)
