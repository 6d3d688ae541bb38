"""Make a page about the run in the workspace, or about two runs side by side.

    sentiment report
    sentiment report --against main
    sentiment report imdb-lstm-1 --against imdb-plain-1

The first form writes reports/index.html, as the stage of that name does. The others write reports/against.html: every
metric and its difference with 95 % intervals, the parameters that differ, the plots of both runs, and the reviews whose
probability changed most. A run is named as in `sentiment compare`.
"""

import argparse
import json
from typing import Any

from sentiment.cli import compare
from sentiment.config import paths
from sentiment.config.evaluation import EvaluationConfig
from sentiment.errors import InputError
from sentiment.io.atomic import atomic_write
from sentiment.io.console import stdout
from sentiment.pipeline import revisions
from sentiment.pipeline.dvc_json import dvc_json
from sentiment.pipeline.revisions import WORKSPACE
from sentiment.report.config import ReportConfig

REVIEWS = 20  # that changed most


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", nargs="?", metavar="RUN", help=f"with --against; default: {WORKSPACE}")
    parser.add_argument("--against", metavar="REV", help="a revision or an experiment to compare with")


def run(args: argparse.Namespace) -> None:
    if args.run and not args.against:
        raise InputError(f"{args.run}: give the run to compare it with too, as --against REV")
    path = paths.REPORT.with_name("against.html") if args.against else paths.REPORT
    text = side_by_side(args.against, args.run or WORKSPACE) if args.against else about_workspace()
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")
    print(path, file=stdout())


def about_workspace() -> str:
    params, evaluation = ReportConfig.load(), EvaluationConfig.load()

    from sentiment.report import build  # loads torch

    return build.workspace(params, evaluation.threshold)


def side_by_side(a: str, b: str) -> str:
    """Return the page about two runs. Raises InputError where one is not there or they cannot be compared."""
    evaluation = EvaluationConfig.load()
    found, changed, classes = compare.compare((a, b), evaluation)

    from sentiment.report import comparison, page, plots

    both = [compare.parts(name)[0] for name in (a, b)]
    parameters = dvc_json("params", "diff", "--json", *both).get(str(paths.PARAMS), {})
    drawings = plots.draw(*dict.fromkeys(both))
    values = comparison.gather((a, b), found, changed.head(REVIEWS), classes, parameters, probed((a, b)), drawings)
    return page.render("comparison.html", values, comparison.SECTIONS)


def probed(names: tuple[str, str]) -> list[dict[str, Any]]:
    """Return what the behaviour tests found in both runs; nothing where one of them was not tested."""
    found = []
    for name in names:
        revision, path = compare.parts(name)
        part = {paths.PREDICTIONS: "probe", paths.BASELINE_TEST: "probe_baseline"}.get(path)
        try:
            metrics = json.loads(revisions.read_bytes(revision, paths.PROBE_METRICS))
        except (InputError, ValueError):  # a run from before the tests, say
            return []
        if part is None or "reason" in metrics[part]:
            return []
        found.append(metrics[part])
    return found
