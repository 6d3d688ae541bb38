"""Print the results of the last run, where its files are and what to type next."""

import argparse

from sentiment.config import paths
from sentiment.io.json_file import read_json

_TRY = "I expected a masterpiece, but the plot was not very good."


def lines() -> list[str]:
    """Return the summary of the metrics that lie in the workspace."""
    test, train, corpus = (read_json(path) for path in (paths.TEST_METRICS, paths.TRAIN_METRICS, paths.CORPUS))
    baseline = read_json(paths.BASELINE_METRICS)["baseline"]
    return [
        f"Test accuracy    {test['accuracy']:.1%} of {test['reviews']:,} reviews"
        f" (95 % interval {test['accuracy_low']:.1%} to {test['accuracy_high']:.1%})",
        *([f"Baseline         {baseline['accuracy']:.1%}, a linear classifier of the same tokens"] if baseline else []),
        f"Majority class   {test['majority_accuracy']:.1%}, which needs no model",
        f"Trained          {train['parameters']:,} parameters on {corpus['train']['reviews']:,} reviews;"
        f" best epoch {train['best_epoch']} of {train['epochs']}",
        "",
        f"Model            {paths.MODEL}/",
        f"Predictions      {paths.PREDICTIONS}",
        f"Metrics, plots   {paths.METRICS}/",
        "",
        "Next:",
        "  source .venv/bin/activate",
        f'  sentiment predict "{_TRY}"',
        "  dvc plots show                     # writes dvc_plots/index.html",
        "  dvc exp run -S model.cell=gru      # another recurrence",
        "  sentiment experiments              # compare them",
    ]


def configure(parser: argparse.ArgumentParser) -> None:
    """The command takes no arguments."""


def run(args: argparse.Namespace) -> None:
    show()


def show() -> None:
    """Print the summary."""
    print("\n" + "\n".join(lines()))
