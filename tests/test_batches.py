"""Batches: packing, presentation order, worker processes."""

import multiprocessing
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_sequence
from torch.utils.data import DataLoader

from sentiment.data import batching
from sentiment.data.batching import (
    Batch,
    BucketBatchSampler,
    DeviceLoader,
    SequentialBatchSampler,
    collate,
    make_loader,
)
from sentiment.data.dataset import Review, ReviewDataset
from tests.support.encoded import write_split

CPU = torch.device("cpu")


def rows(reviews: list[list[int]]) -> list[Review]:
    return [(position, np.array(ids, np.uint16), position % 2) for position, ids in enumerate(reviews)]


@given(st.lists(st.lists(st.integers(2, 60_000), max_size=12), min_size=1, max_size=9), st.sampled_from([0, 20, 2**20]))
def test_packing_is_what_torch_packs(reviews: list[list[int]], largest_table: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batching, "LARGEST_TABLE", largest_table)
        batch = collate(rows(reviews))
    order = sorted(range(len(reviews)), key=lambda row: -len(reviews[row]))
    assert batch.positions.tolist() == order
    assert batch.labels.tolist() == [row % 2 for row in order]
    filled = [torch.tensor(reviews[row], dtype=torch.int32) for row in order if reviews[row]]
    if filled:
        expected = pack_sequence(filled)
        assert torch.equal(batch.ids.data, expected.data)
        assert torch.equal(batch.ids.batch_sizes, expected.batch_sizes)
    else:
        assert len(batch.ids.data) == len(batch.ids.batch_sizes) == 0


def test_one_long_review_takes_no_memory_for_padding() -> None:
    reviews = [*rows([[2]] * 255), (255, np.full(1_000_000, 3, np.uint16), 1)]
    tracemalloc.start()
    batch = collate(reviews)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(batch.ids.data) == 1_000_255
    assert peak < 64 * 2**20


def test_ids_beyond_16_bits_survive() -> None:
    batch = collate([(0, np.array([70_000], np.uint32), 1)])
    assert batch.ids.data.tolist() == [70_000]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=200), st.integers(1, 16), st.integers(0, 5), st.booleans())
def test_every_epoch_presents_every_review_once(lengths: list[int], size: int, seed: int, bucketing: bool) -> None:
    order = BucketBatchSampler(np.array(lengths), size, seed, bucketing)
    for epoch in (1, 2):
        order.set_epoch(epoch)
        batches = list(order)
        assert len(batches) == len(order)
        assert sorted(sum(batches, [])) == list(range(len(lengths)))
        assert max(map(len, batches)) <= size


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    lengths = np.arange(100) % 7

    def presented(seed: int, epoch: int, bucketing: bool = True) -> list[list[int]]:
        order = BucketBatchSampler(lengths, 8, seed, bucketing)
        order.set_epoch(epoch)
        return list(order)

    assert presented(1, 1) == presented(1, 1)
    assert presented(1, 1) != presented(1, 2) != presented(2, 2)
    assert presented(1, 1) != presented(1, 1, bucketing=False)


def test_bucketing_makes_batches_of_one_length() -> None:
    lengths = np.random.default_rng(0).integers(1, 500, 6400)

    def spread(bucketing: bool) -> float:
        return float(np.mean([np.ptp(lengths[batch]) for batch in BucketBatchSampler(lengths, 64, 0, bucketing)]))

    assert spread(bucketing=True) < 20 < 450 < spread(bucketing=False)


def test_evaluation_reads_every_review_once_longest_first() -> None:
    batches = list(SequentialBatchSampler(np.array([1, 5, 0, 5, 2]), 2))
    assert batches == [[1, 3], [4, 0], [2]]


def assert_same(one: Batch, other: Batch) -> None:
    for mine, its in zip(
        (one.ids.data, one.ids.batch_sizes, one.positions, one.labels),
        (other.ids.data, other.ids.batch_sizes, other.positions, other.labels),
        strict=True,
    ):
        assert mine.dtype == its.dtype
        assert torch.equal(mine, its)


@pytest.mark.parametrize("start", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_worker_processes_change_no_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str) -> None:
    folder = tmp_path / ("long" * 30)  # longer than the path of a socket may be
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    reviews = ReviewDataset(write_split(tmp_path / "train", [[number] * (number % 5) for number in range(60)]))
    order = BucketBatchSampler(reviews.split.lengths, 8, 0, True)
    alone = list(make_loader(reviews, order, CPU))
    with_workers = make_loader(reviews, order, CPU, workers=2)
    assert isinstance(with_workers, DataLoader)
    with_workers.multiprocessing_context = multiprocessing.get_context(start)
    with_workers.timeout = 60  # fail rather than wait for ever
    for one, other in zip(alone, with_workers, strict=True):
        assert_same(one, other)


def test_a_worker_that_cannot_send_a_batch_ends_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(batch: Batch) -> None:
        raise MemoryError

    monkeypatch.setattr(Batch, "__reduce__", no_memory)
    reviews = ReviewDataset(write_split(tmp_path / "train", [[2], [3]]))
    batches = make_loader(reviews, SequentialBatchSampler(reviews.split.lengths, 1), CPU, workers=1)
    assert isinstance(batches, DataLoader)
    batches.timeout = 60
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(batches)


@given(st.lists(st.lists(st.integers(2, 60_000), max_size=12), min_size=1, max_size=30), st.integers(1, 9))
def test_a_split_on_the_device_gives_the_same_batches(reviews: list[list[int]], size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        split = write_split(Path(folder) / "train", reviews, "uint16")
        order = BucketBatchSampler(split.lengths, size, 0, True)
        from_memory = make_loader(ReviewDataset(split), order, CPU)
        for one, other in zip(DeviceLoader(split, order, CPU), from_memory, strict=True):
            assert_same(one, other)


@pytest.mark.parametrize("free, resident", [(4 * 4 * 120, True), (4 * 4 * 120 - 1, False)])
def test_a_split_lies_on_cuda_where_it_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, resident: bool
) -> None:
    split = write_split(tmp_path / "train", [[number] * (number % 5) for number in range(60)])
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 0))
    assert DeviceLoader.fits(split, torch.device("cuda")) == resident


def test_a_batch_moves_as_a_whole_but_its_bookkeeping() -> None:
    moved = collate(rows([[2, 3], [], [4]])).to(torch.device("meta"))
    assert moved.ids.data.device.type == moved.labels.device.type == "meta"
    assert moved.ids.batch_sizes.device.type == moved.positions.device.type == "cpu"
