"""Predict the classes of texts with a trained model.

    sentiment predict "Not bad at all." "I expected more."
    sentiment predict --file reviews.csv --output predicted.csv   # or .tsv, .json, .jsonl, .parquet, a folder of them
    cat reviews.jsonl | sentiment predict --file - --format jsonl
    sentiment predict --model stacked "Not bad at all."
    sentiment predict --about

A file keeps its rows, their order and all its columns. It gains `predicted` (the name of a class), `probability` (of
the second of two classes, such as positive) or, with more classes, a `probability_<name>` for each, and `unknown` (the
share of the text's tokens that the model does not know). It is read and written as a stream, so its size does not
matter.

A model predicts well only for reviews like those it was trained on. `--about` says which these were and how many words
the model knows. A warning counts the texts most of whose words it does not know.
"""

import argparse
import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from sentiment.config import paths
from sentiment.config.compute import check_device_name
from sentiment.data import sources
from sentiment.data.decompression import compression_suffix
from sentiment.data.model_folder import kind_of
from sentiment.data.predictions import columns
from sentiment.data.sources import arguments
from sentiment.data.vocabulary import MOSTLY_UNKNOWN
from sentiment.errors import InputError, printable, quote
from sentiment.io import progress
from sentiment.io.atomic import atomic_write
from sentiment.io.console import AS_READ, stdin, stdout

if TYPE_CHECKING:
    from sentiment.api import Model, Prediction, TextClassifier

# The part of a file that is in memory and predicted at once. It is sorted by length, which makes even batches.
_CHUNK_ROWS = 2048
_CHUNK_CHARACTERS = 2**24
_MODELS = {"network": paths.MODEL, "baseline": paths.BASELINE_MODEL, "stacked": paths.STACKED_MODEL}


def configure(parser: argparse.ArgumentParser) -> None:
    arguments.configure(parser)
    parser.add_argument("--output", type=Path, metavar="PATH", help="write here instead of to standard output")
    parser.add_argument("--about", action="store_true", help="say what the model was trained on, and predict nothing")
    parser.add_argument(
        "--model",
        type=_model_folder,
        default=paths.MODEL,
        metavar="MODEL",
        help="network (the default), baseline, stacked (both together), or the folder of a model",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="lowest probability at which the second of two classes is predicted, default: 0.5",
    )
    parser.add_argument(
        "--device", type=_device, default="auto", metavar="NAME", help="auto (the default), cpu, cuda, cuda:1 or mps"
    )


def _device(word: str) -> str:
    try:
        return check_device_name(word)
    except ValueError as error:
        raise InputError(f"--device {printable(word)}: no device; {error}") from None


def _model_folder(word: str) -> Path:
    if word not in _MODELS and not Path(word).is_dir():
        raise InputError(f"--model {printable(word)}: no such folder; give one, or {', '.join(_MODELS)}")
    return _MODELS.get(word) or Path(word)


def run(args: argparse.Namespace) -> None:
    if [bool(args.texts), bool(args.file), args.about].count(True) != 1:
        raise InputError("give one of texts, --file and --about; `sentiment predict --help` explains the options")
    if args.output and not args.file:
        raise InputError("--output goes with --file; redirect standard output to keep the predictions of texts")
    if args.threshold is not None and not 0 < args.threshold < 1:
        raise InputError(f"--threshold {args.threshold} is not between 0 and 1; 0.5 is usual")
    format_ = arguments.format_of(args.file, args.format) if args.file else ""
    reading = arguments.reading(args)
    output = _destination(args.output, format_) if args.output else None
    if args.file == "-":
        stdin(args.file)
    if not output and stdout().isatty() and format_ == "parquet":
        raise InputError("standard output is a terminal, which cannot show Parquet; give a file with --output")

    model = _load(args.model, args.device)  # after the checks, because importing torch takes seconds
    if args.about:
        print("\n".join(about(args.model, model.trained)), file=stdout())
        return
    names = model.classes
    if args.threshold is not None and len(names) > 2:
        raise InputError(f"--threshold is for two classes, and {args.model} has {len(names)}; leave it out")
    predict = partial(model.predict, threshold=args.threshold)
    if args.file:
        added = ["predicted", *columns(names), "unknown"]
        unknown, texts = predict_file(args.file, format_, reading, output, predict, added)
    else:
        unknown, texts = predict_arguments(args.texts, predict)
    if unknown:
        where = "this text" if texts == 1 else f"{unknown:,} of {texts:,} texts"
        print(
            f"warning: most words of {where} are unknown to this model; it was {_learned(model.trained)}; "
            "train on reviews like yours",
            file=sys.stderr,
        )


def _load(folder: Path, device: str) -> "Model":
    """Read a model of any kind. For a network, torch gets one thread, because the network's own threads are faster."""
    from sentiment import api

    kind = kind_of(folder)
    if kind != "baseline":
        from sentiment.evaluation.stacking import NETWORK
        from sentiment.inference import checkpoint
        from sentiment.nn.device import configure_torch

        network = folder / NETWORK if kind == "stacked" else folder
        configure_torch(checkpoint.choose_device(network, device, "--device"), 1)
    return api.load(folder, device)


