"""What the page says about the run in the workspace: sentences, scores, reviews, and what is inside the network.

Every value comes from a file that a stage wrote. A missing or damaged file raises InputError, which names it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sentiment.analysis.findings import TABLES
from sentiment.config import paths
from sentiment.config.yaml_file import read_yaml
from sentiment.data import predictions
from sentiment.evaluation import summary
from sentiment.inference.checkpoint import Checkpoint
from sentiment.io.csv_file import read_csv
from sentiment.io.json_file import read_json
from sentiment.nn.config import ModelConfig
from sentiment.report import behaviour, network, reviews, walks, words
from sentiment.report.config import ReportConfig
from sentiment.report.plots import Drawings
from sentiment.report.words import percent, readable

INSIDE = ("saturation", "norm", "counter", "metrics/plots/quantized.csv")  # plots of the section about the states
ROWS = 10  # of a table


def gather(trained: Checkpoint, draw: Callable[[], Drawings], config: ReportConfig, threshold: float) -> dict[str, Any]:
    """Return the values of `page/index.html`. draw: called last, because DVC takes seconds"""
    test, corpus, analysis = (read_json(path) for path in (paths.TEST_METRICS, paths.CORPUS, paths.ANALYSIS_METRICS))
    baseline, stacked = read_json(paths.BASELINE_METRICS)["baseline"], read_json(paths.STACKED_METRICS)["stacked"]
    found = predictions.read(paths.PREDICTIONS, trained.classes)
    walking = walks.find(analysis, trained.vocabulary.tokens.to_pylist())
    live = network.reason_against(trained)
    chosen = reviews.groups(trained, found, threshold, config.reviews)
    drawings = draw()
    drawn = [each for each in drawings.drawn if not each.picture]  # those of automata have a section
    return {
        "title": f"{describe(trained.classifier.config)} on {Path(corpus['source']).name}",
        "paragraph": paragraph(trained, test, baseline, corpus),
        "better": better(baseline, stacked),
        "advice": summary.present_advice(),
        "has_baseline": bool(baseline),
        "scores": scores({"network": test, "baseline": baseline, "both, stacked": stacked}),
        "live": {"reason": live} if live else try_it(trained, chosen, threshold),
        "walks": walking,
        "plots": [each for each in drawn if each.name not in INSIDE],
        "absent": drawings.absent,
        "reviews": chosen,
        "inside": {
            "paragraphs": inside_paragraphs(analysis),
            "plots": [each for each in drawn if each.name in INSIDE],
            "tables": inside_tables(),
        },
        "behaviour": behaviour.gather(read_json(paths.PROBE_METRICS)),
        "again": {
            "parameters": parameters(),
            "versions": read_json(paths.MODEL / "settings.json")["versions"],
        },
    }


def describe(config: ModelConfig) -> str:
    """Return what a network is, such as "Bidirectional LSTM, 64 units each way"."""
    layers = f", {config.layers} layers" if config.layers > 1 else ""
    if config.encoder == "transformer":
        return f"Transformer{layers}"
    name = f"{config.nonlinearity} RNN" if config.cell == "rnn" else config.cell.upper()
    if config.bidirectional:
        return f"Bidirectional {name}, {config.hidden_dim} units each way{layers}"
    return f"{name}, {config.hidden_dim} units{layers}"


def interval(scores: dict[str, Any], name: str) -> str:
    return f"{percent(scores[f'{name}_low'])} to {percent(scores[f'{name}_high'])}"


def paragraph(trained: Checkpoint, test: dict[str, Any], baseline: dict[str, Any], corpus: dict[str, Any]) -> list[str]:
    """Return the run in a few sentences."""
    parameters = sum(parameter.numel() for parameter in trained.classifier.parameters())
    names = trained.classes.names
    classes = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) <= 6 else f"{len(names)} classes"
    told = [
        f"A network of {parameters:,} parameters learned to tell {classes} reviews apart, from "
        f"{trained.corpus.reviews:,} reviews of {corpus['source']}.",
        f"On {test['reviews']:,} test reviews, which it had not seen, its accuracy is {percent(test['accuracy'])} "
        f"(95 % interval {interval(test, 'accuracy')}).",
    ]
    if baseline:
        told.append(f"A linear classifier of the same tokens, the baseline, reaches {percent(baseline['accuracy'])}.")
    told.append(f"Always answering with the largest class gives {percent(test['majority_accuracy'])}.")
    return told


def better(baseline: dict[str, Any], stacked: dict[str, Any]) -> str | None:
    """Return a sentence about the best model if that is not the network, by more than chance."""
    others = {"The baseline": baseline, "The stacked model, of both together,": stacked}
    best = summary.best_above(others)
    if best is None:
        return None
    accuracy, low, high = summary.gain_of(others[best])
    return f"{best} is more accurate: {percent(accuracy)}, {low:.1f} to {high:.1f} points above the network."


def scores(models: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a table of all metrics: a row for each, with a value and an interval for each model that there is."""
    models = {name: found for name, found in models.items() if found}
    kept = [name for name in models["network"] if not name.endswith(("_low", "_high"))]
    rows = [
        {
            "name": readable(name),
            "cells": [
                words.scores(found[name], found.get(f"{name}_low"), found.get(f"{name}_high"))
                for found in models.values()
            ],
        }
        for name in kept
        if name != "reviews" and all(name in found for found in models.values())
    ]
    return {"models": list(models), "rows": rows}


