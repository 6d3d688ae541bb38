"""How much of a known automaton a network has learned: step by step, by the texts whose label depends on a step.

A step leads from a state, over a token, to a state. It decides a text if the text would have another label if the step
led elsewhere. If the network labels these texts correctly, it has learned the step, or something that does as well on
these texts. Steps that decide no text cannot be learned from such texts.

This is mutation testing (DeMillo, Lipton and Sayward 1978) with the network as the test.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from sentiment.data.automaton import NO_LABEL, Automaton, Word
from sentiment.evaluation.intervals import wilson

LEARNED = 0.9  # least share of right answers, at the lower end of its 95 % interval


def steps(automaton: Automaton, words: Sequence[Word], answers: npt.NDArray[np.int64]) -> pd.DataFrame:
    """Return the evidence for each step: a row for each state and class of tokens.

    automaton: the true one, minimal; words: texts that it labels; answers: the network's class of each, int64[words]

    Columns: state, token (the first of its class), tokens (how many are in the class), to (the state after it), texts
    (how many the step decides), right (in how many the network is right).
    """
    right = answers == automaton.classify(words)
    classes = automaton.token_classes()
    class_of = {token: group[0] for group in classes for token in group}
    steps_taken = [_steps_taken(automaton, word, class_of) for word in words]
    rows = []
    for group in classes:
        for state in range(len(automaton)):
            taken = np.flatnonzero([(state, group[0]) in each for each in steps_taken])
            decides = _decides(automaton, [words[int(index)] for index in taken], state, group)
            rows.append(
                {
                    "state": state,
                    "token": automaton.tokens[group[0]],
                    "tokens": len(group),
                    "to": int(automaton.transitions[state, group[0]]),
                    "texts": int(decides.sum()),
                    "right": int(right[taken[decides]].sum()),
                }
            )
    return pd.DataFrame(rows)


def _steps_taken(automaton: Automaton, word: Word, class_of: dict[int, int]) -> set[tuple[int, int]]:
    """Return the steps of a word, each a state and the first token of a class."""
    state, taken = 0, set()
    for token in word:
        taken.add((state, class_of[token]))
        state = int(automaton.transitions[state, token])
    return taken


def _decides(automaton: Automaton, words: Sequence[Word], state: int, group: list[int]) -> npt.NDArray[np.bool_]:
    """Return which words would have another label if the step led elsewhere: bool[words]."""
    labels = automaton.classify(words)
    decides = np.zeros(len(words), bool)
    for elsewhere in range(len(automaton)):
        transitions = automaton.transitions.copy()
        transitions[state, group] = elsewhere
        changed = Automaton(automaton.tokens, transitions, automaton.labels).classify(words)
        decides |= (changed != labels) & (changed != NO_LABEL) & (labels != NO_LABEL)
    return decides


def verdicts(evidence: pd.DataFrame) -> list[Literal["learned", "wrong", "undecided"]]:
    """Return of each step whether the network has learned it; "undecided" if too few texts depend on it to tell."""
    return [_verdict(right, texts) for right, texts in evidence[["right", "texts"]].to_numpy().tolist()]


def _verdict(right: int, texts: int) -> Literal["learned", "wrong", "undecided"]:
    low, high = wilson(right / texts, texts) if texts else (0.0, 1.0)
    return "learned" if low >= LEARNED else "wrong" if high < LEARNED else "undecided"


def summary(evidence: pd.DataFrame) -> dict[str, int]:
    """Return how many steps there are, how many decide a text, and how many of these the network has learned."""
    return {
        "steps": len(evidence),
        "deciding": int((evidence["texts"] > 0).sum()),
        "learned": verdicts(evidence).count("learned"),
    }
