"""Parquet tables between the stages, read and written in batches of rows; each batch is checked against its contract.

Memory does not grow with the table, except in `read_all`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from sentiment.errors import InputError, missing_file, reason
from sentiment.io.atomic import atomic_write

# Rows in a batch and in a row group. 2,048 reviews of IMDb have 2.7 MB of text: enough to make the overhead of an Arrow
# call small, and small enough for a CPU's cache.
ROWS = 2048


def schema(*fields: tuple[str, pa.DataType]) -> pa.Schema:
    """Return the schema of a table that has these columns, none of them with missing values."""
    # Empty metadata instead of none: Arrow writes other bytes for none, and earlier tables have it empty.
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in fields], metadata={})


REVIEWS = schema(("id", pa.string()), ("text", pa.string()), ("label", pa.uint8()))
TOKENS = schema(("id", pa.string()), ("label", pa.uint8()), ("tokens", pa.list_(pa.field("item", pa.string(), False))))
INDEX = schema(("id", pa.string()), ("label", pa.uint8()), ("length", pa.int32()))


# What a table must be: one schema, or any that a function accepts.
Contract: TypeAlias = "pa.Schema | Callable[[pa.Schema], bool]"


def fits(found: pa.Schema, contract: Contract) -> bool:
    """Return whether a table with the schema `found` is what the contract says."""
    return bool(found.equals(contract) if isinstance(contract, pa.Schema) else contract(found))


class Writer:
    """Appends batches to one table."""

    def __init__(self, file: pq.ParquetWriter, schema: pa.Schema) -> None:
        self._file = file
        self._schema = schema

    def write(self, *columns: pa.Array) -> None:
        """Append rows, their columns in the order of the schema. Raises ValueError where they break its contract."""
        batch = pa.RecordBatch.from_arrays(
            [column.cast(field.type) for column, field in zip(columns, self._schema, strict=True)], schema=self._schema
        )
        _check(batch)
        if batch.num_rows:
            self._file.write_batch(batch, row_group_size=ROWS)


@contextmanager
def open_writer(path: Path, schema: pa.Schema) -> Iterator[Writer]:
    """Open a table that appears at `path` when the block ends without an error."""
    with (
        atomic_write(path) as partial,
        pq.ParquetWriter(
            partial, schema, compression="zstd", compression_level=1, store_schema=True, write_page_checksum=True
        ) as file,
    ):
        yield Writer(file, schema)


def read(path: Path, contract: Contract, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a table, of at most `ROWS` rows. Raises InputError where the file is not such a table."""
    with _open(path, contract) as file:
        # Group by group: a batch of several small groups, which have few but long reviews, could be large.
        for group in range(file.num_row_groups):
            batches = file.iter_batches(batch_size=ROWS, row_groups=[group], columns=columns, use_threads=False)
            while (batch := _next(path, batches)) is not None:
                yield batch


def read_all(path: Path, contract: Contract) -> pa.Table:
    """Return a whole table. Raises InputError where the file is not such a table."""
    with _open(path, contract) as file:
        found = file.schema_arrow
    return pa.Table.from_batches(read(path, contract), found)


def _next(path: Path, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
    try:
        batch = next(batches, None)
        if batch is not None:
            _check(batch)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, error) from None
    return batch


def count(path: Path, contract: Contract) -> int:
    """Return the number of rows, read from the footer."""
    with _open(path, contract) as file:
        return int(file.metadata.num_rows)


def _open(path: Path, contract: Contract) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True)
    except FileNotFoundError:
        raise missing_file(path) from None
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None
    if not fits(file.schema_arrow, contract):
        columns = ", ".join(f"{field.name} {field.type}" for field in file.schema_arrow)
        raise InputError(f"{path}: its columns {columns} are of another version; run `dvc repro --force`")
    return file


def _damaged(path: Path, error: Exception) -> Exception:
    """Return the exception to raise for an error of Arrow, whose OSError without a number is about the content."""
    if isinstance(error, OSError) and error.errno:
        return error
    return InputError(
        f"{path}: not a Parquet table, or damaged ({reason(error)}); run `dvc checkout {path}` or `dvc repro`"
    )


def _check(batch: pa.RecordBatch) -> None:
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if column.null_count:
            raise ValueError(f"column {name} has {column.null_count} missing values")
