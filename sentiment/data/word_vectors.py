"""Pre-trained word vectors for a vocabulary, from the files that GloVe and word2vec write.

    the 0.418 0.24968 ...        text: GloVe's as it is; word2vec's (.vec) after a header "<words> <dimension>"
    .bin                         word2vec's binary form: the same header, then word, space, little-endian float32s
    .gz after either             compressed

The file is read as a stream and only the vectors of the vocabulary are kept. gensim reads the same forms, but holds all
words in memory and does not name the line of an error. If a word appears twice, its first vector is used. A header of
no words, as `pretrain` can write it, means no vectors.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, takewhile
from pathlib import Path
from typing import IO, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from sentiment.config.paths import leaves_repository
from sentiment.errors import InputError, printable, quote, reason
from sentiment.io.atomic import atomic_write

_MAX_WORD_BYTES = 10_000  # a longer word means that the file is something else

Matrix = npt.NDArray[np.float32]


class Vectors(NamedTuple):
    """Vectors, float32[words, dim], and the index of each word in the vocabulary: int64[words], ascending."""

    indices: npt.NDArray[np.int64]
    values: Matrix


def locate(name: str) -> Path:
    """Return the path of model.vectors. Raises InputError where it is missing or outside the project."""
    path = Path(name)
    if leaves_repository(path):
        raise InputError(f"model.vectors: '{printable(name)}' leaves the repository; give its absolute path")
    if not path.is_file():
        raise InputError(f"model.vectors: '{printable(name)}' is not an existing file; check the path")
    return path


def require(name: str, dim: int) -> None:
    """Raise InputError where the file is missing, or does not begin with a vector of this dimension."""
    path = locate(name)
    with _open(path) as stream, _gzip_errors(path):
        next(_read_entries(path, stream, dim), None)


def load(path: Path, words: list[str], dim: int) -> Vectors:
    """Return the vectors of the words that the file has.

    Raises InputError where it is damaged, has another dimension, or has vectors but none for these words.
    """
    index_of = {word.encode(): index for index, word in enumerate(words)}
    rows: dict[int, Matrix] = {}
    empty = True
    with _open(path) as stream, _gzip_errors(path):
        for entry in _read_entries(path, stream, dim):
            empty = False
            index = index_of.get(entry.word)
            if index is not None and index not in rows:
                rows[index] = _parse_vector(entry, dim)
    if not (rows or empty):
        raise InputError(
            f"{path}: has none of the vocabulary's {len(words)} words; compare its language, and tokenize.lowercase"
        )
    indices = sorted(rows)
    values = np.array([rows[index] for index in indices], np.float32).reshape(len(indices), dim)
    return Vectors(np.array(indices, np.int64), values)


def save(path: Path, words: list[str], values: Matrix) -> int:
    """Write vectors, float32[words, dim], in word2vec's text form with five digits. Return the number of words.

    Words that are too long for `load` are left out.
    """
    kept = [
        (word, row) for word, row in zip(words, values.tolist(), strict=True) if len(word.encode()) < _MAX_WORD_BYTES
    ]
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(f"{len(kept)} {values.shape[1]}\n")
        number_format = " %.5g" * values.shape[1] + "\n"
        stream.writelines(word + number_format % tuple(row) for word, row in kept)
    return len(kept)


class _Entry(NamedTuple):
    """A word of a file, its place as errors name it, and its numbers: as text, or as float32[dim]."""

    place: str
    word: bytes
    numbers: bytes | Matrix


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


@contextmanager
def _gzip_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: the gzip stream is damaged ({reason(error)}); fetch the file again") from None


def _read_entries(path: Path, stream: IO[bytes], dim: int) -> Iterator[_Entry]:
    """Yield the words of a file in any of the forms. Raises InputError where its vectors have another dimension."""
    max_line = _MAX_WORD_BYTES + 64 * dim  # bytes; a damaged file may be a single line
    first = stream.readline(max_line).removeprefix(b"\xef\xbb\xbf")
    if not first:
        raise InputError(f"{path}: is empty; fetch the file again")
    lines = iter(lambda: stream.readline(max_line), b"")
    fields = first.split()
    if len(fields) == 2 and all(field.isdigit() and len(field) < 19 for field in fields):
        num_words, file_dim = int(fields[0]), int(fields[1])
        if not num_words:  # the header "0 0" has no dimension
            file_dim = dim
        if path.name.removesuffix(".gz").endswith(".bin"):
            entries = _read_binary(path, stream, num_words, dim)
        else:
            entries = _read_text(path, lines, num_words, dim, max_line)
    else:
        file_dim = sum(1 for _ in takewhile(_is_number, reversed(fields[1:])))
        entries = _read_text(path, chain([first], lines), None, dim, max_line)
    if file_dim != dim:
        raise InputError(
            f"{path}: its vectors have {file_dim} numbers; set model.embedding_dim to {file_dim}, not {dim}"
        )
    yield from entries


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _read_text(path: Path, lines: Iterable[bytes], num_words: int | None, dim: int, max_line: int) -> Iterator[_Entry]:
    """Yield the words of a text file. `num_words` is what its header says, None where it has no header.

    A word may contain spaces: its vector is the last `dim` fields of the line.
    """
    number, line = 0, b"\n"
    for number, line in enumerate(lines, start=1):
        word, *numbers = line.rstrip().rsplit(b" ", dim)
        place = f"{path}: line {number + (num_words is not None)}"
        if len(line) >= max_line or len(numbers) != dim:
            raise InputError(f"{place} is not a word and {dim} numbers; fetch the file again, or remove the line")
        yield _Entry(place, word, b" ".join(numbers))
    if num_words is None and not line.endswith(b"\n"):
        raise InputError(f"{path}: line {number} is cut off; fetch the file again, or end the line")
    if num_words not in (None, number):
        raise InputError(f"{path}: its header says {num_words} words, it has {number}; fetch the file again")


def _read_binary(path: Path, stream: IO[bytes], num_words: int, dim: int) -> Iterator[_Entry]:
    for number in range(1, num_words + 1):
        word = bytearray()
        while (byte := stream.read(1)) not in (b" ", b"") and len(word) < _MAX_WORD_BYTES:
            word += byte
        numbers = stream.read(4 * dim)
        if byte != b" " or len(numbers) < 4 * dim:
            raise InputError(f"{path}: cut off or damaged at word {number} of {num_words}; fetch the file again")
        # Some writers end a vector with a line feed, others do not.
        vector = np.frombuffer(numbers, "<f4").astype(np.float32)
        yield _Entry(f"{path}: word {number}", bytes(word).lstrip(b"\n"), vector)
    if stream.read(2).strip():
        raise InputError(f"{path}: its header says {num_words} words, it has more; fetch the file again")


def _parse_vector(entry: _Entry, dim: int) -> Matrix:
    """Return the vector of a word: float32[dim]. Raises InputError where it is not `dim` finite numbers."""
    numbers = entry.numbers
    try:
        with np.errstate(over="ignore"):  # numbers beyond float32 become infinity, which is refused below
            vector = np.array(numbers.split(), np.float32) if isinstance(numbers, bytes) else numbers
    except ValueError:
        vector = np.empty(0, np.float32)
    if len(vector) != dim or not np.isfinite(vector).all():
        raise InputError(
            f"{entry.place}: {quote(entry.word.decode())} is not followed by {dim} numbers; remove the line"
        )
    return vector
