"""A recurrent network whose state is rounded to one of k states after every token: a finite automaton.

The k states are the centres of clusters (Lloyd 1982) of the states that the network passes through while it reads the
training texts. How often the rounded network still answers as the network itself tells how far the network is from an
automaton of k states.

States are counted in whole steps of 2**-10. Sums and products of whole numbers below 2**53 are exact in float64, in any
order, so the centres are the same on every processor.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sentiment.analysis.questions import Network
from sentiment.data.automaton import Automaton
from sentiment.nn import states

Steps = npt.NDArray[np.float64]  # states in steps of 2**-10, whole numbers: float64[states, width]
SCALE = 1024
ITERATIONS = 10


def to_steps(values: Tensor) -> Steps:
    """Return states in whole steps of 2**-10: float64[states, width]."""
    return (values.double() * SCALE).round().numpy()


def cluster(values: Steps, count: int, seed: int) -> Steps:
    """Return the centres of at most `count` clusters, which begin as states drawn at random: float64[count, width]."""
    different = np.unique(values, axis=0)
    random = np.random.Generator(np.random.PCG64(seed))
    centres = different[np.sort(random.choice(len(different), min(count, len(different)), replace=False))]
    for _ in range(ITERATIONS):
        nearest_to = nearest(values, centres)
        sizes = np.bincount(nearest_to, minlength=len(centres))
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest_to, values)
        centres = np.where(sizes[:, None] > 0, np.round(sums / np.maximum(sizes, 1)[:, None]), centres)
    return centres


def nearest(values: Steps, centres: Steps) -> npt.NDArray[np.int64]:
    """Return the index of the centre nearest to each state, the first of several: int64[states]."""
    indices: npt.NDArray[np.int64] = np.argmin((centres**2).sum(axis=1) - 2 * values @ centres.T, axis=1)
    return indices


def rounding(centres: Steps) -> Callable[[Tensor], Tensor]:
    """Return the function that puts each state into the nearest centre."""
    rows = torch.from_numpy(centres) / SCALE

    def rounded(values: Tensor) -> Tensor:
        return rows[nearest(to_steps(values), centres)].to(values)

    return rounded


def automaton(network: Network, centres: Steps) -> Automaton:
    """Return the network rounded to these states as an automaton over its whole vocabulary.

    Raises ValueError unless the network answers from its last state alone.
    """
    classifier = network.classifier
    rows = torch.cat([states.start(classifier, 1), (torch.from_numpy(centres) / SCALE).to(classifier.embedding.weight)])
    after = network.after(rows)
    transitions = 1 + nearest(to_steps(after.flatten(0, 1)), centres).reshape(after.shape[:2])
    return Automaton(network.tokens, transitions, network.labels(rows))
