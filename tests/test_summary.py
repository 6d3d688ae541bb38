"""What a run says at its end: the figures, what they hold for, and advice where they are implausible."""

import pytest

from sentiment.data.vocabulary import remedy_for_unknown
from sentiment.evaluation import summary
from sentiment.evaluation.summary import advice, better_model, several_classes

FALLS, TURNS = [0.6, 0.5, 0.4], [0.6, 0.4, 0.5]


@pytest.mark.parametrize(
    "accuracy, low, baseline, unknown, losses, expected",
    [
        (0.90, 0.89, 0.91, 0.10, TURNS, None),
        (0.90, 0.89, 0.91, 0.10, [0.6, 0.4, 0.39], None),  # the end of a one-cycle schedule
        (0.90, 0.89, 0.91, 0.10, FALLS, "still falling in the last epoch; raise train.epochs"),
        (0.85, 0.84, 0.88, 0.10, TURNS, "3.0 points below the baseline; runs/reviews.sh"),
        (0.56, 0.52, 0.88, 0.10, TURNS, "32.0 points below the baseline; runs/reviews.sh"),
        (0.52, 0.48, 0.53, 0.10, TURNS, "no better than the majority class; check that the labels"),
        (0.52, 0.48, 0.88, 0.93, FALLS, "93% of the test tokens are out of vocabulary; the remedy"),
        (0.52, 0.48, 0.53, 0.10, [0.7], "no better than the majority class"),
    ],
)
def test_an_implausible_result_has_one_line_of_advice(
    accuracy: float, low: float, baseline: float, unknown: float, losses: list[float], expected: str | None
) -> None:
    test = {"accuracy": accuracy, "accuracy_low": low, "majority_accuracy": 0.5}
    found = advice(test, {"accuracy": baseline}, unknown, "the remedy", losses)
    assert (found is None) if expected is None else (found and expected in found)


def test_a_run_without_a_baseline_is_not_below_it() -> None:
    assert advice({"accuracy": 0.9, "accuracy_low": 0.89, "majority_accuracy": 0.5}, {}, 0.1, "", TURNS) is None


def test_the_remedy_for_unknown_words_is_no_setting_that_is_set() -> None:
    assert "tokenize.method" in remedy_for_unknown("whitespace")
    assert "tokenize.method" not in remedy_for_unknown("words")


def above(accuracy: float, low: float, high: float) -> dict[str, float]:
    """Return scores of a model whose accuracy is between `low` and `high` above the network's."""
    return {"accuracy": accuracy, "above_network_low": low, "above_network_high": high}


def test_the_best_model_that_is_better_than_the_network_is_named() -> None:
    assert better_model({"baseline": above(0.914, 0.004, 0.011), "stacked": above(0.921, 0.012, 0.018)}) == [
        "Better           stacked, 92.1%: 1.2 to 1.8 points above the network; `sentiment predict --model stacked`"
    ]
    (line,) = better_model({"baseline": above(0.9, 0.01, 0.03), "stacked": above(0.91, -0.01, 0.1)})
    assert "--model baseline" in line


def test_a_model_that_may_be_better_by_chance_is_not_named() -> None:
    assert better_model({"baseline": above(0.9, 0.0, 0.02), "stacked": {}}) == []


def test_a_known_language_has_a_line() -> None:
    steps = {"name": "tomita-4", "states": 4, "steps": 8, "deciding": 8, "learned": 7}
    assert summary.language({"automaton": {}, "language": {"reason": "none"}}) == []
    (line,) = summary.language({"automaton": {"reason": "too many tokens"}, "language": steps})
    assert line == "Language         tomita-4, 4 states; of its 8 steps that decide a text, the network has learned 7"
    _, line = summary.language({"automaton": {"states": 4}, "language": steps | {"equivalent": True}})
    assert line == "Automaton        the network's has 4 states and is equivalent to it"
    different = steps | {"equivalent": False, "difference": "0 0 0"}
    automaton = {"states": 9, "search": {"words": 500, "difference": "1 1"}}
    _, line = summary.language({"automaton": automaton, "language": different})
    assert line.endswith("is another one, see '0 0 0'; a search found that the network differs on '1 1'")


def test_several_classes_have_lines_of_their_own() -> None:
    assert several_classes({"accuracy": 0.9, "f1": 0.9}) == []
    several = {"macro_f1": 0.512, "mean_absolute_error": 0.456, "quadratic_kappa": 0.678}
    assert several_classes(several) == [
        "Macro F1         51.2%, the mean over the classes of metrics/plots/classes.csv",
        "Mean error       0.46 between predicted and actual class; quadratic kappa 0.68",
    ]
