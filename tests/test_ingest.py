"""Splits: the source's own or by a hash, the same on every machine, and never without one of the labels."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.config import paths
from sentiment.data.sources import Review
from sentiment.data.splitting import Splitter, Splitting, hash_text
from sentiment.errors import InputError
from sentiment.io import parquet
from sentiment.io.json_file import read_json
from stages import ingest

SPLITTING = Splitting(valid_fraction=0.2, test_fraction=0.3, seed=0)


def split(text: str, official: str | None = None, seed: int = 0) -> str:
    review = Review("1", text, 0, official)  # type: ignore[arg-type]
    return SPLITTING.split_of(review, hash_text(text, seed))


def test_the_hash_is_blake2b_on_every_machine() -> None:
    # printf "0\nNot bad at all." | b2sum --length 64
    assert hash_text("Not bad at all.", 0) == int("b30f372729cf4712", 16)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_test_split_of_a_source_is_kept(text: str) -> None:
    assert split(text, "test") == "test"
    assert split(text, "train") == ("valid" if split(text) == "valid" else "train")


def test_splits_have_about_their_share() -> None:
    splits = [split(f"review {number}") for number in range(10_000)]
    assert abs(splits.count("valid") / 10_000 - 0.2) < 0.02
    assert abs(splits.count("test") / 10_000 - 0.3) < 0.02
    official = [split(f"review {number}", "train") for number in range(10_000)]
    assert abs(official.count("valid") / 10_000 - 0.2) < 0.02


def test_another_seed_gives_another_split() -> None:
    texts = [f"review {number}" for number in range(100)]
    assert [split(text) for text in texts] != [split(text, seed=1) for text in texts]


def source(workspace: Path, rows: list[str]) -> None:
    path = workspace / paths.SAMPLE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("text,label\n" + "".join(f"{row}\n" for row in rows), encoding="utf-8")


def test_every_review_is_written_once_in_the_order_of_the_source(workspace: Path) -> None:
    source(workspace, [f"review {number},{number % 2}" for number in range(5000)])
    ingest.main()
    ids_of = {}
    for path in paths.REVIEWS:
        numbers = []
        for batch in parquet.read(path, parquet.REVIEWS):
            for row in batch.to_pylist():
                assert row["text"] == f"review {int(row['id']) - 1}"
                assert row["label"] == (int(row["id"]) - 1) % 2
                numbers.append(int(row["id"]))
        assert numbers == sorted(numbers)
        ids_of[path] = numbers
    assert sorted(sum(ids_of.values(), [])) == list(range(1, 5001))


def test_duplicates_are_in_one_split_and_counted(workspace: Path) -> None:
    source(workspace, [f"review {number // 2},{number // 2 % 2}" for number in range(2000)])
    ingest.main()
    texts = [
        {row["text"] for batch in parquet.read(path, parquet.REVIEWS) for row in batch.to_pylist()}
        for path in paths.REVIEWS
    ]
    assert not texts[0] & texts[1] | texts[0] & texts[2] | texts[1] & texts[2]
    corpus = read_json(paths.CORPUS)
    assert corpus["source"] == "data/sample/reviews.csv"
    assert corpus["test_texts_seen_in_training"] == 0
    assert sum(corpus[name]["duplicates"] for name in paths.SPLITS) == 1000


def test_reviews_of_a_film_are_in_one_split_and_so_are_duplicates(workspace: Path) -> None:
    reviews = [
        Review(f"train/{number}", f"{number}", number % 2, "train", f"film {number // 10}") for number in range(2000)
    ] + [Review(f"again/{number}", f"{number}", number % 2, "train", "another film") for number in range(0, 2000, 100)]
    test = [Review(f"test/{number}", f"{number}", number % 2, "test") for number in range(2)]
    with ExitStack() as stack:
        tables = {
            split: stack.enter_context(parquet.open_writer(path, parquet.REVIEWS))
            for split, path in zip(paths.SPLITS, paths.REVIEWS, strict=True)
        }
        splitter = Splitter(SPLITTING, tables)
        for review in reviews + test:
            splitter.add(review)
        splitter.finish("films")
    train, valid = (
        [row for batch in parquet.read(path, parquet.REVIEWS) for row in batch.to_pylist()]
        for path in (paths.REVIEWS.train, paths.REVIEWS.valid)
    )
    learned, held_out = ({int(row["text"]) // 10 for row in rows} for rows in (train, valid))
    assert not learned & held_out
    assert len(learned | held_out) == 200
    assert not {row["text"] for row in train} & {row["text"] for row in valid}
    assert abs(len(valid) / 2020 - 0.2) < 0.08
    assert len(train) + len(valid) == 2020


@pytest.mark.parametrize("rows", [[], ["good,1"] * 9, [f"good {number},1" for number in range(99)]])
def test_a_split_without_one_of_the_labels_is_refused_and_outputs_stay(workspace: Path, rows: list[str]) -> None:
    source(workspace, [f"review {number},{number % 2}" for number in range(100)])
    ingest.main()
    before = {path: path.read_bytes() for path in paths.REVIEWS.folder.iterdir()}
    source(workspace, rows)
    with pytest.raises(InputError, match="each split needs both"):
        ingest.main()
    assert {path: path.read_bytes() for path in paths.REVIEWS.folder.iterdir()} == before
