"""The recipes of CONTRIBUTING.md work as they are written: their code is copied out of the page into a clone."""

import csv
import re
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from sentiment.io.json_file import read_json
from tests.support.clone import SAMPLE, Clone
from tests.support.imports import ROOT

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


class Block(NamedTuple):
    """A block of code below the name of its file."""

    path: str
    language: str
    code: str


def blocks() -> list[Block]:
    return [Block(*found) for found in re.findall(r"^`([\w./]+)`:\n\n```(\w+)\n(.*?)^```$", PAGE, flags=re.M | re.S)]


def patched(text: str, diff: str) -> str:
    """Return a text with a change applied to the one place where its lines occur.

    >>> patched("a\\nb\\nc\\n", " a\\n-b\\n+B\\n")
    'a\\nB\\nc\\n'
    """
    lines = diff.splitlines(keepends=True)
    before, after = ("".join(line[1:] for line in lines if line[0] != sign) for sign in "+-")
    assert f"\n{text}".count(f"\n{before}") == 1, before
    return f"\n{text}".replace(f"\n{before}", f"\n{after}").removeprefix("\n")


def follow(clone: Clone) -> None:
    """Do what the page says."""
    for block in blocks():
        file = clone.path / block.path
        if block.language == "diff":
            file.write_text(patched(file.read_text(encoding="utf-8"), block.code), encoding="utf-8")
        else:
            assert not file.exists(), block.path
            file.write_text(block.code, encoding="utf-8")


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which every recipe was followed and the pipeline ran with all of it."""
    clone = Clone.full(tmp_path_factory.mktemp("followed") / "clone")
    follow(clone)
    clone.commit("The recipes")
    clone.shrink()
    with (clone.path / SAMPLE).open(encoding="utf-8", newline="") as stream:
        lines = [f"__label__{row['label']} {row['text']}\n" for row in csv.DictReader(stream)]
    (clone.path / "data/reviews.ft").write_text("".join(lines), encoding="utf-8")
    for key, value in {"ingest.source": "data/reviews.ft", "model.cell": "mgu", "count_vocab.max_length": 6}.items():
        clone.set(key, value)
    clone.python("-m", "sentiment", "repro")
    return clone


def test_every_recipe_has_code() -> None:
    assert {path.split("/")[-1] for path, *_ in blocks()} >= {
        "mgu.py", "metrics.py", "fast_text.py", "mistakes.py", "count_vocab.py", "dvc.yaml", "params.yaml"
    }  # fmt: skip


def test_the_code_passes_the_linters_and_the_tests_of_the_structure(followed: Clone, tmp_path: Path) -> None:
    clone = followed.copy(tmp_path / "clone")  # of the commit, in which params.yaml has its comments
    clone.python("-m", "ruff", "check", ".")
    clone.python("-m", "ruff", "format", "--check", ".")
    clone.python("-m", "pytest", "-q", "tests/test_dvc_yaml.py")


def test_the_new_cell_trains(followed: Clone) -> None:
    trained = read_json(followed.path / "metrics/train.json")
    params = yaml.safe_load((followed.path / "params.yaml").read_text(encoding="utf-8"))["model"]
    vocab = read_json(followed.path / "metrics/vocab.json")["size"] + 2
    embedding, hidden = params["embedding_dim"], params["hidden_dim"]
    gates = 2 * hidden * (embedding + hidden + 2)
    assert trained["parameters"] == vocab * embedding + gates + 3 * hidden + 1  # the readout sees three states
    assert trained["train_loss"] < 0.7
    followed.python("-m", "sentiment", "predict", "A film to remember.")


def test_the_tests_check_the_new_cell_without_a_new_one(followed: Clone) -> None:
    ran = followed.python("-m", "pytest", "-q", "-k", "mgu", "tests/test_cells.py").stdout
    assert int(re.findall(r"(\d+) passed", ran)[0]) >= 10
    assert "failed" not in ran


def test_the_new_metric_is_reported_for_network_baseline_and_both(followed: Clone) -> None:
    assert -1 <= read_json(followed.path / "metrics/test.json")["matthews"] <= 1
    for name in ("baseline", "stacked"):
        assert -1 <= read_json(followed.path / f"metrics/{name}.json")[name]["matthews"] <= 1


def test_the_new_format_is_read_and_written(followed: Clone) -> None:
    assert read_json(followed.path / "metrics/corpus.json")["train"]["reviews"] > 300
    followed.python("-m", "sentiment", "predict", "--file", "data/reviews.ft", "--output", "predicted.ft")
    lines = (followed.path / "predicted.ft").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 600
    assert all(line.startswith(("__label__positive ", "__label__negative ")) for line in lines)


def test_the_new_parameter_has_an_effect_and_is_checked(followed: Clone) -> None:
    with (followed.path / "data/vocab.csv").open(encoding="utf-8", newline="") as stream:
        assert max(len(row["token"]) for row in csv.DictReader(stream)) == 6
    followed.python("-m", "sentiment", "check")
    followed.set("count_vocab.max_length", 0)
    refused = followed.python("-m", "sentiment", "check", check=False)
    followed.set("count_vocab.max_length", 6)
    assert refused.returncode == 2
    assert "count_vocab.max_length" in refused.stderr


def test_the_new_stage_runs(followed: Clone) -> None:
    with (followed.path / "data/mistakes.csv").open(encoding="utf-8", newline="") as stream:
        mistakes = list(csv.DictReader(stream))
    assert mistakes
    assert all(row["predicted"] != row["label"] and float(row["probability"]) <= 0.5 for row in mistakes)
