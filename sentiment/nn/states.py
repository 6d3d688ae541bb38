"""Read a recurrent network token by token: its state and answer after each, optionally with every state replaced.

The layers elsewhere compute a whole batch at once and keep the hidden states only. Here each step is visible, which
`sentiment/analysis/` needs. It takes 50 to 100 microseconds a step on a CPU.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from sentiment.nn.cells.cell import weights_by_direction
from sentiment.nn.classifier import Classifier
from sentiment.nn.config import ModelConfig
from sentiment.nn.packed import PackedVectors
from sentiment.nn.recurrent import RecurrentEncoder


@dataclass(frozen=True)
class Reading:
    """What a network did at each token, packed as the ids were.

    states: float[tokens, width], all states of the cell side by side, the hidden state first
    logits: float[tokens] for two classes, float[tokens, classes] for more: of the text up to and with each token
    answers: the logits of the whole texts, by length descending
    """

    states: Tensor
    logits: Tensor
    answers: Tensor


def reason_against(config: ModelConfig) -> str | None:
    """Return why a network cannot be read token by token, or None."""
    if config.encoder != "recurrent":
        return "a transformer reads all tokens at once and has no state"
    if config.layers > 1 or config.bidirectional:
        return "only a network of one layer that reads from left to right has one state after each token"
    return None


def start(classifier: Classifier, texts: int) -> Tensor:
    """Return the states before the first token, all zero: float[texts, width]."""
    encoder = _encoder(classifier)
    return classifier.embedding.weight.new_zeros(texts, encoder.config.hidden_dim * encoder.cell.num_states)


def step(classifier: Classifier, state: Tensor, tokens: Tensor) -> Tensor:
    """Return the states after one more token: float[texts, width].

    state: float[texts, width]; tokens: integer[texts], ids
    """
    encoder = _encoder(classifier)
    weight_ih, weight_hh, bias_ih, bias_hh = weights_by_direction(encoder.layers[0])[0]
    inputs = functional.linear(functional.embedding(tokens, classifier.embedding.weight), weight_ih, bias_ih)
    before = torch.split(state, encoder.config.hidden_dim, dim=1)
    return torch.cat(encoder.cell.step(inputs, before, weight_hh, bias_hh), dim=1)


@torch.inference_mode()
def read(classifier: Classifier, ids: PackedSequence, change: Callable[[Tensor], Tensor] | None = None) -> Reading:
    """Read some texts of at least one token each.

    change: replaces the states after each token, float[texts, width], before the network reads on
    """
    encoder = _encoder(classifier)
    width, texts = encoder.config.hidden_dim, int(ids.batch_sizes[0])
    state = start(classifier, texts)
    total, highest = torch.zeros_like(state[:, :width]), torch.full_like(state[:, :width], -torch.inf)
    states, logits = [], []
    for number, tokens in enumerate(torch.split(ids.data, ids.batch_sizes.tolist()), start=1):
        state = step(classifier, state[: len(tokens)], tokens)
        state = change(state) if change else state
        hidden = state[:, :width]
        total = total[: len(tokens)] + hidden
        highest = torch.maximum(highest[: len(tokens)], hidden)
        pooled = {"last": [hidden], "mean": [total / number], "max": [highest]}
        pooled["concat"] = pooled["last"] + pooled["mean"] + pooled["max"]
        parts = pooled[encoder.config.pooling]
        if encoder.config.concat_last_embedding:
            parts = [*parts, functional.embedding(tokens, classifier.embedding.weight)]
        states.append(state)
        logits.append(classifier.readout(torch.cat(parts, dim=1)).squeeze(1))
    all_logits = torch.cat(logits)
    packed = PackedVectors(all_logits.reshape(len(all_logits), -1), None, ids.batch_sizes)
    return Reading(torch.cat(states), all_logits, packed.last().squeeze(1))


def _encoder(classifier: Classifier) -> RecurrentEncoder:
    if reason := reason_against(classifier.config):
        raise ValueError(reason)
    assert isinstance(classifier.recurrence, RecurrentEncoder)
    return classifier.recurrence
