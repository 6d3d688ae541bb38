"""The plots that `dvc plots` draws, as SVG pictures: DVC's own page loads its drawing library from the web."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from markupsafe import Markup, escape

from sentiment.config import paths
from sentiment.errors import InputError
from sentiment.pipeline.dvc_json import dvc_json

# In the colours of the page, light or dark.
_TEXT = {"labelColor": "currentColor", "titleColor": "currentColor"}
_CONFIG = {
    "background": None,
    "axis": _TEXT | {"gridColor": "var(--line)", "domainColor": "var(--line)", "tickColor": "var(--line)"},
    "legend": _TEXT,
    "title": {"color": "currentColor", "subtitleColor": "currentColor"},
    "text": {"color": "currentColor"},
    "view": {"stroke": "var(--line)"},
}


class Drawing(NamedTuple):
    """A plot: its name in dvc.yaml, what a reader is told about it, and the drawing."""

    name: str
    caption: str
    svg: Markup
    picture: bool = False  # of an automaton, with colours of its own


def draw(*runs: str) -> list[Drawing]:
    """Return the plots of the workspace, or those of some runs together, in the order of `dvc plots show`.

    Raises InputError where DVC cannot read a file of a plot.
    """
    import vl_convert

    drawings: list[Drawing] = []
    with TemporaryDirectory() as folder:  # DVC writes pictures there
        found = dvc_json("plots", "diff" if runs else "show", "--json", "--out", folder, *runs)
        for error in found.get("errors", []):
            where, why = error.get("source", paths.PIPELINE), error["msg"] or error["type"]
            raise InputError(f"{where}: DVC cannot draw its plot ({why}); run `dvc repro`")
        for name, part in ((name, part) for name, parts in found["data"].items() for part in parts):
            prefix = f"plot-{len(drawings)}-"
            if part["type"] == "vega":
                title = part["content"].get("title", name)
                caption = title["text"] if isinstance(title, dict) else title
                svg = vl_convert.vegalite_to_svg(part["content"], config=_CONFIG)
                drawings.append(Drawing(name, caption, inline(svg, caption, prefix)))
            elif part["url"].endswith(".svg"):
                caption = f"{name} of {', '.join(part['revisions'])}"
                svg = Path(part["url"]).read_text(encoding="utf-8")
                drawings.append(Drawing(name, caption, inline(svg, caption, prefix), picture=True))
    return drawings


def inline(svg: str, label: str, prefix: str) -> Markup:
    """Return a picture to put into a page: with a name for screen readers, ids of its own, and without a style sheet.

    The classes of its style sheet would apply to the whole page.
    """
    svg = re.sub(r"<style>.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}", svg)
    # The parts of a picture are no pictures of their own.
    svg = re.sub(r"<[^>]*>", lambda tag: re.sub(r' (role|aria-[a-z]+)="[^"]*"', "", tag[0]), svg)
    return Markup(svg.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1))


def picture(path: Path, label: str, prefix: str) -> Markup:
    """Return a picture that is a file. Raises InputError where it is missing or no SVG."""
    try:
        return inline(path.read_text(encoding="utf-8"), label, prefix)
    except FileNotFoundError:
        raise InputError(f"{path}: missing; run `dvc repro`, or `dvc pull` if the team has it") from None
    except ValueError:
        raise InputError(f"{path}: not an SVG picture; run `dvc repro`") from None
