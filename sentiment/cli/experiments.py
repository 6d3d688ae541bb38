"""Print a table of the runs: the workspace, the last commit and the experiments that started from it.

Each run has its test accuracy in percent with the 95 % interval, its log loss, the seconds of its training, and the
parameters that differ among the runs. The table is as wide as the terminal, or 100 columns; longer content is cut.
`--csv` and `--json` write every parameter and every metric.

    sentiment experiments --best 10             # those with the highest test accuracy
    sentiment experiments --sort hidden_dim     # by a parameter or a metric, failed and queued runs last
    sentiment experiments --group-seeds         # a row for all seeds of one setting: mean and standard deviation
"""

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from sentiment.errors import InputError, printable
from sentiment.io.console import stdout
from sentiment.pipeline.dvc_json import dvc_json
from sentiment.pipeline.git import require_repository

WIDTH = 100  # columns, unless a terminal has another width
_LONGEST = 24  # characters of a cell
_GAP = "  "
_DONE = "success"  # DVC's word
_PARAMS = "params."
_METRICS = "metrics."
_ACCURACY = "metrics.test.accuracy"
_BASELINE = "metrics.baseline.baseline.accuracy"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="also the experiments that started from other commits")
    parser.add_argument("--best", type=_count, metavar="N", help="only the N runs with the highest test accuracy")
    parser.add_argument(
        "--sort",
        metavar="KEY",
        help="order by a parameter or a metric, such as hidden_dim or test.log_loss; the highest accuracy comes first",
    )
    parser.add_argument(
        "--group-seeds",
        action="store_true",
        help="one row for experiments that differ in their seeds alone, named after the first: means over the seeds",
    )
    written = parser.add_mutually_exclusive_group()
    written.add_argument("--csv", action="store_true", help="write all parameters and metrics as CSV")
    written.add_argument("--json", action="store_true", help="write them as JSON, a list of runs")


def _count(word: str) -> int:
    if not word.isascii() or not word.isdigit() or not int(word):
        raise InputError(f"--best {printable(word)}: not a number of runs; give 1 or more")
    return int(word)


def run(args: argparse.Namespace) -> None:
    require_repository()
    table = runs(dvc_json("exp", "show", "--json", *(["--all-commits"] if args.all else [])))
    alone = not (table["commit"] != "").any()
    if args.group_seeds:
        table = grouped(table)
    if args.best:
        table = ordered(table[table["state"] == _DONE], args.sort or "test.accuracy").head(args.best)
    elif args.sort:
        table = ordered(table, args.sort)
    if args.csv:
        table.to_csv(stdout(), index=False, lineterminator="\n")
    elif args.json:
        records = json.loads(table.to_json(orient="records"))  # pandas knows its missing values, and escapes each slash
        print(json.dumps(records, indent=2, ensure_ascii=False), file=stdout())
    else:
        print("\n".join(lines(table, shutil.get_terminal_size((WIDTH, 24)).columns)), file=stdout())
        if alone:
            print(
                "No experiments from this commit (see --all); `dvc exp run -S model.cell=gru` runs one.", file=stdout()
            )


def runs(shown: list[dict[str, Any]]) -> pd.DataFrame:
    """Return what `dvc exp show --json` printed as a table with a row for each run.

    Columns: run (its name), state (success, queued, running, failed or damaged), error, commit (which an experiment
    started from), each parameter as params.SECTION.KEY and each metric as metrics.FILE.KEY.
    """
    table = pd.json_normalize([_record(*found) for found in _revisions(shown)])
    return table.convert_dtypes()


