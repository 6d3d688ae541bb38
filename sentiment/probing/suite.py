"""Behaviour tests in the manner of CheckList (Ribeiro et al. 2020, arXiv 2005.04118): cases drawn from templates.

A capability, such as negation, is tested by cases of one kind:

minimum functionality  a text whose class is known. The model fails if it gives another one.
invariance             a text and a changed one that must get the same class. The model fails if it gives another one.
direction              a text and a changed one whose opinion is at least as strong. The model fails if its probability
                       moves the wrong way by more than TOLERANCE.

The texts come from a `Suite`: words, templates and, by them, the truth. A slot of a template, such as `{aspect}`, takes
a word that is not in the text yet. `{opinion}`, and any other slot in `Suite.opinions`, takes one of the class that
the text expresses, `{other_opinion}` one of the other class. A word may have slots itself.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Literal, NamedTuple

from sentiment.data.classes import BINARY
from sentiment.data.sample import Writer

Kind = Literal["minimum functionality", "invariance", "direction"]
SAME, NOT_LOWER, NOT_HIGHER = "same", "not lower", "not higher"
TOLERANCE = 0.1  # CheckList's

_CANDIDATES = 4  # drawn for each wanted case, since a network may not know the words of some
_SLOT = re.compile(r"\{(\w+)\}")
_OTHER = "other_"
_HOLE = "@"  # where the two texts of a case differ
_ARTICLE = re.compile(r"\b([Aa]) (?=[aeiou])")


class Case(NamedTuple):
    """What is asked: a text, or two of them.

    expected: the name of a class; or what the changed text's class, or its probability of being positive, must be
    """

    template: str
    text: str
    expected: str
    changed: str = ""
    misspelt: bool = False  # the word that differs in the changed text is a typo

    def words(self) -> set[str]:
        return {*self.text.split(), *self.changed.split()}

    def typos(self) -> set[str]:
        return set(self.changed.split()) - set(self.text.split()) if self.misspelt else set()


@dataclass(frozen=True)
class Suite:
    """The words and templates of one kind of review."""

    name: str
    words: Mapping[str, Sequence[str]]  # by slot
    opinions: Mapping[str, tuple[Sequence[str], Sequence[str]]]  # by slot: those of negative and of positive texts
    swaps: Mapping[str, Sequence[Sequence[str]]]  # by slot: groups of words that may replace each other
    templates: Mapping[str, Sequence[str]]  # by capability
    endings: Sequence[str]  # that may replace the full stop at the end of a text
    inapplicable: Mapping[str, str]  # by capability without templates: why it has none

    def fill(self, template: str, writer: Writer, expected: str, used: Iterable[str] = ()) -> str:
        """Return a template with words in its slots, except in those of `swaps`, which become a hole.

        expected: the class that the text expresses; used: words not to take
        """
        taken = set(used)
        while slot := _SLOT.search(template):
            name = slot[1]
            if name in self.swaps:
                word = _HOLE
            else:
                word = writer.choose([word for word in self._options(name, expected) if word not in taken])
                taken.add(word)
            template = template[: slot.start()] + word + template[slot.end() :]
        return _ARTICLE.sub(r"\1n ", template)

    def _options(self, slot: str, expected: str) -> Sequence[str]:
        if slot in self.words:
            return self.words[slot]
        positive = (expected == BINARY.names[1]) != slot.startswith(_OTHER)
        return self.opinions[slot.removeprefix(_OTHER)][positive]

    def is_neutral(self, word: str) -> bool:
        """Return whether a word is in no slot for opinions."""
        return not any(word in words for pair in self.opinions.values() for words in pair)


class Capability(NamedTuple):
    """What is tested, how, and by which cases."""

    kind: Kind
    draw: Callable[[Suite, Sequence[str], Writer], Case]  # of a suite and its templates for the capability


def _class(writer: Writer) -> str:
    return writer.choose(BINARY.names)


def _minimum(suite: Suite, templates: Sequence[str], writer: Writer) -> Case:
    template, expected = writer.choose(templates), _class(writer)
    return Case(template, suite.fill(template, writer, expected), expected)


def _swapped(suite: Suite, templates: Sequence[str], writer: Writer) -> Case:
    """Swap a word."""
    template = writer.choose(templates)
    (slot,) = (name for name in _SLOT.findall(template) if name in suite.swaps)
    group = writer.choose(suite.swaps[slot])
    one = writer.choose(group)
    other = writer.choose([word for word in group if word != one])
    text = suite.fill(template, writer, _class(writer), (one, other))
    return Case(template, text.replace(_HOLE, one), SAME, text.replace(_HOLE, other))


def _intensified(suite: Suite, templates: Sequence[str], writer: Writer) -> Case:
    """Put an intensifier into a text."""
    template, expected = writer.choose(templates), _class(writer)
    (slot,) = (name for name in _SLOT.findall(template) if name in suite.swaps)
    text = suite.fill(template, writer, expected)
    changed = text.replace(_HOLE, writer.choose(writer.choose(suite.swaps[slot])))
    direction = NOT_LOWER if expected == BINARY.names[1] else NOT_HIGHER
    return Case(template, text.replace(f"{_HOLE} ", ""), direction, changed)


def _repunctuated(suite: Suite, templates: Sequence[str], writer: Writer) -> Case:
    """Replace the full stop at the end."""
    template = writer.choose(templates)
    text = suite.fill(template, writer, _class(writer))
    return Case(template, text, SAME, text.removesuffix(".") + writer.choose(suite.endings))


def _misspelt(suite: Suite, templates: Sequence[str], writer: Writer) -> Case:
    """Swap two letters inside a word that expresses no opinion: no network can know a misspelt opinion."""
    template = writer.choose(templates)
    words = suite.fill(template, writer, _class(writer)).split()
    places = [
        (number, letter)
        for number, word in enumerate(words)
        if word.isalpha() and suite.is_neutral(word)
        for letter in range(1, len(word) - 2)
        if word[letter] != word[letter + 1]
    ]
    number, letter = writer.choose(places)
    word = words[number]
    typo = word[:letter] + word[letter + 1] + word[letter] + word[letter + 2 :]
    return Case(template, " ".join(words), SAME, " ".join([*words[:number], typo, *words[number + 1 :]]), misspelt=True)


def _surrounded(least: int, most: int) -> Callable[[Suite, Sequence[str], Writer], Case]:
    """Return how to put `least` to `most` neutral sentences around an opinion."""

    def draw(suite: Suite, templates: Sequence[str], writer: Writer) -> Case:
        template = writer.choose(templates)
        text = suite.fill(template, writer, _class(writer))
        count = writer.choose(range(least, most + 1))
        facts: list[str] = []
        for _ in range(count):
            facts.append(writer.choose([fact for fact in suite.words["fact"] if fact not in facts]))
        before = writer.choose(range(count + 1))
        shown = " ".join(filter(None, [_times(before), template, _times(count - before)]))
        return Case(shown, text, SAME, " ".join([*facts[:before], text, *facts[before:]]))

    return draw


def _times(count: int) -> str:
    return f"{count} × {{fact}}" if count > 1 else "{fact}" * count


CAPABILITIES: dict[str, Capability] = {
    "vocabulary": Capability("minimum functionality", _minimum),
    "negation": Capability("minimum functionality", _minimum),
    "double_negation": Capability("minimum functionality", _minimum),
    "contrast": Capability("minimum functionality", _minimum),
    "asides": Capability("minimum functionality", _minimum),  # what somebody else thinks, or expected
    "order": Capability("minimum functionality", _minimum),  # of several opinions
    "intensifiers": Capability("direction", _intensified),
    "aspects": Capability("invariance", _swapped),  # what the opinion is about
    "names": Capability("invariance", _swapped),
    "places": Capability("invariance", _swapped),
    "gender": Capability("invariance", _swapped),
    "nationality": Capability("invariance", _swapped),
    "punctuation": Capability("invariance", _repunctuated),
    "typos": Capability("invariance", _misspelt),
    "filler": Capability("invariance", _surrounded(1, 1)),
    "length": Capability("invariance", _surrounded(6, 10)),
}


class Drawn(NamedTuple):
    """The cases of a network.

    cases: by capability, at most the wanted number each
    left_out: cases that were drawn before these were found, but have words that the network does not know
    words, known: different words of all that was drawn, typos apart, and how many of them the network knows
    """

    cases: dict[str, list[Case]]
    left_out: int
    words: int
    known: int


def draw(suite: Suite, count: int, seed: int, knows: Callable[[list[str]], list[bool]]) -> Drawn:
    """Draw up to `count` different cases of each capability, the same ones for networks that know the same words.

    knows: returns whether the network knows each of some words
    """
    drawn = {
        # A writer of its own: the cases of a capability do not depend on those before it.
        name: _candidates(suite, name, _CANDIDATES * count, Writer(seed * len(CAPABILITIES) + number))
        for number, name in enumerate(CAPABILITIES)
        if name in suite.templates
    }
    typos = {word for cases in drawn.values() for case in cases for word in case.typos()}
    words = {word for cases in drawn.values() for case in cases for word in case.words()} - typos
    asked = sorted(words | typos)
    known = set(compress(asked, knows(asked)))
    result: dict[str, list[Case]] = {}
    left_out = 0
    for name, cases in drawn.items():
        result[name] = []
        for case in cases:
            if len(result[name]) == count:
                break
            # A typo that the network knows is a word of its own.
            if case.words() - known == case.typos():
                result[name].append(case)
            else:
                left_out += 1
    return Drawn(result, left_out, len(words), len(words & known))


def _candidates(suite: Suite, name: str, count: int, writer: Writer) -> list[Case]:
    drawn = (CAPABILITIES[name].draw(suite, suite.templates[name], writer) for _ in range(count))
    return list({(case.text, case.changed): case for case in drawn}.values())
