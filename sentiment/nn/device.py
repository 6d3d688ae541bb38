"""The device, and the settings that make torch reproducible on it."""

import ctypes
import os
import sys
from contextlib import AbstractContextManager

import torch

from sentiment.config.compute import DeviceName, Precision, check_device_name
from sentiment.errors import InputError, quote
from sentiment.nn.kernels import threads


def select_device(name: DeviceName, precision: Precision = "float32", option: str = "compute.device") -> torch.device:
    """Return the device of that name; `auto` is the first of CUDA, MPS and CPU that is present and has the precision.

    Raises InputError, which names the `option` to change, where there is no such device or it lacks the precision.
    """
    try:
        kind, _, number = check_device_name(name).partition(":")
    except ValueError as error:
        raise InputError(f"{option}: {quote(name)} is not a device; {error}") from None
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    lacking = {"mps"} if precision == "float64" else set()
    if kind == "auto":
        return torch.device(next(kind for kind, found in present.items() if found and kind not in lacking))
    if not present[kind]:
        raise InputError(f"device {name!r} is not on this machine; set {option} to auto or cpu")
    if number and int(number) >= torch.cuda.device_count():
        gpus = ", ".join(f"cuda:{gpu}" for gpu in range(torch.cuda.device_count()))
        raise InputError(f"device {name!r} is not on this machine; set {option} to one of {gpus}")
    if kind in lacking:
        raise InputError(
            f"device {name!r} does not compute in {precision}; set {option} to cpu or train.precision to float32"
        )
    return torch.device(name)


def configure_torch(device: torch.device, num_threads: int) -> None:
    """Make torch compute the same numbers in every run on this machine, and flush denormal floats to zero.

    num_threads: threads that share a batch on the CPU

    Gradients that vanish over time end as denormal floats, on which a CPU is about three times slower.
    """
    # MKL reads this at its first product. Sums then do not depend on an array's address; no cost was measurable.
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
    threads.set_num_threads(num_threads)
    torch.set_flush_denormal(True)
    _keep_memory()
    if device.type == "cuda":
        if device.index is not None:
            torch.cuda.set_device(device)  # whose random generator a resumed training restores
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS needs it to be deterministic
    # The same setting as `use_deterministic_algorithms(True)`, which would import torch's compiler: 0.8 s.
    torch.set_deterministic_debug_mode("error")
    # It also fills all new memory with NaN, a tenth of a training step. Nothing here reads memory before writing it.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False  # float32 keeps all of its bits


def _keep_memory() -> None:
    """Let glibc keep the memory that a batch has freed for the next batch.

    Otherwise it returns each large array to the system, and new pages cost a tenth of an LSTM's training step.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", lambda parameter, value: 0)  # musl has none
        mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD: smaller arrays come from the heap
        mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD: the heap shrinks only beyond


def dtype(precision: Precision) -> torch.dtype:
    """Return the type of the weights during training."""
    return torch.float64 if precision == "float64" else torch.float32


def describe(device: torch.device) -> str:
    """Return the device's name for people: "cpu, 1 thread", or the name of the GPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    number = threads.num_threads()
    return f"cpu, {number} thread{'s' * (number > 1)}" if device.type == "cpu" else device.type


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """Return a context that runs matrix products in bfloat16 if that is the precision."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")
