"""Untrained networks with distinct answers, and words to ask them about."""

import numpy as np
import torch

from sentiment.data.automaton import Word
from sentiment.data.batching import Batch, collate
from sentiment.data.classes import BINARY
from sentiment.data.vocabulary import FIRST_TOKEN
from sentiment.inference.checkpoint import Checkpoint
from sentiment.nn.classifier import Classifier
from tests.support.checkpoints import ENCODING, STARS, VOCABULARY, example
from tests.support.configs import model_config

TOKENS = len(VOCABULARY.tokens)


def random_words(count: int, tokens: int = TOKENS, longest: int = 12) -> list[Word]:
    random = np.random.default_rng(0)
    return [tuple(random.integers(0, tokens, random.integers(1, longest + 1)).tolist()) for _ in range(count)]


def batch_of(words: list[Word]) -> Batch:
    return collate([(row, np.array(word, np.int64) + FIRST_TOKEN, 0) for row, word in enumerate(words)])


def network(classes: int = 2, **changes: object) -> Checkpoint:
    """Return an untrained network of two or five classes whose answers differ from word to word."""
    torch.manual_seed(1)
    classifier = Classifier(model_config(**changes), len(VOCABULARY), num_classes=classes).eval()
    with torch.no_grad():
        classifier.embedding.weight.mul_(30)
        classifier.readout.weight.mul_(30)
        batch = batch_of(random_words(50))  # no class is rare
        classifier.readout.bias.sub_(classifier(batch.ids, len(batch)).reshape(50, -1).mean(dim=0))
    return Checkpoint(classifier, VOCABULARY, ENCODING, BINARY if classes == 2 else STARS, example().corpus)


def smooth(classes: int = 2, **changes: object) -> Checkpoint:
    """Return a network whose states and probabilities are not at the ends of their range."""
    trained = network(classes, **changes)
    trained.classifier.embedding.weight.data.div_(20)
    trained.classifier.readout.weight.data.div_(10)
    trained.classifier.readout.bias.data.zero_()
    return trained
