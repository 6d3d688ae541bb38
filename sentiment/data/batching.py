"""Batches: the order in which reviews are presented, and a packed batch made of them without a loop over tokens.

A packed batch holds the tokens of all its reviews step by step: first every review's first token, then every second
one, and so on, the reviews by length descending, so that each step is a prefix of the one before it:

    "a b c", "d e"  ->  a d b e c  with batch_sizes 2 2 1

No pad exists, so none can be read. Padding naively goes wrong because the state after the pads is not the state at the
end of the review.

>>> batch = collate([(0, np.array([7, 8]), 1), (1, np.array([], int), 0), (2, np.array([4, 5, 6]), 0)])
>>> batch.ids.data.tolist(), batch.ids.batch_sizes.tolist(), batch.positions.tolist()
([4, 7, 5, 8, 6], [2, 2, 1], [2, 0, 1])
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence
from torch.utils.data import DataLoader, Sampler

from sentiment.data.dataset import Review, ReviewDataset
from sentiment.data.encoding import EncodedSplit

# Reviews that are sorted by length together, in batches. Batches of one length waste no step on a few long reviews,
# while the reviews of a pool still come from anywhere in the corpus.
POOL = 50


@dataclass(frozen=True)
class Batch:
    """Reviews by length descending, the empty ones last.

    ids: packed int32[tokens] of the reviews that have tokens; labels: float32[reviews]; positions: int64[reviews],
    where each review stands in its corpus.
    """

    ids: PackedSequence
    labels: Tensor
    positions: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def pin_memory(self) -> "Batch":
        """Return the batch in page-locked memory, from which a copy to the device need not wait."""
        return replace(self, ids=self.ids.pin_memory(), labels=self.labels.pin_memory())

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device. `batch_sizes` and `positions` stay on the CPU, where they are read."""
        ids = self.ids._replace(data=self.ids.data.to(device, non_blocking=True))
        return replace(self, ids=ids, labels=self.labels.to(device, non_blocking=True))


def collate(reviews: Sequence[Review]) -> Batch:
    """Pack some reviews into one batch."""
    lengths = np.fromiter((len(ids) for _, ids, _ in reviews), np.int64, len(reviews))
    order = np.argsort(-lengths, kind="stable")
    sorted_lengths = lengths[order]
    # Through a padded table: filled review by review, read step by step.
    present = np.arange(sorted_lengths[0]) < sorted_lengths[:, None]
    padded = np.empty(present.shape, np.int32)
    padded[present] = np.concatenate([reviews[row][1] for row in order])
    steps = np.ascontiguousarray(present.T)
    return Batch(
        ids=PackedSequence(torch.from_numpy(padded.T[steps]), torch.from_numpy(np.count_nonzero(steps, axis=1))),
        labels=torch.tensor([reviews[row][2] for row in order], dtype=torch.float32),
        positions=torch.tensor([reviews[row][0] for row in order], dtype=torch.int64),
    )


class BucketBatchSampler(Sampler[list[int]]):
    """Batches of positions for training: every review once, in an order that is a function of seed and epoch alone."""

    def __init__(self, lengths: npt.NDArray[np.int64], batch_size: int, seed: int, bucketing: bool) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._bucketing = bucketing
        self.epoch = 0

    def __len__(self) -> int:
        return -(-len(self._lengths) // self._batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        random = np.random.Generator(np.random.PCG64([self._seed, self.epoch]))
        order = random.permutation(len(self._lengths))
        if self._bucketing:
            pool = POOL * self._batch_size
            order = np.concatenate(
                [part[np.argsort(-self._lengths[part], kind="stable")] for part in _cut(order, pool)]
            )
        batches = _cut(order, self._batch_size)
        for index in random.permutation(len(batches)) if self._bucketing else range(len(batches)):
            yield batches[index].tolist()


class SequentialBatchSampler(Sampler[list[int]]):
    """Batches of positions for evaluation: longest first, so that a batch is of one length and memory peaks early."""

    def __init__(self, lengths: npt.NDArray[np.int64], batch_size: int) -> None:
        self._batches = _cut(np.argsort(-lengths, kind="stable"), batch_size)

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[int]]:
        return (batch.tolist() for batch in self._batches)


class DeviceLoader:
    """The same batches from a split that lies on the device, which cuts them out itself.

    The host sends which reviews a batch has, two numbers a review and two a step, and waits for nothing.
    """

    def __init__(self, split: EncodedSplit, order: Sampler[list[int]], device: torch.device) -> None:
        self._order = order
        self._device = device
        self._starts, self._lengths = split.offsets[:-1], split.lengths
        self._ids = torch.from_numpy(np.asarray(split.ids).astype(np.int32)).to(device)
        self._labels = torch.from_numpy(split.labels.astype(np.float32)).to(device)

    @staticmethod
    def fits(split: EncodedSplit, device: torch.device) -> bool:
        """Return whether the split takes no more than a quarter of the free memory of a CUDA device."""
        return 4 * len(split.ids) <= torch.cuda.mem_get_info(device)[0] / 4

    def __iter__(self) -> Iterator[Batch]:
        # A DataLoader draws a seed here: what is drawn later stays the same.
        torch.empty((), dtype=torch.int64).random_()
        return (self._batch(np.array(positions)) for positions in self._order)

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
        step = torch.repeat_interleave(rows, output_size=tokens)  # of each token; unknown, the size would be waited for
        row = torch.arange(tokens, device=self._device) - first[step]
        ids = self._ids[starts[row] + step]
        return Batch(PackedSequence(ids, torch.from_numpy(sizes)), self._labels[reviews], torch.from_numpy(positions))


def loader(
    reviews: ReviewDataset, order: Sampler[list[int]], device: torch.device, workers: int = 0
) -> Iterable[Batch]:
    """Return the batches of `reviews` in an order: from CUDA's memory where they fit, else from a DataLoader.

    Its worker processes build batches ahead; they draw nothing at random.
    """
    if device.type == "cuda" and DeviceLoader.fits(reviews.split, device):
        return DeviceLoader(reviews.split, order, device)
    return DataLoader(
        reviews,
        batch_sampler=order,
        collate_fn=collate,
        num_workers=workers,
        pin_memory=device.type == "cuda",
    )


def transpose_counts(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return how many reviews each step has from how many tokens each review has, or back; both descend.

    >>> transposed(np.array([4, 3, 1])).tolist(), transposed(np.array([3, 2, 2, 1])).tolist()
    ([3, 2, 2, 1], [4, 3, 1])
    """
    return len(counts) - np.searchsorted(counts[::-1], np.arange(counts[0]), side="right")


def _cut(order: npt.NDArray[np.int64], size: int) -> list[npt.NDArray[np.int64]]:
    return [order[start : start + size] for start in range(0, len(order), size)]
