"""The picture of an automaton."""

import re
from collections import Counter
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings

from sentiment.analysis import drawing
from sentiment.analysis.drawing import draw, state_names
from sentiment.data import languages
from sentiment.data.automaton import NO_LABEL, Automaton
from tests.support.automata import automata

BINARY = ("rejected", "accepted")
PRAISE = tuple(f"good{number}" for number in range(10))
BLAME = tuple(f"dull{number}" for number in range(5))


def verdict(*neutral: str) -> Automaton:
    """Return the automaton of the last verdict: states 0 (none yet), 1 (praise) and 2 (blame)."""
    return Automaton.explore(
        0,
        (*neutral, *PRAISE, *BLAME),
        lambda state, token: 1 if token in PRAISE else 2 if token in BLAME else state,
        lambda state: (NO_LABEL, 1, 0)[state],
    )


def elements(svg: str, kind: str) -> list[ElementTree.Element]:
    """Return the elements of a class, in the order of the file."""
    return [each for each in ElementTree.fromstring(svg).iter() if kind in each.get("class", "").split()]


def texts(svg: str, kind: str) -> list[str]:
    return [each.text or "" for each in elements(svg, kind)]


def drawn(automaton: Automaton, **changes: object) -> str:
    return draw(automaton, state_names(automaton), BINARY, **changes)  # type: ignore[arg-type]


def test_names_are_the_shortest_texts_that_lead_to_the_states() -> None:
    assert state_names(verdict("the")) == ["start", "good0", "dull0"]
    tomita = languages.LANGUAGES["tomita-4"]
    assert state_names(tomita.automaton(tomita.tokens)) == ["start", "0", "0 0", "0 0 0"]


def test_a_large_alphabet_is_drawn_by_its_classes_without_loops() -> None:
    svg = drawn(verdict("the", "a"), title="The last verdict")
    assert ElementTree.fromstring(svg)[0].text == "The last verdict"
    assert texts(svg, "number") == ["0", "1", "2"]
    assert texts(svg, "name") == ["start", "good0", "dull0"]
    assert Counter(texts(svg, "label")) == {"good0 +9": 2, "dull0 +4": 2}
    assert len(elements(svg, "arrow")) == 1 + 4  # one leads to the first state
    assert "Tokens on no arrow leave the state as it is." in svg
    assert svg.index(">rejected<") < svg.index(">accepted<") < svg.index(">no label<")


def test_a_small_alphabet_is_drawn_in_full() -> None:
    language = languages.LANGUAGES["tomita-7"]
    svg = drawn(language.automaton(language.tokens))
    assert Counter(texts(svg, "label")) == {"0": 4, "1": 4, "0 | 1": 1}
    assert "on no arrow" not in svg
    assert "no label" not in svg


def test_a_label_has_at_most_four_lines_and_counts_the_other_tokens() -> None:
    tokens = [f"token-{number}" for number in range(9)]
    svg = drawn(Automaton.explore(0, tokens, lambda state, token: 1, int))
    assert texts(svg, "label") == ["token-0", "token-1", "token-2", "… and 6 more"] * 2


def test_a_step_is_drawn_in_its_style() -> None:
    automaton = verdict("the", "a")
    plain = drawn(automaton)
    assert not elements(plain, "wrong")
    assert ">learned<" not in plain

    svg = drawn(automaton, style={(0, "good0"): "wrong", (1, "dull0"): "undecided", (2, "dull0"): "undecided"})
    # The loop of state 2 is left out as before. The legend has an arrow of each kind.
    assert len(elements(svg, "wrong")) == len(elements(svg, "undecided")) == 2 * (1 + 1)
    assert len(elements(svg, "arrow")) == len(elements(plain, "arrow")) + 3
    assert svg.index(">learned<") < svg.index(">wrong<") < svg.index(">undecided<")


def test_a_loop_that_is_wrong_is_drawn_in_any_alphabet() -> None:
    svg = drawn(verdict("the", "a"), style={(1, "the"): "wrong"})
    assert "the +1" in texts(svg, "label")


def test_steps_between_the_same_states_have_an_arrow_for_each_style() -> None:
    both = Automaton(("a", "b"), np.array([[1, 1], [0, 1]]), np.array([0, 1]))
    svg = drawn(both, style={(0, "b"): "wrong"})
    assert sorted(texts(svg, "label")) == ["a", "a", "b", "b"]  # two from 0 to 1, one back, a loop
    assert sorted(texts(drawn(both), "label")) == ["a", "a | b", "b"]


@pytest.mark.parametrize(
    "token, shown",
    [
        ("<b>", "<b>"),
        ("&amp;", "&amp;"),
        ("\"'", "\"'"),
        ("]]>", "]]>"),
        ("\\N\\E", "\\N\\E"),  # Graphviz' names for a node and an edge
        ("a" * 500, "a" * 15 + "…"),
        ("a\0\x1b\n\x7f\ud800\ufffe", "a" + "\ufffd" * 6),
        ("שלום", "\u2068שלום\u2069"),
        ("\u202eabc", "\ufffdabc"),
        ("映画", "映画"),
    ],
)
def test_any_token_can_be_drawn(token: str, shown: str, capfd: pytest.CaptureFixture[str]) -> None:
    automaton = Automaton.explore(0, [token, "z"], lambda state, read: int(read == token), int)
    svg = draw(automaton, state_names(automaton), [token, token], title=token)
    svg.encode()
    assert Counter(texts(svg, "label")) == {shown: 2, "z": 2}
    assert len(elements(svg, "state")) == 2 + 2  # in the legend as well
    assert capfd.readouterr() == ("", "")


@settings(max_examples=30)
@given(automata())
def test_labels_and_circles_do_not_overlap_and_every_drawing_is_the_same(automaton: Automaton) -> None:
    names = [str(state) for state in range(len(automaton))]
    svg = draw(automaton, names, BINARY)
    assert draw(automaton, names, BINARY) == svg
    assert texts(svg, "name") == names
    boxes = [box(each) for each in [*elements(svg, "state")[: len(automaton)], *elements(svg, "label")]]
    for (left, top, right, bottom), other in combinations(boxes, 2):
        assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
    page = ElementTree.fromstring(svg)
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= float(page.get("width", 0))
        assert 0 <= top < bottom <= float(page.get("height", 0))


def box(element: ElementTree.Element) -> tuple[float, float, float, float]:
    """Return the left, top, right and bottom of a circle or a text."""
    if radius := float(element.get("r", 0)):
        x, y = float(element.get("cx", 0)), float(element.get("cy", 0))
        return x - radius, y - radius, x + radius, y + radius
    x, y, half = float(element.get("x", 0)), float(element.get("y", 0)), len(element.text or "") * 3.6
    return x - half, y - 10, x + half, y + 3


def test_the_largest_picture_is_drawn(capfd: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    states = drawing.MOST_DRAWN
    automaton = Automaton(("a", "b"), random.integers(0, states, (states, 2)), random.integers(0, 2, states))
    svg = draw(automaton, ["a long name of a state"] * states, BINARY)
    assert texts(svg, "number") == [str(state) for state in range(states)]
    assert not re.search(r"nan|inf|None", svg)
    assert capfd.readouterr() == ("", "")
