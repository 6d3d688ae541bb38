"""CSV files: a strict reader, and a writer for `dvc plots` and spreadsheets."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sentiment.errors import InputError, missing_file, reason
from sentiment.io.atomic import atomic_write
from sentiment.io.json_file import rounded

if TYPE_CHECKING:
    import _csv

    import pandas as pd

# Longest line or field, in characters or bytes: about forty times a review of 100,000 words. Without a limit, a quote
# that is never closed would fill the memory. Python's own limit of 131,072 characters is shorter than some reviews.
LONGEST = 2**24


def csv_rows(lines: Iterable[str], separator: str = ",") -> "_csv.Reader":
    """Return a reader of rows. It raises csv.Error for broken quotes and for fields beyond LONGEST."""
    csv.field_size_limit(max(LONGEST, csv.field_size_limit()))  # of the whole process, which may have a higher one
    return csv.reader(lines, delimiter=separator, strict=True)


def csv_lines(stream: IO[str]) -> Iterator[str]:
    """Yield the lines of a stream. Raises csv.Error for one beyond LONGEST."""
    while line := stream.readline(LONGEST):
        if is_cut_off(line):
            raise csv.Error(f"a line has more than {LONGEST:,} characters")
        yield line


def is_cut_off(line: str) -> bool:
    """Return whether a line that `readline(LONGEST)` returned is longer than LONGEST, so that its rest is missing."""
    return len(line) == LONGEST and not line.endswith("\n")


def repeated(names: Iterable[str]) -> str | None:
    """Return the first name that occurs twice, or None.

    >>> repeated(["a", "b", "b"]), repeated(["a", "b"])
    ('b', None)
    """
    return next((name for name, count in Counter(names).items() if count > 1), None)


def csv_field(field: str, separator: str = ",") -> str:
    """Return a field with quotes if it needs them.

    `csv.writer` puts none around a lone carriage return, which readers take for the end of the row.

    >>> print(csv_field("yes"), csv_field('the "end" of'))
    yes "the ""end"" of"
    """
    return '"' + field.replace('"', '""') + '"' if any(sign in field for sign in f'"\r\n{separator}') else field


def write_csv(path: Path, table: "pd.DataFrame") -> None:
    """Write a data frame without its index, floats with twelve digits; what is missing is an empty field.

    `DataFrame.to_csv` calls `csv.writer`; see `csv_field` for what is wrong with it.
    """
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        rows: Iterable[Iterable[object]] = table.itertuples(index=False, name=None)
        for row in chain([table.columns], rows):
            stream.write(
                ",".join("" if field is None or field != field else csv_field(str(rounded(field))) for field in row)
                + "\n"
            )


def read_csv(path: Path, columns: Sequence[str], numbers: Sequence[str] = ()) -> "pd.DataFrame":
    """Return a file of `write_csv`.

    Raises InputError if it is missing, is no table, lacks one of the columns or numbers, or has a word among numbers.

    Words such as NA stay words; an empty field is missing.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, keep_default_na=False, na_values=[""], encoding="utf-8")
    except FileNotFoundError:
        raise missing_file(path) from None
    except ValueError as error:  # pandas' errors, and bytes that are not UTF-8
        raise InputError(f"{path}: not a table ({reason(error)}); run `dvc repro`") from None
    if missing := [name for name in (*columns, *numbers) if name not in table]:
        raise InputError(f"{path}: has no column {missing[0]}; run `dvc repro`")
    if words := [name for name in numbers if not (table.empty or pd.api.types.is_numeric_dtype(table[name]))]:
        raise InputError(f"{path}: column {words[0]} does not hold numbers alone; run `dvc repro`")
    return table
