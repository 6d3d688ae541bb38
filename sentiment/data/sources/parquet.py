"""Parquet: one review in a row, in two columns of text or plain numbers."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sentiment.data.decompression import too_large, unpacked_limit
from sentiment.data.sources.columns import Columns
from sentiment.data.sources.parquet_pages import pages
from sentiment.data.sources.review import Review, check_text, parse_label
from sentiment.errors import InputError, quote, reason

# Rows and bytes in memory at a time: with a dictionary, a small file can repeat one long text in every row.
_BATCH_ROWS = 16
_BATCH_BYTES = 2**26


def read_reviews(path: Path, columns: Columns) -> Iterator[Review]:
    """Yield the reviews of a file. Ids are the numbers of the rows. Raises InputError where a row is not a review."""
    number = 0
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            names = columns.find(str(path), file.schema_arrow.names)
            for name in names:
                _require_plain(path, name, file.schema_arrow.field(name).type)
            limit = unpacked_limit(path.stat().st_size)
            rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES // _largest_page(path, file, names, limit)))
            unpacked = 0
            for batch in file.iter_batches(rows, columns=names, use_threads=False):
                unpacked += batch.nbytes
                if unpacked > limit:
                    raise too_large(str(path), limit)
                for text, label in zip(*(batch[name].to_pylist() for name in names), strict=True):
                    number += 1
                    where = f"{path}: row {number}"
                    yield Review(str(number), check_text(where, text), parse_label(where, label))
    except UnicodeDecodeError:
        raise InputError(f"{path}: after row {number}: a text is not valid UTF-8; convert it to UTF-8") from None
    except (ValueError, RecursionError, pa.ArrowNotImplementedError, OSError) as error:
        raise InputError(
            f"{path}: not a readable Parquet file ({reason(error)}); write or fetch the file again"
        ) from None


def _require_plain(path: Path, name: str, kind: pa.DataType) -> None:
    """Raise InputError where a column is neither text nor plain numbers: a date or a list is no text and no label."""
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    text = pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value)
    number = pa.types.is_primitive(value) and not pa.types.is_temporal(value)  # Arrow calls booleans and dates so
    if not (text or number or pa.types.is_null(value)):
        raise InputError(f"{path}: column {quote(name)} contains {quote(str(kind))}; store text or whole numbers")


def _largest_page(path: Path, file: pq.ParquetFile, names: tuple[str, str], limit: int) -> int:
    """Return the unpacked size of the largest page of two columns, which no value exceeds: bytes, at least 1.

    Raises InputError where their pages have more than `limit` bytes together, or hide how many they need.
    """
    groups = [file.metadata.row_group(index) for index in range(file.num_row_groups)]
    chunks = [group.column(index) for group in groups for index in range(group.num_columns)]
    unpacked, largest = 0, 1
    with path.open("rb") as stream:
        for chunk in chunks:
            for page in pages(stream, chunk) if chunk.path_in_schema in names else ():
                unpacked, largest = unpacked + page.size, max(largest, page.size)
                if unpacked > limit:
                    raise too_large(str(path), limit)
                if page.delta_encoded:
                    raise InputError(
                        f"{path}: column {quote(chunk.path_in_schema)} has a delta encoding, which does not tell what "
                        "it unpacks to; write the file with dictionaries or plain texts, as pandas does"
                    )
    return largest
