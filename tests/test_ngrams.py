"""The baseline: its counts equal scikit-learn's, its weights the formulas."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from sentiment.baseline import linear
from sentiment.baseline.model import Baseline
from sentiment.baseline.ngrams import NGrams
from sentiment.baseline.reviews import TokenizedReviews
from sentiment.config import paths
from sentiment.data import predictions
from sentiment.data.classes import BINARY, Classes
from sentiment.data.corpus import Corpus
from sentiment.data.tokenizer import Tokenizer
from sentiment.errors import InputError
from sentiment.io import parquet
from sentiment.io.json_file import read_json, write_json
from stages import baseline
from tests.support.checkpoints import example_baseline
from tests.support.clone import set_parameter

TEXTS = st.lists(st.lists(st.sampled_from("abcde"), max_size=8), min_size=1, max_size=8)


@given(TEXTS, TEXTS, st.integers(1, 3), st.integers(1, 3))
def test_counts_equal_those_of_scikit_learn(
    train: list[list[str]], test: list[list[str]], max_length: int, min_count: int
) -> None:
    counter = CountVectorizer(analyzer="word", tokenizer=str.split, token_pattern=None, ngram_range=(1, max_length))
    try:
        counts = counter.fit_transform(map(" ".join, train)).toarray()
    except ValueError:  # no token at all
        counts = np.zeros((len(train), 0))
    kept = counts.sum(axis=0) >= min_count
    chunks = [pa.array(part, pa.list_(pa.string())) for part in (train[:2], train[2:])]
    ours = NGrams.fit(lambda: chunks, max_length, min_count)
    for split, theirs in (
        (train, counts),
        (test, counter.transform(map(" ".join, test)).toarray() if len(kept) else None),
    ):
        found = ours.count(pa.array(split, pa.list_(pa.string()))).toarray()
        if theirs is None:
            assert found.shape == (len(split), 0)
        else:
            assert sorted_columns(found) == sorted_columns(theirs[:, kept])


def sorted_columns(table: np.ndarray) -> list[tuple[float, ...]]:
    """Return the columns in an order that does not depend on the features' order."""
    return sorted(map(tuple, table.T.tolist()))


THREE = pa.array([["good", "good"], ["bad"], ["good", "bad"]])
COUNTS = NGrams.fit(lambda: [THREE], 1, 1).count(THREE)
LABELS = np.array([1, 0, 1], np.uint8)


def test_log_count_ratios_equal_those_by_hand() -> None:
    """Positive reviews with good: 2, with bad: 1; negative ones: 0 and 1. One is added to each."""
    bad, good = np.log((2 / 5) / (2 / 3)), np.log((3 / 5) / (1 / 3))
    assert linear.log_count_ratio(COUNTS, LABELS == 1) == pytest.approx([bad, good])


@pytest.mark.parametrize("kind", ["tfidf", "nbsvm"])
@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_are_those_of_one_regression_for_each_class(kind: linear.Features, classes: int) -> None:
    """tfidf: (1 + ln count) (1 + ln((reviews + 1) / (reviews with it + 1))), rows scaled to length 1."""
    tokens = pa.array([["good", "good", "bad"], ["bad"], ["bad", "good"], ["bad"], ["fair", "fair"], ["fair", "bad"]])
    counts = NGrams.fit(lambda: [tokens], 1, 1).count(tokens)
    labels = np.array([1, 0, 1, 0, classes - 1, classes - 1], np.uint8)
    table = counts.toarray()
    probability = []
    for label in [1] if classes == 2 else range(classes):
        if kind == "nbsvm":
            features = (table > 0) * linear.log_count_ratio(counts, labels == label)
        else:
            features = np.where(table > 0, 1 + np.log(np.maximum(table, 1)), 0)
            features *= 1 + np.log((len(table) + 1) / ((table > 0).sum(axis=0) + 1))
            features /= np.linalg.norm(features, axis=1, keepdims=True)
        model = LogisticRegression(C=2.0, solver="liblinear", dual=True, max_iter=1000, random_state=0)
        probability.append(model.fit(features, labels == label).predict_proba(features)[:, 1])
    expected = np.stack(probability, axis=1) if classes > 2 else np.stack([1 - probability[0], probability[0]], axis=1)
    found = linear.predict(linear.fit(kind, counts, labels, classes, 2.0), counts)
    assert found == pytest.approx(expected / expected.sum(axis=1, keepdims=True), abs=1e-6)


