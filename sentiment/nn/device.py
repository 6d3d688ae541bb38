"""The device, chosen once, and torch made reproducible on it."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal

import torch

from sentiment.errors import InputError
from sentiment.nn.kernels import threads

Name = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["float64", "float32", "bfloat16"]


def select_device(name: Name, precision: Precision = "float32") -> torch.device:
    """Return the device of that name; `auto` is the first of CUDA, MPS and CPU that is here and has the precision.

    Raises InputError where the named device is absent or lacks the precision.
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    lacking = {"mps"} if precision == "float64" else set()
    if name == "auto":
        return torch.device(next(kind for kind, found in present.items() if found and kind not in lacking))
    if not present[name]:
        raise InputError(f"device {name!r} is not on this machine; set compute.device to auto or cpu")
    if name in lacking:
        raise InputError(f"device {name!r} does not compute in {precision}; set train.precision to float32")
    return torch.device(name)


def configure_torch(device: torch.device, count: int) -> None:
    """Make torch give the same numbers in every run on this machine, and quick where gradients fade.

    count: how many threads share a batch on the CPU

    Gradients that fade through time end as denormal floats, on which a CPU is about three times slower.
    """
    # MKL reads this at its first product: the same sums wherever an array lies in memory, at no cost that showed.
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
    threads.set_num_threads(count)
    torch.set_flush_denormal(True)
    _keep_memory()
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS needs it to be deterministic
    # What `use_deterministic_algorithms(True)` sets, without the 0.8 s that it takes to import torch's compiler.
    torch.set_deterministic_debug_mode("error")
    # That setting also fills all new memory with NaN, a tenth of a training step. What is read here is written before.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False  # float32 is float32
    # A Transformer is scored by the code that trained it: torch's shortcut knows no bfloat16 and takes four times the
    # memory (64 reviews of 512 tokens: 550 MiB instead of 122).
    torch.backends.mha.set_fastpath_enabled(False)


def _keep_memory() -> None:
    """Let glibc keep what a batch has freed for the next one.

    Otherwise it returns each large array to the system, whose fresh pages cost a tenth of an LSTM's training step.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", lambda parameter, value: 0)  # musl has none
        mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD: smaller arrays come from the heap
        mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD: the heap shrinks only beyond


def dtype(precision: Precision) -> torch.dtype:
    """Return the type of the weights while they learn."""
    return torch.float64 if precision == "float64" else torch.float32


@contextmanager
def float64_default() -> Iterator[None]:
    """Let new parameters and what is drawn for them be float64 in a `with` block."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def describe(device: torch.device) -> str:
    """Return what people call the device: "cpu, 1 thread" or the graphics card's name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    number = threads.num_threads()
    return f"cpu, {number} thread{'s' * (number > 1)}" if device.type == "cpu" else device.type


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """Return a context in which matrix products run in bfloat16, if that is the precision."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")
