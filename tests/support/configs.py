"""Small configurations: the parameters of the project, a smaller network, and the changes that a test makes to them."""

from typing import Any

from sentiment.config.yaml_file import read_yaml
from sentiment.nn.config import ModelConfig
from sentiment.training.config import TrainConfig
from tests.support.imports import ROOT

VOCAB_SIZE = 20

_PARAMS = read_yaml(ROOT / "params.yaml")
_MODEL = {"embedding_dim": 8, "hidden_dim": 4, "heads": 2, "recurrent_gain": 1.0, "pooling": "last"}
_TRAIN = {
    "epochs": 3,
    "batch_size": 16,
    "learning_rate": 0.01,
    "schedule": "constant",
    "adversarial_epsilon": 0.0,
    "adversarial_above": 0.0,
    "patience": 0,
    "precision": "float32",
}


def model_config(**changes: Any) -> ModelConfig:
    return ModelConfig.validated(_PARAMS["model"] | _MODEL | changes)


def train_config(**changes: Any) -> TrainConfig:
    return TrainConfig.validated(_PARAMS["train"] | _TRAIN | changes)
