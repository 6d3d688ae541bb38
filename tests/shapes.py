"""A small architecture with nothing switched on, and whatever a test changes in it."""

from typing import Any

from sentiment.config.model import ModelConfig


def shape(**changes: Any) -> ModelConfig:
    values: dict[str, Any] = {
        "cell": "rnn", "nonlinearity": "tanh", "embedding_dim": 8, "hidden_dim": 4, "layers": 1, "bidirectional": False,
        "heads": 2, "pooling": "last", "input_conditioned": False, "vectors": "data/vectors.txt",
        "tune_vectors": True, "word_dropout": 0.0, "embedding_dropout": 0.0,
        "dropout": 0.0, "output_dropout": 0.0,
    }  # fmt: skip
    return ModelConfig.validated(values | changes)
