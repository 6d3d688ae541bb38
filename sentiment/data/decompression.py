"""Compressed files. Their unpacked size is bounded, because a file may be built to fill the disk or the memory."""

import bz2
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO, Any

import pyarrow as pa

from sentiment.errors import InputError, quote, reason

SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".zip")

# A file may unpack to 100 times its size. Text compresses to about a third, a gzip bomb to a thousandth.
_MAX_RATIO = 100
_ALWAYS_ALLOWED = 2**26  # bytes, however small the file is
_XZ_MEMORY = 2**27  # bytes that a file may ask for; one made by `xz -9` asks for 65 MiB
_CHUNK = 2**16
_PADDING = b"\0\r\n"  # ignored after a stream, which zeros may pad to a tape block


class DamagedError(Exception):
    """A compressed file that cannot be unpacked, or that ends too early."""


DAMAGED = (DamagedError, tarfile.TarError)


def unpacked_limit(size: int) -> int:
    """Return how many bytes a file of `size` bytes may unpack to."""
    return max(_ALWAYS_ALLOWED, _MAX_RATIO * size)


def size_of(stream: IO[bytes]) -> int:
    """Return the size of a file in bytes, 0 for a pipe. Rewinds a file to its start."""
    if not stream.seekable():
        return 0
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    return size


def too_large(name: str, limit: int) -> InputError:
    """Return the error for a file that unpacks to more than `limit`."""
    return InputError(f"{name}: unpacks to more than {limit:,} bytes, {_MAX_RATIO} times its size; do not trust it")


def compression_suffix(name: str) -> str:
    """Return the suffix of a file's compression, empty if it has none.

    >>> compression_suffix("reviews.csv.GZ"), compression_suffix("reviews.csv")
    ('.gz', '')
    """
    return next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")


@contextmanager
def open_compressed(name: str, packed: IO[bytes], suffix: str = ".gz") -> Iterator[IO[bytes]]:
    """Unpack a stream, whose compression has the given `suffix`. Errors call it `name`.

    Raises InputError if it unpacks to more than the limit, and one of `DAMAGED` if it cannot be unpacked.
    """
    limit = unpacked_limit(size_of(packed))
    stream: Any
    if suffix == ".zip":
        stream = _open_member(name, packed)
    elif suffix == ".zst":
        stream = pa.CompressedInputStream(pa.PythonFile(packed, mode="r"), "zstd")
    else:
        stream = _Members(packed, suffix)
    with stream, io.BufferedReader(_Bounded(name, stream, limit), 2 * _CHUNK) as plain:
        yield plain


def zip_member(name: str, packed: IO[bytes]) -> str:
    """Return the name of the file in a zip archive. Raises InputError unless there is exactly one, not compressed."""
    if not packed.seekable():
        raise InputError(f"{name}: is a pipe, but a zip archive is read from its end; give a file")
    try:
        with zipfile.ZipFile(packed) as archive:
            members = [
                member
                for member in archive.infolist()
                if not (member.is_dir() or member.filename.startswith("__MACOSX/"))
            ]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DamagedError(reason(error)) from None
    if len(members) != 1 or members[0].flag_bits & 1:
        what = f"{len(members)} files" if len(members) != 1 else "an encrypted file"
        raise InputError(f"{name}: the archive contains {what}; unpack it and give the file with the reviews")
    member = PurePosixPath(members[0].filename).name
    if compression_suffix(member):
        raise InputError(
            f"{name}: the archive contains {quote(member)}, which is compressed itself; unpack the archive"
        )
    return members[0].filename


def _open_member(name: str, packed: IO[bytes]) -> Any:
    member = zip_member(name, packed)
    try:
        return zipfile.ZipFile(packed).open(member)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DamagedError(reason(error)) from None


def unpacked_name(name: str) -> str:
    """Return the name without the suffix of its compression.

    >>> unpacked_name("reviews.csv.gz"), unpacked_name("reviews.csv")
    ('reviews.csv', 'reviews.csv')
    """
    return name[: len(name) - len(compression_suffix(name))]


class _Gzip:
    """A gzip stream with the interface of `bz2.BZ2Decompressor` and `lzma.LZMADecompressor`."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + data, max_length)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        return not (self._stream.eof or self._stream.unconsumed_tail)

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data


def _decompressor(suffix: str) -> Any:
    if suffix == ".bz2":
        return bz2.BZ2Decompressor()
    return _Gzip() if suffix == ".gz" else lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


class _Members(io.RawIOBase):
    """Concatenated compressed streams, read as one, as gzip, bzip2 and xz do.

    Python's own readers refuse a newline at the end, which gzip ignores, and the one in `lzma` has no memory limit.
    """

    def __init__(self, packed: IO[bytes], suffix: str) -> None:
        super().__init__()
        self._packed, self._suffix = packed, suffix
        self._current: Any = _decompressor(suffix)

    def read(self, size: int = -1) -> bytes:
        while True:
            if self._current.eof:
                rest = self._current.unused_data.lstrip(_PADDING)
                while not rest:
                    if not (more := self._packed.read(_CHUNK)):
                        return b""
                    rest = more.lstrip(_PADDING)
                self._current = _decompressor(self._suffix)
            else:
                rest = self._packed.read(_CHUNK) if self._current.needs_input else b""
            starved = self._current.needs_input and not rest
            if content := self._current.decompress(rest, size):
                return bytes(content)
            if starved and not self._current.eof:
                raise EOFError("it ends too early")


class _Bounded(io.RawIOBase):
    """A stream that must not be longer than a limit."""

    def __init__(self, name: str, stream: Any, limit: int) -> None:
        super().__init__()
        self._name, self._stream, self._limit, self._read = name, stream, limit, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            content = self._stream.read(len(buffer))
        except (zlib.error, lzma.LZMAError, zipfile.BadZipFile, EOFError, ValueError) as error:
            raise DamagedError(reason(error)) from None
        except OSError as error:  # bz2 and Arrow raise it without an errno if the content is damaged
            if error.errno:
                raise
            raise DamagedError(reason(error)) from None
        buffer[: len(content)] = content
        self._read += len(content)
        if self._read > self._limit:
            raise too_large(self._name, self._limit)
        return len(content)
