"""Small configurations with nothing switched on, and whatever a test changes in them."""

from typing import Any

from sentiment.config.model import ModelConfig
from stages import train

ENTRIES = 20  # of the vocabulary


def shape(**changes: Any) -> ModelConfig:
    values: dict[str, Any] = {
        "cell": "rnn", "nonlinearity": "tanh", "embedding_dim": 8, "hidden_dim": 4, "layers": 1, "bidirectional": False,
        "heads": 2, "pooling": "last", "input_conditioned": False, "vectors": "data/vectors.txt",
        "tune_vectors": True, "word_dropout": 0.0, "embedding_dropout": 0.0,
        "dropout": 0.0, "output_dropout": 0.0,
    }  # fmt: skip
    return ModelConfig.validated(values | changes)


def params(**changes: Any) -> train.Params:
    values = {
        "seed": 1, "epochs": 3, "batch_size": 16, "optimizer": "adam", "learning_rate": 0.01, "weight_decay": 0.0,
        "clip_norm": 1.0, "bucketing": True, "patience": 0, "precision": "float32", "schedule": "constant",
        "averaging": 0.0, "adversarial": 0.0,
    }  # fmt: skip
    return train.Params.model_validate(values | changes)
