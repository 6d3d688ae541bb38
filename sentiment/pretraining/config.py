"""Section `pretrain` of params.yaml. Loads no torch."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from sentiment.config import paths
from sentiment.config.section import PositiveInt, Section, Seed
from sentiment.errors import InputError
from sentiment.nn.config import ModelConfig


class PretrainConfig(Section, name="pretrain"):
    """How the network is pre-trained, if at all, on reviews without their labels."""

    method: Literal["none", "ppmi", "language_model"]
    unlabelled: bool
    window: PositiveInt
    epochs: PositiveInt
    batch_size: PositiveInt
    learning_rate: Annotated[float, Field(gt=0, le=1000)]
    seed: Seed

    def require(self, model: ModelConfig) -> None:
        """Raise InputError where the network cannot start from the method's results."""
        own_vectors = Path(model.vectors) == paths.VECTORS
        if self.method != "none" and not own_vectors:
            raise InputError(
                f"{paths.PARAMS}: pretrain.method {self.method!r} writes {paths.VECTORS}, but model.vectors is "
                f"{model.vectors!r}; set model.vectors to {paths.VECTORS}, or pretrain.method to none"
            )
        if self.method == "none" and model.freeze_embeddings and own_vectors:
            raise InputError(
                f"{paths.PARAMS}: model.freeze_embeddings keeps the embedding as it is, but pretrain.method 'none' "
                "learns no vectors; set pretrain.method to ppmi, model.vectors to a file, or freeze_embeddings to false"
            )
        if self.method == "language_model" and (
            model.encoder == "transformer" or (model.bidirectional and model.layers > 1)
        ):
            raise InputError(
                f"{paths.PARAMS}: pretrain.method 'language_model' cannot train a transformer or stacked "
                "bidirectional layers, whose states have seen the word to predict; set it to ppmi, model.layers to 1, "
                "or model.bidirectional to false"
            )
