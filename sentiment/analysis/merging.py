"""The automaton of a network whose similar states count as one.

The network's states are explored from its start, over every token. A state that has nearly the direction of a known
one, and the same answer, is taken for it. So do Merrill and Tsilivis (2022, arXiv 2201.12451) with the states of the
training texts.
"""

import numpy as np
import torch
from torch.nn import functional

from sentiment.analysis.questions import Network
from sentiment.data.automaton import Automaton
from sentiment.nn import states

SIMILAR = 0.99  # least cosine
MOST_STATES = 200


def merge(network: Network) -> Automaton | None:
    """Return the minimal automaton of the merged states, or None if there are more than MOST_STATES.

    Raises ValueError unless the network answers from its last state alone.
    """
    known = states.start(network.classifier, 1)
    labels = network.labels(known).tolist()
    transitions: list[list[int]] = []
    while len(transitions) < len(known):
        after = network.after(known[len(transitions) : len(transitions) + 1])[0]
        row = []
        for state, label in zip(torch.split(after, 1), network.labels(after).tolist(), strict=True):
            similar = functional.cosine_similarity(state, known)
            similar[torch.tensor(labels) != label] = -1
            best = int(similar.argmax())
            if similar[best] < SIMILAR:
                best = len(known)
                known, labels = torch.cat([known, state]), [*labels, label]
            row.append(best)
        transitions.append(row)
        if len(known) > MOST_STATES:
            return None
    return Automaton(network.tokens, np.array(transitions), np.array(labels)).without_empty_word()
