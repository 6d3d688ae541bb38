"""Where and how the stages compute, without torch.

Threads and workers change no result. Device and backend change the last bits, which training in float32 amplifies."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from sentiment.config.section import Section

Backend = Literal["auto", "triton", "reference"]
Precision = Literal["float64", "float32", "bfloat16"]


def check_device_name(name: str) -> str:
    """Return the name of a device. Raises ValueError where it is none: `cuda:1` is the second GPU."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:(0|[1-9]\d{0,2}))?", name, re.ASCII):
        raise ValueError("use auto, cpu, mps, cuda, or the number of a GPU, such as cuda:1")
    return name


DeviceName = Annotated[str, AfterValidator(check_device_name)]


class ComputeConfig(Section, name="compute"):
    """The device, the implementation, and the processes and threads that share the work.

    device: auto takes cuda, then mps, then cpu; cuda:1 is the second GPU
    backend: auto takes compiled loops on the CPU and cuDNN on a GPU; triton takes Triton's loops on a GPU, where there
        are some for the layer; reference is plain torch, one step after the other
    threads: CPU threads that share a batch; their number changes no bit of a result
    workers: processes that prepare batches; their number changes no bit of a result
    """

    device: DeviceName
    backend: Backend
    threads: Annotated[int, Field(ge=1, le=512)]
    workers: Annotated[int, Field(ge=0, le=256)]
