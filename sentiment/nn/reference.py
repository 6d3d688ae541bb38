"""The lecture's recurrence, written out: two linear maps, of token and state, summed, through a non-linearity.

    h_t = f(W x_t + b + U h_{t-1} + c),  h_0 = 0

Autograd sees each step, where `recurrence.py` sees a layer: slow, and the plainest statement of what the others must
equal. `logistic` is the worse choice of f: its slope is at most 1/4, so a gradient shrinks fourfold a step, unless U
stretches it.
"""

import torch
from torch import Tensor
from torch.nn import functional

NONLINEAR = {"tanh": torch.tanh, "relu": torch.relu, "logistic": torch.sigmoid}


def run(
    nonlinearity: str,
    embedded: Tensor,
    weight: Tensor,
    recurrent: Tensor,
    bias: Tensor,
    recurrent_bias: Tensor,
    batch_sizes: Tensor,
    reverse: bool,
) -> tuple[Tensor, Tensor]:
    """Return all states, float[tokens, hidden], and each review's state after its last token, float[reviews, hidden].

    embedded: float[tokens, embedding], packed; weight: W and recurrent: U, as `nn.RNN` has them
    batch_sizes: int64[steps]; a step's reviews are a prefix of those of the step before
    reverse: read each review from its end; the "last" token is then its first
    """
    tokens = torch.split(embedded, batch_sizes.tolist())
    state = embedded.new_zeros(0, len(recurrent))
    states, ended = [], []
    for x in reversed(tokens) if reverse else tokens:
        if len(x) > len(state):  # the reviews that begin here
            state = torch.cat([state, state.new_zeros(len(x) - len(state), len(recurrent))])
        ended.append(state[len(x) :])
        seen = functional.linear(x, weight, bias)
        remembered = functional.linear(state[: len(x)], recurrent, recurrent_bias)
        state = NONLINEAR[nonlinearity](seen + remembered)
        states.append(state)
    return torch.cat(states[::-1] if reverse else states), torch.cat([state, *reversed(ended)])
