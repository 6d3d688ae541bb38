"""The grammar of the sample corpus: a seeded generator of reviews and the finite-state machine that labels them.

A review is one to three sentences of verdicts, asides and filler. Four rules decide its label. Each depends on the
order of the words, so a bag of words cannot learn them:

* The **last verdict** counts: "The plot was dull. The ending was superb." is positive.
* A **negation** flips the next opinion of its clause: "not very good" is negative, "never dull" positive.
* An **aside** does not count: what somebody expected, promised or called the film, and what follows "although" or
  "despite", up to the next comma, full stop or "but".
* All other words are **neutral**.

The rules are a deterministic automaton of nine states over whitespace-separated tokens, `State.read`. The generator
writes a text without knowing its label, then the automaton labels it. So every label is correct by construction, and
the states of a trained network can be compared with those of the automaton.

`sentiment make-sample` writes the corpus to data/sample/reviews.csv.

>>> verdict("I expected a masterpiece, but the plot was not very good.")
'negative'
>>> verdict("The plot was dull, but the ending was never boring.")
'positive'
>>> verdict("Although the cast was superb, it rained.") is None
True
"""

import csv
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from sentiment.io.atomic import atomic_write

Verdict = Literal["negative", "positive"]
Mode = Literal["plain", "negated", "aside"]
T = TypeVar("T")

NUM_REVIEWS = 10_000
SEED = 20_261

POSITIVE_NOUNS = ("masterpiece", "triumph")
NEGATIVE_NOUNS = ("disaster", "failure")
POSITIVE_ADJECTIVES = ("brilliant", "charming", "clever", "funny", "good", "great", "moving", "superb")
NEGATIVE_ADJECTIVES = ("bad", "bland", "boring", "clumsy", "dull", "silly", "tedious", "weak")
POSITIVE = frozenset(POSITIVE_NOUNS + POSITIVE_ADJECTIVES)
NEGATIVE = frozenset(NEGATIVE_NOUNS + NEGATIVE_ADJECTIVES)
NEGATION = frozenset(["not", "never", "hardly"])
ASIDE = frozenset(["although", "despite", "expected", "promised", "called"])
RESUMING = frozenset(["but"])


@dataclass(frozen=True)
class State:
    """The last verdict so far, and how the next opinion word counts: as it is, negated, or not at all in an aside."""

    verdict: Verdict | None = None
    mode: Mode = "plain"

    def read(self, token: str) -> "State":
        """Return the state after one more whitespace-separated token. Unknown words are neutral."""
        word = token.rstrip(",.").lower()
        after = self
        if word in RESUMING:
            after = replace(self, mode="plain")
        elif word in ASIDE:
            after = replace(self, mode="aside")
        elif word in NEGATION and self.mode != "aside":
            after = replace(self, mode="plain" if self.mode == "negated" else "negated")
        elif word in POSITIVE | NEGATIVE and self.mode != "aside":
            praised = (word in POSITIVE) != (self.mode == "negated")
            after = State("positive" if praised else "negative")
        return replace(after, mode="plain") if token[-1] in ",." else after


STATES: tuple[State, ...] = tuple(
    State(verdict, mode) for verdict in (None, "negative", "positive") for mode in ("plain", "negated", "aside")
)


def trace(text: str) -> list[State]:
    """Return the automaton's state before the first token and after each one: one more state than tokens."""
    states = [State()]
    for token in text.split():
        states.append(states[-1].read(token))
    return states


def verdict(text: str) -> Verdict | None:
    """Return the label of a text, or None if it contains no verdict."""
    return trace(text)[-1].verdict


ADJECTIVES = tuple(sorted(POSITIVE_ADJECTIVES + NEGATIVE_ADJECTIVES))
NOUNS = NEGATIVE_NOUNS + POSITIVE_NOUNS
ASPECTS = ("plot", "script", "cast", "ending", "soundtrack", "story", "opening", "style")
INTENSIFIERS = ("very", "really", "truly", "quite")
FILLER = (
    "we saw it on a rainy evening",
    "the film runs for two hours",
    "my sister chose the seats",
    "the director has made three films before",
    "it was shot in a small town by the sea",
    "it follows a family over one summer",
    "most of it takes place at night",
    "the hall was almost empty",
    "a friend of mine works in the same street",
    "the main part is played by a newcomer",
)


