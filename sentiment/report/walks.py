"""The automata in whose pictures the page shows the state that a text leads to."""

from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from sentiment.config import paths
from sentiment.data.automaton import Automaton
from sentiment.data.languages import LANGUAGES
from sentiment.io.json_file import read_json
from sentiment.report import plots

# The grammar of the sample corpus takes any other word for neutral; a comma or a full stop ends a clause all the same.
OTHERS = {"": "\0", ",": "\0,", ".": "\0."}


class Walk(NamedTuple):
    """An automaton with its picture. steps: JSON-ready, for `page/page.js`"""

    id: str
    title: str
    svg: Markup
    steps: dict[str, Any]


def find(analysis: dict[str, Any], vocabulary: list[str]) -> list[Walk]:
    """Return the automata that stage `analyze` has drawn: the network's own, and the language's.

    analysis: metrics/analysis.json
    """
    found = []
    drawn = paths.PLOTS / "automaton.svg"
    if "states" in analysis["automaton"]:
        automaton = Automaton.from_json(read_json(paths.ANALYSIS / "automaton.json"))
        found.append(_walk("automaton", "The network's automaton", drawn, automaton))
    if "steps" in analysis["language"]:
        name = analysis["language"]["name"]
        tokens = [*vocabulary, *(OTHERS.values() if name == "verdicts" else ())]
        automaton = LANGUAGES[name].automaton(tokens).minimal()
        found.append(_walk("language", f"The automaton of {name}", paths.PLOTS / "language.svg", automaton))
        if name == "verdicts":
            found[-1].steps["others"] = OTHERS
    return [walk for walk in found if "data-state" in walk.svg]


def _walk(name: str, title: str, picture: Path, automaton: Automaton) -> Walk:
    steps = {
        "id": f"walk-{name}",
        "tokens": automaton.tokens,
        "transitions": automaton.transitions.tolist(),
    }
    return Walk(steps["id"], title, plots.picture(picture, title, f"{name}-"), steps)
