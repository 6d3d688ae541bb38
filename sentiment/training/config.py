"""Section `train` of params.yaml. Loads no torch."""

from typing import Annotated, Literal, Self

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
    adversarial_above: NonNegativeFloat
    bucketing: bool
    patience: NonNegativeInt
    precision: Precision

    def suited_to(self, parameters: int, reviews: int) -> Self:
        """Return the settings for a network and a number of training reviews.

        A network with few parameters for each review cannot memorise the reviews, and adversarial steps would only make
        it learn more slowly. They are left out up to `adversarial_above` parameters for each review.
        """
        if parameters > self.adversarial_above * reviews:
            return self
        return self.model_copy(update={"adversarial_epsilon": 0.0})
