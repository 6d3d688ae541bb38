"""Word vectors of the training reviews: counted and weighed as by hand, near where words keep the same company."""

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from sentiment import cooccurrence, paths, vectors
from sentiment.architecture import EMBEDDING_STD
from sentiment.errors import InputError
from stages import pretrain
from tests.test_encoded import write

Reviews = list[list[int]]


def counted(reviews: Reviews, words: int, window: int) -> sparse.csr_array:
    lengths = np.array([len(review) for review in reviews])
    return cooccurrence.count(np.array(sum(reviews, []), np.uint8), lengths, words, window)


@pytest.mark.parametrize("window", [1, 2, 5, 100])
def test_pairs_are_counted_as_by_a_loop(window: int) -> None:
    random = np.random.default_rng(0)
    reviews = [random.integers(1, 9, random.integers(0, 12)).tolist() for _ in range(30)]  # 1 is out of the vocabulary
    expected = np.zeros((7, 7), np.int64)
    for review in reviews:
        for here, word in enumerate(review):
            for there, other in enumerate(review):
                if here != there and abs(here - there) <= window and min(word, other) > 1:
                    expected[word - 2, other - 2] += window + 1 - abs(here - there)
    assert np.array_equal(counted(reviews, 7, window).toarray(), expected)


def test_mutual_information_is_what_its_definition_says() -> None:
    counts = counted([[2, 3, 2], [3, 4], [2, 5]], 4, 2)
    dense = counts.toarray()
    joint, word = dense / dense.sum(), dense.sum(1) / dense.sum()
    context = dense.sum(1) ** 0.75 / (dense.sum(1) ** 0.75).sum()
    with np.errstate(divide="ignore"):
        expected = np.maximum(np.log(joint / np.outer(word, context)), 0)
    found = cooccurrence.information(counts)
    assert (expected > 0).sum() == found.nnz > 0
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-6)


def test_words_in_the_same_company_are_near() -> None:
    """Words 2 and 3 stand in for each other, as do 4 and 5; word 12 stands alone."""
    random = np.random.default_rng(0)
    company = {2: [6, 7], 3: [6, 7], 4: [8, 9], 5: [8, 9]}
    reviews = [[word, random.choice(company[word])] for word in random.integers(2, 6, 400).tolist()] + [[12]]
    counts = counted(reviews, 11, 1)
    found = cooccurrence.vectors(counts, 3, 0.1)
    assert found.dtype == np.float32
    assert found.std() == pytest.approx(0.1)
    assert not found[10].any()
    unit = found[:4] / np.linalg.norm(found[:4], axis=1, keepdims=True)
    assert [unit[0] @ unit[1], unit[2] @ unit[3]] == pytest.approx([1, 1], abs=0.01)
    assert abs(unit[0] @ unit[2]) < 0.2
    assert np.array_equal(cooccurrence.vectors(counts, 3, 0.1), found)


def test_what_the_stage_writes_is_read_back(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    values = pretrain.pretrain(write(tmp_path / "ids", random.integers(1, 12, (20, 9)).tolist()), 10, 3, 4)
    assert values.shape == (10, 4)
    assert values.std() == pytest.approx(EMBEDDING_STD)
    words = [f"wörd{number}" for number in range(10)]
    vectors.save(tmp_path / "vectors.txt", words, values)
    found = vectors.load(tmp_path / "vectors.txt", words, 4)
    np.testing.assert_allclose(found.values, values, rtol=1e-4)
    vectors.save(tmp_path / "vectors.txt", [], np.empty((0, 0), np.float32))
    assert not len(vectors.load(tmp_path / "vectors.txt", words, 4).places)


def test_too_few_words_are_one_line(tmp_path: Path) -> None:
    alone = write(tmp_path / "ids", [[2], [3], [4, 1, 5]])
    with pytest.raises(InputError, match=f"{paths.VOCABULARY}: has 4 tokens, too few for .*embedding_dim = 4; lower"):
        pretrain.pretrain(alone, 4, 1, 4)
    with pytest.raises(InputError, match=f"{paths.IDS.train}: no two tokens .* within pretrain.window = 1 of each oth"):
        pretrain.pretrain(alone, 4, 1, 3)
    assert pretrain.pretrain(alone, 4, 2, 3).any()
