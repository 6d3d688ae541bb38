"""`sentiment verify`: a rebuilt commit is the committed one, and every difference is named."""

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sentiment.cli import verify
from sentiment.cli.main import call
from sentiment.config import paths
from sentiment.config.yaml_file import write_yaml
from sentiment.data import predictions
from sentiment.data.classes import BINARY, Classes
from sentiment.errors import InputError
from sentiment.io import parquet
from sentiment.io.csv_file import write_csv
from sentiment.io.json_file import write_json
from tests.support.clone import Clone
from tests.support.imports import ROOT
from tests.support.processors import OTHER_PROCESSOR


def attestation(clone: Clone) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((clone.path / "attestation.json").read_text(encoding="utf-8"))
    return content


@pytest.mark.slow
def test_a_commit_is_rebuilt_to_the_byte_as_on_other_processors(clone: Clone) -> None:
    clone.env = OTHER_PROCESSOR
    done = clone.sentiment("verify")
    found = attestation(clone)
    outputs = found["outputs"]
    assert found["verdict"] == "identical", [each for each in outputs if each["verdict"] != "identical"]
    assert {"models/classifier", "data/predictions.parquet", "metrics/test.json"} <= {each["path"] for each in outputs}
    assert f"{len(outputs)} identical, 0 within tolerance, 0 different" in done.stdout
    assert clone.git("status", "--porcelain") == ""
    assert found["machine"]["packages"]["torch"].startswith("2.")
    assert found["machine"]["processor"]
    assert found["machine"]["threads"] == 1


@pytest.mark.pipeline
def test_a_commit_that_was_not_run_fails(tmp_path: Path) -> None:
    """Its parameters are others, and no stage made one of its outputs."""
    clone = Clone(tmp_path / "clone")
    stages = {
        "copy": {"cmd": "cp source copy", "deps": ["source"], "outs": ["copy"]},
        "print": {"cmd": "echo printed > printed", "params": ["train"], "outs": ["printed"]},
    }
    clone.path.mkdir()
    (clone.path / "source").write_text("copied\n", encoding="utf-8")
    write_yaml(clone.path / "params.yaml", {"compute": {"threads": 1}, "train": {"clip_norm": 1.0}})
    write_yaml(clone.path / "dvc.yaml", {"stages": stages})
    clone.git("init", "--quiet", "--initial-branch=main")
    clone.dvc("init", "--quiet")
    clone.dvc("repro", "--quiet")
    lock = clone.path / "dvc.lock"
    text = lock.read_text(encoding="utf-8")
    digest = md5(clone.path / "printed")
    assert digest in text
    lock.write_text(text.replace(digest, "f" * 32), encoding="utf-8")
    clone.set("train.clip_norm", 0.9)
    clone.commit("Not run")
    done = clone.sentiment("verify", check=False)
    assert done.returncode == 1
    assert re.search(r"printed +different", done.stdout)
    assert re.search(r"copy +identical", done.stdout)
    assert "dvc.lock is older than print: params.yaml: train; run `make repro` and commit" in done.stdout
    found = attestation(clone)
    assert found["verdict"] == "different"
    assert found["changed_since_dvc_lock"] == ["print: params.yaml: train"]


def test_whatever_changed_after_the_run_is_named_and_what_follows_is_not(clone: Clone, tmp_path: Path) -> None:
    assert verify.outdated(clone.copy(tmp_path / "nothing").path) == []
    clone.set("train.clip_norm", 0.9)
    with (clone.path / "stages/tokenize.py").open("a", encoding="utf-8") as stream:
        stream.write("# a comment\n")
    with (clone.path / "data/sample/reviews.csv").open("a", encoding="utf-8") as stream:
        stream.write("a good film,positive\n")
    write_json(clone.path / paths.TEST_METRICS, {"accuracy": 1.0})
    (clone.path / paths.VOCABULARY_METRICS).unlink()
    lock = clone.path / "dvc.lock"
    lock.write_text(lock.read_text(encoding="utf-8").replace("stages.encode\n", "stages.encode --fast\n"), "utf-8")
    clone.commit("Changed, not run")
    assert set(verify.outdated(clone.copy(tmp_path / "everything").path)) == {
        "check: params.yaml: train",
        "check: stages",
        "ingest: data/sample/reviews.csv",
        "tokenize: stages/tokenize.py",
        "count_vocab: metrics/vocab.json",
        "encode: changed command",
        "train: params.yaml: train",
        "evaluate: metrics/test.json",
        "report: params.yaml: train",
    }


