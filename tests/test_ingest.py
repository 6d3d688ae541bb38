"""Splits: the source's own or by a hash, the same on every machine, and never without one of the labels."""

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.config import paths
from sentiment.data.classes import BINARY, Classes
from sentiment.data.labels import LabelEncoder, LabelOptions
from sentiment.data.sources import Review
from sentiment.data.splitting import Splitter, Splitting, hash_text
from sentiment.errors import InputError
from sentiment.io import parquet
from sentiment.io.json_file import read_json
from stages import ingest
from tests.support.clone import set_parameter

SPLITTING = Splitting(valid_fraction=0.2, test_fraction=0.3, seed=0)


def split(text: str, official: str | None = None, seed: int = 0, has_valid: bool = False) -> str:
    review = Review("1", text, "0", official, has_valid=has_valid)  # type: ignore[arg-type]
    return SPLITTING.split_of(review, hash_text(text, seed))


def test_the_hash_is_blake2b_on_every_machine() -> None:
    # printf "0\nNot bad at all." | b2sum --length 64
    assert hash_text("Not bad at all.", 0) == int("b30f372729cf4712", 16)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_test_split_of_a_source_is_kept(text: str) -> None:
    assert split(text, "test") == "test"
    assert split(text, "train") == ("valid" if split(text) == "valid" else "train")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_validation_split_of_a_source_is_kept(text: str) -> None:
    assert split(text, "valid", has_valid=True) == "valid"
    assert split(text, "train", has_valid=True) == "train"
    assert split(text, has_valid=True) == ("test" if split(text) == "test" else "train")


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
        Review(f"train/{number}", f"{number}", str(number % 2), "train", f"film {number // 10}")
        for number in range(2000)
    ] + [
        Review(f"again/{number}", f"{number}", str(number % 2), "train", "another film")
        for number in range(0, 2000, 100)
    ]
    test = [Review(f"test/{number}", f"{number}", str(number % 2), "test") for number in range(2)]
    with ExitStack() as stack:
        tables = {
            split: stack.enter_context(parquet.open_writer(path, parquet.REVIEWS))
            for split, path in zip(paths.PARTS, paths.REVIEWS, strict=True)
        }
        splitter = Splitter("films", SPLITTING, LabelOptions(labels="auto", missing="refuse"), tables)
        for review in reviews + test:
            splitter.add(review)
        splitter.finish()
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
    with pytest.raises(InputError, match="each split needs every class: add reviews|all reviews have the label"):
        ingest.main()
    assert {path: path.read_bytes() for path in paths.REVIEWS.folder.iterdir()} == before


def ingested(workspace: Path, rows: list[str], **changes: object) -> dict[str, Any]:
    """Run the stage on rows with other parameters. Return metrics/corpus.json."""
    source(workspace, rows)
    for key, value in changes.items():
        set_parameter(workspace / paths.PARAMS, f"ingest.{key}", value)
    ingest.main()
    return read_json(paths.CORPUS)


def classes_of_texts() -> dict[str, str]:
    names = Classes.load().names
    tables = [batch.to_pylist() for path in paths.REVIEWS for batch in parquet.read(path, parquet.REVIEWS)]
    return {row["text"]: names[row["label"]] for row in sum(tables, [])}


STARS = [f"review {number},{10 - number % 10}.0" for number in range(600)]