@pytest.mark.parametrize("kind", ["tfidf", "nbsvm"])
def test_the_classifier_learns_and_is_reproducible(kind: linear.Features) -> None:
    one, other = (linear.predict(linear.fit(kind, COUNTS, LABELS, 2, 100.0), COUNTS) for _ in range(2))
    assert (one == other).all()
    assert (one.argmax(axis=1) == LABELS).all()


def test_a_class_without_training_reviews_is_never_predicted() -> None:
    found = linear.predict(linear.fit("nbsvm", COUNTS, LABELS, 3, 100.0), COUNTS)
    assert (found[:, 2] < 0.2).all()
    assert (found.argmax(axis=1) == LABELS).all()


@given(TEXTS, st.integers(1, 3), st.integers(1, 2))
def test_n_grams_are_those_of_their_table(train: list[list[str]], max_length: int, min_count: int) -> None:
    tokens = pa.array(train, pa.list_(pa.string()))
    ngrams = NGrams.fit(lambda: [tokens], max_length, min_count)
    assume(len(ngrams.tokens))  # the stage refuses a baseline without features
    table = ngrams.table()
    again = NGrams.from_table(table)
    assert again.tokens.equals(ngrams.tokens)
    assert (again.count(tokens).toarray() == ngrams.count(tokens).toarray()).all()
    written = [tuple(ngram) for ngram in table.to_pylist()]
    assert written == sorted(written, key=lambda ngram: (len(ngram), ngram))
    counts = ngrams.count(tokens).sum(axis=0)
    for ngram, count in zip(written, counts, strict=True):
        size = len(ngram)
        assert count == sum(tuple(text[at : at + size]) == ngram for text in train for at in range(len(text)))


def test_the_order_of_the_reviews_does_not_change_that_of_the_features() -> None:
    """Arrow promises no order of the tokens that it counts."""
    chunks = [pa.array([["b", "a"]]), pa.array([["c", "b"]])]
    for order in (chunks, chunks[::-1]):
        ngrams = NGrams.fit(lambda order=order: order, 2, 1)  # type: ignore[misc]
        assert ngrams.table().to_pylist() == [["a"], ["b"], ["c"], ["b", "a"], ["c", "b"]]


@pytest.mark.parametrize("rows", [[["a"], ["a"]], [["a", "b"], ["a"], ["b"]], [["a"], ["a", "b"]], [[]]])
def test_a_damaged_table_of_n_grams_is_refused(rows: list[list[str]]) -> None:
    with pytest.raises(ValueError, match="not in their order"):
        NGrams.from_table(pa.array(rows, pa.list_(pa.string())))


@pytest.mark.parametrize("features", ["tfidf", "nbsvm"])
@pytest.mark.parametrize("classes", [BINARY, Classes(names=["bad", "fair", "good"])])
def test_a_saved_baseline_predicts_the_same(tmp_path: Path, features: linear.Features, classes: Classes) -> None:
    texts = ["good good film", "a bad film", "", "fair", "good", "bad , not good"]
    tokenizer = Tokenizer(method="words", lowercase=True, strip_html=True)
    tokens = tokenizer(pa.array(texts))
    ngrams = NGrams.fit(lambda: [tokens], 2, 1)
    labels = np.array([len(classes) - 1, 0, 1, 1, len(classes) - 1, 0], np.uint8)
    learned = linear.fit(features, ngrams.count(tokens), labels, len(classes), 1.0)
    baseline = Baseline(classes, tokenizer, Corpus(source="a.csv", reviews=6), ngrams, learned)
    baseline.save(tmp_path)
    loaded = Baseline.load(tmp_path)
    probability, unknown = loaded.predict_texts([*texts, "an unknown film"])
    assert (probability[:-1] == baseline(tokens)).all()
    assert unknown.tolist() == [*[0] * 6, 2 / 3]
    assert (loaded.classes, loaded.corpus) == (classes, baseline.corpus)


