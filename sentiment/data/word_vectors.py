"""Pre-trained word vectors for a vocabulary, from the files that GloVe and word2vec write.

    the 0.418 0.24968 ...        text; GloVe's as it is, word2vec's (.vec) after a line "<words> <numbers>"
    .bin                         word2vec's binary form: the same first line, then word, blank, little-endian float32s
    .gz after either             compressed

The file is read as a stream and only the vocabulary's vectors are kept: gensim, which reads the same forms, holds all
words of the file in memory and reports a broken line without its number. A word that stands twice counts once, the
first time. A file that promises no words, as `pretrain` writes it, has no vectors.
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

_LONGEST_WORD = 10_000  # bytes; a longer one means that this is no such file

Matrix = npt.NDArray[np.float32]


class Vectors(NamedTuple):
    """Vectors, float32[found, width], and the places of their words among those asked for: int64[found]."""

    places: npt.NDArray[np.int64]
    values: Matrix


def locate(name: str) -> Path:
    """Return the path of a file of vectors. Raises InputError where it is missing, or relative and outside."""
    path = Path(name)
    if leaves_repository(path):
        raise InputError(f"model.vectors: '{printable(name)}' leaves the repository; give its absolute path")
    if not path.is_file():
        raise InputError(f"model.vectors: '{printable(name)}' is no file that exists; check the path")
    return path


def require(name: str, width: int) -> None:
    """Raise InputError where a file of vectors is missing, or does not begin like one of this width."""
    path = locate(name)
    with _open(path) as stream, _explained(path):
        next(_entries(path, stream, width), None)


def load(path: Path, words: list[str], width: int) -> Vectors:
    """Return the vectors of some words. Raises InputError where the file is broken or of another width."""
    places = {word.encode(): place for place, word in enumerate(words)}
    found: dict[int, Matrix] = {}
    empty = True
    with _open(path) as stream, _explained(path):
        for where, word, numbers in _entries(path, stream, width):
            empty = False
            if word in places and places[word] not in found:
                found[places[word]] = _vector(where, word, numbers, width)
    if not (found or empty):
        raise InputError(
            f"{path}: has none of the vocabulary's {len(words)} words; compare its language, and tokenize.lowercase"
        )
    order = sorted(found)
    values = np.array([found[place] for place in order], np.float32).reshape(len(order), width)
    return Vectors(np.array(order, np.int64), values)


def save(path: Path, words: list[str], values: Matrix) -> int:
    """Write vectors, float32[words, width], in word2vec's text form, to five digits. Return how many.

    A word that is longer than `load` reads is left out.
    """
    kept = [(word, row) for word, row in zip(words, values.tolist(), strict=True) if len(word.encode()) < _LONGEST_WORD]
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(f"{len(kept)} {values.shape[1]}\n")
        form = " %.5g" * values.shape[1] + "\n"
        stream.writelines(word + form % tuple(row) for word, row in kept)
    return len(kept)


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: the gzip stream is broken ({reason(error)}); fetch the file again") from None


def _entries(path: Path, stream: IO[bytes], width: int) -> Iterator[tuple[str, bytes, bytes | Matrix]]:
    """Yield each word of a file: where it stands, the word, and its numbers as text or as a vector."""
    longest = _LONGEST_WORD + 64 * width  # bytes of a line; a broken file may hold a single one
    first = stream.readline(longest).removeprefix(b"\xef\xbb\xbf")
    if not first:
        raise InputError(f"{path}: is empty; fetch the file again")
    head = first.split()
    if len(head) == 2 and all(part.isdigit() and len(part) < 19 for part in head):
        words, found = int(head[0]), int(head[1])
        binary = path.name.removesuffix(".gz").endswith(".bin")
        lines = _lines(stream, longest)
        entries = _binary(path, stream, words, width) if binary else _text(path, lines, words, width, longest)
        if not words:  # such a file has no width either
            found = width
    else:
        found = sum(1 for _ in takewhile(_is_number, reversed(head[1:])))
        entries = _text(path, chain([first], _lines(stream, longest)), None, width, longest)
    if found != width:
        raise InputError(f"{path}: its vectors have {found} numbers; set model.embedding_dim to {found}, not {width}")
    yield from entries


def _lines(stream: IO[bytes], longest: int) -> Iterator[bytes]:
    return iter(lambda: stream.readline(longest), b"")


def _is_number(part: bytes) -> bool:
    try:
        float(part)
    except ValueError:
        return False
    return True


def _text(
    path: Path, lines: Iterable[bytes], promised: int | None, width: int, longest: int
) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield the entries of a text file; `promised` is how many its first line speaks of, where it has such a line.

    A word may hold blanks: its numbers are the last `width` parts of its line.
    """
    number, line = 0, b"\n"
    for number, line in enumerate(lines, start=1):
        word, *numbers = line.rstrip().rsplit(b" ", width)
        where = f"{path}: line {number + (promised is not None)}"
        if len(line) >= longest or len(numbers) != width:
            raise InputError(f"{where} is no word with {width} numbers; fetch the file again, or remove the line")
        yield where, word, b" ".join(numbers)
    if promised is None and not line.endswith(b"\n"):
        raise InputError(f"{path}: line {number} breaks off; fetch the file again, or end the line")
    if promised not in (None, number):
        raise InputError(f"{path}: promises {promised} words and has {number}; fetch the file again")


def _binary(path: Path, stream: IO[bytes], words: int, width: int) -> Iterator[tuple[str, bytes, Matrix]]:
    for number in range(1, words + 1):
        word = bytearray()
        while (byte := stream.read(1)) not in (b" ", b"") and len(word) < _LONGEST_WORD:
            word += byte
        numbers = stream.read(4 * width)
        if byte != b" " or len(numbers) < 4 * width:
            raise InputError(f"{path}: ends, or breaks off, in word {number} of {words}; fetch the file again")
        yield f"{path}: word {number}", bytes(word).lstrip(b"\n"), np.frombuffer(numbers, "<f4").astype(np.float32)
    if stream.read(2).strip():
        raise InputError(f"{path}: promises {words} words and goes on after them; fetch the file again")


def _vector(where: str, word: bytes, numbers: bytes | Matrix, width: int) -> Matrix:
    """Return a vector. Raises InputError where it has not `width` finite numbers."""
    try:
        with np.errstate(over="ignore"):  # to infinity, which is refused below
            vector = np.array(numbers.split(), np.float32) if isinstance(numbers, bytes) else numbers
    except ValueError:
        vector = np.empty(0, np.float32)
    if len(vector) != width or not np.isfinite(vector).all():
        raise InputError(f"{where}: {quote(word.decode())} has not {width} numbers after it; remove the line")
    return vector
