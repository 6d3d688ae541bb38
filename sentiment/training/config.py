"""Section `train` of params.yaml. Loads no torch."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat

from sentiment.config.compute import Precision
from sentiment.config.section import Fraction, NonNegativeInt, PositiveInt, Section, Seed

Schedule = Literal["constant", "one_cycle"]


class TrainConfig(Section, name="train"):
    """How the classifier is trained. 0 switches off `clip_norm`, `patience`, `ema_decay` and `adversarial_epsilon`."""

    seed: Seed
    epochs: PositiveInt
    batch_size: PositiveInt
    optimizer: Literal["adam", "adamw", "sgd"]
    learning_rate: Annotated[float, Field(gt=0, le=1000)]
    schedule: Schedule
    weight_decay: Annotated[float, Field(ge=0, le=1000)]
    clip_norm: NonNegativeFloat
    ema_decay: Fraction
    adversarial_epsilon: Fraction
    bucketing: bool
    patience: NonNegativeInt
    precision: Precision