def about(folder: Path, trained: "TextClassifier") -> list[str]:
    """Return lines that describe the model and what it was trained on."""
    return [
        f"{printable(str(folder))} was {_learned(trained)}.",
        *trained.describe(),
        f"Classes: {', '.join(map(printable, trained.classes.names))}.",
    ]


def _learned(trained: "TextClassifier") -> str:
    corpus = trained.corpus
    return f"trained on {corpus.reviews:,} reviews of {printable(corpus.source)} and knows {trained.num_words:,} words"


Predict = Callable[[list[str]], "list[Prediction]"]


def predict_arguments(texts: list[str], predict: Predict) -> tuple[int, int]:
    """Print the prediction of each text. Return how many texts are mostly unknown, and how many there are."""
    checked = [sources.check_text(f"text {number}", text) for number, text in enumerate(texts, start=1)]
    predictions = predict(checked)
    for text, predicted in zip(checked, predictions, strict=True):
        print(f"{printable(predicted.label)}  {predicted.probability:.4f}  {printable(text)}", file=stdout())
    return _mostly_unknown(predictions), len(texts)


def predict_file(
    name: str, format_: str, reading: sources.Reading, output: Path | None, predict: Predict, added: list[str]
) -> tuple[int, int]:
    """Copy a file's rows in order, and add its prediction to each. If `output` is None, write to standard output.

    `added` are the names of the prediction's columns. Return how many texts are mostly unknown, and how many there are.
    """
    unknown = texts = 0
    with ExitStack() as stack:
        stream = stdin(name) if name == "-" else None
        table = stack.enter_context(sources.open_table(name, format_, reading, stream))
        found = None
        if table.header is not None:  # before anything is written
            arguments.refuse_added(name, table.header, added)
            found = sources.find_column(name, reading.text_column, sources.TEXT_COLUMNS, arguments.COLUMN, table.header)
        target = stack.enter_context(_target(output, table))
        write = stack.enter_context(table.writer(target, dict.fromkeys(added, float) | {added[0]: str}))
        counter = stack.enter_context(progress.counter("predict", None))
        rows = table.rows([found] if found else [], whole=True)
        for chunk in chunks((row, arguments.text_of(name, reading, row, found, added)) for row in rows):
            predictions = predict([text for _, text in chunk])
            values = (dict(zip(added, _values(predicted), strict=True)) for predicted in predictions)
            try:
                write(zip((row for row, _ in chunk), values, strict=True))
            except UnicodeEncodeError as error:
                raise InputError(
                    f"{name}: {table.encoding} cannot encode {quote(error.object)}; convert the file to UTF-8"
                ) from None
            unknown += _mostly_unknown(predictions)
            texts += len(chunk)
            counter.update(len(chunk))
    return unknown, texts


def _values(predicted: "Prediction") -> list[str | float]:
    """Return the values of the added columns."""
    several = predicted.probabilities.values()
    shown = [predicted.probability] if len(several) == 2 else several
    return [predicted.label, *(round(value, 6) for value in shown), round(predicted.unknown, 4)]


@contextmanager
def _target(output: Path | None, table: sources.Table) -> Iterator[IO[Any]]:
    """Open the output, which appears when the block ends without an error; None is standard output."""
    if output is None:
        text: Any = stdout()
        if table.binary:
            yield text.buffer
        elif text.isatty():
            yield cast(IO[str], _Terminal(text))
        else:
            yield stdout(table.encoding)
        return
    mode: dict[str, Any] = {"mode": "wb"} if table.binary else {"mode": "w", **AS_READ, "encoding": table.encoding}
    with atomic_write(output) as partial_file, partial_file.open(**mode) as stream:
        yield stream


def _mostly_unknown(predictions: "list[Prediction]") -> int:
    return sum(prediction.unknown > MOSTLY_UNKNOWN for prediction in predictions)


def chunks(rows: Iterable[tuple[sources.Row, str]]) -> Iterator[list[tuple[sources.Row, str]]]:
    """Group rows and their texts for prediction: 2,048 rows, or fewer as soon as they hold 16,777,216 characters."""
    chunk: list[tuple[sources.Row, str]] = []
    characters = 0
    for row, text in rows:
        chunk.append((row, text))
        characters += max(row.size, len(text))
        if len(chunk) == _CHUNK_ROWS or characters > _CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


class _Terminal(io.TextIOBase):
    """A terminal to which control characters are written escaped."""

    def __init__(self, terminal: IO[str]) -> None:
        self._terminal = terminal

    def write(self, text: str) -> int:
        return self._terminal.write(re.sub(r"[^\t\n]+", lambda found: printable(found[0]), text))


def _destination(path: Path, format_: str) -> Path:
    """Return the file to write, with links resolved. Raises InputError if it cannot be a file of that format."""
    target = path.resolve()
    if target.is_dir():
        raise InputError(f"--output {quote(str(path))}: is a folder; name a file in it")
    if target.exists() and not target.is_file():
        raise InputError(f"--output {path}: is not a regular file; leave --output out and redirect standard output")
    named = sources.format_of(target.name) or format_
    if compression_suffix(target.name) or sources.TEXT_FORMATS.get(named) != sources.TEXT_FORMATS.get(format_):
        raise InputError(f"--output {path}: the output is {format_}, like the input; name it .{format_}")
    return target
