"""A small untrained classifier with its vocabulary, as a checkpoint, and a small baseline."""

import numpy as np
import pyarrow as pa
import torch

from sentiment.baseline.linear import Weights
from sentiment.baseline.model import Baseline
from sentiment.baseline.ngrams import NGrams
from sentiment.data.classes import BINARY, Classes
from sentiment.data.corpus import Corpus
from sentiment.data.encoding import Encoding, Truncation
from sentiment.data.tokenizer import Tokenizer
from sentiment.data.vocabulary import Vocabulary
from sentiment.inference.checkpoint import Checkpoint
from sentiment.nn.classifier import Classifier
from tests.support.configs import model_config

CPU = torch.device("cpu")
VOCABULARY = Vocabulary(pa.array(["good", "bad", "NA", "🎬"]), pa.array([4, 3, 2, 1]))
ENCODING = Encoding(
    tokenizer=Tokenizer(method="words", lowercase=True, strip_html=True),
    truncation=Truncation(max_tokens=6, truncation_side="middle"),
    vocabulary=VOCABULARY.digest,
)


def example(encoder: str = "recurrent", cell: str = "lstm", classes: Classes = BINARY) -> Checkpoint:
    torch.manual_seed(0)
    small = model_config(
        encoder=encoder,
        cell=cell,
        hidden_dim=3,
        layers=2,
        bidirectional=encoder == "recurrent",
        dropout=0.5,
        embedding_dropout=0.5,
    )
    classifier = Classifier(small, len(VOCABULARY), num_classes=len(classes)).eval()
    return Checkpoint(classifier, VOCABULARY, ENCODING, classes, Corpus(source="reviews.csv", reviews=7))


def example_baseline() -> Baseline:
    """Return a baseline of two words and two pairs."""
    ngrams = NGrams.from_table(pa.array([["bad"], ["good"], ["bad", "good"], ["good", "good"]]))
    learned = Weights(np.array([[-1], [1], [-0.5], [0.5]], np.float32), np.array([0.1], np.float32), None)
    return Baseline(BINARY, ENCODING.tokenizer, Corpus(source="reviews.csv", reviews=7), ngrams, learned)


STARS = Classes(names=["1", "2", "3", "4", "5"])

TEXTS = ["Good, GOOD<br/>bad 🎬!", "", "na na unknown", "good " * 50 + "bad"]
