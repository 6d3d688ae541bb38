"""What logits mean: a loss, a probability for each class, and a class."""

import math

import pytest
import torch
from torch import Tensor

from sentiment.nn import outputs


def test_loss_probabilities_and_class_by_hand() -> None:
    odds = torch.tensor([0.0, math.log(3)], dtype=torch.float64)  # 1 to 1, and 3 to 1 for the second class
    assert outputs.probabilities(odds).tolist() == [[0.5, 0.5], [0.25, 0.75]]
    assert outputs.predict(odds).tolist() == [1, 1]
    assert outputs.cross_entropy(odds, torch.tensor([0, 0])).item() == pytest.approx((math.log(2) + math.log(4)) / 2)
    three = torch.tensor([[1.0, 1, 1], [0, math.log(6), 0]], dtype=torch.float64)
    torch.testing.assert_close(outputs.probabilities(three), torch.tensor([[1 / 3] * 3, [0.125, 0.75, 0.125]]))
    assert outputs.predict(three).tolist() == [0, 1]
    assert outputs.cross_entropy(three, torch.tensor([2, 2])).item() == pytest.approx((math.log(3) + math.log(8)) / 2)


def loss_and_gradient(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    logits.requires_grad_()
    loss = outputs.cross_entropy(logits, labels)
    [gradient] = torch.autograd.grad(loss, logits)
    return loss, gradient


def test_one_logit_is_a_softmax_of_two() -> None:
    torch.manual_seed(0)
    logits, labels = 5 * torch.randn(50, dtype=torch.float64), torch.randint(2, (50,))
    two = torch.stack([torch.zeros_like(logits), logits], dim=1)
    torch.testing.assert_close(outputs.probabilities(two), outputs.probabilities(logits))
    assert torch.equal(outputs.predict(two), outputs.predict(logits))
    (loss, gradient), (loss_of_two, gradient_of_two) = (loss_and_gradient(each, labels) for each in (logits, two))
    torch.testing.assert_close(loss_of_two, loss)
    torch.testing.assert_close(gradient_of_two[:, 1], gradient)
    torch.testing.assert_close(gradient_of_two[:, 0], -gradient)


@pytest.mark.parametrize("shape", [(200,), (200, 2), (200, 255)])
def test_probabilities_add_up_to_one_however_far_apart_the_logits_are(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    found = outputs.probabilities(200 * torch.randn(shape))
    assert found.dtype == torch.float32
    assert ((found >= 0) & (found <= 1)).all()
    torch.testing.assert_close(found.sum(1), torch.ones(200))
