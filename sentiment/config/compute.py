"""On what to compute, without torch: the keys of section `train` that `evaluate` obeys too."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from sentiment.config.section import Section


class ComputeConfig(Section, name="train"):
    """The device and the number of CPU threads. Other keys of the section are not this class's business."""

    model_config = ConfigDict(extra="ignore")

    device: Literal["auto", "cpu", "cuda", "mps"]
    threads: Annotated[int, Field(ge=1, le=512)]
