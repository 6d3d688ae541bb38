"""The shape of the classifier, without torch: what `train` reads from params.yaml and a model folder remembers."""

from typing import Literal, Self

from pydantic import model_validator

from sentiment.params import Fraction, Section, Width


class Architecture(Section, name="model"):
    """A learned embedding, a stack of recurrent layers and a linear readout of the last state."""

    cell: Literal["rnn", "gru", "lstm"]
    nonlinearity: Literal["tanh", "relu"]
    embedding_dim: Width
    hidden_dim: Width
    layers: Width
    bidirectional: bool
    dropout: Fraction
    embedding_dropout: Fraction

    @property
    def state_dim(self) -> int:
        """Width of what is read out: the hidden size, twice that where two directions are concatenated."""
        return self.hidden_dim * (2 if self.bidirectional else 1)

    @model_validator(mode="after")
    def _relu_needs_rnn(self) -> Self:
        if self.nonlinearity == "relu" and self.cell != "rnn":
            raise ValueError(f"nonlinearity 'relu' exists for cell 'rnn' only, not {self.cell!r}; set it to tanh")
        return self
