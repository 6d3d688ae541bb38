"""Encoded splits: truncation, their files, and files that do not belong together."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.data import encoding
from sentiment.data.encoding import EncodedSplit, Truncation
from sentiment.errors import InputError
from tests.support.encoded import write_split

Side = Literal["start", "end", "middle"]


@pytest.mark.parametrize("side, kept", [("start", [3, 4, 5]), ("end", [1, 2, 3]), ("middle", [1, 2, 5])])
def test_the_named_side_of_a_long_review_is_cut_off(side: Side, kept: list[int]) -> None:
    ids, lengths = Truncation(max_tokens=3, truncation_side=side).apply(np.arange(1, 6, dtype=np.uint8), np.array([5]))
    assert ids.tolist() == kept
    assert lengths.tolist() == [3]


@given(
    st.lists(st.lists(st.integers(0, 255), max_size=9), max_size=6),
    st.integers(1, 9),
    st.sampled_from(["start", "end", "middle"]),
)
def test_truncation_of_a_review_does_not_depend_on_the_others(reviews: list[list[int]], size: int, side: Side) -> None:
    def cut(ids: list[int]) -> list[int]:
        if len(ids) <= size:
            return ids
        head = {"start": 0, "end": size, "middle": (size + 1) // 2}[side]
        return ids[:head] + ids[len(ids) - (size - head) :]

    ids, lengths = Truncation(max_tokens=size, truncation_side=side).apply(
        np.array(sum(reviews, []), np.uint8), np.array([len(ids) for ids in reviews], np.int64)
    )
    assert lengths.tolist() == [len(cut(review)) for review in reviews]
    assert ids.tolist() == sum(map(cut, reviews), [])


def test_a_limit_of_zero_cuts_nothing() -> None:
    ids, lengths = Truncation(max_tokens=0, truncation_side="start").apply(np.arange(5, dtype=np.uint8), np.array([5]))
    assert len(ids) == lengths[0] == 5


@pytest.mark.parametrize("id_type", ["uint8", "uint16", "uint32"])
def test_a_split_is_read_as_it_was_written(tmp_path: Path, id_type: str) -> None:
    split = write_split(tmp_path / "train", [[2, 3], [], [4, 5, 6], [7]], id_type)
    assert split.ids.dtype == id_type
    assert isinstance(split.ids, np.memmap)
    assert split.ids.tolist() == [2, 3, 4, 5, 6, 7]
    assert split.offsets.tolist() == [0, 2, 2, 5, 6]
    assert split.review_ids.to_pylist() == ["r0", "r1", "r2", "r3"]
    assert split.labels.tolist() == [0, 0, 1, 1]


def test_a_split_of_empty_reviews_can_be_read(tmp_path: Path) -> None:
    assert write_split(tmp_path / "train", [[], []]).lengths.tolist() == [0, 0]


def test_the_file_equals_what_numpy_saves(tmp_path: Path) -> None:
    write_split(tmp_path / "train", [[1, 2, 3]], "uint16")
    np.save(tmp_path / "numpy.npy", np.array([1, 2, 3], np.uint16))
    assert (tmp_path / "train/ids.npy").read_bytes() == (tmp_path / "numpy.npy").read_bytes()


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    write_split(tmp_path / "train", [[1, 2, 3]])
    write_split(tmp_path / "other", [[1, 2]])
    (tmp_path / "other/ids.npy").replace(tmp_path / "train/ids.npy")
    with pytest.raises(InputError, match="index.parquet counts 3 tokens"):
        EncodedSplit.open(tmp_path / "train")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    write_split(tmp_path / "train", [[1, 2, 3]])
    path = tmp_path / "train/ids.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="ids.npy: not an array"):
        EncodedSplit.open(tmp_path / "train")


def test_a_failing_writer_leaves_the_old_split(tmp_path: Path) -> None:
    write_split(tmp_path / "train", [[1, 2, 3]])
    with pytest.raises(RuntimeError), encoding.open_writer(tmp_path / "train", np.dtype("uint8")):
        raise RuntimeError
    assert EncodedSplit.open(tmp_path / "train").ids.tolist() == [1, 2, 3]
    assert [path.name for path in tmp_path.iterdir()] == ["train"]
