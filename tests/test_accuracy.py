"""The sample corpus needs order: the lecture's network learns it whatever the seed, a bag of words does not."""

from collections.abc import Iterator

import pytest

from benchmarks import corpus, prepared
from benchmarks.corpus import SEEDS
from sentiment.nn.config import ModelConfig


@pytest.fixture(scope="module", autouse=True)
def encoded() -> Iterator[None]:
    with prepared.data_stages():
        yield


def test_the_network_of_params_yaml_is_the_lecture_s() -> None:
    lecture = {"cell": "rnn", "nonlinearity": "tanh", "embedding_dim": 32, "hidden_dim": 16, "layers": 1}
    assert (lecture | {"bidirectional": False}).items() <= ModelConfig.load().model_dump().items()


@pytest.mark.parametrize("seed", [SEEDS[0], *(pytest.param(seed, marks=pytest.mark.slow) for seed in SEEDS[1:])])
def test_it_reaches_99_percent(seed: int) -> None:
    assert corpus.network(seed) >= 0.99


def test_bags_of_words_do_not() -> None:
    unigrams, bigrams, trigrams = (corpus.bag_of_words(size) for size in (1, 2, 3))
    assert unigrams < 0.60
    assert bigrams < 0.75
    assert trigrams < 0.85
