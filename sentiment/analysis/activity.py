"""Tables of a network's states on some reviews: by token, by unit and by cluster."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from sentiment.analysis import quantized
from sentiment.data.batching import Batch
from sentiment.data.vocabulary import FIRST_TOKEN
from sentiment.nn import outputs, saturation, states
from sentiment.nn.classifier import Classifier
from sentiment.nn.states import Reading

OFTEN = 5  # occurrences from which a token is not rare
WORDS = 8  # most words that describe a state
UNKNOWN = "<unknown>"


def tables(
    classifier: Classifier, batch: Batch, reading: Reading, vocabulary: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """Return the tables `tokens` and `units`."""
    width = classifier.config.hidden_dim
    hidden = reading.states[:, :width]
    limit = None
    if saturation.has_range(classifier):
        limit = states.read(saturation.saturated(classifier), batch.ids).states[:, :width]
    moved = changes(classifier, batch, reading)
    return {
        "tokens": tokens(hidden, limit, moved, names(batch.ids.data.numpy(), vocabulary)),
        "units": units(hidden, limit),
    }


def tokens(hidden: Tensor, limit: Tensor | None, moved: npt.NDArray[np.float64], texts: Sequence[str]) -> pd.DataFrame:
    """Return what each token does, those that change the answer most first, and rare ones after all others.

    hidden, limit: states of the network and of the saturated one, if it has one, float[tokens, hidden]
    moved: from `changes`; texts: of the tokens

    Columns: token, count (how often it occurs), saturation (mean cosine between the hidden state after it and that of
    the saturated network), change (mean total variation distance between the probabilities before and after it).
    """
    cosine = None if limit is None else functional.cosine_similarity(hidden, limit).double().numpy()
    table = pd.DataFrame({"token": texts, "saturation": cosine, "change": moved})
    grouped = table.groupby("token", sort=True)
    means = grouped.mean().assign(count=grouped.size()).reset_index()
    often = means["count"] >= OFTEN
    return means.assign(often=often).sort_values(["often", "change"], ascending=False, kind="stable")


def changes(classifier: Classifier, batch: Batch, reading: Reading) -> npt.NDArray[np.float64]:
    """Return how far each token moves the probabilities, from 0 to 1: float64[tokens].

    This is the total variation distance between the answers before and after the token. Before the first one it is that
    of the empty text.
    """
    with torch.inference_mode():
        empty = classifier(batch.ids._replace(data=batch.ids.data[:0], batch_sizes=batch.ids.batch_sizes[:0]), 1)
    after, sizes = outputs.probabilities(reading.logits), batch.ids.batch_sizes
    before = torch.arange(len(after)) - torch.repeat_interleave(sizes.roll(1), sizes)  # the text's row a step earlier
    before[: int(sizes[0])] = len(after)  # that of the empty text
    table = torch.cat([after, outputs.probabilities(empty)])
    difference: npt.NDArray[np.float64] = ((after - table[before]).abs().sum(dim=1) / 2).double().numpy()
    return difference


def units(hidden: Tensor, limit: Tensor | None) -> pd.DataFrame:
    """Return how saturated each hidden unit is.

    hidden, limit: states of the network and of the saturated one, if it has one, float[tokens, hidden]

    Columns: unit, saturation (cosine between its values after all tokens and those in the saturated network), near_one
    (share of its values beyond 0.9 or -0.9).
    """
    return pd.DataFrame(
        {
            "unit": np.arange(hidden.shape[1]),
            "saturation": None
            if limit is None
            else functional.cosine_similarity(hidden, limit, dim=0).double().numpy(),
            "near_one": (hidden.abs() > saturation.NEAR).double().mean(dim=0).numpy(),
        }
    )


def clusters(
    batch: Batch, reading: Reading, centres: quantized.Steps, vocabulary: Sequence[str], classes: Sequence[str]
) -> pd.DataFrame:
    """Return what the states near each centre have in common, the most visited first.

    Columns: state, share (of the tokens after which the network is there), class (the most probable one there, on
    average), probability (its mean), words (the tokens that lead there more often than elsewhere, the most telling
    first).
    """
    reached = quantized.nearest(quantized.to_steps(reading.states), centres)
    ids = batch.ids.data.numpy()
    joint = np.zeros((len(centres), int(ids.max()) + 1))
    np.add.at(joint, (reached, ids), 1)
    expected = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0) / joint.sum()
    telling = joint * np.log(np.maximum(joint, 1e-9) / np.maximum(expected, 1e-9))
    probabilities = outputs.probabilities(reading.logits).double().numpy()
    rows = []
    for state in range(len(centres)):
        here = reached == state
        if here.any():
            mean = probabilities[here].mean(axis=0)
            best = [each for each in np.argsort(-telling[state], kind="stable")[:WORDS] if telling[state, each] > 0]
            rows.append(
                {
                    "share": here.mean(),
                    "class": classes[int(mean.argmax())],
                    "probability": mean.max(),
                    "words": " ".join(names(np.array(best, np.int64), vocabulary)),
                }
            )
    table = pd.DataFrame(rows).sort_values("share", ascending=False, kind="stable", ignore_index=True)
    return table.assign(state=table.index)


def names(ids: npt.NDArray[np.integer], vocabulary: Sequence[str]) -> list[str]:
    """Return the token of each id."""
    return [vocabulary[each - FIRST_TOKEN] if each >= FIRST_TOKEN else UNKNOWN for each in ids.tolist()]
