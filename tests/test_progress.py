"""Progress that can be followed without a terminal."""

from pathlib import Path

import pytest

from sentiment.config import paths
from sentiment.io import progress
from sentiment.training.trainer import EpochMetrics
from stages import train
from tests.support.configs import model_config, train_config
from tests.support.encoded import write_split
from tests.support.training import train_network


def test_long_work_prints_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(progress.bar("abc", "ingest")) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""  # it took no half minute
    monkeypatch.setattr(progress, "INTERVAL", 0)
    assert list(progress.bar("ab", "ingest")) == ["a", "b"]
    with progress.counter("evaluate", None) as counter:
        counter.update(1234)
    assert capsys.readouterr().err.splitlines() == [
        "ingest: 1 of 2 reviews",
        "ingest: 2 of 2 reviews",
        "evaluate: 1,234 reviews",
    ]


def test_training_prints_each_epoch_and_its_history_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    split = write_split(tmp_path / "ids", [[2], [3, 4]])
    grown = []

    def report(history: list[EpochMetrics]) -> None:
        train.write_history(history)
        grown.append(paths.HISTORY.read_text(encoding="utf-8").splitlines())

    _, history = train_network((split, split), model_config(), train_config(epochs=2), report=report)
    assert [len(rows) for rows in grown] == [2, 3]
    assert grown[0] == grown[1][:2]
    last = history[-1]
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"epoch 2 of 2: loss {last.train_loss:.4f} (train) and {last.valid_loss:.4f} (valid), "
        f"accuracy {last.valid_accuracy:.1%} (valid)"
    )
