"""An encoded split as a torch `Dataset`, memory-mapped: one review at a time."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch.utils.data import Dataset

from sentiment.data.encoding import EncodedSplit

# The index of a review in its split, its ids[tokens] and its label.
Review = tuple[int, npt.NDArray[Any], int]


class ReviewDataset(Dataset[Review]):
    """The reviews of a split. A worker process that is not forked maps the files itself instead of receiving a copy."""

    def __init__(self, split: EncodedSplit) -> None:
        self.split = split
        self._ids = np.asarray(split.ids)  # a plain view of the map: slicing `numpy.memmap` costs microseconds
        self._bounds = split.offsets.tolist()
        self._labels = split.labels.tolist()

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, position: int) -> Review:
        ids = self._ids[self._bounds[position] : self._bounds[position + 1]]
        return position, ids, self._labels[position]

    def __reduce__(self) -> tuple[Any, tuple[Path, ...]]:
        return ReviewDataset.open, self.split.folders

    @classmethod
    def open(cls, *folders: Path) -> "ReviewDataset":
        return cls(EncodedSplit.open(*folders))
