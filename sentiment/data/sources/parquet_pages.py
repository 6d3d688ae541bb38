"""The page headers of a Parquet file, which tell the size that its columns unpack to.

Arrow unpacks a page into a buffer of the size in the page's own header, and fails if the content has another size. It
does not check the totals in the footer, so a footer can hide that a file of some kilobytes unpacks to gigabytes.
pyarrow does not expose page headers, so they are read here: structs in Thrift's compact protocol
(https://parquet.apache.org/docs/file-format/data-pages/). Anything that writers do not produce is refused, because
Arrow might interpret it differently.
"""

import os
from collections.abc import Iterator
from typing import IO, NamedTuple

import pyarrow.parquet as pq

# Numbers in a page header, by the path of Thrift field ids to them. The encoding and the number of values are in
# different places in pages of version 1 and 2.
_UNPACKED_SIZE, _PACKED_SIZE, _ENCODING, _ENCODING_2 = (2,), (3,), (5, 2), (8, 4)
_VALUES, _VALUES_2 = (5, 1), (8, 1)
_DELTA_TEXT = (6, 7)  # DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY
# Thrift's types.
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _STRUCT = 1, 2, 3, 4, 5, 6, 7, 8, 12


class Page(NamedTuple):
    """A page: its unpacked size in bytes, its number of values, and whether its texts have a delta encoding.

    The content of a delta-encoded page declares how many lengths it has, and Arrow allocates memory for all of them: a
    few bytes can claim gigabytes.
    """

    size: int
    values: int
    delta_encoded: bool


def pages(stream: IO[bytes], chunk: pq.ColumnChunkMetaData) -> Iterator[Page]:
    """Yield the pages of a column chunk. Raises ValueError if a header is damaged."""
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and (0 < chunk.dictionary_page_offset < start or not start):  # 0: no data pages
        start = chunk.dictionary_page_offset
    position, end = start, start + chunk.total_compressed_size
    while position < end:
        stream.seek(position)
        header = _read_struct(stream)
        unpacked, packed = header.get(_UNPACKED_SIZE, -1), header.get(_PACKED_SIZE, -1)
        values = header.get(_VALUES, header.get(_VALUES_2, 0))  # 0 in a dictionary page, which no row holds as a whole
        if min(unpacked, packed, values) < 0:
            raise ValueError("a page without a size")
        yield Page(unpacked, values, header.get(_ENCODING, header.get(_ENCODING_2)) in _DELTA_TEXT)
        position = stream.tell() + packed


def _read_struct(stream: IO[bytes]) -> dict[tuple[int, ...], int]:
    """Return the 32-bit numbers of a struct and of nested structs, by their field ids; skip all other fields."""
    numbers: dict[tuple[int, ...], int] = {}
    field = 0
    while byte := _read_byte(stream):  # 0 ends a struct
        step, kind = byte >> 4, byte & 15
        field += step
        if not step:
            raise ValueError("a page header with fields out of order")
        if kind == _I32:
            number = _read_varint(stream, 32)
            numbers[field,] = (number >> 1) ^ -(number & 1)
        elif kind in (_I16, _I64):
            _read_varint(stream, 64)
        elif kind in (_BYTE, _DOUBLE, _BINARY):
            length = {_BYTE: 1, _DOUBLE: 8}.get(kind) or _read_varint(stream, 32)
            stream.seek(length, os.SEEK_CUR)
        elif kind == _STRUCT:
            numbers |= {(field, *fields): number for fields, number in _read_struct(stream).items()}
        elif kind not in (_TRUE, _FALSE):
            raise ValueError(f"a page header with a field of type {kind}")
    return numbers


def _read_varint(stream: IO[bytes], bits: int) -> int:
    number = 0
    for shift in range(0, bits, 7):
        byte = _read_byte(stream)
        number |= (byte & 127) << shift
        if byte < 128 and number < 2**bits:
            return number
    raise ValueError("a number in a page header that is too long")


def _read_byte(stream: IO[bytes]) -> int:
    byte = stream.read(1)
    if not byte:
        raise ValueError("a page header that is cut off")
    return byte[0]
