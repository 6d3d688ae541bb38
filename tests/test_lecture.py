"""What the lecture says is seen: equal gradients, gradients that vanish, and an answer that collapses."""

import csv
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from benchmarks import lecture, prepared
from sentiment.config import paths
from sentiment.data.dataset import ReviewDataset
from sentiment.data.encoding import EncodedSplit
from sentiment.data.vocabulary import Vocabulary


@pytest.fixture(scope="module", autouse=True)
def encoded() -> Iterator[None]:
    torch.set_num_threads(1)
    with prepared.data_stages():
        yield


def entries() -> int:
    return len(Vocabulary.load(paths.VOCABULARY))


def test_one_at_a_time_and_packed_have_the_same_gradients() -> None:
    found = lecture.one_at_a_time(ReviewDataset(EncodedSplit.open(paths.IDS.train)), entries(), list(range(20)))
    assert len(found) == 3
    for name, way in found.items():
        assert way["largest_difference_of_a_gradient"] < 1e-12, name


def test_the_logistic_function_loses_the_gradient_and_tanh_keeps_it() -> None:
    train = EncodedSplit.open(paths.IDS.train)
    rows = np.flatnonzero(train.lengths >= 12)[:20].tolist()
    norms = lecture.vanishing(ReviewDataset(train), entries(), rows, 12)
    assert norms["logistic"][0] == pytest.approx(norms["tanh"][0], rel=0.5)
    assert norms["tanh"][-1] > norms["tanh"][0] / 100
    for later, earlier in zip(norms["logistic"], norms["logistic"][1:], strict=False):
        assert earlier < 0.26 * later  # a slope of at most 1/4, and orthogonal weights


def test_the_curve_that_dvc_draws_is_the_one_that_the_code_computes() -> None:
    reviews = ReviewDataset(EncodedSplit.open(paths.IDS.train))
    rows, typical = lecture.typical(reviews)
    norms = lecture.vanishing(reviews, entries(), rows, typical)
    with lecture.GRADIENTS.open(encoding="utf-8", newline="") as stream:
        drawn = list(csv.DictReader(stream))
    assert len(drawn) == typical
    for name, values in norms.items():
        assert [float(row[f"log10_{name}"]) for row in drawn] == pytest.approx(np.log10(values).tolist(), abs=1e-3)


@pytest.mark.slow
def test_reviews_in_the_order_of_their_labels_teach_one_answer() -> None:
    splits = EncodedSplit.open(paths.IDS.train), EncodedSplit.open(paths.IDS.valid)
    ordered, shuffled = lecture.presentation(*splits, entries(), epochs=12).values()
    assert ordered["accuracy"] < 0.65
    assert ordered["called_positive"] > 0.75
    assert shuffled["accuracy"] > 0.9
