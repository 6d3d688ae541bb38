"""Encoded splits: `data/ids/<split>/` holds the ids of all reviews in one flat array, and an index of the reviews.

ids.npy        uint8, uint16 or uint32[tokens], the narrowest type that holds the vocabulary; can be memory-mapped
index.parquet  id, label, length of each review, in the order of the corpus; offsets are the running sum of the lengths
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

from sentiment.config import paths
from sentiment.config.section import NonNegativeInt, Settings
from sentiment.data.classes import Classes
from sentiment.data.tokenizer import Tokenizer
from sentiment.data.vocabulary import Ids, Vocabulary
from sentiment.errors import InputError, missing_file, reason
from sentiment.io import parquet
from sentiment.io.atomic import atomic_folder

# numpy pads the header of an .npy file to the same size for any number of elements, so it can be overwritten when that
# number is known.
_HEADER_SIZE = 128

Lengths = npt.NDArray[np.int64]


class Truncation(Settings):
    """How a review of more than `max_tokens` tokens is cut: at its start, its end or in its middle. 0 cuts none."""

    max_tokens: NonNegativeInt
    truncation_side: Literal["start", "end", "middle"]

    def apply(self, ids: Ids, lengths: Lengths) -> tuple[Ids, Lengths]:
        """Cut each review: ids[tokens], int64[reviews] -> the remaining ids and the new lengths.

        >>> two = np.array([1, 2, 3, 4, 5, 6, 7], np.uint8), np.array([5, 2])
        >>> [array.tolist() for array in Truncation(max_tokens=3, truncation_side="middle").apply(*two)]
        [[1, 2, 5, 6, 7], [3, 2]]
        """
        if not self.max_tokens or not len(lengths) or lengths.max() <= self.max_tokens:
            return ids, lengths
        position = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        excess = np.repeat(np.maximum(lengths - self.max_tokens, 0), lengths)
        # Tokens kept before the cut; in the middle case, the larger half of an odd number.
        head = {"start": 0, "end": self.max_tokens, "middle": -(-self.max_tokens // 2)}[self.truncation_side]
        kept = (position < head) | (position >= head + excess)
        return ids[kept], np.minimum(lengths, self.max_tokens)


class Encoding(Settings):
    """data/ids/encoding.json: how text became ids, and the digest of the vocabulary that was used."""

    tokenizer: Tokenizer
    truncation: Truncation
    vocabulary: str

    @classmethod
    def load(cls, path: Path) -> "Encoding":
        """Read the file. Raises InputError if it is missing or damaged."""
        return cls.from_json(path, "run `dvc repro --force encode`")

    def require(self, vocabulary: Vocabulary, path: Path) -> None:
        """Raise InputError if this vocabulary, read from `path`, is not the one that made the ids."""
        if vocabulary.digest != self.vocabulary:
            raise InputError(f"{path}: not the vocabulary that made the ids; run `dvc repro encode`")

    def encode(self, tokens: pa.ListArray, vocabulary: Vocabulary) -> tuple[Ids, Lengths]:
        """Encode and truncate: list<string>[reviews] -> ids[tokens], int64[reviews] tokens in each review."""
        lengths = pc.list_value_length(tokens).to_numpy().astype(np.int64)
        return self.truncation.apply(vocabulary.encode(tokens.flatten()), lengths)


@dataclass(frozen=True)
class EncodedSplit:
    """Encoded reviews of one folder, with memory-mapped ids, or of several, with ids in memory.

    ids[tokens], offsets int64[reviews + 1], labels uint8[reviews]
    """

    folders: tuple[Path, ...]
    ids: Ids
    offsets: npt.NDArray[np.int64]
    labels: npt.NDArray[np.uint8]
    review_ids: pa.StringArray

    @classmethod
    def open(cls, *folders: Path) -> "EncodedSplit":
        """Open folders that `open_writer` made, as one split.

        Raises InputError if the two files of a folder do not belong together.
        """
        if len(folders) == 1:
            return cls._open(*folders)
        parts = [cls._open(folder) for folder in folders]
        return cls(
            folders,
            np.concatenate([part.ids for part in parts]),
            np.concatenate([[0], np.cumsum(np.concatenate([part.lengths for part in parts]))]),
            np.concatenate([part.labels for part in parts]),
            pa.concat_arrays([part.review_ids for part in parts]),
        )

    @classmethod
    def _open(cls, folder: Path) -> "EncodedSplit":
        index = parquet.read_all(folder / "index.parquet", parquet.INDEX)
        lengths = index["length"].to_numpy().astype(np.int64)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        try:
            ids = np.load(folder / "ids.npy", mmap_mode="r" if offsets[-1] else None, allow_pickle=False)
        except FileNotFoundError:
            raise missing_file(folder / "ids.npy") from None
        except (ValueError, EOFError) as error:
            raise InputError(
                f"{folder}/ids.npy: not an array that this project wrote ({reason(error)}); run `dvc repro`"
            ) from None
        if ids.shape != (offsets[-1],):
            raise InputError(
                f"{folder}: index.parquet counts {offsets[-1]} tokens, ids.npy has the shape {ids.shape}; "
                "run `dvc repro --force encode`"
            )
        return cls((folder,), ids, offsets, index["label"].to_numpy(), index["id"].combine_chunks())

    def require_labels_of(self, classes: Classes) -> None:
        """Raise InputError if a label is none of these classes."""
        if (highest := int(self.labels.max(initial=0))) >= len(classes):
            raise InputError(
                f"{self.folders[0]}: has the label {highest}, and {paths.CLASSES} names the classes 0 to "
                f"{len(classes) - 1}; run `dvc repro --force ingest`"
            )

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

    def write(self, review_ids: pa.StringArray, labels: pa.UInt8Array, ids: Ids, lengths: Lengths) -> None:
        """Append reviews: string[reviews], uint8[reviews], ids[tokens] and int64[reviews] tokens in each."""
        self._stream.write(ids.tobytes())
        self._index.write(review_ids, labels, pa.array(lengths, pa.int32()))
        self.tokens += len(ids)


@contextmanager
def open_writer(folder: Path, id_type: np.dtype[np.unsignedinteger]) -> Iterator[Writer]:
    """Open a split that appears at `folder` when the block ends without an error."""
    with (
        atomic_folder(folder) as partial,
        (partial / "ids.npy").open("wb") as stream,
        parquet.open_writer(partial / "index.parquet", parquet.INDEX) as index,
    ):
        stream.seek(_HEADER_SIZE)
        writer = Writer(stream, index)
        yield writer
        stream.seek(0)
        header = {"descr": id_type.newbyteorder("<").str, "fortran_order": False, "shape": (writer.tokens,)}
        np.lib.format.write_array_header_1_0(stream, header)
        assert stream.tell() == _HEADER_SIZE
