"""What a run says at its end: the figures, what they hold for, and advice where they are implausible."""

import pytest

from sentiment.evaluation.summary import advice

FALLS, TURNS = [0.6, 0.5, 0.4], [0.6, 0.4, 0.5]


@pytest.mark.parametrize(
    "accuracy, low, baseline, unknown, losses, expected",
    [
        (0.90, 0.89, 0.91, 0.10, TURNS, None),
        (0.90, 0.89, 0.91, 0.10, [0.6, 0.4, 0.39], None),  # the end of a one-cycle schedule
        (0.90, 0.89, 0.91, 0.10, FALLS, "still falling in the last epoch; raise train.epochs"),
        (0.56, 0.52, 0.88, 0.10, TURNS, "32.0 points below the baseline; runs/reviews.sh"),
        (0.52, 0.48, 0.53, 0.10, TURNS, "no better than the majority class; check that the labels"),
        (0.52, 0.48, 0.88, 0.93, FALLS, "93% of the test tokens are out of vocabulary; set tokenize.method to words"),
        (0.52, 0.48, 0.53, 0.10, [0.7], "no better than the majority class"),
    ],
)
def test_an_implausible_result_has_one_line_of_advice(
    accuracy: float, low: float, baseline: float, unknown: float, losses: list[float], expected: str | None
) -> None:
    test = {"accuracy": accuracy, "accuracy_low": low, "majority_accuracy": 0.5}
    found = advice(test, {"accuracy": baseline}, unknown, losses)
    assert (found is None) if expected is None else (found and expected in found)


def test_a_run_without_a_baseline_is_not_below_it() -> None:
    assert advice({"accuracy": 0.9, "accuracy_low": 0.89, "majority_accuracy": 0.5}, {}, 0.1, TURNS) is None
