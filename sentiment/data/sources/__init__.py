"""Where reviews come from: the user's tables, and the Large Movie Review Dataset (Maas et al. 2011).

Each format has a module here and a line in `registry`. A source is read as a stream of `Review`s in an order that does
not depend on the machine. Bad input is an `InputError` that names the file and the row.
"""

from sentiment.data.sources.columns import AUTO, TEXT_COLUMNS, candidates, find_column, present_name, value_of
from sentiment.data.sources.reading import AS_USUAL, Reading
from sentiment.data.sources.registry import (
    TEXT_FORMATS,
    format_of,
    locate,
    open_table,
    read,
    table_format,
    table_formats,
)
from sentiment.data.sources.review import Review, check_text, label_of
from sentiment.data.sources.table import Row, Table

__all__ = [
    "AS_USUAL",
    "AUTO",
    "TEXT_COLUMNS",
    "TEXT_FORMATS",
    "Reading",
    "Review",
    "Row",
    "Table",
    "candidates",
    "check_text",
    "find_column",
    "format_of",
    "label_of",
    "locate",
    "open_table",
    "present_name",
    "read",
    "table_format",
    "table_formats",
    "value_of",
]
