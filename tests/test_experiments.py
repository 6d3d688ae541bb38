"""The table of runs: what differs among them, within the width of a terminal."""

import csv
import json
from typing import Any

import pytest

from sentiment.cli.experiments import grouped, lines, ordered, runs
from sentiment.errors import InputError
from tests.support.clone import Clone


def revision(name: str | None, accuracy: float | None, params: dict[str, Any]) -> dict[str, Any]:
    """Return a revision as `dvc exp show --json` has it."""
    test = {"accuracy": accuracy, "accuracy_low": 0.8, "accuracy_high": 1.0, "log_loss": 0.25}
    metrics = {
        "metrics/test.json": {"data": test},
        "metrics/baseline.json": {"data": {"baseline": {"accuracy": 0.75}}},
        "metrics/speed.json": {"data": {"train_seconds": 12.4}},
    }
    data = {"params": {"params.yaml": {"data": params}}, "metrics": metrics if accuracy else {}}
    return {"rev": name or "workspace", "name": name, "data": data, "error": None, "experiments": None}


def experiment(found: dict[str, Any], state: str | None = None) -> dict[str, Any]:
    return {"name": found["name"], "executor": {"state": state} if state else None, "revs": [found]}


def shown(*experiments: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the workspace and a commit with its experiments."""
    params = {"model": {"cell": "rnn", "bidirectional": False}, "train": {"learning_rate": 0.005}}
    commit = revision("main", 0.9, params) | {"experiments": list(experiments)}
    return [revision(None, 0.9, params), commit]


def test_a_table_worked_by_hand() -> None:
    params = {"model": {"cell": "gru", "bidirectional": True}, "train": {"learning_rate": 0.005}}
    queued = experiment(revision("later", 0.9, params), "queued")
    failed = experiment(revision("fails", None, params), "failed")
    done = experiment(revision("gru", 0.95, params), "success")
    assert lines(runs(shown(done, queued, failed)), 100) == [
        "run        accuracy, %           log loss  seconds  cell  bidirectional",
        "workspace  90.0 (80.0 to 100.0)  0.2500    12       rnn   false",
        "main       90.0 (80.0 to 100.0)  0.2500    12       rnn   false",
        "gru        95.0 (80.0 to 100.0)  0.2500    12       gru   true",
        "later      queued                                   gru   true",
        "fails      failed                                   gru   true",
        "",
        "The baseline's accuracy is 75.0 % in every run.",
    ]


def test_a_run_without_a_baseline_has_not_that_of_the_others() -> None:
    without = revision("none", 0.95, {"baseline": {"features": "none"}})
    without["data"]["metrics"]["metrics/baseline.json"]["data"] = {"baseline": {}}
    assert lines(runs(shown(experiment(without))), 100)[-1] == (
        "The baseline's accuracy is 75.0 % in every run that has one."
    )


def test_what_does_not_fit_is_cut_or_named() -> None:
    wide = {f"parameter_{number}": "x" * 200 + str(number) for number in range(9)}
    rows = shown(experiment(revision("a-name" * 20, 0.95, {"model": {"cell": "gru", **wide}, "train": {"cell": 1}})))
    rows[0]["data"]["params"]["params.yaml"]["data"] = {"model": dict.fromkeys(wide, "y"), "train": {"cell": 2}}
    for width in (100, 60):
        printed = lines(runs(rows), width)
        assert max(map(len, printed)) <= width
        assert any(line.startswith("a-namea-namea-namea-nam…  95.0") for line in printed)
        assert any(line.startswith("Also different, see --csv: ") for line in printed)
    assert {"model.cell", "train.cell"} <= set(lines(runs(rows), 100)[0].split())  # a key of two sections


def test_a_commit_that_dvc_cannot_read_is_a_row() -> None:
    rows = shown()
    rows[1] |= {"data": None, "error": {"type": "YAMLSyntaxError", "msg": "'dvc.yaml' is invalid."}}
    table = runs(rows)
    assert "main       damaged" in lines(table, 100)
    assert list(table["error"].dropna()) == ["'dvc.yaml' is invalid."]


def test_an_older_commit_is_a_row_only_if_experiments_started_from_it() -> None:
    older = revision("v1", 0.9, {}) | {"experiments": [experiment(revision("gru", 0.95, {}))]}
    table = runs([*shown(), revision("v2", 0.9, {}), older])
    assert list(table["run"]) == ["workspace", "main", "v1", "gru"]


def test_a_terminal_obeys_no_name_and_no_value() -> None:
    rows = shown(experiment(revision("red\x1b[31m", 0.9, {"model": {"cell": "\x1b[2J"}})))
    assert "\x1b" not in "\n".join(lines(runs(rows), 100))


def seeded(name: str, seed: int, accuracy: float | None, state: str | None = None, **params: Any) -> dict[str, Any]:
    return experiment(
        revision(name, accuracy, {"model": {"cell": "gru", "hidden_dim": 16} | params, "train": {"seed": seed}}), state
    )


def test_the_best_runs_come_first_and_those_without_a_result_are_no_candidates() -> None:
    rows = shown(seeded("worse", 1, 0.91), seeded("best", 2, 0.99), seeded("later", 3, None, "queued"))
    table = ordered(runs(rows), "accuracy")
    assert list(table["run"]) == ["best", "worse", "workspace", "main", "later"]
    assert list(ordered(runs(rows), "train.seed")["run"])[:3] == ["worse", "best", "later"]
    assert list(ordered(runs(rows), "seed")["run"])[:3] == ["worse", "best", "later"]


@pytest.mark.parametrize(
    "key, said",
    [
        ("depth", "--sort depth: is no parameter and no metric of these runs"),
        ("hidden", "--sort hidden: names 2 columns; give one of model.hidden, probe.hidden"),
    ],
)
def test_a_key_that_names_no_column_or_several_is_refused(key: str, said: str) -> None:
    rows = shown(experiment(revision("both", 0.9, {"model": {"hidden": 1}, "probe": {"hidden": 2}})))
    with pytest.raises(InputError, match=f"^{said}"):
        ordered(runs(rows), key)


def test_seeds_of_one_setting_are_one_row() -> None:
    rows = shown(
        seeded("gru-1", 1, 0.90), seeded("gru-2", 2, 0.94), seeded("gru-3", 3, 0.92),
        seeded("wide-1", 1, 0.5, hidden_dim=9), seeded("gru-4", 4, None, "failed"),
    )  # fmt: skip
    assert lines(grouped(runs(rows)), 100) == [
        "run        seeds  accuracy, %           log loss  seconds  cell  hidden_dim  seed",
        "workspace  1      90.0 (80.0 to 100.0)  0.2500    12       rnn",
        "main       1      90.0 (80.0 to 100.0)  0.2500    12       rnn",
        "gru-1      3      92.0 ± 2.0            0.2500    12       gru   16",
        "wide-1     1      50.0 (80.0 to 100.0)  0.2500    12       gru   9           1",
        "gru-4      1      failed                                   gru   16          4",
        "",
        "The baseline's accuracy is 75.0 % in every run.",
    ]


@pytest.mark.pipeline
def test_the_runs_of_a_repository(clone: Clone) -> None:
    first = clone.sentiment("experiments").stdout
    assert "No experiments from this commit" in first
    clone.dvc("exp", "run", "--queue", "--name", "wider", "--set-param", "model.hidden_dim=20")
    table = clone.sentiment("experiments").stdout.splitlines()
    assert max(map(len, table)) <= 100
    assert table[0].split()[-1] == "hidden_dim"
    assert [line.split()[0] for line in table[1:4]] == ["workspace", "main", "wider"]
    assert table[3].split() == ["wider", "queued", "20"]
    assert "No experiments" not in clone.sentiment("experiments", "--best", "1").stdout  # those of the queue are some
    (best,) = json.loads(clone.sentiment("experiments", "--best", "1", "--json").stdout)
    assert (best["run"], best["params.model.hidden_dim"], best["error"]) == ("workspace", 16, None)
    refused = clone.sentiment("experiments", "--best", "0", check=False)
    assert (refused.returncode, refused.stderr) == (2, "error: --best 0: not a number of runs; give 1 or more\n")
    rows = list(csv.DictReader(clone.sentiment("experiments", "--csv").stdout.splitlines()))
    assert [row["params.model.hidden_dim"] for row in rows] == ["16", "16", "20"]
    assert rows[0]["metrics.test.accuracy"] == rows[1]["metrics.test.accuracy"] != ""
