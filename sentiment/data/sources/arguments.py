"""The arguments of a command that reads texts: as words, or from a file of any of the formats that `ingest` reads."""

import argparse
from pathlib import Path

from pydantic import ValidationError

from sentiment.data import sources
from sentiment.errors import InputError, quote

COLUMN = "--text-column"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="a review")
    formats = sources.table_formats()
    parser.add_argument("--file", metavar="PATH", help=f"reviews as {', '.join(formats)}; - is standard input")
    parser.add_argument("--format", choices=formats, help="format of the file, if its name does not tell it")
    parser.add_argument(
        "--text-column", default=sources.AUTO, metavar="NAME", help="column of the text, default: text or review"
    )
    parser.add_argument("--columns", metavar="NAMES", help="comma-separated column names for a CSV without a header")
    parser.add_argument("--encoding", default=sources.AUTO, metavar="NAME", help="encoding of the file, default: UTF-8")


def text_of(name: str, reading: sources.Reading, row: sources.Row, column: str | None, added: list[str]) -> str:
    """Return the text of a row. `column` is None if each row names its own columns."""
    where = f"{name}: {row.location}"
    if column is None:
        refuse_added(where, list(row.fields), added)
        column = sources.present_name(row.fields, sources.candidates(reading.text_column, sources.TEXT_COLUMNS))
    if column is None:
        column = sources.find_column(where, reading.text_column, sources.TEXT_COLUMNS, COLUMN, list(row.fields))
    return sources.check_text(where, sources.value_of(row.fields, column), "--encoding")


def refuse_added(where: str, names: list[str], added: list[str]) -> None:
    """Raise InputError if a column to be added already exists."""
    for name in added:
        if name in names:
            raise InputError(f"{where}: already has a column {quote(name)}; rename it")


def reading(args: argparse.Namespace) -> sources.Reading:
    """Return how the file is read. Raises InputError for an invalid option."""
    columns = sources.AS_USUAL.columns if args.columns is None else args.columns.split(",")
    values = {"text_column": args.text_column, "encoding": args.encoding, "columns": columns}
    try:
        return sources.Reading.model_validate(sources.AS_USUAL.model_dump() | values)
    except ValidationError as error:
        raise InputError(f"--{error.errors()[0]['ctx']['error']}") from None


def format_of(name: str, chosen: str | None) -> str:
    """Return the format of the file. Raises InputError if neither its name nor --format tells, or it is missing."""
    path = Path(name)
    if path.is_dir():
        found = sources.table_format(path)
        if found is None:
            raise InputError(f"{name}: contains no tables; name a file")
        if chosen:
            raise InputError(f"{name}: is a folder, whose files' names give their format; leave --format out")
        return found
    found = chosen or (sources.table_format(path) if path.is_file() else sources.format_of(name))
    if found is None:
        raise InputError(f"{name}: unknown format; set --format to one of {', '.join(sources.table_formats())}")
    if name != "-" and not path.exists():  # `exists` accepts a pipe, `is_file` does not
        raise InputError(f"{name}: no such file; check the path")
    return found
