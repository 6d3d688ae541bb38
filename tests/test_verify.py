"""`make verify`: a rebuilt commit is the committed one, and what is not is named."""

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
from sentiment.errors import InputError
from sentiment.io import parquet
from sentiment.io.csv_file import write_csv
from sentiment.io.json_file import write_json
from tests.support.clone import Clone
from tests.support.imports import ROOT
from tests.support.processors import OTHER_PROCESSORS


def attested(clone: Clone) -> dict[str, object]:
    found: dict[str, object] = json.loads((clone.path / "attestation.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.faults
def test_a_commit_is_rebuilt_to_the_byte_on_this_and_other_processors(clone: Clone, tmp_path: Path) -> None:
    every = {key: value for processor in OTHER_PROCESSORS for key, value in processor.items()}
    for env in ({}, every | {"NUMBA_CACHE_DIR": str(tmp_path / "kernels")}):
        clone.env.update(env)
        done = clone.python("-m", "sentiment", "verify")
        found = attested(clone)
        outputs = found["outputs"]
        assert isinstance(outputs, list)
        assert found["verdict"] == "identical", [each for each in outputs if each["verdict"] != "identical"]
        assert {"models/classifier", "data/predictions.parquet", "metrics/test.json"} <= {o["path"] for o in outputs}
        assert f"{len(outputs)} identical, 0 within tolerance, 0 different" in done.stdout
        assert clone.git("status", "--porcelain") == ""
    machine = found["machine"]
    assert isinstance(machine, dict)
    assert machine["versions"]["torch"].startswith("2.")
    assert machine["processor"]
    assert machine["threads"] == 1


@pytest.mark.faults
def test_what_was_not_made_by_the_commit_is_named(clone: Clone) -> None:
    """Parameters that nobody ran, a vocabulary that no stage made."""
    lock = clone.path / "dvc.lock"
    text = lock.read_text(encoding="utf-8")
    digest = md5(clone.path / "data/vocab.csv")
    assert digest in text
    lock.write_text(text.replace(digest, "f" * 32), encoding="utf-8")
    clone.set("train.clip_norm", 0.9)
    clone.commit("Not run")
    done = clone.python("-m", "sentiment", "verify", check=False)
    assert done.returncode == 1
    assert "data/vocab.csv                      different" in done.stdout
    assert "data/tokens/test.parquet            identical" in done.stdout
    assert "dvc.lock is older than train: its command or parameters; run `make repro` and commit" in done.stdout
    found = attested(clone)
    assert found["verdict"] == "different"
    assert found["changed_since_dvc_lock"] == [f"{stage}: its command or parameters" for stage in ("check", "train")]


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


def write_predictions(folder: Path, path: Path, probability: list[float]) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    with parquet.open_writer(folder / path, parquet.PREDICTIONS) as table:
        labels = np.array([0, 1], np.uint8)
        table.write(pa.array(["1", "2"]), pa.array(labels), pa.array(np.array(probability, np.float32)))


@pytest.mark.parametrize(
    "probability, verdict", [([0.1, 0.90009], "within tolerance"), ([0.1, 0.9002], "different"), ([0.1], "different")]
)
def test_predictions_may_be_a_little_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, probability: list[float], verdict: str
) -> None:
    for folder, values in [(tmp_path / "committed", [0.1, 0.9]), (tmp_path / "rebuilt", probability)]:
        if len(values) == 2:
            write_predictions(folder, paths.PREDICTIONS, values)
        else:
            (folder / "data").mkdir(parents=True)
            with parquet.open_writer(folder / paths.PREDICTIONS, parquet.PREDICTIONS) as table:
                table.write(pa.array(["1"]), pa.array(np.array([0], np.uint8)), pa.array(np.array(values, np.float32)))
    monkeypatch.chdir(tmp_path / "committed")
    committed, made = lock_of(paths.PREDICTIONS, "a"), lock_of(paths.PREDICTIONS, "b")
    # "workspace" stands for the commit: both are read by the same function
    (found,) = verify.check("workspace", tmp_path / "rebuilt", committed, made)
    assert found.verdict == verdict


def test_models_are_compared_by_what_they_predict(
    clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuilt = tmp_path / "rebuilt"
    shutil.copytree(clone.path, rebuilt)
    monkeypatch.chdir(clone.path)
    committed, made = lock_of(paths.MODEL, "a"), lock_of(paths.MODEL, "b")

    def verdict() -> tuple[str, str]:
        return verify.check("HEAD", rebuilt, committed, made)[0][2:]

    assert verdict() == ("within tolerance", "up to 0.0e+00 apart")
    table = pq.read_table(rebuilt / paths.PREDICTIONS)
    probability = np.clip(table["probability"].to_numpy() + 0.001, 0, 1)
    (rebuilt / paths.PREDICTIONS).unlink()
    with parquet.open_writer(rebuilt / paths.PREDICTIONS, parquet.PREDICTIONS) as other:
        other.write(table["id"].combine_chunks(), table["label"].combine_chunks(), pa.array(probability))
    assert verdict()[0] == "different"
    encoding = json.loads((rebuilt / paths.ENCODING).read_text(encoding="utf-8"))
    (rebuilt / paths.ENCODING).unlink()
    write_json(rebuilt / paths.ENCODING, encoding | {"vocabulary": "other"})
    assert "these ids are encoded differently" in verdict()[1]
    shutil.rmtree(clone.path / ".dvc/cache")
    assert verdict() == ("different", "the committed model is not here to compare; `dvc pull` fetches it")


@pytest.mark.parametrize(
    "value, verdict", [(0.5009, "within tolerance"), (0.52, "different"), ("half", "different"), (None, "different")]
)
@pytest.mark.parametrize("name", ["a.json", "a.csv"])
def test_figures_may_be_a_little_apart(
    clone_of_figures: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: object, verdict: str
) -> None:
    path = paths.METRICS / name
    rebuilt = clone_of_figures.parent / "rebuilt"
    write_figures(rebuilt / path, value)
    committed, made = lock_of(path, md5(clone_of_figures / path)), lock_of(path, md5(rebuilt / path))
    monkeypatch.chdir(clone_of_figures)
    (found,) = verify.check("HEAD", rebuilt, committed, made)
    assert found.verdict == verdict
    assert verify.check("HEAD", rebuilt, committed, {})[0][2:] == ("different", "not made")
    assert verify.check("HEAD", rebuilt, {}, made)[0][2:] == ("different", "not in the committed dvc.lock")


def test_figures_that_no_stage_wrote_are_named(clone_of_figures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Edited by hand, or deleted: the stages still make what dvc.lock says."""
    path = paths.METRICS / "a.json"
    lock = lock_of(path, md5(clone_of_figures / path))
    clone = Clone(clone_of_figures)
    monkeypatch.chdir(clone_of_figures)
    assert verify.check("HEAD", clone_of_figures, lock, lock)[0].verdict == "identical"
    write_figures(clone_of_figures / path, 0.9)
    clone.commit("Better")
    (found,) = verify.check("HEAD", clone_of_figures, lock, lock)
    assert found[2:] == ("different", "the commit has another file than its dvc.lock says")
    (clone_of_figures / path).unlink()
    clone.commit("Gone")
    assert verify.check("HEAD", clone_of_figures, lock, lock)[0][2:] == ("different", "not in the commit")


@pytest.mark.parametrize(
    "content, problem",
    [
        (None, "missing or empty"),
        ("schema: '2.0'\n", "missing or empty"),
        ("schema: '2.0'\nstages:\n  a: 1\n", "damaged"),
    ],
)
def test_a_lock_file_without_stages_is_named(
    clone_of_figures: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, problem: str
) -> None:
    if content is not None:
        (clone_of_figures / "dvc.lock").write_text(content, encoding="utf-8")
        Clone(clone_of_figures).commit("Lock")
    monkeypatch.chdir(clone_of_figures)
    with pytest.raises(InputError, match=f"dvc.lock: {problem} in this commit; run `make repro` and commit it"):
        call(["verify"])


def test_a_source_that_has_changed_is_named_and_what_follows_is_not() -> None:
    def locked(source: str, made: str) -> dict[str, Any]:
        return {
            "ingest": {"deps": [{"path": "reviews.csv", "md5": source}], "outs": [{"path": "made", "md5": made}]},
            "tokenize": {"deps": [{"path": "made", "md5": made}, {"path": "stage.py", "md5": "a"}]},
        }

    assert verify.stale(locked("a", "b"), locked("a", "b")) == []
    assert verify.stale(locked("a", "b"), locked("c", "d")) == ["ingest: reviews.csv"]


def lock_of(path: Path, digest: str) -> dict[str, object]:
    return {"s": {"outs": [{"path": str(path), "md5": digest}]}}


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def write_figures(path: Path, value: object) -> None:
    if path.suffix == ".json":
        write_json(path, {"name": "x", "figures": [1, 0.5 if value == 0.5 else value]})
    else:
        write_csv(path, pd.DataFrame({"name": ["x", "y"], "figure": [1, value]}, dtype=object))


@pytest.fixture
def clone_of_figures(tmp_path: Path) -> Path:
    folder = tmp_path / "committed"
    folder.mkdir()
    for name in ("a.json", "a.csv"):
        write_figures(folder / paths.METRICS / name, 0.5)
    clone = Clone(folder)
    clone.git("init", "--quiet")
    clone.dvc("init", "--quiet")
    (folder / "dvc.yaml").touch()
    clone.commit("Figures")
    return folder
