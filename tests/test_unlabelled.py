"""Unlabelled reviews: in any form, none of which has a text of another part, read by `pretrain` and nothing else."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sentiment.config import paths
from sentiment.data import sources
from sentiment.data.classes import NO_LABEL, Classes
from sentiment.data.dataset import ReviewDataset
from sentiment.data.encoding import EncodedSplit
from sentiment.errors import InputError
from sentiment.io import parquet
from sentiment.io.json_file import read_json
from stages import count_vocab, encode, ingest, pretrain, tokenize
from tests.support.clone import Clone, set_parameter
from tests.support.encoded import write_split

LABELLED = [f"review {number} is {'good' if number % 2 else 'bad'}" for number in range(300)]


def prepare(workspace: Path, unlabelled: Path | str) -> None:
    """Write the labelled reviews, and say where those without labels are."""
    (workspace / paths.SAMPLE).parent.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame({"text": LABELLED, "label": [number % 2 for number in range(len(LABELLED))]})
    table.to_csv(workspace / paths.SAMPLE, index=False)
    set_parameter(workspace / paths.PARAMS, "ingest.unlabelled", str(unlabelled))


def rows(path: Path) -> list[dict[str, Any]]:
    return [row for batch in parquet.read(path, parquet.REVIEWS) for row in batch.to_pylist()]


@pytest.mark.parametrize("batch", [1, 2, 2048])
def test_a_text_is_kept_once_and_not_at_all_if_a_labelled_review_has_it(
    workspace: Path, batch: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(parquet, "ROWS", batch)
    texts = ["new", LABELLED[0], "newer", "new", None, " ", *LABELLED, "newest", "newer", "new"]
    (workspace / "more.jsonl").write_text("".join(f"{json.dumps({'text': text})}\n" for text in texts))
    prepare(workspace, "more.jsonl")
    ingest.main()
    assert rows(paths.REVIEWS.unlabelled) == [
        {"id": number, "text": text, "label": NO_LABEL}
        for number, text in [("1", "new"), ("3", "newer"), ("307", "newest")]
    ]
    corpus = read_json(paths.CORPUS)
    found: dict[str, int] = {split: corpus[split]["reviews"] for split in paths.SPLITS}
    (again,) = [path.stem for path in paths.REVIEWS if LABELLED[0] in {row["text"] for row in rows(path)}]
    found[again] += 1
    assert corpus["unlabelled"] == {"read": 309, "reviews": 3, "empty": 2, "duplicates": 3} | found
    assert "3 of 309 unlabelled reviews are kept for `pretrain`; left out are " in capsys.readouterr().err


def test_without_unlabelled_reviews_the_metrics_name_none(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(workspace, paths.NO_REVIEWS)
    for stage in (ingest, tokenize, count_vocab, encode):
        stage.main()
    assert rows(paths.REVIEWS.unlabelled) == []
    assert not len(EncodedSplit.open(paths.IDS.unlabelled).lengths)
    assert set(read_json(paths.CORPUS)) & set(paths.PARTS) == set(paths.SPLITS) == set(read_json(paths.IDS_METRICS))
    assert capsys.readouterr().err == ""


IMDB = {"train/unsup/0_0": "one", "train/unsup/1_0": "two", "train/neg/0_1": "three", "test/pos/0_9": "four"}


def write(path: Path, name: str) -> Path:
    """Write four texts, one of the formats of a source after the other; labels are nonsense or missing."""
    texts = list(IMDB.values())
    path = path / name
    if name.endswith((".csv", ".parquet")):
        table = pd.DataFrame({"id": range(4), "review": texts})
        table.to_csv(path, index=False) if name.endswith(".csv") else table.to_parquet(path)
    elif name.endswith(".jsonl"):
        path.write_text("".join(f"{json.dumps({'text': text, 'label': {'a': [text]}})}\n" for text in texts))
    elif name.endswith(".tar.gz"):
        with tarfile.open(path, "w:gz") as archive:
            for member, text in IMDB.items():
                info = tarfile.TarInfo(f"aclImdb/{member}.txt")
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text.encode()))
    else:
        for member, text in IMDB.items():
            (path / member).parent.mkdir(parents=True, exist_ok=True)
            (path / f"{member}.txt").write_text(text)
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet", "aclImdb", "a.tar.gz"])
def test_they_come_in_any_form_of_a_source_and_its_labels_are_not_read(tmp_path: Path, name: str) -> None:
    path = sources.locate(str(write(tmp_path, name)), "ingest.unlabelled")
    read = list(sources.read(path, sources.AS_USUAL.without_labels()))
    assert sorted(str(review.text) for review in read) == sorted(IMDB.values())
    assert {review.label for review in read} == {None}


def test_where_there_are_none_is_one_line(workspace: Path) -> None:
    with pytest.raises(InputError, match=r"ingest.unlabelled: 'more.csv' does not exist; check the path"):
        sources.locate("more.csv", "ingest.unlabelled")
    (workspace / "empty").mkdir()
    with pytest.raises(InputError, match="no reviews in .*train/unsup; a folder without tables and an archive must"):
        list(sources.read(workspace / "empty", sources.AS_USUAL.without_labels()))
    (workspace / "more.csv").write_text("words\ngood\n")
    with pytest.raises(
        InputError, match="more.csv: no column 'text' or 'review' among 'words'; set ingest.text_column"
    ):
        list(sources.read(workspace / "more.csv", sources.AS_USUAL.without_labels()))


def test_pretrain_reads_them_and_nothing_else_changes(workspace: Path) -> None:
    """`good` and `bad` never occur together in a labelled review."""

    def outputs() -> dict[Path, bytes]:
        for stage in (ingest, tokenize, count_vocab, encode, pretrain):
            stage.main()
        files = [path for folder in ("data", "metrics") for path in Path(folder).rglob("*") if path.is_file()]
        return {path: path.read_bytes() for path in files if "unlabelled" not in str(path)}

    set_parameter(paths.PARAMS, "pretrain.method", "ppmi")
    set_parameter(paths.PARAMS, "model.embedding_dim", 3)
    prepare(workspace, paths.NO_REVIEWS)
    without = outputs()
    (workspace / "more.csv").write_text("text\n" + "".join(f"good bad words{number}\n" for number in range(200)))
    prepare(workspace, "more.csv")
    given = outputs()
    changed = {path for path, content in given.items() if content != without[path]}
    assert changed == {paths.CORPUS, paths.IDS_METRICS, paths.PRETRAIN_METRICS, paths.VECTORS}
    assert read_json(paths.IDS_METRICS)["unlabelled"]["tokens"] == 600
    train = read_json(paths.CORPUS)["train"]["reviews"]
    assert read_json(paths.PRETRAIN_METRICS)["reviews"] == train + 200
    set_parameter(paths.PARAMS, "pretrain.unlabelled", False)
    pretrain.main()
    assert paths.VECTORS.read_bytes() == without[paths.VECTORS]
    assert paths.PRETRAIN_METRICS.read_bytes() == without[paths.PRETRAIN_METRICS]


def test_several_folders_are_read_as_one_split_by_workers_too(tmp_path: Path) -> None:
    first, second = [[1, 2, 3], []], [[4], [5, 6]]
    write_split(tmp_path / "first", first)
    write_split(tmp_path / "second", second, "uint16")
    both = ReviewDataset.open(tmp_path / "first", tmp_path / "second")
    function, folders = both.__reduce__()
    for reviews in (both, function(*folders)):
        assert [reviews[place][1].tolist() for place in range(len(reviews))] == first + second


def test_none_of_them_can_be_taken_for_labelled(tmp_path: Path) -> None:
    names = [str(number) for number in range(255)]
    split = write_split(tmp_path / "ids", [[1] * NO_LABEL], num_classes=256)
    assert split.labels.tolist() == [NO_LABEL]
    with pytest.raises(InputError, match="has the label 255"):
        split.require_labels_of(Classes(names=names))


@pytest.mark.pipeline
def test_a_changed_file_runs_ingest_again(clone: Clone, tmp_path: Path) -> None:
    more = tmp_path / "more.csv"
    more.write_text("text\nanother film\n")
    clone.set("ingest.unlabelled", str(more))
    clone.dvc("repro", "--single-item", "ingest")
    assert "more.csv" not in clone.dvc("status", "ingest").stdout
    more.write_text("text\nyet another film\n")
    assert "more.csv" in clone.dvc("status", "ingest").stdout
