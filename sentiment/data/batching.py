"""Batches: the order in which reviews are presented, and how a packed batch is made of them.

A packed batch holds the tokens of its reviews step by step: every review's first token, then every second one, and so
on. Reviews are sorted by length, longest first, so the reviews of each step are a prefix of those of the step before:

    "a b c", "d e"  ->  a d b e c  with batch_sizes 2 2 1

There is no padding that could be read by mistake. A padded batch needs care: the state after the padding is not the
state at the end of the review.

>>> batch = collate([(0, np.array([7, 8]), 1), (1, np.array([], int), 0), (2, np.array([4, 5, 6]), 0)])
>>> batch.ids.data.tolist(), batch.ids.batch_sizes.tolist(), batch.positions.tolist()
([4, 7, 5, 8, 6], [2, 2, 1], [2, 0, 1])
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.queues import Queue
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence
from torch.utils.data import DataLoader, Sampler

from sentiment.data.dataset import Review, ReviewDataset
from sentiment.data.encoding import EncodedSplit

# The number of batches whose reviews are sorted by length together. Reviews of similar length waste no steps on a few
# long ones, and those of a pool still come from anywhere in the corpus.
POOL = 50

# Entries, padding included, up to which a batch goes through a single table: 2,048 reviews of 512 tokens.
LARGEST_TABLE = 2**20


@dataclass(frozen=True)
class Batch:
    """Reviews by length descending, the empty ones last.

    ids: packed int32[tokens] of the reviews that have tokens
    labels: int64[reviews]
    positions: int64[reviews], the index of each review in its split
    """

    ids: PackedSequence
    labels: Tensor
    positions: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def pin_memory(self) -> "Batch":
        """Return the batch in page-locked memory, from which it is copied to a device asynchronously."""
        return replace(self, ids=self.ids.pin_memory(), labels=self.labels.pin_memory())

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        """Let a worker send the batch as bytes.

        Torch would pass open files of shared memory through a socket in TMPDIR. That fails if the path of TMPDIR is too
        long for a socket, or if a container has little shared memory.
        """
        tensors = (self.ids.data, self.ids.batch_sizes, self.labels, self.positions)
        return _from_arrays, tuple(tensor.numpy() for tensor in tensors)

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device. `batch_sizes` and `positions` are read on the CPU and stay there."""
        ids = self.ids._replace(data=self.ids.data.to(device, non_blocking=True))
        return replace(self, ids=ids, labels=self.labels.to(device, non_blocking=True))


def _from_arrays(*arrays: npt.NDArray[Any]) -> Batch:
    ids, batch_sizes, labels, positions = map(torch.from_numpy, arrays)
    return Batch(PackedSequence(ids, batch_sizes), labels, positions)


def collate(reviews: Sequence[Review]) -> Batch:
    """Pack some reviews into one batch."""
    lengths = np.fromiter((len(ids) for _, ids, _ in reviews), np.int64, len(reviews))
    order = np.argsort(-lengths, kind="stable")
    sorted_lengths = lengths[order]
    ids = _by_steps([reviews[row][1] for row in order], sorted_lengths)
    return Batch(
        ids=PackedSequence(torch.from_numpy(ids), torch.from_numpy(transpose_counts(sorted_lengths))),
        labels=torch.tensor([reviews[row][2] for row in order], dtype=torch.int64),
        positions=torch.tensor([reviews[row][0] for row in order], dtype=torch.int64),
    )


def _by_steps(reviews: list[npt.NDArray[Any]], lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Return the ids of some reviews, by length descending, step by step."""
    middle = int(lengths[len(lengths) // 2])
    if len(lengths) * lengths[0] > LARGEST_TABLE and middle < lengths[0]:
        # If a few reviews are far longer than the others, a table would be mostly padding. One of the median length is
        # at least half full. The rest of the longer reviews follows after it.
        longer = np.count_nonzero(lengths > middle)
        first = _by_steps([ids[:middle] for ids in reviews], np.minimum(lengths, middle))
        return np.concatenate([first, _by_steps([ids[middle:] for ids in reviews[:longer]], lengths[:longer] - middle)])
    # A padded table is filled review by review and read step by step.
    present = np.arange(lengths[0]) < lengths[:, None]
    padded = np.empty(present.shape, np.int32)
    padded[present] = np.concatenate(reviews)
    return padded.T[np.ascontiguousarray(present.T)]


class BucketBatchSampler(Sampler[list[int]]):
    """Batches for training: every review once, in an order that depends on seed and epoch alone.

    With bucketing, a batch holds reviews of similar length.
    """

    def __init__(self, lengths: npt.NDArray[np.int64], batch_size: int, seed: int, bucketing: bool) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._bucketing = bucketing
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return -(-len(self._lengths) // self._batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        random = np.random.Generator(np.random.PCG64([self._seed, self._epoch]))
        order = random.permutation(len(self._lengths))
        if self._bucketing:
            pool = POOL * self._batch_size
            order = np.concatenate(
                [part[np.argsort(-self._lengths[part], kind="stable")] for part in _chunks(order, pool)]
            )
        batches = _chunks(order, self._batch_size)
        for index in random.permutation(len(batches)) if self._bucketing else range(len(batches)):
            yield batches[index].tolist()


class SequentialBatchSampler(Sampler[list[int]]):
    """Batches for evaluation, longest first: the reviews of a batch have similar lengths, and memory peaks at once."""

    def __init__(self, lengths: npt.NDArray[np.int64], batch_size: int) -> None:
        self._batches = _chunks(np.argsort(-lengths, kind="stable"), batch_size)

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[int]]:
        return (batch.tolist() for batch in self._batches)


class BatchLoader(Protocol):
    """Yields the batches of a split in the order of its sampler: `DeviceLoader` or torch's `DataLoader`."""

    @property
    def batch_sampler(self) -> Any: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Batch]: ...