@pytest.mark.parametrize(
    "words, expected",
    [
        (["elsewhere"], "'elsewhere': no such commit"),
        (["--x"], "unrecognized arguments: --x"),
        (["--output", "."], "--output '.': is a folder; name a file in it"),
    ],
)
def test_bad_arguments_are_named(words: list[str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(InputError, match=re.escape(expected)):
        call(["verify", *words])


@pytest.mark.parametrize(
    "content, problem",
    [
        (None, "missing or empty"),
        ("schema: '2.0'\n", "missing or empty"),
        ("schema: '2.0'\nstages:\n  a: 1\n", "damaged"),
    ],
)
def test_a_lock_file_without_stages_is_named(
    committed: Clone, monkeypatch: pytest.MonkeyPatch, content: str | None, problem: str
) -> None:
    if content is not None:
        (committed.path / "dvc.lock").write_text(content, encoding="utf-8")
        committed.commit("Lock")
    monkeypatch.chdir(committed.path)
    with pytest.raises(InputError, match=f"dvc.lock: {problem} in this commit; run `make repro` and commit it"):
        call(["verify"])


METRICS_JSON, METRICS_CSV = paths.METRICS / "a.json", paths.METRICS / "plots/a.csv"


def write_outputs(folder: Path, metric: object = 0.5, probabilities: tuple[float, ...] = (0.1, 0.9)) -> None:
    """Write metrics, a table for a plot and predictions."""
    write_json(folder / METRICS_JSON, {"name": "x", "metrics": {"one": 1, "other": metric}})
    rows = pd.DataFrame({"name": ["x", "y"], "metric": [1, metric], "threshold": [np.inf, 0.5]}, dtype=object)
    write_csv(folder / METRICS_CSV, rows)
    with parquet.open_writer(folder / paths.PREDICTIONS, predictions.schema(BINARY)) as table:
        ids = [str(number) for number in range(len(probabilities))]
        labels = pa.array(np.arange(len(ids)) % 2, pa.uint8())
        table.write(pa.array(ids), labels, pa.array(np.array(probabilities, np.float32)))


@pytest.fixture
def committed(tmp_path: Path) -> Clone:
    """A small repository that holds a few outputs in Git, `write_outputs`."""
    clone = Clone(tmp_path / "committed")
    write_outputs(clone.path)
    clone.git("init", "--quiet")
    clone.dvc("init", "--quiet")
    (clone.path / "dvc.yaml").touch()
    clone.commit("Outputs")
    return clone


def judged(path: Path, committed: Clone, rebuilt: Path, recorded: str = "a", made: str = "b") -> verify.Judgement:
    return verify.judge(str(path), {str(path): recorded}, {str(path): made}, "HEAD", rebuilt)


@pytest.mark.parametrize(
    "metric, verdict",
    [(0.5, "within tolerance"), (0.5009, "within tolerance"), (0.52, "different"), ("half", "different")],
)
def test_metrics_may_be_a_little_apart(
    committed: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metric: object, verdict: str
) -> None:
    rebuilt = committed.copy(tmp_path / "rebuilt").path
    write_outputs(rebuilt, metric)
    monkeypatch.chdir(committed.path)
    for path in (METRICS_JSON, METRICS_CSV, METRICS_CSV.parent):
        assert judged(path, committed, rebuilt).verdict == verdict


def test_a_missing_metric_is_different(committed: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rebuilt = committed.copy(tmp_path / "rebuilt").path
    write_json(rebuilt / METRICS_JSON, {"name": "x"})
    monkeypatch.chdir(committed.path)
    assert judged(METRICS_JSON, committed, rebuilt).verdict == "different"
    path = str(METRICS_JSON)
    assert verify.judge(path, {path: "a"}, {}, "HEAD", rebuilt) == ("different", "not made")
    assert verify.judge(path, {}, {path: "a"}, "HEAD", rebuilt) == ("different", "not in the committed dvc.lock")


def test_metrics_that_no_stage_wrote_are_different(
    committed: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were edited or deleted by hand, while the stages still make what dvc.lock records."""
    monkeypatch.chdir(committed.path)
    rebuilt = committed.copy(tmp_path / "same").path
    assert judged(METRICS_JSON, committed, rebuilt, "a", "a") == ("identical", "")
    for name, metric in (("edited", 0.9), ("deleted", None)):
        write_outputs(committed.path, metric)
        if metric is None:
            (committed.path / METRICS_JSON).unlink()
        committed.commit(name)
        rebuilt = committed.copy(tmp_path / name).path
        write_outputs(rebuilt)
        assert judged(METRICS_JSON, committed, rebuilt, "a", "a").verdict == "different"


@pytest.mark.parametrize(
    "probabilities, verdict",
    [((0.1, 0.90009), "within tolerance"), ((0.1, 0.9002), "different"), ((0.1,), "different")],
)
def test_predictions_may_be_a_little_apart(
    committed: Clone,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    probabilities: tuple[float, ...],
    verdict: str,
) -> None:
    rebuilt = committed.copy(tmp_path / "rebuilt").path
    write_outputs(rebuilt, probabilities=probabilities)
    monkeypatch.chdir(committed.path)
    assert judged(paths.PREDICTIONS, committed, rebuilt).verdict == verdict


@pytest.mark.parametrize("third, verdict", [(0.70009, "within tolerance"), (0.7002, "different")])
def test_predictions_of_three_classes_may_be_a_little_apart(
    committed: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, third: float, verdict: str
) -> None:
    classes = Classes(names=["bad", "fair", "good"])

    def write(folder: Path, probability: float) -> None:
        with predictions.open_writer(folder / paths.PREDICTIONS, classes) as table:
            table.write(pa.array(["x"]), pa.array([2], pa.uint8()), np.array([[0.1, 0.2, probability]], np.float32))

    write(committed.path, 0.7)
    committed.commit("Three classes")
    rebuilt = committed.copy(tmp_path / "rebuilt").path
    write(rebuilt, third)
    monkeypatch.chdir(committed.path)
    assert judged(paths.PREDICTIONS, committed, rebuilt).verdict == verdict


def test_data_may_not_be_apart_at_all(clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clone.path)
    for path in (paths.VOCABULARY, paths.IDS.test.parent, paths.REVIEWS.test.parent):
        assert judged(path, clone, clone.path) == ("different", "")


def test_models_are_compared_by_what_they_predict(
    clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuilt = tmp_path / "rebuilt"
    shutil.copytree(clone.path, rebuilt)
    monkeypatch.chdir(clone.path)
    assert judged(paths.MODEL, clone, rebuilt).verdict == "within tolerance"
    table = pq.read_table(rebuilt / paths.PREDICTIONS)
    probability = np.clip(table["probability"].to_numpy() + 0.001, 0, 1)
    with parquet.open_writer(rebuilt / paths.PREDICTIONS, predictions.schema(BINARY)) as other:
        other.write(table["id"].combine_chunks(), table["label"].combine_chunks(), pa.array(probability))
    assert judged(paths.MODEL, clone, rebuilt).verdict == "different"
    encoding = json.loads((rebuilt / paths.ENCODING).read_text(encoding="utf-8"))
    write_json(rebuilt / paths.ENCODING, encoding | {"vocabulary": "other"})
    assert "these ids are encoded differently" in judged(paths.MODEL, clone, rebuilt).reason
    shutil.rmtree(clone.path / ".dvc/cache")
    reason = "the committed model is not here to compare; `dvc pull` fetches it"
    assert judged(paths.MODEL, clone, rebuilt) == ("different", reason)


def test_baseline_and_stacked_models_are_judged_by_their_predictions(
    clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuilt = tmp_path / "rebuilt"
    shutil.copytree(clone.path, rebuilt)
    monkeypatch.chdir(clone.path)
    for path in (paths.BASELINE_MODEL, paths.STACKED_MODEL):
        assert judged(path, clone, rebuilt).verdict == "within tolerance"
    shutil.copyfile(rebuilt / paths.PREDICTIONS, rebuilt / paths.STACKED_PREDICTIONS)
    assert judged(paths.STACKED_MODEL, clone, rebuilt).verdict == "different"


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
