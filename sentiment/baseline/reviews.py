"""Tokenized reviews as a stream of chunks, so that memory does not grow with the corpus."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sentiment.io import parquet

_CHUNK_TOKENS = 500_000  # a chunk's n-grams take some 50 MB


@dataclass(frozen=True)
class TokenizedReviews:
    """The reviews in a table of tokens, or only those marked in `kept`, bool[reviews]. Iterating reads the file."""

    path: Path
    kept: npt.NDArray[np.bool_] | None = None

    @classmethod
    def sample(cls, path: Path, max_tokens: int) -> "TokenizedReviews":
        """Return all reviews of the table, or a random part of them that has at most `max_tokens` tokens."""
        batches = parquet.read(path, parquet.TOKENS, ["tokens"])
        lengths = np.concatenate([pc.list_value_length(batch["tokens"]).to_numpy() for batch in batches])
        if lengths.sum(dtype=np.int64) <= max_tokens:
            return cls(path)
        kept = np.zeros(len(lengths), np.bool_)
        total = 0
        for position in np.random.Generator(np.random.PCG64(0)).permutation(len(lengths)).tolist():
            kept[position] = total + lengths[position] <= max_tokens
            total += int(lengths[position]) if kept[position] else 0
        return cls(path, kept)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Yield batches of about half a million tokens: id, label, tokens."""
        pending: list[pa.RecordBatch] = []
        start = num_tokens = 0
        for batch in parquet.read(self.path, parquet.TOKENS):
            selected = batch
            if self.kept is not None:
                selected = batch.filter(pa.array(self.kept[start : start + batch.num_rows]))
            start += batch.num_rows
            pending.append(selected)
            num_tokens += len(selected["tokens"].flatten())
            if num_tokens > _CHUNK_TOKENS:
                yield pa.concat_batches(pending)
                pending, num_tokens = [], 0
        if pending:
            yield pa.concat_batches(pending)

    def tokens(self) -> Iterator[pa.ListArray]:
        """Yield the tokens alone: list<string>[reviews]."""
        return (chunk["tokens"] for chunk in self)
