"""Word vectors of the training reviews: counted and weighed as by hand, near where words keep the same company."""

import copy
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse

from sentiment.config import paths
from sentiment.config.compute import Backend
from sentiment.config.yaml_file import read_yaml
from sentiment.data import word_vectors
from sentiment.data.batching import SequentialBatchSampler, collate, make_loader
from sentiment.data.dataset import ReviewDataset
from sentiment.data.encoding import EncodedSplit
from sentiment.data.vocabulary import PADDING
from sentiment.errors import InputError
from sentiment.nn.classifier import Classifier
from sentiment.nn.config import EMBEDDING_STD, ModelConfig
from sentiment.nn.packed import PackedVectors
from sentiment.pretraining import language_model, ppmi
from sentiment.pretraining.config import PretrainConfig
from sentiment.pretraining.language_model import CANDIDATES, LanguageModel, fit, train_epoch
from sentiment.training.optimizer import make_optimizer
from stages import pretrain
from tests.support.configs import model_config
from tests.support.encoded import write_split
from tests.support.imports import ROOT

Texts = list[list[int]]
SMALL = {
    "method": "language_model", "unlabelled": True, "window": 2, "epochs": 1, "batch_size": 16, "learning_rate": 0.02,
    "seed": 1,
}  # fmt: skip


def counted(reviews: Texts, words: int, window: int) -> sparse.csr_array:
    lengths = np.array([len(review) for review in reviews])
    return ppmi.cooccurrences(np.array(sum(reviews, []), np.uint8), lengths, words, window)


@pytest.mark.parametrize("chunk", [1, 20, 1000])
@pytest.mark.parametrize("window", [1, 2, 5, 100])
def test_pairs_are_counted_as_by_a_loop(window: int, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ppmi, "CHUNK_TOKENS", chunk)
    random = np.random.default_rng(0)
    reviews = [random.integers(1, 9, random.integers(0, 12)).tolist() for _ in range(30)]  # 1 is out of the vocabulary
    expected = np.zeros((7, 7), np.int64)
    for review in reviews:
        for here, word in enumerate(review):
            for there, other in enumerate(review):
                if here != there and abs(here - there) <= window and min(word, other) > 1:
                    expected[word - 2, other - 2] += window + 1 - abs(here - there)
    assert np.array_equal(counted(reviews, 7, window).toarray(), expected)


def test_the_rarest_pairs_are_forgotten_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ppmi, "MAX_PAIRS", 2)
    monkeypatch.setattr(ppmi, "CHUNK_TOKENS", 1)
    counts = counted([[2, 3], [2, 3], [2, 3], [4, 5], [4, 5], [2, 6], [2, 7]], 6, 1)
    assert counts.toarray()[[0, 2], [1, 3]].tolist() == [3, 2]
    assert counts.sum() == 2 * (3 + 2)


def test_mutual_information_is_what_its_definition_says() -> None:
    counts = counted([[2, 3, 2], [3, 4], [2, 5]], 4, 2)
    dense = counts.toarray()
    joint, word = dense / dense.sum(), dense.sum(1) / dense.sum()
    context = dense.sum(1) ** 0.75 / (dense.sum(1) ** 0.75).sum()
    with np.errstate(divide="ignore"):
        expected = np.maximum(np.log(joint / np.outer(word, context)), 0)
    found = ppmi.ppmi(counts)
    assert (expected > 0).sum() == found.nnz > 0
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-12)


def test_words_in_the_same_company_are_near() -> None:
    """Words 2 and 3 stand in for each other, as do 4 and 5; word 12 stands alone."""
    random = np.random.default_rng(0)
    company = {2: [6, 7], 3: [6, 7], 4: [8, 9], 5: [8, 9]}
    reviews = [[word, random.choice(company[word])] for word in random.integers(2, 6, 400).tolist()] + [[12]]
    counts = counted(reviews, 11, 1)
    found = ppmi.factorize(ppmi.ppmi(counts), 3, 0.1)
    assert found.dtype == np.float32
    assert found.std() == pytest.approx(0.1)
    assert not found[10].any()
    unit = found[:4] / np.linalg.norm(found[:4], axis=1, keepdims=True)
    assert [unit[0] @ unit[1], unit[2] @ unit[3]] == pytest.approx([1, 1], abs=0.01)
    assert abs(unit[0] @ unit[2]) < 0.2
    assert np.array_equal(ppmi.factorize(ppmi.ppmi(counts), 3, 0.1), found)


