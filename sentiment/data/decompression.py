"""Compressed files, which may be built to fill the disk or the memory: what they unpack to is bounded."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from sentiment.errors import InputError

DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError)

# A file may unpack to 100 times its size. Text compresses to about a third; a gzip bomb to a thousandth.
_MAX_RATIO = 100
_ALWAYS_ALLOWED = 2**26  # bytes, however small the file is


def unpacked_limit(size: int) -> int:
    """Return how many bytes a file of `size` bytes may unpack to."""
    return max(_ALWAYS_ALLOWED, _MAX_RATIO * size)


def size_of(stream: IO[bytes]) -> int:
    """Return the size of a file in bytes, 0 where it is a pipe. The stream is at its start then."""
    if not stream.seekable():
        return 0
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    return size


def too_large(name: str, limit: int) -> InputError:
    """Return the error for a file that unpacks to more than `limit`."""
    return InputError(f"{name}: unpacks to more than {limit:,} bytes, {_MAX_RATIO} times its size; do not trust it")


@contextmanager
def open_gzip(name: str, packed: IO[bytes]) -> Iterator[IO[bytes]]:
    """Read a gzip stream, called `name` in errors. Raises InputError beyond the limit, `DAMAGED` errors as they are."""
    limit = unpacked_limit(size_of(packed))
    with gzip.open(packed) as plain, io.BufferedReader(_Bounded(name, plain, limit), 1 << 17) as stream:
        yield stream


class _Bounded(io.RawIOBase):
    """A stream that must not be longer than a limit."""

    def __init__(self, name: str, stream: gzip.GzipFile, limit: int) -> None:
        super().__init__()
        self._name, self._stream, self._limit, self._read = name, stream, limit, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._stream.read(len(buffer))
        buffer[: len(content)] = content
        self._read += len(content)
        if self._read > self._limit:
            raise too_large(self._name, self._limit)
        return len(content)