@pytest.mark.parametrize(
    "content, expected",
    [
        ("", "the header '' is not ngram,weight"),
        ("ngram,idf,weight\n", "the header 'ngram,idf,weight' is not ngram,weight"),
        ("ngram,weight\nbad,1\ngood\n", "damaged"),
        ("ngram,weight\nbad,x\n", "damaged .*could not convert"),
        ("ngram,weight\nbad,nan\n", "not all weights are numbers"),
        ("ngram,weight\nbad,1e99\n", "not all weights are numbers"),
        ("ngram,weight\ngood good,1\n", "its n-grams are not in their order"),
        ('ngram,weight\n"bad,1\n', "damaged"),
        (None, "missing; run `dvc repro`"),
    ],
)
def test_a_damaged_baseline_is_one_line(tmp_path: Path, content: str | None, expected: str) -> None:
    example_baseline().save(tmp_path)
    if content is None:
        (tmp_path / "ngrams.csv").unlink()
    else:
        (tmp_path / "ngrams.csv").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=f"ngrams.csv: {expected}"):
        Baseline.load(tmp_path)


def test_settings_of_another_baseline_are_refused(tmp_path: Path) -> None:
    example_baseline().save(tmp_path)
    settings = read_json(tmp_path / "settings.json")
    write_json(tmp_path / "settings.json", settings | {"intercepts": [0.1, 0.2]})
    with pytest.raises(InputError, match="settings.json does not belong to ngrams.csv"):
        Baseline.load(tmp_path)


def write_tokens(path: Path, lengths: list[int]) -> Path:
    with parquet.open_writer(path, parquet.TOKENS) as table:
        for number, length in enumerate(lengths):
            table.write(pa.array([str(number)]), pa.array([number % 2]), pa.array([["word"] * length]))
    return path


def test_reviews_come_in_chunks_and_in_their_order(tmp_path: Path) -> None:
    path = write_tokens(tmp_path / "t.parquet", [200_000] * 6 + [1])
    chunks = list(TokenizedReviews(path))
    assert [chunk["id"].to_pylist() for chunk in chunks] == [["0", "1", "2"], ["3", "4", "5"], ["6"]]


def test_the_part_of_a_corpus_that_is_too_large_is_drawn_from_all_of_it(tmp_path: Path) -> None:
    path = write_tokens(tmp_path / "t.parquet", [10] * 100 + [10_000] + [0])
    assert TokenizedReviews.sample(path, 11_000).kept is None
    part = TokenizedReviews.sample(path, 500)
    (chunk,) = part
    assert chunk.num_rows in (50, 51)  # with the empty one
    assert len(chunk["tokens"].flatten()) == 500
    numbers = [int(name) for name in chunk["id"].to_pylist()]
    assert numbers == sorted(numbers)
    assert 10 < sum(number < 50 for number in numbers) < 40
    assert [other["id"] for other in TokenizedReviews.sample(path, 500)] == [chunk["id"]]


def test_a_baseline_that_learned_from_a_part_says_so(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in paths.TOKENS:
        write_tokens(path, [10] * 40)
    write_json(paths.TOKENIZER, {"method": "words", "lowercase": True, "strip_html": True})
    write_json(paths.CORPUS, {"source": "reviews.csv"})
    set_parameter(paths.PARAMS, "baseline.max_ngrams", 200)
    baseline.main()
    assert "baseline: learns from 10 of 40 training reviews, chosen at random; raise" in capsys.readouterr().err
    assert parquet.count(paths.BASELINE_TEST, predictions.schema(BINARY)) == 40
    set_parameter(paths.PARAMS, "baseline.max_ngrams", 20)
    with pytest.raises(InputError, match="baseline.max_ngrams = 20 leaves reviews of one class only; raise it"):
        baseline.main()
