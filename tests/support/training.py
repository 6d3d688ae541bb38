"""Training a small network in a test."""

import torch

from sentiment.data.encoding import EncodedSplit
from sentiment.data.word_vectors import Vectors
from sentiment.nn.classifier import Classifier
from sentiment.nn.config import ModelConfig
from sentiment.training.config import TrainConfig
from sentiment.training.resume import Checkpointer
from sentiment.training.trainer import EpochMetrics, Report
from stages import train
from tests.support.configs import VOCAB_SIZE

Splits = tuple[EncodedSplit, EncodedSplit]


def train_network(
    splits: Splits,
    model: ModelConfig,
    config: TrainConfig,
    device: torch.device | None = None,
    *,
    vectors: Vectors | None = None,
    checkpointer: Checkpointer | None = None,
    workers: int = 0,
    report: Report | None = None,
    vocab_size: int = VOCAB_SIZE,
    num_classes: int = 2,
) -> tuple[Classifier, list[EpochMetrics]]:
    """Train a network drawn with the seed of `config`, as stage `train` does."""
    torch.manual_seed(config.seed)
    classifier = Classifier(model, vocab_size, num_classes=num_classes)
    if vectors is not None:
        classifier.load_pretrained_embeddings(vectors)
    history = train.train(splits, classifier, config, device or torch.device("cpu"), workers, checkpointer, report)
    return classifier, history
