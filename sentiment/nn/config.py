"""Section `model` of params.yaml: what `train` builds and a model folder remembers. Loads no torch."""

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from sentiment.config.section import Fraction, Section, Width
from sentiment.nn.cells import CELLS

if TYPE_CHECKING:
    CellName = str
else:
    CellName = Literal[tuple(CELLS)]  # mypy cannot read a Literal made of the registry's names

Pooling = Literal["last", "mean", "max", "concat"]

# Standard deviation of a new embedding. torch's default of 1 drives a tanh unit into saturation from the first step;
# docs/experiments.md has the test accuracies of both.
EMBEDDING_STD = 0.1


class ModelConfig(Section, name="model"):
    """A learned embedding, an encoder of its vectors and a linear readout of the pooled states."""

    encoder: Literal["recurrent", "transformer"]
    cell: CellName
    nonlinearity: Literal["tanh", "relu", "logistic"]
    embedding_dim: Width
    hidden_dim: Width
    recurrent_gain: Annotated[float, Field(ge=0, le=10)]
    layers: Annotated[int, Field(ge=1, le=64)]
    bidirectional: bool
    heads: Width
    pooling: Pooling
    concat_last_embedding: bool
    vectors: Annotated[str, Field(min_length=1)]
    freeze_embeddings: bool
    word_dropout: Fraction
    embedding_dropout: Fraction
    dropout: Fraction
    output_dropout: Fraction

    @property
    def state_dim(self) -> int:
        """Width of a layer's states: the hidden size, or twice that for both directions."""
        if self.encoder == "transformer":
            return self.embedding_dim
        return self.hidden_dim * (2 if self.bidirectional else 1)

    @property
    def readout_dim(self) -> int:
        """Width of the readout's input: the pooled states and, if asked for, the last token's embedding."""
        pooled = self.state_dim * (3 if self.pooling == "concat" else 1)
        return pooled + (self.embedding_dim if self.concat_last_embedding else 0)

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.encoder == "transformer":
            if self.bidirectional:
                raise ValueError("encoder 'transformer' reads in both directions anyway; set bidirectional to false")
            if self.embedding_dim % (2 * self.heads):
                raise ValueError(
                    f"embedding_dim {self.embedding_dim} does not divide into {self.heads} heads of even width; "
                    f"set it to a multiple of {2 * self.heads}"
                )
        elif self.nonlinearity != "tanh" and self.cell != "rnn":
            raise ValueError(
                f"nonlinearity {self.nonlinearity!r} exists for cell 'rnn' only, not {self.cell!r}; set it to tanh"
            )
        return self
