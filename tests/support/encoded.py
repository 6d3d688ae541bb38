"""An encoded split made of ids."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from sentiment.data import encoding
from sentiment.data.encoding import EncodedSplit


def write_split(
    folder: Path, reviews: list[list[int]], id_type: str = "uint8", batch: int = 2, num_classes: int = 2
) -> EncodedSplit:
    """Write a split in which a review's length, modulo the number of classes, is its label."""
    with encoding.open_writer(folder, np.dtype(id_type)) as split:
        for start in range(0, len(reviews), batch):
            part = reviews[start : start + batch]
            review_ids = pa.array([f"r{start + row}" for row in range(len(part))])
            labels = pa.array([len(ids) % num_classes for ids in part], pa.uint8())
            split.write(review_ids, labels, np.array(sum(part, []), id_type), np.array([len(ids) for ids in part]))
    return EncodedSplit.open(folder)