class DeviceLoader:
    """Yields the batches of a split whose ids are on the device, which gathers a batch's tokens itself.

    For each batch the host sends, asynchronously, a length and an offset for each review and a size for each step.
    """

    def __init__(self, split: EncodedSplit, batch_sampler: Sampler[list[int]], device: torch.device) -> None:
        self.batch_sampler = batch_sampler
        self._device = device
        self._starts, self._lengths = split.offsets[:-1], split.lengths
        self._ids = torch.from_numpy(np.asarray(split.ids).astype(np.int32)).to(device)
        self._labels = torch.from_numpy(split.labels.astype(np.int64)).to(device)

    def __len__(self) -> int:
        return len(self.batch_sampler)  # type: ignore[arg-type]

    @staticmethod
    def fits(split: EncodedSplit, device: torch.device) -> bool:
        """Return whether the split takes no more than a quarter of the free memory of a CUDA device."""
        return 4 * len(split.ids) <= torch.cuda.mem_get_info(device)[0] / 4

    def __iter__(self) -> Iterator[Batch]:
        # A DataLoader draws a seed here. Drawing one too keeps all later random numbers the same.
        torch.empty((), dtype=torch.int64).random_()
        return (self._batch(np.array(positions)) for positions in self.batch_sampler)

    def _batch(self, positions: npt.NDArray[np.int64]) -> Batch:
        positions = positions[np.argsort(-self._lengths[positions], kind="stable")]
        lengths = self._lengths[positions]
        sizes = transpose_counts(lengths)
        numbers = (sizes, np.cumsum(sizes) - sizes, self._starts[positions], positions)
        sent = torch.from_numpy(np.concatenate(numbers))
        if self._device.type == "cuda":
            sent = sent.pin_memory()
        sent = sent.to(self._device, non_blocking=True)
        rows, first, starts, reviews = torch.split(sent, [len(part) for part in numbers])
        tokens = int(lengths.sum())
        step = torch.repeat_interleave(rows, output_size=tokens)  # without the size the host would wait
        row = torch.arange(tokens, device=self._device) - first[step]
        ids = self._ids[starts[row] + step]
        return Batch(PackedSequence(ids, torch.from_numpy(sizes)), self._labels[reviews], torch.from_numpy(positions))


def make_loader(
    reviews: ReviewDataset, batch_sampler: Sampler[list[int]], device: torch.device, workers: int = 0
) -> BatchLoader:
    """Return a loader of a split's batches: from CUDA's memory where the split fits, otherwise a DataLoader.

    workers: processes that build batches ahead; the batches are the same for any number
    """
    if device.type == "cuda" and DeviceLoader.fits(reviews.split, device):
        return DeviceLoader(reviews.split, batch_sampler, device)
    return DataLoader(
        reviews,
        batch_sampler=batch_sampler,
        collate_fn=collate,
        num_workers=workers,
        worker_init_fn=_end_on_error,
        pin_memory=device.type == "cuda",
    )


def _end_on_error(worker: int) -> None:
    """Let a worker end if it cannot send a batch, for lack of memory say: DataLoader then raises RuntimeError.

    Python's queue would drop the batch and go on, and the main process would wait for it forever.
    """
    Queue._on_queue_feeder_error = staticmethod(lambda error, batch: os._exit(1))  # type: ignore[attr-defined]


def transpose_counts(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the number of reviews at each step from the lengths of the reviews, or the other way round; both descend.

    >>> transpose_counts(np.array([4, 3, 1])).tolist(), transpose_counts(np.array([3, 2, 2, 1])).tolist()
    ([3, 2, 2, 1], [4, 3, 1])
    """
    return len(counts) - np.searchsorted(counts[::-1], np.arange(counts[0]), side="right")


def _chunks(order: npt.NDArray[np.int64], size: int) -> list[npt.NDArray[np.int64]]:
    return [order[start : start + size] for start in range(0, len(order), size)]
