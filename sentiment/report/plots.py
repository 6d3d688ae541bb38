"""The plots that `dvc plots` draws, as SVG pictures: DVC's own page loads its drawing library from the web."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from xml.etree import ElementTree

from markupsafe import Markup

from sentiment.config import paths
from sentiment.config.yaml_file import read_yaml
from sentiment.errors import InputError, missing_file, reason
from sentiment.pipeline.dvc_json import dvc_json

# In the colours of the page, light or dark.
_TEXT = {"labelColor": "currentColor", "titleColor": "currentColor"}
_CONFIG = {
    "background": None,
    "axis": _TEXT | {"gridColor": "var(--line)", "domainColor": "var(--line)", "tickColor": "var(--line)"},
    "header": _TEXT,
    "legend": _TEXT,
    "title": {"color": "currentColor", "subtitleColor": "currentColor"},
    "text": {"color": "currentColor"},
    "view": {"stroke": "var(--line)"},
}
_SVG = "{http://www.w3.org/2000/svg}"
# What Vega and `analysis/drawing.py` draw with. Anything else in a picture, which may come from another's revision, is
# left out: scripts, links, and style sheets, whose rules would apply to the whole page.
_ELEMENTS = {
    "svg", "g", "defs", "clipPath", "linearGradient", "stop", "path", "line", "rect", "circle", "polygon", "text",
    "tspan", "title",
}  # fmt: skip
_ATTRIBUTES = {
    "class", "clip-path", "cx", "cy", "d", "data-state", "dx", "dy", "fill", "fill-opacity", "font-family", "font-size",
    "font-style", "font-weight", "height", "id", "offset", "opacity", "points", "r", "rx", "ry", "stop-color", "stroke",
    "stroke-dasharray", "stroke-dashoffset", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit", "stroke-opacity",
    "stroke-width", "text-anchor", "transform", "viewBox", "width", "x", "x1", "x2", "y", "y1", "y2",
}  # fmt: skip


class Drawing(NamedTuple):
    """A plot: its name in dvc.yaml, what a reader is told about it, and the drawing."""

    name: str
    caption: str
    svg: Markup
    picture: bool = False  # of an automaton, with colours of its own


class Drawings(NamedTuple):
    """The plots that are drawn, and the names of the others."""

    drawn: list[Drawing]
    absent: list[str]


def draw(*runs: str) -> Drawings:
    """Return the plots of the workspace, or those of some runs together, in the order of `dvc plots show`.

    Absent are plots without data, and those that DVC cannot draw, with its reason. Raises InputError for a run that is
    not there.
    """
    import vl_convert

    drawings: list[Drawing] = []
    with TemporaryDirectory() as folder:  # DVC writes pictures there
        try:
            found = dvc_json("plots", "diff" if runs else "show", "--json", "--out", folder, *runs)
        except InputError as error:
            if runs:
                raise
            return Drawings([], [str(error)])
        absent = []
        failures = found.get("errors", [])
        for failure in failures:
            what = failure.get("name") or failure.get("source") or paths.PIPELINE
            why = " ".join((failure["msg"] or failure["type"]).split())
            absent.append(f"{what} of {failure['rev']} ({why})")
        for name, part in ((name, part) for name, parts in found["data"].items() for part in parts):
            prefix = f"plot-{len(drawings)}-"
            if part["type"] == "vega":
                title = part["content"].get("title", name)
                caption = title["text"] if isinstance(title, dict) else title
                svg = vl_convert.vegalite_to_svg(part["content"], config=_CONFIG)
                drawings.append(Drawing(name, caption, inline(svg, caption, prefix)))
            elif part["url"].endswith(".svg"):
                caption = f"{name} of {', '.join(part['revisions'])}"
                drawings.append(Drawing(name, caption, picture(Path(part["url"]), caption, prefix, name), True))
    known = {drawing.name for drawing in drawings} | {failure.get("name") for failure in failures}
    return Drawings(drawings, [*absent, *(name for name in names() if name not in known)])


def names() -> list[str]:
    """Return the names of all plots in dvc.yaml."""
    pipeline = read_yaml(paths.PIPELINE)
    listed = [plot for stage in pipeline["stages"].values() for plot in stage.get("plots", [])]
    return [
        name for plot in [*listed, *pipeline.get("plots", [])] for name in (plot if isinstance(plot, dict) else [plot])
    ]


def picture(path: Path, label: str, prefix: str, name: str | None = None) -> Markup:
    """Return the SVG picture in a file. Raises InputError, with the name, if it is missing or is no such picture."""
    try:
        return inline(path.read_text(encoding="utf-8"), label, prefix)
    except FileNotFoundError:
        raise missing_file(name or path) from None
    except ValueError as error:
        raise InputError(f"{name or path}: not an SVG picture ({reason(error)}); run `dvc repro`") from None


def inline(svg: str, label: str, prefix: str) -> Markup:
    """Return a picture to put into a page, with a name for screen readers.

    prefix: of its ids, which are its own in the page. Raises ValueError if it is no SVG.
    """
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError as error:
        raise ValueError(str(error)) from None
    if root.tag != f"{_SVG}svg":
        raise ValueError(f"its root is {root.tag}")
    _clean(root, prefix)
    root.set("role", "img")
    root.set("aria-label", label)
    return Markup(ElementTree.tostring(root, encoding="unicode", short_empty_elements=False))


def _clean(element: ElementTree.Element, prefix: str) -> None:
    """Leave what a picture may have, in its element and those inside, and put the prefix before its ids."""
    element.tag = element.tag.removeprefix(_SVG)
    for name, value in list(element.attrib.items()):
        del element.attrib[name]
        if name in _ATTRIBUTES:
            element.set(name, prefix + value if name == "id" else value.replace("url(#", f"url(#{prefix}"))
    for child in list(element):
        if isinstance(child.tag, str) and child.tag.removeprefix(_SVG) in _ELEMENTS:
            _clean(child, prefix)
        else:
            element.remove(child)
