"""Parquet: one review per row, in two columns of text or plain numbers."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sentiment.data.decompression import size_of, too_large, unpacked_limit
from sentiment.data.sources.parquet_pages import pages
from sentiment.data.sources.table import Row, Table, Write
from sentiment.errors import InputError, quote, reason

# Rows and bytes in memory at a time. The rows are few because a dictionary lets a small file repeat one long text in
# every row.
_BATCH_ROWS = 16
_BATCH_BYTES = 2**26
_TYPES = {str: pa.string(), float: pa.float64()}


class Parquet(Table):
    """The rows of a Parquet file. Text and label must be text or plain numbers; other columns may have any type."""

    binary = True
    header: list[str]

    def __init__(self, name: str, stream: IO[bytes]) -> None:
        if not stream.seekable():
            raise InputError(f"{name}: is a pipe, but Parquet is read from its end; give a file")
        self._name, self._stream = name, stream
        self._limit = unpacked_limit(size_of(stream))
        try:
            self._file = pq.ParquetFile(stream, pre_buffer=False)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise self._unreadable(error) from None
        self._schema: pa.Schema = self._file.schema_arrow
        # A dotted name is a field of a struct.
        leaves = [self._file.schema.column(index) for index in range(len(self._file.schema))]
        self.header = self._schema.names + [
            leaf.path for leaf in leaves if "." in leaf.path and not leaf.max_repetition_level
        ]

    @property
    def form(self) -> object:
        return self._schema

    def rows(self, columns: Sequence[str] = (), *, whole: bool = False) -> Iterator[Row]:
        for name in columns:
            self._require_plain(name)
        named = {name: names for name in columns if (names := self._class_names(name))}
        number = 0
        try:
            for batch in self._batches(None if whole else list(columns)):
                size = batch.nbytes // max(1, batch.num_rows)
                for index, values in enumerate(zip(*(self._values(batch, name) for name in columns), strict=True)):
                    number += 1
                    fields = dict(zip(columns, values, strict=True))
                    for name, names in named.items():
                        fields[name] = self._class_name(number, name, fields[name], names)
                    yield Row(number, f"row {number}", fields, batch.slice(index, 1) if whole else None, size)
        except UnicodeDecodeError:
            raise InputError(
                f"{self._name}: after row {number}: a text is not valid UTF-8; convert it to UTF-8"
            ) from None
        except (ValueError, RecursionError, pa.ArrowNotImplementedError, OSError) as error:
            raise self._unreadable(error) from None

    @contextmanager
    def writer(self, stream: IO[bytes], added: Mapping[str, type]) -> Iterator[Write]:
        schema = self._schema
        for name, kind in added.items():
            schema = schema.append(pa.field(name, _TYPES[kind]))

        def write(rows: Iterable[tuple[Row, Mapping[str, Any]]]) -> None:
            batches, values = zip(*((row.raw, values) for row, values in rows), strict=True)
            columns = pa.Table.from_batches(batches, self._schema).columns
            more = [pa.array([value[name] for value in values], _TYPES[kind]) for name, kind in added.items()]
            file.write_table(pa.table([*columns, *more], schema=schema))

        with pq.ParquetWriter(stream, schema, compression="zstd") as file:
            yield write

    def _batches(self, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
        """Yield a few rows at a time. Raises InputError if the columns unpack to more than the limit."""
        rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES // self._largest_page(columns)))
        unpacked = 0
        for batch in self._file.iter_batches(rows, columns=columns, use_threads=False):
            unpacked += batch.nbytes
            if unpacked > self._limit:
                raise too_large(self._name, self._limit)
            yield batch

    def _field(self, name: str) -> pa.Field:
        if name in self._schema.names:
            return self._schema.field(name)
        outer, *inner = name.split(".")
        field = self._schema.field(outer)
        for part in inner:
            field = field.type.field(part)
        return field

    def _values(self, batch: pa.RecordBatch, name: str) -> list[Any]:
        if name in self._schema.names:
            return list(batch[name].to_pylist())
        outer, *inner = name.split(".")
        return list(pc.struct_field(batch[outer], inner).to_pylist())

    def _require_plain(self, name: str) -> None:
        """Raise InputError if a column is neither text nor plain numbers: dates or lists, for example."""
        kind = self._field(name).type
        value = kind.value_type if pa.types.is_dictionary(kind) else kind
        text = pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value)
        # Arrow calls booleans and dates primitive, but not decimals.
        number = pa.types.is_decimal(value) or (pa.types.is_primitive(value) and not pa.types.is_temporal(value))
        if not (text or number or pa.types.is_null(value)):
            raise InputError(
                f"{self._name}: column {quote(name)} contains {quote(str(kind))}; store text or plain numbers"
            )

    def _class_names(self, name: str) -> list[str] | None:
        """Return the class names of a column that Hugging Face's `datasets` wrote as a `ClassLabel`, or None."""
        try:
            feature = json.loads((self._schema.metadata or {})[b"huggingface"])["info"]["features"][name]
            names = feature["names"] if feature["_type"] == "ClassLabel" else None
        except (KeyError, TypeError, ValueError, RecursionError):
            return None
        return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None

    def _class_name(self, row: int, column: str, value: Any, names: list[str]) -> str | None:
        """Return the name of a class, or None for -1, which is how `datasets` writes a missing label."""
        if value is None or value == -1:
            return None
        if not (isinstance(value, int) and 0 <= value < len(names)):
            raise InputError(
                f"{self._name}: row {row}: {quote(column)} is {quote(value)}, but the file's metadata names the "
                f"classes 0 to {len(names) - 1}; write the file again"
            )
        return names[value]

    def _largest_page(self, columns: list[str] | None) -> int:
        """Return the unpacked size in bytes, at least 1, of the largest page of the columns. No value is larger.

        In a repeated column, one row may hold all values of a page; each counts as 8 bytes, however it was encoded.

        Raises InputError if the pages unpack to more than the limit, or if an encoding hides their size.
        """
        metadata, schema = self._file.metadata, self._file.schema
        unpacked, largest = 0, 1
        for group in (metadata.row_group(index) for index in range(metadata.num_row_groups)):
            for index in range(group.num_columns):
                chunk = group.column(index)
                if columns is not None and chunk.path_in_schema not in columns:
                    continue
                repeated = schema.column(index).max_repetition_level
                for page in pages(self._stream, chunk):
                    size = page.size + (8 * page.values if repeated else 0)
                    unpacked, largest = unpacked + size, max(largest, size)
                    if unpacked > self._limit:
                        raise too_large(self._name, self._limit)
                    if page.delta_encoded:
                        raise InputError(
                            f"{self._name}: column {quote(chunk.path_in_schema)} has a delta encoding, which "
                            "hides its unpacked size; write the file with dictionaries or plain texts, as pandas does"
                        )
        return largest

    def _unreadable(self, error: Exception) -> Exception:
        """Return the exception to raise for an error of Arrow. Its OSError without an errno is about the content."""
        if isinstance(error, OSError) and error.errno:
            return error
        return InputError(f"{self._name}: not a readable Parquet file ({reason(error)}); write or fetch the file again")
