"""How saturated a recurrent network is.

Multiply the parameters of a network by a large number: its gates and units are then at the ends of their range, and its
state takes few values. This is the saturated network (Merrill et al. 2020, arXiv 2004.08500). The original is saturated
as far as its states have the same direction. A saturated tanh RNN or GRU is a finite automaton. An LSTM is not, because
its cell state has no bound: it can count.

The embedding is the network's input and is not multiplied. It would count twice, since the input weights multiply it:
the state before would be a thousandth of the sum, and the network would forget all but the last token.
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sentiment.data.batching import Batch
from sentiment.nn import outputs, states
from sentiment.nn.classifier import Classifier
from sentiment.nn.recurrent import RecurrentEncoder

SCALE = 1000  # the factor in the code of Merrill et al.
NEAR = 0.9


@dataclass(frozen=True)
class Saturation:
    """Measures on some reviews. One that does not apply to a network is None; a transformer has the norm alone.

    parameter_norm: Euclidean, of all parameters but the embedding; a network saturates if its norm grows
    saturation: mean cosine between the hidden states after each token and those of the saturated network
    units_near_one: share of the values of the hidden states that are beyond 0.9 or -0.9
    saturated_accuracy: of the saturated network
    sign_vectors: how many different vectors of signs the hidden states have
    sign_accuracy: of the network with its state rounded to 1 and -1 after each token
    largest_state: largest absolute value of any state; that of an LSTM's cell state can grow with the text
    """

    parameter_norm: float
    saturation: float | None = None
    units_near_one: float | None = None
    saturated_accuracy: float | None = None
    sign_vectors: int | None = None
    sign_accuracy: float | None = None
    largest_state: float | None = None


def saturated(classifier: Classifier) -> Classifier:
    """Return a copy with all parameters but the embedding multiplied by SCALE."""
    scaled = copy.deepcopy(classifier)
    with torch.no_grad():
        for parameter in _scaled_parameters(scaled):
            parameter.mul_(SCALE)
    return scaled


def _scaled_parameters(classifier: Classifier) -> list[Tensor]:
    return [each for name, each in classifier.named_parameters() if not name.startswith("embedding.")]


@torch.inference_mode()
def measure(classifier: Classifier, batch: Batch) -> Saturation:
    """Measure a network in evaluation mode on a batch that lies on its device."""
    norm = float(torch.stack([each.double().square().sum() for each in _scaled_parameters(classifier)]).sum().sqrt())
    if not isinstance(classifier.recurrence, RecurrentEncoder) or not len(batch.ids.data):
        return Saturation(norm)
    largest = sign_vectors = sign_accuracy = None
    if not states.reason_against(classifier.config):
        largest = float(states.read(classifier, batch.ids).states.abs().max())
    if not has_range(classifier):
        return Saturation(norm, largest_state=largest)
    limit, hidden = saturated(classifier), hidden_states(classifier, batch)
    if classifier.config.nonlinearity == "tanh":
        sign_vectors = count_sign_vectors(hidden)
        if largest is not None and classifier.recurrence.cell.num_states == 1:
            signs = states.read(classifier, batch.ids, to_signs).answers
            sign_accuracy = _accuracy(signs, batch.labels[: len(signs)])
    return Saturation(
        norm,
        float(functional.cosine_similarity(hidden, hidden_states(limit, batch)).mean()),
        float((hidden.abs() > NEAR).double().mean()),
        _accuracy(limit(batch.ids, len(batch)), batch.labels),
        sign_vectors,
        sign_accuracy,
        largest,
    )


def has_range(classifier: Classifier) -> bool:
    """Return whether the units have ends of a range to be near; those of relu have none."""
    return classifier.config.nonlinearity != "relu"


def hidden_states(classifier: Classifier, batch: Batch) -> Tensor:
    """Return the hidden states of the last layer: float[tokens, directions * hidden]."""
    encoder = classifier.recurrence
    assert isinstance(encoder, RecurrentEncoder)
    return torch.cat([hidden for hidden, _ in encoder.states(classifier.embed(batch.ids))], dim=1)


def to_signs(state: Tensor) -> Tensor:
    """Return 1 and -1 in the place of positive and negative values; 1 for zero."""
    return torch.where(state >= 0, 1.0, -1.0).to(state)


def count_sign_vectors(hidden: Tensor) -> int:
    """Return how many different vectors of signs the rows have."""
    return len(np.unique(np.packbits((hidden >= 0).cpu().numpy(), axis=1), axis=0))


def _accuracy(logits: Tensor, labels: Tensor) -> float:
    return float((outputs.predict(logits) == labels).double().mean())
