"""Small configurations with nothing switched on, and the changes that a test makes to them."""

from typing import Any

from sentiment.nn.config import ModelConfig
from sentiment.training.config import TrainConfig

VOCAB_SIZE = 20


def model_config(**changes: Any) -> ModelConfig:
    values: dict[str, Any] = {
        "encoder": "recurrent", "cell": "rnn", "nonlinearity": "tanh", "embedding_dim": 8, "hidden_dim": 4, "layers": 1,
        "bidirectional": False, "heads": 2, "pooling": "last", "concat_last_embedding": False,
        "vectors": "data/vectors.txt", "freeze_embeddings": False, "word_dropout": 0.0, "embedding_dropout": 0.0,
        "dropout": 0.0, "output_dropout": 0.0,
    }  # fmt: skip
    return ModelConfig.validated(values | changes)


def train_config(**changes: Any) -> TrainConfig:
    values: dict[str, Any] = {
        "seed": 1, "epochs": 3, "batch_size": 16, "optimizer": "adam", "learning_rate": 0.01, "weight_decay": 0.0,
        "clip_norm": 1.0, "bucketing": True, "patience": 0, "precision": "float32", "schedule": "constant",
        "ema_decay": 0.0, "adversarial_epsilon": 0.0,
    }  # fmt: skip
    return TrainConfig.validated(values | changes)
