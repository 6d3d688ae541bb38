"""Predict the sentiment of texts with a trained model.

    sentiment predict "Not bad at all." "I expected more."
    sentiment predict --file reviews.csv --output predicted.csv
    cat reviews.jsonl | sentiment predict --file - --format jsonl

A file keeps its rows, their order and all its columns, and gains two: `predicted` (positive or negative) and
`probability` (of being positive). It is read and written as a stream, so its size does not matter.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from sentiment.config import paths
from sentiment.data import sources
from sentiment.errors import InputError, printable, quote
from sentiment.io import progress
from sentiment.io.atomic import atomic_write
from sentiment.io.console import AS_READ, stdout

# Reviews that are read, sorted by length and predicted together, and after how many characters there are no more.
CHUNK = 2048
_CHARACTERS = 2**24
ADDED = ("predicted", "probability")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="a review")
    formats = ", ".join(sources.TEXT_FORMATS)
    parser.add_argument("--file", metavar="PATH", help=f"reviews as {formats}, also .gz; - is standard input")
    parser.add_argument("--format", choices=sources.TEXT_FORMATS, help="what the file is, where its name does not say")
    parser.add_argument("--text-column", default=sources.AUTO, metavar="NAME", help="default: text or review")
    parser.add_argument("--output", type=Path, metavar="PATH", help="write here instead of to standard output")
    parser.add_argument("--model", type=Path, default=paths.MODEL, metavar="FOLDER", help="default: %(default)s")
    parser.add_argument(
        "--threshold", type=float, default=0.5, metavar="P", help="positive from here on, default: %(default)s"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")


def run(args: argparse.Namespace) -> None:
    if bool(args.texts) == bool(args.file):
        raise InputError("give texts or --file, one of the two; `sentiment predict --help` explains the options")
    if args.texts and args.output:
        raise InputError("--output goes with --file; redirect standard output to keep the predictions of texts")
    if not 0 < args.threshold < 1:
        raise InputError(f"--threshold {args.threshold} is not between 0 and 1; 0.5 is usual")
    form = _form(args.file, args.format) if args.file else ""
    output = _destination(args.output, form) if args.output else None

    from sentiment.inference import checkpoint, predictor  # loads torch, after the arguments were checked
    from sentiment.nn import device

    chosen = checkpoint.choose_device(args.model, args.device)
    device.configure_torch(chosen, 1)
    trained = checkpoint.load(args.model, chosen)

    def predict(texts: list[str]) -> npt.NDArray[np.float32]:
        return predictor.predict_texts(trained, texts)

    if args.file:
        predict_file(args, form, output, predict)
        return
    texts = [sources.check_text(f"text {number}", text) for number, text in enumerate(args.texts, start=1)]
    for text, probability in zip(texts, predict(texts).tolist(), strict=True):
        print(f"{_word(probability, args.threshold)}  {probability:.4f}  {printable(text)}", file=stdout())


def predict_file(
    args: argparse.Namespace, form: str, output: Path | None, predict: Callable[[list[str]], npt.NDArray[np.float32]]
) -> None:
    """Copy a file's rows, in their order, with the prediction added to each."""
    stdin = sys.stdin.buffer if args.file == "-" else None
    with ExitStack() as stack:
        table = stack.enter_context(sources.open_table(args.file, form, stdin))
        if table.header is not None:
            _text_column(args, args.file, table.header)
        partial = stack.enter_context(atomic_write(output)) if output else None
        target = stack.enter_context(partial.open("w", **AS_READ)) if partial else stdout()
        write = _shown_on(target) if target.isatty() else target.write
        write(table.header_line(ADDED))
        counter = stack.enter_context(progress.counter("predict", None))
        for chunk in _chunks((record, _text(args, record)) for record in table):
            for (record, _), probability in zip(chunk, predict([text for _, text in chunk]).tolist(), strict=True):
                added = (_word(probability, args.threshold), round(probability, 6))
                write(table.row_line(record, dict(zip(ADDED, added, strict=True))))
            counter.update(len(chunk))


def _shown_on(terminal: IO[str]) -> Callable[[str], object]:
    """Return what writes to a terminal: signs that it would obey are escaped."""
    return lambda text: terminal.write(re.sub(r"[^\t\n]+", lambda found: printable(found[0]), text))


def _chunks(rows: Iterable[tuple[sources.Row, str]]) -> Iterator[list[tuple[sources.Row, str]]]:
    chunk: list[tuple[sources.Row, str]] = []
    characters = 0
    for record, text in rows:
        chunk.append((record, text))
        characters += len(text)
        if len(chunk) == CHUNK or characters > _CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _text(args: argparse.Namespace, record: sources.Row) -> str:
    where = f"{args.file}: {record.place}"
    return sources.check_text(where, record.fields[_text_column(args, where, list(record.fields))])


def _text_column(args: argparse.Namespace, where: str, names: list[str]) -> str:
    """Return the column of the text. Raises InputError where there is none, or where a column is there already."""
    for name in ADDED:
        if name in names:
            raise InputError(f"{where}: has a column {name!r} already; rename it")
    return sources.find_column(where, args.text_column, sources.TEXT_COLUMNS, "--text-column", names)


def _word(probability: float, threshold: float) -> str:
    return "positive" if probability >= threshold else "negative"


def _form(name: str, given: str | None) -> str:
    """Return the format of the file. Raises InputError where neither name nor --format says it, or it is missing."""
    form = given or sources.format_of(name)
    if form is None:
        raise InputError(f"{name}: unknown format; set --format to one of {', '.join(sources.TEXT_FORMATS)}")
    if name != "-" and not Path(name).is_file():
        raise InputError(f"{name}: no such file; check the path")
    return form


def _destination(path: Path, form: str) -> Path:
    """Return the file to write, links followed. Raises InputError where it cannot be what its name says."""
    target = path.resolve()
    if target.is_dir():
        raise InputError(f"--output {quote(str(path))}: is a folder; name a file in it")
    if target.exists() and not target.is_file():
        raise InputError(f"--output {path}: is no regular file; leave --output out and redirect the standard output")
    if target.suffix == ".gz" or (sources.format_of(target.name) or form) != form:
        raise InputError(f"--output {path}: what is written is {form}, as the input is; name it .{form}")
    return target
