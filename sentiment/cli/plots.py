"""Draw the plots of one or several runs into one page that needs no network: dvc_plots/index.html.

    sentiment plots
    sentiment plots idea-rnn idea-gru

Without a run, it shows the workspace; with one, that run beside the workspace. They are the plots of `dvc plots show`
and `dvc plots diff`, as pictures: DVC's own page loads its drawing library from the web (treeverse/dvc#5679).
"""

import argparse
import base64
import html
from pathlib import Path
from typing import Any

from sentiment.io.atomic import atomic_write
from sentiment.io.console import stdout
from sentiment.pipeline.dvc_json import dvc_json

PAGE = Path("dvc_plots/index.html")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="*", metavar="RUN", help="a revision, an experiment or workspace")


def run(args: argparse.Namespace) -> None:
    found = dvc_json("plots", "diff" if args.runs else "show", "--json", *args.runs)
    with atomic_write(PAGE) as partial:
        partial.write_text(page(found["data"]), encoding="utf-8")
    print(PAGE, file=stdout())


def page(plots: dict[str, list[dict[str, Any]]]) -> str:
    """Return the HTML page of what `dvc plots show --json` prints about each plot."""
    # As images: inlined, the drawings would share the names of their clipping paths.
    pictures = [
        f'<img alt="{html.escape(name)}, {html.escape(", ".join(drawing["revisions"]))}" '
        f'src="data:image/svg+xml;base64,{base64.b64encode(_svg(drawing)).decode()}">'
        for name, drawings in plots.items()
        for drawing in drawings
        if drawing["type"] == "vega" or drawing["url"].endswith(".svg")
    ]
    revisions = dict.fromkeys(name for drawings in plots.values() for each in drawings for name in each["revisions"])
    title = html.escape(", ".join(revisions))
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>img {{ margin: 1em; vertical-align: top; max-width: 95% }}</style>\n<h1>{title}</h1>\n"
        + "\n".join(pictures)
        + "\n</html>\n"
    )


def _svg(drawing: dict[str, Any]) -> bytes:
    if drawing["type"] == "image":
        return Path(drawing["url"]).read_bytes()
    import vl_convert  # a tenth of a second, only after DVC has found the plots

    svg: str = vl_convert.vegalite_to_svg(drawing["content"])
    return svg.encode()
