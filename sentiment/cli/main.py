"""The `sentiment` command: finds the module of a subcommand and calls it.

A subcommand is a module of this folder with `configure(parser)`, which declares its arguments, and `run(args)`. Its
docstring is its help. Only the module that was asked for is imported, so that no command waits for another's packages.
"""

import argparse
import difflib
import sys
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import sentiment
from sentiment.errors import InputError, quote
from sentiment.io import command
from sentiment.pipeline import dvc_folder, environment


class Subcommand(NamedTuple):
    """A line of `sentiment --help`."""

    summary: str
    in_repository: bool = True  # runs in the root of a clone only


SUBCOMMANDS = {
    "repro": Subcommand("run the stages whose inputs have changed, then print the results"),
    "check": Subcommand("validate params.yaml and run nothing"),
    "predict": Subcommand("predict the sentiment of texts or of a file's rows", in_repository=False),
    "explain": Subcommand("say which words decided a prediction", in_repository=False),
    "compare": Subcommand("compare the predictions of two runs, review by review"),
    "experiments": Subcommand("print a table of the runs: their accuracy and the parameters that differ"),
    "summary": Subcommand("print the results of the last run"),
    "report": Subcommand("make a page about the last run, or about two runs side by side"),
    "plots": Subcommand("draw the plots of the runs into a page that needs no network"),
    "verify": Subcommand("rebuild a commit in a fresh clone and compare every output's hash"),
    "download-imdb": Subcommand("fetch the IMDb reviews (84 MB) through DVC and check their md5"),
    "make-sample": Subcommand("write the sample corpus, or one of a known language", in_repository=False),
}


def main() -> None:
    """Run the command line of this process."""
    environment.prepare()
    command.run(lambda: call(sys.argv[1:]), takes_arguments=True)


def call(words: list[str]) -> None:
    """Run a subcommand, the first word, with its arguments. Raises InputError for a mistake in them."""
    if not words:
        print(overview(), file=sys.stderr)
        sys.exit(2)
    name, *arguments = words
    if name in ("-h", "--help"):
        print(overview())
        return
    if name == "--version":
        print(f"sentiment {sentiment.__version__}")
        return
    if name not in SUBCOMMANDS:
        raise InputError(f"{quote(name)}: no such command;{_suggestion(name)} `sentiment --help` lists them")
    module = import_module(f"sentiment.cli.{name.replace('-', '_')}")
    parser = command.ArgumentParser(
        f"sentiment {name}", description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    module.configure(parser)
    args = parser.parse_args(arguments)
    if SUBCOMMANDS[name].in_repository:
        _require_repository(name)
    module.run(args)


def overview() -> str:
    """Return the text of `sentiment --help`."""
    width = max(map(len, SUBCOMMANDS))
    return "\n".join(
        [
            "usage: sentiment COMMAND [ARGUMENT ...]",
            "",
            "Train a sentiment classifier reproducibly, and use it.",
            "",
            *(f"  {name:{width}}  {subcommand.summary}" for name, subcommand in SUBCOMMANDS.items()),
            "",
            "`sentiment COMMAND --help` explains a command's arguments.",
        ]
    )


def _suggestion(name: str) -> str:
    close = difflib.get_close_matches(name, SUBCOMMANDS, n=1)
    return f" did you mean {close[0]!r}?" if close else ""


def _require_repository(name: str) -> None:
    """Raise InputError unless the working directory is the root of the project, in a DVC repository."""
    here = Path.cwd()
    if (here / "dvc.yaml").is_file():
        dvc_folder.temporary()  # which DVC would look for in vain
        return
    root = next((folder for folder in here.parents if (folder / "dvc.yaml").is_file()), None)
    where = f"run it in {root}" if root else "run it in the root of a clone of the project"
    raise InputError(f"{here}: `sentiment {name}` works on the pipeline, and no dvc.yaml is here; {where}")