def test_each_of_a_few_labels_is_a_class_in_the_order_of_numbers(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = ingested(workspace, STARS)
    assert Classes.load().names == [str(stars) for stars in range(1, 11)]
    assert classes_of_texts() == {f"review {number}": str(10 - number % 10) for number in range(600)}
    assert capsys.readouterr().err == "the reviews have 10 classes: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10\n"
    for split in paths.SPLITS:
        assert corpus[split].keys() == {"reviews", "classes", "duplicates"}
        assert sum(corpus[split]["classes"].values()) == corpus[split]["reviews"]
    assert sum(corpus[split]["classes"]["10"] for split in paths.SPLITS) == 60


def test_a_mapping_names_the_classes_and_drops_other_labels(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = {1: "negative", 2: "negative", 9: "positive", 10: "positive"}
    corpus = ingested(workspace, STARS, labels=labels)
    assert Classes.load() == BINARY
    assert corpus["dropped"] == 360
    assert sum(corpus[split]["positive"] for split in paths.SPLITS) == 120
    found = classes_of_texts()
    assert (found["review 0"], found["review 8"], len(found)) == ("positive", "negative", 240)
    assert (
        "360 reviews are left out, as ingest.labels does not name the label: "
        "'3' (60), '4' (60), '5' (60), '6' (60), '7' (60), …\n" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "labels, names",
    [
        (["1", "0"], ["negative", "positive"]),
        (["false", "true"], ["negative", "positive"]),
        (["POS", "neg", "1"], ["negative", "positive"]),
        (["4", "0"], ["0", "4"]),
        (["10", "9", "1.5", "-1"], ["-1", "1.5", "9", "10"]),
        (["neutral", "pos", "neg"], ["neg", "neutral", "pos"]),
        (["1", "unknown", "0"], ["0", "1", "unknown"]),
        (["nan", "2", "inf", "1_0", "3"], ["2", "3", "1_0", "inf", "nan"]),
    ],
)
def test_classes_have_an_order_that_does_not_depend_on_that_of_the_reviews(labels: list[str], names: list[str]) -> None:
    for order in (labels, labels[::-1]):
        encoder = LabelEncoder(LabelOptions(labels="auto", missing="refuse"))
        assert [encoder.code("r.csv", label) for label in order] == list(range(len(order)))
        classes, class_of_code = encoder.classes("r.csv")
        assert classes.names == names
        if names != BINARY.names:
            assert [names[index] for index in class_of_code] == order


def test_the_most_common_dropped_labels_are_named(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"review {number},{number % 2}" for number in range(600)] + ["a,others"] * 3
    rows += [f"word {number},word {number}" for number in range(30)] + ["a,zzz"] + ["b,others"] * 9
    corpus = ingested(workspace, rows, labels={0: "bad", 1: "good"})
    assert corpus["dropped"] == 43
    assert corpus["train"]["classes"].keys() == {"bad", "good"}
    expected = (
        "43 reviews are left out, as ingest.labels does not name the label: 'others' (12), 'word 0' (1), 'word 1'"
    )
    assert expected in capsys.readouterr().err
    with pytest.raises(InputError, match="no review has a label that ingest.labels names; correct its keys"):
        ingested(workspace, ["a,x", "b,y"])


@pytest.mark.parametrize(
    "labels, names",
    [
        ({1: "neg", 5: "pos"}, ["neg", "pos"]),
        ({0: "positive", 1: "negative"}, ["negative", "positive"]),
        ({0: "Negative", 1: "true"}, ["Negative", "true"]),
    ],
)
def test_a_mapping_names_the_classes_as_it_says(labels: dict[int, str], names: list[str]) -> None:
    encoder = LabelEncoder(LabelOptions(labels=labels, missing="refuse"))
    codes = {labels[key]: encoder.code("r.csv", str(key)) for key in labels}
    classes, class_of_code = encoder.classes("r.csv")
    assert classes.names == names
    assert {name: classes.names[class_of_code[code]] for name, code in codes.items() if code is not None} == {
        name: name for name in names
    }


def test_labels_of_many_values_are_refused(workspace: Path) -> None:
    with pytest.raises(InputError, match="has more than 20 labels, such as '0', '1', .*; set ingest.label_column"):
        ingested(workspace, [f"review {number},{number}" for number in range(30)])
    with pytest.raises(InputError, match="all reviews have the label '5'; add reviews"):
        ingested(workspace, [f"review {number},5" for number in range(30)])


@pytest.mark.parametrize(
    "labels, expected",
    [
        ("automatic", "labels: 'automatic' is neither auto nor a mapping such as {1: negative, 5: positive}"),
        ({1: "a", "good": "b"}, "labels: the keys mix words and numbers; put the numbers in quotes"),
        ({1: "a", 2: "a"}, "labels: names 1 classes; name 2 to 255"),
        ({"1": "bad", "1.0": "good"}, "labels: two keys are the label '1'; remove one"),
        ({1: "a", 2: None}, "labels: None is not a class name; write a word or a number"),
    ],
)
def test_a_mapping_that_names_no_classes_is_refused(workspace: Path, labels: object, expected: str) -> None:
    with pytest.raises(InputError, match=f"params.yaml: ingest: {re.escape(expected)}"):
        ingested(workspace, [], labels=labels)


def test_rows_without_a_label_are_refused_or_counted(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"review {number},{number % 2 if number % 100 else ''}" for number in range(900)]
    expected = (
        "data/sample/reviews.csv: 9 rows without a text or a label: 1 (label), 101 (label), .*, …; complete them, or"
    )
    with pytest.raises(InputError, match=re.escape(expected).replace(r"\.\*", ".*")):
        ingested(workspace, rows)
    corpus = ingested(workspace, rows, missing="drop")
    assert corpus["missing"] == 9
    assert sum(corpus[split]["reviews"] for split in paths.SPLITS) == 891
    assert capsys.readouterr().err == "warning: 9 rows without a text or a label are left out\n"


def test_empty_texts_are_counted_and_warned_about(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{f'review {number}' if number % 100 else ' '},{number % 2}" for number in range(900)]
    assert ingested(workspace, rows)["empty_texts"] == 9
    assert capsys.readouterr().err == "warning: 9 reviews have an empty text; all empty texts get the same prediction\n"
