"""Encoded splits: `data/ids/<split>/` holds the ids of all reviews in one flat array, and an index of the reviews.

ids.npy        uint8, uint16 or uint32[tokens], the narrowest type that holds the vocabulary; memory-mappable
index.parquet  id, label, length of each review, in the order of the reviews; offsets are the running sum of the lengths
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from sentiment.config.section import CountOrNone, Settings, explain
from sentiment.data.tokenizer import Tokenizer
from sentiment.data.vocabulary import Ids, Vocabulary
from sentiment.errors import InputError, reason
from sentiment.io import parquet
from sentiment.io.atomic import atomic_folder
from sentiment.io.json_file import read_json

# An .npy header says how many elements follow, which is known at the end only: room for it is left, then filled.
_HEADER = 128

Lengths = npt.NDArray[np.int64]


class Truncation(Settings):
    """Which of a long review's tokens are kept: its first, its last, or half from each end. 0 tokens means no limit."""

    max_tokens: CountOrNone
    keep: Literal["first", "last", "ends"]

    def apply(self, ids: Ids, lengths: Lengths) -> tuple[Ids, Lengths]:
        """Cut each review: ids[tokens], int64[reviews] -> the kept ids and the new lengths.

        >>> two = np.array([1, 2, 3, 4, 5, 6, 7], np.uint8), np.array([5, 2])
        >>> [array.tolist() for array in Truncation(max_tokens=3, keep="ends").apply(*two)]
        [[1, 2, 5, 6, 7], [3, 2]]
        """
        if not self.max_tokens or not len(lengths) or lengths.max() <= self.max_tokens:
            return ids, lengths
        step = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        dropped = np.repeat(np.maximum(lengths - self.max_tokens, 0), lengths)
        first = {"first": self.max_tokens, "last": 0, "ends": -(-self.max_tokens // 2)}[self.keep]
        kept = (step < first) | (step >= first + dropped)
        return ids[kept], np.minimum(lengths, self.max_tokens)


class Encoding(Settings):
    """data/ids/encoding.json: how text became ids, and the digest of the vocabulary that gave them."""

    tokenizer: Tokenizer
    truncation: Truncation
    vocabulary: str

    @classmethod
    def load(cls, path: Path) -> "Encoding":
        """Read the file. Raises InputError where it is missing or not such a file."""
        try:
            return cls.model_validate(read_json(path))
        except ValidationError as error:
            raise InputError(explain(cls, error.errors()[0], str(path)) + "; run `dvc repro --force encode`") from None

    def require(self, vocabulary: Vocabulary, path: Path) -> None:
        """Raise InputError where the ids were made with another vocabulary than this one, read from `path`."""
        if vocabulary.digest != self.vocabulary:
            raise InputError(f"{path}: not the vocabulary that the ids were made with; run `dvc repro encode`")

    def encode(self, tokens: pa.ListArray, vocabulary: Vocabulary) -> tuple[Ids, Lengths]:
        """Return ids[tokens], int64[reviews] tokens of each, after truncation."""
        lengths = pc.list_value_length(tokens).to_numpy().astype(np.int64)
        return self.truncation.apply(vocabulary.encode(tokens.flatten()), lengths)


@dataclass(frozen=True)
class EncodedSplit:
    """A split, its ids mapped from the disk: ids[tokens], offsets int64[reviews + 1], labels uint8[reviews]."""

    folder: Path
    ids: Ids
    offsets: npt.NDArray[np.int64]
    labels: npt.NDArray[np.uint8]
    names: pa.StringArray

    @classmethod
    def open(cls, folder: Path) -> "EncodedSplit":
        """Map a folder that `writing` made. Raises InputError where its two files do not belong together."""
        index = parquet.read_all(folder / "index.parquet", parquet.INDEX)
        lengths = index["length"].to_numpy().astype(np.int64)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        try:
            ids = np.load(folder / "ids.npy", mmap_mode="r" if offsets[-1] else None, allow_pickle=False)
        except FileNotFoundError:
            raise InputError(f"{folder}/ids.npy: missing; run `dvc repro`, or `dvc pull` if the team has it") from None
        except (ValueError, EOFError) as error:
            raise InputError(
                f"{folder}/ids.npy: not the array that this project writes ({reason(error)}); run `dvc repro`"
            ) from None
        if ids.shape != (offsets[-1],):
            raise InputError(
                f"{folder}: index.parquet counts {offsets[-1]} tokens, ids.npy holds {ids.shape}; "
                "run `dvc repro --force encode`"
            )
        return cls(folder, ids, offsets, index["label"].to_numpy(), index["id"].combine_chunks())

    @property
    def lengths(self) -> Lengths:
        """Tokens of each review: int64[reviews]."""
        return np.diff(self.offsets)


class Writer:
    """Appends encoded reviews to a split."""

    def __init__(self, stream: IO[bytes], index: parquet.Writer) -> None:
        self._stream = stream
        self._index = index
        self.tokens = 0

    def write(self, names: pa.StringArray, labels: pa.UInt8Array, ids: Ids, lengths: Lengths) -> None:
        """Append reviews: string[reviews], uint8[reviews], ids[tokens] and int64[reviews] tokens in each."""
        self._stream.write(ids.tobytes())
        self._index.write(names, labels, pa.array(lengths, pa.int32()))
        self.tokens += len(ids)


@contextmanager
def open_writer(folder: Path, id_type: np.dtype[np.unsignedinteger]) -> Iterator[Writer]:
    """Open a split that appears at `folder` when the block ends without an error."""
    with (
        atomic_folder(folder) as partial,
        (partial / "ids.npy").open("wb") as stream,
        parquet.open_writer(partial / "index.parquet", parquet.INDEX) as index,
    ):
        stream.seek(_HEADER)
        writer = Writer(stream, index)
        yield writer
        stream.seek(0)
        stream.write(_header(id_type, writer.tokens))


def _header(id_type: np.dtype[np.unsignedinteger], tokens: int) -> bytes:
    """Return the first 128 bytes of an .npy file, format 1.0, of one dimension."""
    little_endian = id_type.newbyteorder("<").str
    text = f"{{'descr': '{little_endian}', 'fortran_order': False, 'shape': ({tokens},), }}"
    body = text.encode("ascii").ljust(_HEADER - 11) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body
