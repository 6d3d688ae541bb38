"""The test reviews that say most about a network: most surely right, most surely wrong, least sure; and why."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sentiment.config import paths
from sentiment.data.predictions import Predictions, predicted
from sentiment.errors import InputError, quote
from sentiment.inference import explanation
from sentiment.inference.checkpoint import Checkpoint
from sentiment.io import parquet

SHADES = 9  # of a word's colour
MOST = 5  # words that are named with their contributions
POINTS = 256  # at most, of the integral: a long review of IMDb takes a second with an LSTM of 64 units


class Word(NamedTuple):
    """A token of a review, what it contributed in nats, and the CSS class of its colour."""

    text: str
    contribution: float
    unknown: bool
    shade: str

    @property
    def signed(self) -> str:
        return f"{self.contribution:+.2f}".replace("-", "−")


class Group(NamedTuple):
    """Some reviews of one kind, and what to say if there are none."""

    title: str
    otherwise: str
    reviews: list[dict[str, Any]]


def choose(found: Predictions, threshold: float, count: int) -> dict[str, npt.NDArray[np.int64]]:
    """Return the rows of the most surely right, the most surely wrong and the least sure reviews, `count` at most each.

    The sureness is the probability of the predicted class. The least sure are nearest to the threshold, or of several
    classes have the smallest difference between the two most probable ones. Equally sure reviews stay in their order.
    """
    labels = predicted(found.probability, threshold)
    sure = found.probability[np.arange(len(labels)), labels]
    right = labels == found.labels
    highest = np.sort(found.probability, axis=1)
    doubt = highest[:, -1] - highest[:, -2]
    if found.probability.shape[1] == 2:
        doubt = np.abs(found.probability[:, 1] - threshold)
    order = np.argsort(-sure, kind="stable")
    return {
        "right": order[right[order]][:count],
        "wrong": order[~right[order]][:count],
        "unsure": np.argsort(doubt, kind="stable")[:count],
    }


def texts(review_ids: set[str]) -> dict[str, str]:
    """Return the texts of some test reviews, by their id. Raises InputError where one is not there."""
    wanted = pa.array(sorted(review_ids), pa.string())
    found: dict[str, str] = {}
    for batch in parquet.read(paths.REVIEWS.test, parquet.REVIEWS, ["id", "text"]):
        chosen = batch.filter(pc.is_in(batch["id"], wanted))
        found |= zip(chosen["id"].to_pylist(), chosen["text"].to_pylist(), strict=True)
    if missing := review_ids - found.keys():
        raise InputError(f"{paths.REVIEWS.test}: has no review {quote(min(missing))}; run `dvc repro`")
    return found


def groups(trained: Checkpoint, found: Predictions, threshold: float, count: int) -> list[Group]:
    """Return the three kinds of reviews, each review with its words and what they contributed."""
    chosen = choose(found, threshold, count)
    ids = {name: [found.review_ids[row].as_py() for row in rows.tolist()] for name, rows in chosen.items()}
    shown = texts({review_id for each in ids.values() for review_id in each})
    labels = predicted(found.probability, threshold)
    told = {
        "right": ("Most confident, and right", "The network is right on no review."),
        "wrong": ("Most confident, and wrong", "The network is wrong on no review."),
        "unsure": ("Least sure", "There is no review."),
    }
    return [
        Group(
            *told[name],
            [
                describe(trained, review_id, shown[review_id], int(found.labels[row]), int(labels[row]))
                | {"probability": float(found.probability[row, 1 if len(trained.classes) == 2 else labels[row]])}
                for review_id, row in zip(ids[name], rows.tolist(), strict=True)
            ],
        )
        for name, rows in chosen.items()
    ]


def describe(trained: Checkpoint, review_id: str, text: str, label: int, answer: int) -> dict[str, Any]:
    """Return what the page says about a review. label, answer: the true and the predicted class"""
    names = trained.classes.names
    shown = 1 if len(names) == 2 else answer
    why = explanation.explain(trained, text, shown, "gradients", most_points=POINTS)
    largest = float(np.abs(why.contributions).max(initial=0))
    words = [
        Word(token, value, unknown, shade(value, largest))
        for token, value, unknown in zip(why.tokens, why.contributions.tolist(), why.unknown.tolist(), strict=True)
    ]
    return {
        "id": review_id,
        "text": text,
        "label": names[label],
        "predicted": names[answer],
        "shown_class": names[shown],
        "words": words,
        "most": sorted(words, key=lambda word: -abs(word.contribution))[:MOST],
    }


def shade(contribution: float, largest: float) -> str:
    """Return the CSS class of a word's colour, nothing for a word that hardly matters.

    >>> shade(2.0, 2.0), shade(-1.0, 2.0), shade(0.01, 2.0)
    ('for-9', 'against-4', '')
    """
    strength = round(SHADES * abs(contribution) / largest) if largest else 0
    return f"{'for' if contribution > 0 else 'against'}-{strength}" if strength else ""