def test_what_the_stage_writes_is_read_back(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    values = pretrain.ppmi_vectors(write_split(tmp_path / "ids", random.integers(1, 12, (20, 9)).tolist()), 10, 3, 4)
    assert values.shape == (10, 4)
    assert values.std() == pytest.approx(EMBEDDING_STD)
    words = [f"wörd{number}" for number in range(10)]
    word_vectors.save(tmp_path / "vectors.txt", words, values)
    found = word_vectors.load(tmp_path / "vectors.txt", words, 4)
    np.testing.assert_allclose(found.values, values, rtol=1e-4)
    word_vectors.save(tmp_path / "vectors.txt", [], np.empty((0, 0), np.float32))
    assert not len(word_vectors.load(tmp_path / "vectors.txt", words, 4).indices)


def test_too_few_words_are_one_line(tmp_path: Path) -> None:
    alone = write_split(tmp_path / "ids", [[2], [3], [4, 1, 5]])
    with pytest.raises(InputError, match=f"{paths.VOCABULARY}: has 4 tokens, too few for .*embedding_dim = 4; lower"):
        pretrain.ppmi_vectors(alone, 4, 1, 4)
    with pytest.raises(InputError, match=f"{paths.IDS.train}: no two tokens .* by chance within pretrain.window = 1"):
        pretrain.ppmi_vectors(alone, 4, 1, 3)
    assert pretrain.ppmi_vectors(alone, 4, 2, 3).any()


@pytest.mark.parametrize(
    "cell, bidirectional, backend", [("lstm", True, "auto"), ("rnn", False, "auto"), ("rnn", True, "reference")]
)
def test_the_loss_of_the_language_model_is_that_of_its_predictions_one_by_one(
    cell: str, bidirectional: bool, backend: Backend
) -> None:
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    reviews = [random.integers(1, 12, length).tolist() for length in (7, 1, 4, 0, 2)]
    classifier = Classifier(model_config(cell=cell, bidirectional=bidirectional), 12, backend)
    occurrences = np.bincount(sum(reviews, []), minlength=12)
    model = LanguageModel(classifier, occurrences).eval()
    batch = collate([(place, np.array(ids, np.uint8), 0) for place, ids in enumerate(reviews)])
    candidates = model.draw()
    assert len(set(candidates.tolist())) < len(candidates) == CANDIDATES
    assert PADDING not in candidates

    share = occurrences**0.75 / (occurrences**0.75).sum()
    logit = [
        math.log(max(n, 1) / occurrences.sum()) - math.log(max(q, 1e-12) * CANDIDATES)
        for n, q in zip(occurrences, share, strict=True)
    ]
    table = classifier.embedding.weight
    losses: list[list[torch.Tensor]] = [[], []]
    for ids in reviews:
        if not ids:
            continue
        alone = torch.tensor(ids)
        packed = PackedVectors(table[alone], None, torch.ones(len(ids), dtype=torch.int64))
        states = model.recurrence.states(packed)
        pairs = list(pairwise(range(len(ids))))
        for direction, (rows, _) in enumerate(states):
            for before, after in pairs if direction == 0 else [(after, before) for before, after in pairs]:
                prediction = model.output[direction](rows[before])
                others = [word for word in candidates.tolist() if word != ids[after]]
                logits = [5.0 * prediction @ table[word] + logit[word] for word in [ids[after], *others]]
                losses[direction].append(-torch.log_softmax(torch.stack(logits), 0)[0])
    expected = torch.stack([torch.stack(each).mean() for each in losses if each]).mean()
    torch.testing.assert_close(model(batch.ids, candidates), expected)


@pytest.mark.cuda
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_the_language_model_on_cuda_agrees_with_the_cpu(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In float64, since cuDNN rounds float32 to TF32; training, since cuDNN does not go backward otherwise."""
    monkeypatch.setattr(language_model, "DROPOUT", 0.0)
    torch.manual_seed(0)
    reviews = [[2, 3, 4, 5], [6], [], [5, 4, 3, 2, 7, 7]]
    model = LanguageModel(Classifier(model_config(cell=cell, bidirectional=True), 12), np.full(12, 3)).double()
    batch = collate([(place, np.array(ids, np.uint8), 0) for place, ids in enumerate(reviews)])
    candidates = model.draw()
    other = copy.deepcopy(model).cuda()
    loss, found = model(batch.ids, candidates), other(batch.to(torch.device("cuda")).ids, candidates.cuda())
    torch.testing.assert_close(found.cpu(), loss, rtol=0, atol=1e-10)
    loss.backward()
    found.backward()
    for one, on_cuda in zip(model.parameters(), other.parameters(), strict=True):
        assert (one.grad is None) == (on_cuda.grad is None)
        if one.grad is not None and on_cuda.grad is not None:
            torch.testing.assert_close(on_cuda.grad.cpu(), one.grad, rtol=0, atol=1e-10)


@pytest.fixture
def counting(tmp_path: Path) -> EncodedSplit:
    """Reviews in which each word is followed by the next one, from anywhere, round and round."""
    random = np.random.default_rng(0)
    return write_split(tmp_path / "ids", [[2 + (n + k) % 9 for k in range(random.integers(0, 12))] for n in range(200)])


def test_it_learns_which_word_follows(counting: EncodedSplit) -> None:
    torch.manual_seed(0)
    model = LanguageModel(
        Classifier(model_config(cell="gru", bidirectional=True), 11), np.bincount(counting.ids, minlength=11)
    )
    batches = list(
        make_loader(ReviewDataset(counting), SequentialBatchSampler(counting.lengths, 16), torch.device("cpu"))
    )
    assert len(batches[-1].ids.batch_sizes) < 2  # no pair of words
    adam = make_optimizer(model, "adam", 0.02, 0.0)
    losses = [train_epoch(model, batches, adam, None) for _ in range(15)]
    assert losses[0] > 4
    assert losses[-1] < losses[0] - 1.5
    broken = make_optimizer(model, "sgd", 1e30, 0.0)
    with pytest.raises(InputError, match="pre-training diverged.*lower pretrain.learning_rate"):
        train_epoch(model, batches, broken, None)


def test_only_what_dvc_knows_of_changes_what_is_learned(counting: EncodedSplit) -> None:
    def learned(given: ModelConfig) -> dict[str, torch.Tensor]:
        nothing = word_vectors.Vectors(np.empty(0, np.int64), np.empty((0, 8), np.float32))
        params = PretrainConfig.validated(SMALL)
        classifier, loss = fit(counting, nothing, 11, given, params, torch.device("cpu"))
        assert 1 < loss < 10
        return {"embedding": classifier.embedding.weight} | dict(classifier.recurrence.named_parameters())

    params = read_yaml(ROOT / "dvc.yaml")["stages"]["pretrain"]["params"]
    one = learned(model_config(cell="lstm"))
    changes = {
        "heads": 3, "pooling": "concat", "concat_last_embedding": True, "vectors": "glove.txt",
        "freeze_embeddings": True, "word_dropout": 0.5, "embedding_dropout": 0.5, "dropout": 0.5, "output_dropout": 0.5,
    }  # fmt: skip
    assert set(changes) | {name.partition(".")[2] for name in params if name.startswith("model.")} == set(
        ModelConfig.model_fields
    )
    other = learned(model_config(cell="lstm", **changes))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    torch.manual_seed(1)
    fresh = dict(Classifier(model_config(cell="lstm"), 11).recurrence.named_parameters())
    assert not any(torch.equal(one[name], value) for name, value in fresh.items())


@pytest.mark.parametrize(
    "method, changes, expected",
    [
        (
            "ppmi",
            {"vectors": "glove.txt"},
            "'ppmi' writes data/pretrained/vectors.txt, but model.vectors is 'glove.txt'; set model",
        ),
        ("language_model", {"encoder": "transformer"}, "whose states have seen the word to predict"),
        ("language_model", {"bidirectional": True, "layers": 2}, "whose states have seen the word to predict"),
    ],
)
def test_what_cannot_begin_so_is_one_line(method: str, changes: dict[str, object], expected: str) -> None:
    def params(method: str) -> PretrainConfig:
        return PretrainConfig.validated(SMALL | {"method": method})

    with pytest.raises(InputError, match=expected) as caught:
        params(method).require(model_config(**changes))
    assert "\n" not in str(caught.value)
    params("none").require(model_config(**changes))
    params("language_model").require(model_config(layers=2))
    params("language_model").require(model_config(bidirectional=True))
