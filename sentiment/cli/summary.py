"""Print the results of the last run, where its files are and what to type next."""

import argparse

from sentiment.config import paths
from sentiment.evaluation import summary
from sentiment.io.console import stdout
from sentiment.io.json_file import read_json

_TRY = "I expected a masterpiece, but the plot was not very good."


def lines() -> list[str]:
    """Return the summary of the metrics that lie in the workspace, and what to do with them."""
    return [
        *summary.lines(),
        *summary.language(read_json(paths.ANALYSIS_METRICS)),
        *summary.behaviour(read_json(paths.PROBE_METRICS)),
        "",
        f"Report           {paths.REPORT}, a page to look at, with the network to try",
        f"Model            {paths.MODEL}/",
        f"Predictions      {paths.PREDICTIONS}",
        f"Metrics, plots   {paths.METRICS}/",
        "",
        "Next:",
        "  source .venv/bin/activate",
        f'  sentiment predict "{_TRY}"',
        "  dvc exp run -S model.cell=gru      # another recurrence",
        "  sentiment experiments              # compare them",
    ]


def configure(parser: argparse.ArgumentParser) -> None:
    """The command takes no arguments."""


def run(args: argparse.Namespace) -> None:
    show()


def show() -> None:
    """Print the summary."""
    print("\n" + "\n".join(lines()), file=stdout())
