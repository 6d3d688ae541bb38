"""Print a table of the runs: the workspace, the last commit and the experiments that started from it.

Each run has its test accuracy in percent with the 95 % interval, its log loss, the seconds of its training, and the
parameters that differ among the runs. The table is as wide as the terminal, or 100 columns; longer content is cut.
`--csv` writes every parameter and every metric.
"""

import argparse
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from sentiment.errors import printable
from sentiment.io.console import stdout
from sentiment.pipeline.dvc_json import dvc_json
from sentiment.pipeline.git import require_repository

WIDTH = 100  # columns, unless a terminal has another width
_LONGEST = 24  # characters of a cell
_GAP = "  "
_DONE = "success"  # DVC's word
_PARAMS = "params."
_BASELINE = "metrics.baseline.baseline.accuracy"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="also the experiments that started from other commits")
    parser.add_argument("--csv", action="store_true", help="write all parameters and metrics as CSV")


def run(args: argparse.Namespace) -> None:
    require_repository()
    table = runs(dvc_json("exp", "show", "--json", *(["--all-commits"] if args.all else [])))
    if args.csv:
        table.to_csv(stdout(), index=False, lineterminator="\n")
    else:
        print("\n".join(lines(table, shutil.get_terminal_size((WIDTH, 24)).columns)), file=stdout())


def runs(shown: list[dict[str, Any]]) -> pd.DataFrame:
    """Return what `dvc exp show --json` printed as a table with a row for each run.

    Columns: run (its name), state (success, queued, running, failed or damaged), error, each parameter as
    params.SECTION.KEY and each metric as metrics.FILE.KEY.
    """
    table = pd.json_normalize([_record(*found) for found in _revisions(shown)])
    return table.convert_dtypes()


def _revisions(shown: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each revision with its state: the workspace, the last commit and those with experiments, then these."""
    for position, commit in enumerate(shown):
        experiments = commit["experiments"] or []
        if position < 2 or experiments:
            yield commit, _DONE
        for experiment in experiments:
            executor = experiment["executor"] or {}  # None unless it ran in DVC's queue
            for revision in experiment["revs"]:
                yield revision, executor.get("state", _DONE)


def _record(revision: dict[str, Any], state: str) -> dict[str, Any]:
    error = revision["error"]
    data = revision["data"] or {}
    # A run that is not done shows those of the commit that it starts from.
    metrics = (data.get("metrics") if state == _DONE else None) or {}
    return {
        "run": printable(revision["name"] or revision["rev"][: len("workspace")]),
        "state": "damaged" if error and state == _DONE else state,
        "error": error and error.get("msg"),
        "params": (data.get("params") or {}).get("params.yaml", {}).get("data", {}),
        "metrics": {Path(file).stem: found.get("data", {}) for file, found in metrics.items()},
    }


def lines(table: pd.DataFrame, width: int) -> list[str]:
    """Return the table as lines of at most `width` characters, and below it what it leaves out."""
    columns = _columns(table)
    notes = []
    baselines = set(columns["baseline"]) - {""}
    if len(baselines) < 2:
        cells = columns.pop("baseline")
        lacking = any(not cell for cell, state in zip(cells, table["state"], strict=True) if state == _DONE)
        which = "every run that has one" if lacking else "every run"
        notes += [f"The baseline's accuracy is {value} % in {which}." for value in baselines]
    parameters = _differing_parameters(table)
    room = width - sum(_width(head, cells) + len(_GAP) for head, cells in columns.items()) + len(_GAP)
    widths = pd.Series({head: _width(head, cells) + len(_GAP) for head, cells in parameters.items()}, dtype=int)
    widths = widths.sort_values(kind="stable")  # the narrowest first, so that as many as possible fit
    fitting = set(widths.index[widths.cumsum() <= room])
    columns |= {head: cells for head, cells in parameters.items() if head in fitting}
    if left_out := [head for head in parameters if head not in fitting]:
        notes.append(f"Also different, see --csv: {', '.join(left_out)}")
    if len(table) < 3:
        notes.append("No experiments from this commit (see --all); `dvc exp run -S model.cell=gru` runs one.")
    aligned = [[cell.ljust(_width(head, cells)) for cell in (head, *cells)] for head, cells in columns.items()]
    printed = [_GAP.join(row).rstrip() for row in zip(*aligned, strict=True)]
    return [_cut(line, width) for line in [*printed, *([""] if notes else []), *notes]]


def _columns(table: pd.DataFrame) -> dict[str, list[str]]:
    """Return the cells of the columns that every table has, by their heads."""
    test = table.reindex(columns=[f"metrics.test.{name}" for name in ("accuracy", "accuracy_low", "accuracy_high")])
    accuracy, low, high = (test[name].map(_percent) for name in test)
    interval = (" (" + low + " to " + high + ")").where(low != "", "")
    figures = table.reindex(columns=["metrics.test.log_loss", _BASELINE, "metrics.speed.train_seconds"])
    log_loss, baseline, seconds = (figures[name] for name in figures)
    return {
        "run": [_cut(name, _LONGEST) for name in table["run"]],
        "accuracy, %": (accuracy + interval).where(table["state"] == _DONE, table["state"]).tolist(),
        "log loss": log_loss.map(lambda value: _number(value, 4)).tolist(),
        "baseline": baseline.map(_percent).tolist(),
        "seconds": seconds.map(lambda value: _number(value, 0)).tolist(),
    }


def _differing_parameters(table: pd.DataFrame) -> dict[str, list[str]]:
    """Return the cells of each parameter with more than one value, by its key or, if two share it, SECTION.KEY."""
    values = table.loc[:, table.columns.str.startswith(_PARAMS)].map(_shown)
    differing = [str(name) for name in values if values[name][values[name] != ""].nunique() > 1]
    keys = Counter(name.rpartition(".")[2] for name in differing)
    heads = [name.rpartition(".")[2] for name in differing]
    return {
        head if keys[head] == 1 else name.removeprefix(_PARAMS): values[name].tolist()
        for head, name in zip(heads, differing, strict=True)
    }


def _shown(value: Any) -> str:
    """Return a value as params.yaml has it, with four digits, a missing one as nothing.

    >>> _shown(True), _shown(0.00312345), _shown("gru"), _shown(None)
    ('true', '0.003123', 'gru', '')
    """
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return _cut(printable(f"{value:.4g}" if isinstance(value, float) else str(value)), _LONGEST)


def _percent(share: Any) -> str:
    return _number(100 * share, 1)


def _number(value: Any, digits: int) -> str:
    return "" if pd.isna(value) else f"{value:.{digits}f}"


def _width(head: str, cells: list[str]) -> int:
    return max(map(len, [head, *cells]))


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
