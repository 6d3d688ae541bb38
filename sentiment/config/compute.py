"""Where and how the stages compute, without torch.

Threads and workers change no result. Device and backend change the last bits, which training in float32 amplifies."""

from typing import Annotated, Literal

from pydantic import Field

from sentiment.config.section import Section

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
Backend = Literal["auto", "reference"]
Precision = Literal["float64", "float32", "bfloat16"]


class ComputeConfig(Section, name="compute"):
    """The device, the implementation, and the processes and threads that share the work.

    device: auto takes cuda, then mps, then cpu
    backend: auto takes the fastest implementation; reference is plain torch, one step after the other
    threads: CPU threads that share a batch; their number changes no bit of a result
    workers: processes that prepare batches; their number changes no bit of a result
    """

    device: DeviceName
    backend: Backend
    threads: Annotated[int, Field(ge=1, le=512)]
    workers: Annotated[int, Field(ge=0, le=256)]
