"""The results of the last run in a few lines, and one line of advice where they are implausible."""

import csv
from typing import Any

from sentiment.config import paths
from sentiment.errors import printable
from sentiment.io.json_file import read_json

_FAR = 0.05  # below the baseline
_STILL_FALLING = 0.95  # of the best epoch before; the last steps of the schedule `one_cycle` are too small for that


def lines() -> list[str]:
    """Return the summary of the metrics that lie in the workspace. Raises InputError where one is missing."""
    test, train, corpus = (read_json(path) for path in (paths.TEST_METRICS, paths.TRAIN_METRICS, paths.CORPUS))
    vocabulary, ids = read_json(paths.VOCABULARY_METRICS), read_json(paths.IDS_METRICS)
    baseline = read_json(paths.BASELINE_METRICS)["baseline"]
    with paths.HISTORY.open(encoding="utf-8", newline="") as stream:
        losses = [float(row["valid_loss"]) for row in csv.DictReader(stream)]
    found = advice(test, baseline, ids["test"]["out_of_vocabulary"], losses)
    return [
        f"Test accuracy    {test['accuracy']:.1%} of {test['reviews']:,} reviews"
        f" (95 % interval {test['accuracy_low']:.1%} to {test['accuracy_high']:.1%})",
        *([f"Baseline         {baseline['accuracy']:.1%}, a linear classifier of the same tokens"] if baseline else []),
        f"Majority class   {test['majority_accuracy']:.1%}, which needs no model",
        f"Trained          {train['parameters']:,} parameters on {corpus['train']['reviews']:,} reviews;"
        f" best epoch {train['best_epoch']} of {train['epochs']}",
        f"Vocabulary       {vocabulary['size']:,} words of {printable(corpus['source'])};"
        " the figures hold for such reviews only",
        *([f"Advice           {found}"] if found else []),
    ]


def advice(test: dict[str, Any], baseline: dict[str, Any], unknown: float, losses: list[float]) -> str | None:
    """Return what to do about an implausible result, its likeliest cause first; None where it is plausible.

    test, baseline: scores of the test split; the baseline has none where it is switched off
    unknown: share of the test split's tokens that are out of vocabulary
    losses: of the validation split, for each epoch
    """
    below = baseline["accuracy"] - test["accuracy"] if baseline else 0.0
    if unknown > 0.5:
        return (
            f"{unknown:.0%} of the test tokens are out of vocabulary; set tokenize.method to words, "
            "or raise count_vocab.max_size"
        )
    if len(losses) > 1 and losses[-1] < _STILL_FALLING * min(losses[:-1]):
        return "the validation loss was still falling in the last epoch; raise train.epochs"
    if below > _FAR:
        return (
            f"the network is {100 * below:.1f} points below the baseline; runs/reviews.sh has settings for reviews "
            "that people wrote"
        )
    if test["accuracy_low"] <= test["majority_accuracy"]:
        return "the network may be no better than the majority class; check that the labels belong to the texts"
    return None
