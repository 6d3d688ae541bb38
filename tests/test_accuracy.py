"""The lecture's network learns the embedded corpus, whatever the seed."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from sentiment import device, paths
from sentiment.architecture import Architecture
from sentiment.batches import InOrder, loader
from sentiment.corpus import Reviews
from sentiment.encoded import EncodedSplit
from sentiment.params import read
from sentiment.predicting import probabilities
from sentiment.vocabulary import Vocabulary
from stages import count_vocab, encode, ingest, tokenize
from stages import train as stage
from tests.imports import ROOT

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The current directory is one in which the data stages ran on the embedded corpus, with params.yaml as it is."""
    folder, before = tmp_path_factory.mktemp("encoded"), Path.cwd()
    (folder / paths.SAMPLE).parent.mkdir(parents=True)
    shutil.copy(ROOT / paths.SAMPLE, folder / paths.SAMPLE)
    shutil.copy(ROOT / "params.yaml", folder)
    os.chdir(folder)
    read.cache_clear()
    for module in (ingest, tokenize, count_vocab, encode):
        module.main()
    yield folder
    os.chdir(before)
    read.cache_clear()


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_it_reaches_95_percent(encoded: Path, seed: int) -> None:
    shape = Architecture.load()
    lecture = {
        "cell": "rnn",
        "nonlinearity": "tanh",
        "embedding_dim": 32,
        "hidden_dim": 16,
        "layers": 1,
        "bidirectional": False,
    }
    assert lecture.items() <= shape.model_dump().items()
    params = stage.Params.load().model_copy(update={"seed": seed})
    device.prepare(CPU, params.threads)
    splits = EncodedSplit.open(paths.IDS.train), EncodedSplit.open(paths.IDS.valid)
    model, _ = stage.train(splits, len(Vocabulary.load(paths.VOCABULARY)), shape, params, CPU)
    test = EncodedSplit.open(paths.IDS.test)
    probability = probabilities(model, loader(Reviews(test), InOrder(test.lengths, 256), CPU), len(test.labels))
    accuracy = np.mean((probability >= 0.5) == test.labels)
    print(f"seed {seed}: {accuracy:.4f}")
    assert accuracy >= 0.95
