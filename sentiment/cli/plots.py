"""Draw the plots of one or several runs into one page that needs no network: dvc_plots/index.html.

    sentiment plots
    sentiment plots idea-rnn idea-gru

Without a run, it shows the workspace; with one, that run beside the workspace. They are the plots of `dvc plots show`
and `dvc plots diff`, as pictures: DVC's own page loads its drawing library from the web (treeverse/dvc#5679).
"""

import argparse
from pathlib import Path

from sentiment.io.atomic import atomic_write
from sentiment.io.console import stdout

PAGE = Path("dvc_plots/index.html")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="*", metavar="RUN", help="a revision, an experiment or workspace")


def run(args: argparse.Namespace) -> None:
    from sentiment.report import page, plots

    drawings = plots.draw(*args.runs)
    runs = args.runs if len(args.runs) != 1 else [*args.runs, "the workspace"]
    title = f"Plots of {', '.join(runs) or 'the workspace'}"
    values = {"title": title, "plots": drawings.drawn, "absent": drawings.absent}
    with atomic_write(PAGE) as partial:
        partial.write_text(page.render("plots.html", values), encoding="utf-8", newline="\n")
    print(PAGE, file=stdout())