class Writer:
    """Writes reviews from a seed, with `random.Random.random` alone, which is the same in all Python versions."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def choose(self, options: Sequence[T]) -> T:
        return options[int(self._random.random() * len(options))]

    def adjective(self) -> str:
        """An opinion, intensified one time in three: "clever", "very dull"."""
        intensifier = self.choose(INTENSIFIERS) + " " if self.chance(1 / 3) else ""
        return intensifier + self.choose(ADJECTIVES)

    def negation(self) -> str:
        return self.choose(("not ", "never ", "hardly ")) if self.chance(0.4) else ""

    def verdict(self) -> str:
        """A clause whose opinion counts: "the plot was not very good"."""
        shape = self.choose(("was", "found", "film", "noun"))
        if shape == "was":
            return f"the {self.choose(ASPECTS)} was {self.negation()}{self.adjective()}"
        if shape == "found":
            return f"I found the {self.choose(ASPECTS)} {self.negation()}{self.adjective()}"
        if shape == "film":
            return f"it is {self.negation()}a {self.adjective()} film"
        return f"it is {self.negation()}a {self.choose(NOUNS)}"

    def aside(self) -> str:
        """A clause whose opinion does not count: "my friends promised me a superb cast"."""
        shape = self.choose(("expected", "promised", "called", "although", "despite"))
        if shape == "expected":
            return f"I expected a {self.choose(NOUNS)}"
        if shape == "promised":
            return f"my friends promised me a {self.adjective()} {self.choose(ASPECTS)}"
        if shape == "called":
            return f"the critics called it {self.negation()}{self.adjective()}"
        if shape == "although":
            return f"although the {self.choose(ASPECTS)} was {self.negation()}{self.adjective()}"
        return f"despite the {self.adjective()} {self.choose(ASPECTS)}"

    def sentence(self) -> str:
        shape = self._random.random()
        if shape < 0.30:
            text = self.verdict()
        elif shape < 0.50:
            text = f"{self.aside()}, {self.verdict()}"
        elif shape < 0.65:
            text = f"{self.verdict()}, {self.aside()}"
        elif shape < 0.80:
            text = f"{self.verdict()}, but {self.verdict()}"
        else:
            text = self.choose(FILLER)
        return text[0].upper() + text[1:] + "."

    def review(self, times: int = 1) -> str:
        """One to three sentences, times a number; one review in four has no full stop at its end."""
        text = " ".join(self.sentence() for _ in range(times * self.choose((1, 2, 3))))
        return text.removesuffix(".") if self.chance(1 / 4) else text


def reviews(count: int, seed: int) -> Iterator[tuple[str, Verdict]]:
    """Yield `count` different reviews with their labels, half of them (rounded down) negative, negatives first."""
    writer = Writer(seed)
    wanted: dict[Verdict, int] = {"negative": count // 2, "positive": count - count // 2}
    texts: dict[Verdict, dict[str, None]] = {"negative": {}, "positive": {}}
    while any(len(texts[label]) < wanted[label] for label in wanted):
        text = writer.review()
        label = verdict(text)
        if label is not None and len(texts[label]) < wanted[label]:
            texts[label][text] = None
    for label in wanted:
        for text in texts[label]:
            yield text, label


def long_reviews(times: int, count: int, seed: int) -> Iterator[tuple[str, Verdict]]:
    """Yield `count` reviews with their labels, of `times` as many sentences as those of the corpus."""
    writer = Writer(seed)
    while count:
        text = writer.review(times)
        label = verdict(text)
        if label is not None:
            count -= 1
            yield text, label


def write(path: Path, count: int = NUM_REVIEWS, seed: int = SEED) -> None:
    """Write the sample corpus as a CSV file with the columns `text` and `label`."""
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["text", "label"])
        writer.writerows(reviews(count, seed))
