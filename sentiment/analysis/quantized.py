"""A recurrent network whose state is rounded to one of k states after every token: a finite automaton.

The k states are the centres of clusters (Lloyd 1982) of the states that the network passes through while it reads the
training texts. How often the rounded network still answers as the network itself tells how far the network is from an
automaton of k states.

States are counted in whole steps of 2**-10. Sums and products of whole numbers below 2**53 are exact in float64, in any
order, so the centres are the same on every processor.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from sentiment.data.automaton import Word
from sentiment.data.vocabulary import FIRST_TOKEN
from sentiment.nn import outputs
from sentiment.nn.cells.cell import weights_by_direction
from sentiment.nn.classifier import Classifier
from sentiment.nn.config import ModelConfig
from sentiment.nn.recurrent import RecurrentEncoder

Steps = npt.NDArray[np.float64]  # states in steps of 2**-10, whole numbers: float64[states, width]
SCALE = 1024
ITERATIONS = 10


def reason_against(config: ModelConfig) -> str | None:
    """Return why a network's state cannot be rounded, or None."""
    if config.encoder != "recurrent":
        return "a transformer reads all tokens at once and has no state"
    if config.layers > 1 or config.bidirectional:
        return "only one layer that reads from left to right is an automaton over the tokens read so far"
    return None


def read(
    classifier: Classifier,
    words: Sequence[Word],
    rounded: Callable[[Tensor], Tensor] | None = None,
) -> tuple[npt.NDArray[np.int64], Tensor]:
    """Return the class of each word, int64[words], and all states, float[tokens, width], as the network reads on.

    words: of at least one token each; rounded: changes the states float[words, width] after each token. The width
    is that of all states of the cell: an LSTM's hidden and cell state side by side.
    """
    encoder = classifier.recurrence
    assert isinstance(encoder, RecurrentEncoder)
    weight_ih, weight_hh, bias_ih, bias_hh = weights_by_direction(encoder.layers[0])[0]
    order = np.argsort([-len(word) for word in words], kind="stable")
    lengths = np.array([len(words[index]) for index in order])
    inputs = functional.linear(classifier.embedding.weight, weight_ih, bias_ih)
    hidden = encoder.config.hidden_dim
    state = inputs.new_zeros(len(words), hidden * encoder.cell.num_states)
    total, highest = inputs.new_zeros(len(words), hidden), inputs.new_full((len(words), hidden), -torch.inf)
    states = []
    with torch.inference_mode():
        for position in range(int(lengths.max(initial=0))):
            reading = int((lengths > position).sum())
            ids = torch.tensor([words[index][position] + FIRST_TOKEN for index in order[:reading]])
            after = torch.cat(
                encoder.cell.step(inputs[ids], torch.split(state[:reading], hidden, dim=1), weight_hh, bias_hh), dim=1
            )
            state[:reading] = rounded(after) if rounded else after
            total[:reading] += state[:reading, :hidden]
            highest[:reading] = torch.maximum(highest[:reading], state[:reading, :hidden])
            states.append(state[:reading].clone())
        mean = total / torch.from_numpy(lengths)[:, None].to(total)
        pooled = {"last": [state[:, :hidden]], "mean": [mean], "max": [highest]}
        pooled["concat"] = pooled["last"] + pooled["mean"] + pooled["max"]
        read_out = torch.cat(pooled[encoder.config.pooling], dim=1)
        if encoder.config.concat_last_embedding:
            last = torch.tensor([words[index][-1] + FIRST_TOKEN for index in order])
            read_out = torch.cat([read_out, classifier.embedding(last)], dim=1)
        logits = classifier.readout(read_out).squeeze(1)
    labels = np.empty(len(words), np.int64)
    labels[order] = outputs.predict(logits).numpy()
    return labels, torch.cat(states)


def to_steps(states: Tensor) -> Steps:
    """Return states in whole steps of 2**-10: float64[states, width]."""
    return (states.double() * SCALE).round().numpy()


def cluster(states: Steps, count: int, seed: int) -> Steps:
    """Return the centres of at most `count` clusters, which begin as states drawn at random: float64[count, width]."""
    different = np.unique(states, axis=0)
    random = np.random.Generator(np.random.PCG64(seed))
    centres = different[np.sort(random.choice(len(different), min(count, len(different)), replace=False))]
    for _ in range(ITERATIONS):
        nearest_to = nearest(states, centres)
        sizes = np.bincount(nearest_to, minlength=len(centres))
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest_to, states)
        centres = np.where(sizes[:, None] > 0, np.round(sums / np.maximum(sizes, 1)[:, None]), centres)
    return centres


def nearest(states: Steps, centres: Steps) -> npt.NDArray[np.int64]:
    """Return the index of the centre nearest to each state, the first of several: int64[states]."""
    indices: npt.NDArray[np.int64] = np.argmin((centres**2).sum(axis=1) - 2 * states @ centres.T, axis=1)
    return indices


def rounding(centres: Steps) -> Callable[[Tensor], Tensor]:
    """Return the function that puts each state into the nearest centre."""

    def rounded(states: Tensor) -> Tensor:
        return (torch.from_numpy(centres[nearest(to_steps(states), centres)]) / SCALE).to(states)

    return rounded
