"""Say which words of a text decided the network's answer.

    sentiment explain "I expected a masterpiece, but the plot was not very good."
    sentiment explain --method leave-one-out "Not bad at all."
    sentiment explain --file reviews.csv --json > explained.jsonl

Each word has a number: what it contributed to the log-odds of a class, log(p / (1 - p)). Positive numbers speak for the
class, negative ones against it. The words that matter most come first. On a terminal, the text has colours, blue
for the class and orange against it.

With `gradients`, the default, the numbers add up to the difference between the text and a text of zeros, which says
nothing. With `leave-one-out`, a number is what the log-odds lose if the word is left out. docs/method.md compares them.
"""

import argparse
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sentiment.config import paths
from sentiment.data import sources
from sentiment.data.model_folder import kind_of
from sentiment.data.sources import arguments
from sentiment.errors import InputError, printable, quote
from sentiment.io.console import stdin, stdout
from sentiment.io.json_file import rounded

if TYPE_CHECKING:
    from sentiment.inference.checkpoint import Checkpoint
    from sentiment.inference.explanation import Explanation, Method

SHOWN = 10
METHODS = ("gradients", "leave-one-out")
# Shades of a 256-colour terminal, from weak to strong.
FOR, AGAINST = (153, 111, 69), (223, 215, 208)


def configure(parser: argparse.ArgumentParser) -> None:
    arguments.configure(parser)
    parser.add_argument("--method", choices=METHODS, default=METHODS[0], help=f"default: {METHODS[0]}")
    parser.add_argument(
        "--class",
        dest="label",
        metavar="NAME",
        help="class to explain; default: the second of two classes, the predicted one of several",
    )
    parser.add_argument("--json", action="store_true", help="write a line of JSON for each text, with all its words")
    parser.add_argument(
        "--model", type=Path, default=paths.MODEL, metavar="FOLDER", help=f"a network; default: {paths.MODEL}"
    )


def run(args: argparse.Namespace) -> None:
    if bool(args.texts) == bool(args.file):
        raise InputError("give either texts or --file; `sentiment explain --help` explains the options")
    texts = from_file(args) if args.file else from_arguments(args.texts)
    if (kind := kind_of(args.model)) != "network":
        raise InputError(f"--model {printable(str(args.model))}: is a {kind}; give the folder of a network")

    from sentiment.inference import checkpoint  # after the checks, because importing torch takes seconds
    from sentiment.nn.device import configure_torch

    cpu = checkpoint.choose_device(args.model, "cpu")
    configure_torch(cpu, 1)
    trained = checkpoint.load(args.model, cpu)
    names = trained.classes.names
    if args.label is not None and args.label not in names:
        raise InputError(
            f"--class {quote(args.label)}: no such class; the model has {', '.join(map(printable, names))}"
        )
    write = write_json if args.json else write_text
    for text, found in explained(trained, texts, args.label, args.method):
        write(stdout(), text, found)


def from_arguments(texts: list[str]) -> Iterator[str]:
    for number, text in enumerate(texts, start=1):
        yield sources.check_text(f"text {number}", text)


def from_file(args: argparse.Namespace) -> Iterator[str]:
    """Return the texts of a file, one at a time. Its name and the options are checked at once."""
    format_, reading = arguments.format_of(args.file, args.format), arguments.reading(args)
    stream = stdin(args.file) if args.file == "-" else None

    def texts() -> Iterator[str]:
        with sources.open_table(args.file, format_, reading, stream) as table:
            found = None
            if table.header is not None:
                found = sources.find_column(
                    args.file, reading.text_column, sources.TEXT_COLUMNS, arguments.COLUMN, table.header
                )
            for row in table.rows([found] if found else [], whole=True):
                yield arguments.text_of(args.file, reading, row, found, [])

    return texts()


def explained(
    trained: "Checkpoint", texts: Iterable[str], label: str | None, method: "Method"
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each text with what `as_record` returns about it."""
    from sentiment.inference import explanation, predictor

    names = trained.classes.names
    for text in texts:
        probabilities = predictor.predict_texts(trained, [text]).probability[0]
        predicted = int(probabilities.argmax())
        index = names.index(label) if label is not None else 1 if len(names) == 2 else predicted
        found = explanation.explain(trained, text, index, method)
        yield text, as_record(names[predicted], names[index], float(probabilities[index]), found)


def as_record(predicted: str, name: str, probability: float, found: "Explanation") -> dict[str, Any]:
    """Return an explanation as it is written in JSON."""
    record: dict[str, Any] = {
        "predicted": predicted,
        "class": name,
        "probability": probability,
        "log_odds": found.log_odds,
    }
    if found.zeros is not None:
        record |= {"zeros": found.zeros, "unexplained": found.unexplained}
    words = zip(found.tokens, found.contributions.tolist(), found.unknown.tolist(), strict=True)
    record["words"] = [{"word": word, "contribution": value, "unknown": unknown} for word, value, unknown in words]
    return record


def write_json(stream: IO[str], text: str, record: dict[str, Any]) -> None:
    print(json.dumps({"text": text} | rounded(record), ensure_ascii=False), file=stream)


def write_text(stream: IO[str], text: str, record: dict[str, Any]) -> None:
    """Write the answer, the text in colours if the stream is a terminal, and the words that matter most."""
    words = record["words"]
    answer = f"{printable(record['predicted'])}  {record['probability']:.4f}"
    print(f"{answer}  log-odds of {printable(record['class'])} {record['log_odds']:+.2f}", file=stream)
    if stream.isatty() and "NO_COLOR" not in os.environ:
        print("  " + coloured(words), file=stream)
    else:
        print("  " + printable(text), file=stream)
    most = sorted(words, key=lambda word: -abs(word["contribution"]))[:SHOWN]
    for word in most:
        note = "  (unknown)" if word["unknown"] else ""
        print(f"  {word['contribution']:+7.2f}  {printable(word['word'])}{note}", file=stream)
    if others := len(words) - len(most):
        rest = sum(word["contribution"] for word in words) - sum(word["contribution"] for word in most)
        print(f"  {rest:+7.2f}  {others:,} other word{'s' * (others > 1)}", file=stream)
    if "zeros" in record:
        print(f"  {record['zeros']:+7.2f}  a text of zeros", file=stream)


def coloured(words: list[dict[str, Any]]) -> str:
    """Return the words on a background that is the stronger, the more they contribute."""
    largest = max((abs(word["contribution"]) for word in words), default=0) or 1
    parts = []
    for word in words:
        strength = int(4 * abs(word["contribution"]) / largest * 0.999)  # 0 to 3
        shown = printable(word["word"])
        if strength:
            shade = (FOR if word["contribution"] > 0 else AGAINST)[strength - 1]
            shown = f"\x1b[30;48;5;{shade}m{shown}\x1b[0m"
        parts.append(shown)
    return " ".join(parts)
