"""Pre-trained word vectors for a vocabulary, from the files that GloVe and word2vec write.

    the 0.418 0.24968 ...        text: GloVe's as it is; word2vec's (.vec) after a header "<words> <dimension>"
    .bin                         word2vec's binary form: the same header, then word, space, little-endian float32s
    .gz after either             compressed

White space of any width separates the numbers of a text file. The file is read as a stream and only the vectors of the
vocabulary are kept. gensim reads the same forms, but holds all words in memory and does not name the line of an error.
If a word appears twice, its first vector is used. A header of no words, as `pretrain` can write it, means no vectors.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain, takewhile
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt

from sentiment.config.paths import leaves_repository
from sentiment.data.decompression import DAMAGED, open_compressed
from sentiment.errors import InputError, printable, quote, reason
from sentiment.io.atomic import atomic_write

_MAX_WORD_BYTES = 10_000  # a longer word means that the file is something else; a token has at most 1,000 characters

# Files that are often given instead, by their first bytes: what they are, and what to do.
_OTHER_FILES = {
    b"PK\x03\x04": "a zip archive; unpack it and give the text file in it",
    b"\xba\x16\x4f\x2f": "a model in fastText's own form; give the .vec file that fastText writes beside it",
    b"\x93NUMPY": "a NumPy array, which has no words; save the vectors in word2vec's text form",
    b"\x80": "a Python pickle, such as a gensim model, and pickles are not loaded; save its vectors with gensim's "
    "`save_word2vec_format`",
    b"\xfd7zXZ": "an xz archive; unpack it and give the text file in it",
    b"BZh9": "a bzip2 archive; unpack it and give the text file in it",
    b"\x1f\x8b": "compressed with gzip; add .gz to its name",
}

Matrix = npt.NDArray[np.float32]


class Vectors(NamedTuple):
    """Vectors, float32[words, dim], and the index of each word in the vocabulary: int64[words], ascending."""

    indices: npt.NDArray[np.int64]
    values: Matrix


def locate(name: str) -> Path:
    """Return the path of model.vectors. Raises InputError if it is missing or outside the project."""
    path = Path(name)
    if leaves_repository(path):
        raise InputError(f"model.vectors: '{printable(name)}' leaves the repository; give its absolute path")
    if not path.is_file():
        raise InputError(f"model.vectors: '{printable(name)}' is not an existing file; check the path")
    return path


def require(name: str, dim: int) -> None:
    """Read the whole file. Raises InputError if it is missing or damaged, or has another dimension.

    Vectors made of digits, points and minus signs only are not parsed, because that would take twice as long.
    """
    path = locate(name)
    with _open(path) as stream:
        for entry in _read_entries(path, stream, dim):
            if not isinstance(entry.numbers, bytes) or entry.numbers.translate(None, b"0123456789.- "):
                _parse_vector(entry, dim)


def load(path: Path, words: list[str], dim: int) -> Vectors:
    """Return the vectors of the words that the file has.

    Raises InputError if it is damaged, has another dimension, or has vectors but none for these words.
    """
    index_of = {word.encode(): index for index, word in enumerate(words)}
    rows: dict[int, Matrix] = {}
    empty = True
    with _open(path) as stream:
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


def save(path: Path, words: list[str], values: Matrix) -> None:
    """Write vectors, float32[words, dim], in word2vec's text form with five digits."""
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(f"{len(words)} {values.shape[1]}\n")
        number_format = " %.5g" * values.shape[1] + "\n"
        stream.writelines(word + number_format % tuple(row) for word, row in zip(words, values.tolist(), strict=True))


class _Entry(NamedTuple):
    """A word of a file, its place for error messages, and its numbers: as text, or as float32[dim]."""

    place: str
    word: bytes
    numbers: bytes | Matrix


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, unpacked if its name ends in .gz. Raises InputError if it unpacks to more than the limit."""
    with ExitStack() as stack:
        try:
            raw = stack.enter_context(path.open("rb"))
            yield stack.enter_context(open_compressed(str(path), raw)) if path.suffix == ".gz" else raw
        except DAMAGED as error:
            raise InputError(f"{path}: the gzip stream is damaged ({reason(error)}); fetch the file again") from None


def _read_entries(path: Path, stream: IO[bytes], dim: int) -> Iterator[_Entry]:
    """Yield the words of a file in any of the forms. Raises InputError if its vectors have another dimension."""
    max_line = _MAX_WORD_BYTES + 64 * dim  # bytes; a damaged file may be a single line
    first = stream.readline(max_line).removeprefix(b"\xef\xbb\xbf")
    if not first:
        raise InputError(f"{path}: is empty; fetch the file again")
    if other := next((what for start, what in _OTHER_FILES.items() if first.startswith(start)), None):
        raise InputError(f"{path}: is {other}")
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
    if not file_dim:
        raise InputError(
            f"{path}: its first line is {quote(first.decode(errors='replace').strip())}, not a word and its numbers "
            "with spaces between them; give a file in the form of GloVe or word2vec"
        )
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
    """Yield the words of a text file. `num_words` is what its header says, None if it has no header.

    A word may contain spaces: its vector is the last `dim` fields of the line.
    """
    number, line = 0, b"\n"
    for number, line in enumerate(lines, start=1):
        fields = line.rsplit(None, dim)
        word, numbers = b"".join(fields[:-dim]).strip(), fields[-dim:]
        place = f"{path}: line {number + (num_words is not None)}"
        # A word may be empty: some files have one that is a space.
        if len(line) >= max_line or len(numbers) != dim or not (word or line[:1].isspace()):
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
    """Return the vector of a word: float32[dim]. Raises InputError if it is not `dim` finite numbers."""
    numbers = entry.numbers
    try:
        with np.errstate(over="ignore"):  # numbers beyond float32 become infinity, which is refused below
            vector = np.array(numbers.split(), np.float32) if isinstance(numbers, bytes) else numbers
    except ValueError:
        vector = np.empty(0, np.float32)
    if len(vector) != dim or not np.isfinite(vector).all():
        word = entry.word.decode(errors="replace")
        raise InputError(f"{entry.place}: {quote(word)} is not followed by {dim} numbers; remove the line")
    return vector