def try_it(trained: Checkpoint, chosen: list[reviews.Group], threshold: float) -> dict[str, Any]:
    """Return the texts that the page offers to try, and what its captions say about the network."""
    config, names = trained.classifier.config, trained.classes.names
    texts = [review["text"] for group in reversed(chosen) for review in group.reviews[:1]]
    bounds = {"tanh": "from −1 (orange) to 1 (blue)", "logistic": "from 0 (no colour) to 1 (blue)"}
    return {
        "reason": None,
        "text": texts[0] if texts else "",
        "examples": list(dict.fromkeys(texts)),
        "curve": names[1] if len(names) == 2 else "each class, the predicted one in blue,",
        "colours": bounds.get(config.nonlinearity, "blue above 0, relative to the largest"),
        "explained": names[1] if len(names) == 2 else "the predicted class",
        "layers": config.layers,
        "threshold": threshold,
    }


def inside_paragraphs(analysis: dict[str, Any]) -> list[str]:
    """Return what stage `analyze` found, in sentences. analysis: metrics/analysis.json"""
    found, known, automaton = analysis["saturation"], analysis["language"], analysis["automaton"]
    told = []
    if "saturation" in found:
        told.append(
            f"The mean cosine similarity between the states and those of the saturated network is "
            f"{found['saturation']:.2f} (1: the same direction). With its state rounded to signs after every token, "
            f"the network still answers {percent(found['sign_accuracy'])} of the test reviews correctly."
        )
    if "units_near_one" in found:
        told.append(f"{percent(found['units_near_one'])} of the activations exceed 0.9 in absolute value.")
    if "steps" in known:
        told.append(
            f"The labels follow a known language, {known['name']}, whose automaton has {known['states']} states. Of "
            f"its {known['deciding']} steps that decide a text, the network has learned {known['learned']}."
        )
    if "states" in automaton:
        same = "the same as" if known.get("equivalent") else "not the same as"
        of_language = f", {same} that of the language" if "equivalent" in known else ""
        told.append(f"L* found an automaton of {automaton['states']} states in the network{of_language}.")
    reasons: dict[str, list[str]] = {}
    for name, part in (("saturation", found), ("automaton of the network", automaton), ("known language", known)):
        if "reason" in part:
            reasons.setdefault(part["reason"], []).append(name)
    return told + [f"Left out ({', '.join(names)}): {why}." for why, names in reasons.items()]


def parameters() -> dict[str, Any]:
    """Return the parameters on which the stage depends, those that can change a result: "train.epochs", say."""
    listed = set(read_yaml(paths.PIPELINE)["stages"]["report"]["params"])
    return {
        name: value
        for section, keys in read_yaml(paths.PARAMS).items()
        for name, value in ((f"{section}.{key}", value) for key, value in keys.items())
        if {section, name} & listed
    }


def inside_tables() -> list[dict[str, Any]]:
    """Return the tokens that change the answer most, and the clusters of states, as far as there are any."""
    told = {
        "tokens": "Tokens after which the answer changes most: number, cosine with the saturated network, mean change",
        "states": "Clusters of states: share of the tokens, answer, the words that most often lead there",
    }
    tables = []
    for name, caption in told.items():
        table = read_csv(paths.ANALYSIS / f"{name}.csv", TABLES[name]).head(ROWS)
        if len(table):
            rows = table.map(lambda value: f"{value:.2f}" if isinstance(value, float) else value).to_numpy().tolist()
            tables.append({"caption": caption, "columns": list(table.columns), "rows": rows})
    return tables
