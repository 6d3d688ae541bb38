"""The results of the last run in a few lines: figures, a model that is better than the network, and advice."""

from typing import Any

from sentiment.config import paths
from sentiment.data.encoding import Encoding
from sentiment.data.vocabulary import MOSTLY_UNKNOWN, remedy_for_unknown
from sentiment.errors import printable
from sentiment.io.csv_file import read_csv
from sentiment.io.json_file import read_json

_FAR = 0.02  # below the baseline
_STILL_FALLING = 0.95  # of the best epoch before; the last steps of the schedule `one_cycle` are too small for that


def lines() -> list[str]:
    """Return the summary of the metrics that lie in the workspace. Raises InputError where one is missing."""
    test, train, corpus = (read_json(path) for path in (paths.TEST_METRICS, paths.TRAIN_METRICS, paths.CORPUS))
    vocabulary, found = read_json(paths.VOCABULARY_METRICS), present_advice()
    baseline, stacked = read_json(paths.BASELINE_METRICS)["baseline"], read_json(paths.STACKED_METRICS)["stacked"]
    return [
        f"Test accuracy    {test['accuracy']:.1%} of {test['reviews']:,} reviews"
        f" (95 % interval {test['accuracy_low']:.1%} to {test['accuracy_high']:.1%})",
        *several_classes(test),
        *([f"Baseline         {baseline['accuracy']:.1%}, a linear classifier of the same tokens"] if baseline else []),
        *better_model({"baseline": baseline, "stacked": stacked}),
        f"Majority class   {test['majority_accuracy']:.1%}, which needs no model",
        f"Trained          {train['parameters']:,} parameters on {corpus['train']['reviews']:,} reviews;"
        f" best epoch {train['best_epoch']} of {train['epochs']}",
        f"Vocabulary       {vocabulary['size']:,} words of {printable(corpus['source'])};"
        " the figures hold for such reviews only",
        *([f"Advice           {found}"] if found else []),
    ]


def present_advice() -> str | None:
    """Return the advice about the metrics that lie in the workspace. Raises InputError where one is missing."""
    losses = read_csv(paths.HISTORY, [], numbers=["valid_loss"])["valid_loss"].tolist()
    unknown = read_json(paths.IDS_METRICS)["test"]["out_of_vocabulary"]
    remedy = remedy_for_unknown(Encoding.load(paths.ENCODING).tokenizer.method) if unknown > MOSTLY_UNKNOWN else ""
    baseline = read_json(paths.BASELINE_METRICS)["baseline"]
    return advice(read_json(paths.TEST_METRICS), baseline, unknown, remedy, losses)


def language(analysis: dict[str, Any]) -> list[str]:
    """Return the lines about the language that labels the reviews, if it is a known one with an automaton.

    analysis: metrics/analysis.json
    """
    known, found = analysis["language"], analysis["automaton"]
    if "steps" not in known:
        return []
    lines = [
        f"Language         {known['name']}, {known['states']} states; of its {known['deciding']} steps that decide a "
        f"text, the network has learned {known['learned']}"
    ]
    if "equivalent" in known:
        verdict = "equivalent to it" if known["equivalent"] else f"another one, see {printable(known['difference'])!r}"
        differs = found.get("search", {}).get("difference")
        but = f"; a search found that the network differs on {printable(differs)!r}" if differs else ""
        lines.append(f"Automaton        the network's has {found['states']} states and is {verdict}{but}")
    return lines


def behaviour(probe: dict[str, Any]) -> list[str]:
    """Return the line about the behaviour tests, if there are any.

    probe: metrics/probe.json
    """
    found = probe["probe"]
    if "reason" in found:
        return []
    parts = {name: part for name, part in found.items() if isinstance(part, dict)}
    rates: dict[str, float] = {name: part["failure_rate"] for name, part in parts.items() if "reason" not in part}
    worst = max(rates, key=rates.__getitem__)
    most = f"; most of those of {worst.replace('_', ' ')}, {rates[worst]:.1%}" if rates[worst] else ""
    return [f"Behaviour        {found['failure_rate']:.1%} of {found['cases']:,} test cases failed{most}"]


def several_classes(test: dict[str, Any]) -> list[str]:
    """Return the lines about metrics that more than two classes have, and those that ordered classes have."""
    found = []
    if "macro_f1" in test:
        found.append(f"Macro F1         {test['macro_f1']:.1%}, the mean over the classes of {paths.PLOTS}/classes.csv")
    if "quadratic_kappa" in test:
        distance, kappa = test["mean_absolute_error"], test["quadratic_kappa"]
        found.append(f"Mean error       {distance:.2f} between predicted and actual class; quadratic kappa {kappa:.2f}")
    return found


def better_model(others: dict[str, dict[str, Any]]) -> list[str]:
    """Return a line about the best of other models, if it is better than the network by more than chance.

    others: scores of each model by its name; none where there is no baseline
    """
    best = best_above(others)
    if best is None:
        return []
    accuracy, low, high = gain_of(others[best])
    return [
        f"Better           {best}, {accuracy:.1%}: {low:.1f} to {high:.1f} points above the network; "
        f"`sentiment predict --model {best}`"
    ]


def best_above(others: dict[str, dict[str, Any]]) -> str | None:
    """Return the name of the most accurate of the models that are better than the network by more than chance."""
    better = {name: scores for name, scores in others.items() if scores.get("above_network_low", 0) > 0}
    return max(better, key=lambda name: float(better[name]["accuracy"]), default=None)


def gain_of(scores: dict[str, Any]) -> tuple[float, float, float]:
    """Return a model's accuracy, and the ends of the interval of its points above the network."""
    return scores["accuracy"], 100 * scores["above_network_low"], 100 * scores["above_network_high"]


def advice(
    test: dict[str, Any], baseline: dict[str, Any], unknown: float, remedy: str, losses: list[float]
) -> str | None:
    """Return what to do about an implausible result, its likeliest cause first; None where it is plausible.

    test, baseline: scores of the test split; the baseline has none where it is switched off
    unknown: share of the test split's tokens that are out of vocabulary
    remedy: what to do if most are
    losses: of the validation split, for each epoch
    """
    below = baseline["accuracy"] - test["accuracy"] if baseline else 0.0
    if unknown > MOSTLY_UNKNOWN:
        return f"{unknown:.0%} of the test tokens are out of vocabulary; {remedy}"
    if len(losses) > 1 and losses[-1] < _STILL_FALLING * min(losses[:-1]):
        return "the validation loss was still falling in the last epoch; raise train.epochs"
    if below > _FAR:
        return (
            f"the network is {100 * below:.1f} points below the baseline; runs/reviews.sh trains a larger one, in "
            "minutes"
        )
    if test["accuracy_low"] <= test["majority_accuracy"]:
        return "the network may be no better than the majority class; check that the labels belong to the texts"
    return None
