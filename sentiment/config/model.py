"""The shape of the classifier, without torch: what `train` reads from params.yaml and a model folder remembers."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sentiment.config.section import Fraction, Section, Width

Cell = Literal["rnn", "gru", "lstm", "manual_rnn", "transformer"]
Pooling = Literal["last", "mean", "max", "concat"]

# Which cells know which non-linearity. All know tanh, whether they have a use for it or not.
_NONLINEAR: dict[str, tuple[Cell, ...]] = {"relu": ("rnn", "manual_rnn"), "logistic": ("manual_rnn",)}

# Standard deviation of a new embedding. torch's own is 1, which drives a tanh unit into saturation from the first step;
# docs/experiments.md has the test accuracies of both.
EMBEDDING_STD = 0.1


class ModelConfig(Section, name="model"):
    """A learned embedding, a stack of recurrent layers and a linear readout of their pooled states."""

    cell: Cell
    nonlinearity: Literal["tanh", "relu", "logistic"]
    embedding_dim: Width
    hidden_dim: Width
    layers: Annotated[int, Field(ge=1, le=64)]
    bidirectional: bool
    heads: Width
    pooling: Pooling
    input_conditioned: bool
    vectors: Annotated[str, Field(min_length=1)]
    tune_vectors: bool
    word_dropout: Fraction
    embedding_dropout: Fraction
    dropout: Fraction
    output_dropout: Fraction

    @property
    def state_dim(self) -> int:
        """Width of a layer's states: the hidden size, twice that where two directions are concatenated."""
        if self.cell == "transformer":
            return self.embedding_dim
        return self.hidden_dim * (2 if self.bidirectional else 1)

    @property
    def readout_dim(self) -> int:
        """Width of what the readout sees: the pooled states and, if it is conditioned on it, the last token."""
        pooled = self.state_dim * (3 if self.pooling == "concat" else 1)
        return pooled + (self.embedding_dim if self.input_conditioned else 0)

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        cells = _NONLINEAR.get(self.nonlinearity)
        if cells and self.cell not in cells:
            raise ValueError(
                f"nonlinearity {self.nonlinearity!r} exists for cell {' and '.join(map(repr, cells))} only, "
                f"not {self.cell!r}; set it to tanh"
            )
        if self.cell == "transformer" and self.bidirectional:
            raise ValueError("cell 'transformer' sees both sides of a token as it is; set bidirectional to false")
        if self.cell == "transformer" and self.embedding_dim % (2 * self.heads):
            raise ValueError(
                f"embedding_dim {self.embedding_dim} does not divide into {self.heads} heads of even width; "
                f"set it to a multiple of {2 * self.heads}"
            )
        return self