def ordered(table: pd.DataFrame, key: str) -> pd.DataFrame:
    """Return the runs in the order of a parameter or a metric: the highest accuracy first, otherwise the lowest value.

    Runs without a value come last. Raises InputError where the key names no column, or several.
    """
    names = [
        name for name in map(str, table) if name.startswith((_PARAMS, _METRICS)) and f".{name}".endswith(f".{key}")
    ]
    if len(names) > 1 and key == "accuracy":
        names = [_ACCURACY]
    if len(names) != 1:
        if names:
            said = f"names {len(names)} columns; give one of {', '.join(name.partition('.')[2] for name in names)}"
        else:
            said = "is no parameter and no metric of these runs; `sentiment experiments --csv` has all"
        raise InputError(f"--sort {printable(key)}: {said}")
    return table.sort_values(names[0], ascending=names[0] != _ACCURACY, kind="stable", na_position="last")


def grouped(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row for all experiments that differ in their seeds alone: the first, with means of all metrics.

    Column `seeds` has their number, and `deviation` the standard deviation of their test accuracy. Queued, running and
    failed experiments, the workspace and commits stay as they are.
    """
    names = [str(name) for name in table]
    settings = [name for name in names if name.startswith(_PARAMS) and not name.endswith(".seed")]
    metrics = [name for name in names if name.startswith(_METRICS) and pd.api.types.is_numeric_dtype(table[name])]
    key = table[["commit", *settings]].map(str).agg("\0".join, axis=1)
    alone = (table["state"] != _DONE) | (table["commit"] == "")
    key = key.where(~alone, table.index.astype(str))
    groups = table.groupby(key, sort=False)
    found = groups.head(1).set_index(key.drop_duplicates())
    found[metrics] = groups[metrics].mean()
    found["seeds"] = groups.size()
    found["deviation"] = groups[_ACCURACY].std() if _ACCURACY in table else pd.NA
    # An interval is that of one run, and a seed too.
    single = [name for name in names if name.endswith((".seed", "_low", "_high"))]
    found.loc[found["seeds"] > 1, single] = pd.NA
    return found.reset_index(drop=True)


def _revisions(shown: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield each revision, its state and the commit that it started from.

    These are the workspace, the last commit and those with experiments, which started from none, and the experiments.
    """
    for position, commit in enumerate(shown):
        experiments = commit["experiments"] or []
        if position < 2 or experiments:
            yield commit, _DONE, ""
        for experiment in experiments:
            executor = experiment["executor"] or {}  # None unless it ran in DVC's queue
            for revision in experiment["revs"]:
                yield revision, executor.get("state", _DONE), commit["rev"]


def _record(revision: dict[str, Any], state: str, commit: str) -> dict[str, Any]:
    error = revision["error"]
    data = revision["data"] or {}
    # A run that is not done shows those of the commit that it starts from.
    metrics = (data.get("metrics") if state == _DONE else None) or {}
    return {
        "run": printable(revision["name"] or revision["rev"][: len("workspace")]),
        "state": "damaged" if error and state == _DONE else state,
        "error": error and error.get("msg"),
        "commit": commit,
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
    aligned = [[cell.ljust(_width(head, cells)) for cell in (head, *cells)] for head, cells in columns.items()]
    printed = [_GAP.join(row).rstrip() for row in zip(*aligned, strict=True)]
    return [_cut(line, width) for line in [*printed, *([""] if notes else []), *notes]]


def _columns(table: pd.DataFrame) -> dict[str, list[str]]:
    """Return the cells of the columns that every table has, by their heads."""
    test = table.reindex(columns=[f"metrics.test.{name}" for name in ("accuracy", "accuracy_low", "accuracy_high")])
    accuracy, low, high = (test[name].map(_percent) for name in test)
    interval = (" (" + low + " to " + high + ")").where(low != "", "")
    if "deviation" in table:
        deviation = table["deviation"].map(_percent)
        interval = (" ± " + deviation).where(deviation != "", interval)
    figures = table.reindex(columns=["metrics.test.log_loss", _BASELINE, "metrics.speed.train_seconds"])
    log_loss, baseline, seconds = (figures[name] for name in figures)
    return {
        "run": [_cut(name, _LONGEST) for name in table["run"]],
        **({"seeds": table["seeds"].astype(str).tolist()} if "seeds" in table else {}),
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
