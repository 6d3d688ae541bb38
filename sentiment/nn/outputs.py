"""From logits to classes. Two classes have one logit, the log-odds of the second; more have one each, and a softmax.

Two logits with a softmax would be the same model, because only their difference matters.
"""

import torch
from torch import Tensor
from torch.nn import functional


def num_logits(num_classes: int) -> int:
    return 1 if num_classes == 2 else num_classes


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean loss in nats, a scalar.

    logits: float[reviews] for two classes, float[reviews, classes] for more; labels: int64[reviews]
    """
    if logits.dim() == 1:
        return functional.binary_cross_entropy_with_logits(logits, labels.to(logits))
    return functional.cross_entropy(logits, labels)


def predict(logits: Tensor) -> Tensor:
    """Return each review's most probable class: int64[reviews]. In a tie, the second of two or the first of several.

    >>> predict(torch.tensor([0.1, -2.0])).tolist(), predict(torch.tensor([[0.1, -2.0, 3.0]])).tolist()
    ([1, 0], [2])
    """
    return (logits >= 0).long() if logits.dim() == 1 else logits.argmax(dim=1)


def probabilities(logits: Tensor) -> Tensor:
    """Return the probability of each class, float32[reviews, classes], from logits on the CPU. Computes in float64.

    >>> probabilities(torch.tensor([0.0])).tolist(), probabilities(torch.zeros(1, 4)).tolist()
    ([[0.5, 0.5]], [[0.25, 0.25, 0.25, 0.25]])
    """
    if logits.dim() == 1:
        second = logits.double().sigmoid().float()
        return torch.stack([1 - second, second], dim=1)
    return logits.double().softmax(dim=1).float()
