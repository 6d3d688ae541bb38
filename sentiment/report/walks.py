"""The automata in whose pictures the page shows the state that a text leads to."""

from typing import Any, NamedTuple

from markupsafe import Markup

from sentiment.config import paths
from sentiment.data.automaton import Automaton
from sentiment.data.languages import LANGUAGES
from sentiment.io.json_file import read_json
from sentiment.report import plots

VERDICTS = "verdicts"
# The grammar of the sample corpus takes any other word for neutral; a comma or a full stop ends a clause all the same.
OTHERS = {"": "\0", ",": "\0,", ".": "\0."}


class Walk(NamedTuple):
    """An automaton with its picture. steps: JSON-ready, for `page/page.js`"""

    title: str
    svg: Markup
    steps: dict[str, Any]


def find(analysis: dict[str, Any], vocabulary: list[str]) -> list[Walk]:
    """Return the automata that stage `analyze` has drawn: the network's own, and the language's.

    analysis: metrics/analysis.json
    """
    found = []
    if "states" in analysis["automaton"]:
        learned = Automaton.from_json(read_json(paths.ANALYSIS / "automaton.json"))
        found.append(_walk("automaton", "The automaton that L* learned from the network", steps("automaton", learned)))
    if "steps" in (known := analysis["language"]):
        true = automaton(known["name"], vocabulary)
        found.append(_walk("language", f"The automaton of {known['name']}", steps("language", true)))
    return [walk for walk in found if "data-state" in walk.svg]  # a picture of too many states has none


def automaton(language: str, vocabulary: list[str]) -> Automaton:
    """Return the automaton of a language as stage `analyze` draws it; that of `verdicts` with the tokens of OTHERS."""
    tokens = [*vocabulary, *(OTHERS.values() if language == VERDICTS else ())]
    return LANGUAGES[language].automaton(tokens).minimal()


def steps(name: str, found: Automaton) -> dict[str, Any]:
    """Return what `page/network.js` needs of an automaton."""
    others = {"others": OTHERS} if set(OTHERS.values()) <= set(found.tokens) else {}
    return {"id": f"walk-{name}", "tokens": found.tokens, "transitions": found.transitions.tolist()} | others


def _walk(name: str, title: str, steps: dict[str, Any]) -> Walk:
    picture = plots.picture(paths.PLOTS / f"{name}.svg", title, f"{name}-")
    return Walk(title, picture, steps)
