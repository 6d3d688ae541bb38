"""Whole or absent: whatever goes wrong, what was there before is there after."""

import csv
from pathlib import Path

import pandas as pd
import pytest

from sentiment.errors import InputError
from sentiment.io.atomic import atomic_folder, atomic_write
from sentiment.io.csv_file import write_csv
from sentiment.io.json_file import read_json, write_json


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new/file"
    with atomic_write(path) as partial:
        partial.write_text("new", encoding="utf-8")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "new"
    with pytest.raises(UnicodeEncodeError), atomic_write(path) as partial:
        partial.write_text("half" * 9999 + "\ud800", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "new"
    assert [file.name for file in path.parent.iterdir()] == ["file"]


def test_two_writers_of_one_file_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with atomic_write(path) as partial:
        partial.write_text("first", encoding="utf-8")
        with pytest.raises(InputError, match="file: another command is writing it"), atomic_write(path):
            pass
    assert path.read_text(encoding="utf-8") == "first"
    (tmp_path / ".file.partial").symlink_to(path)
    with atomic_write(path) as partial:
        partial.write_text("not through the link", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "first"
    (tmp_path / ".file.partial").write_text("left by a kill, and longer", encoding="utf-8")
    with atomic_write(path) as partial:
        partial.write_text("second", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "second"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_a_folder_appears_when_it_is_complete_and_takes_nothing_along(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for name in ("old", "new"):
        with atomic_folder(folder) as partial:
            (partial / name).touch()
    assert [file.name for file in folder.iterdir()] == ["new"]
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


def test_a_full_disk_at_the_last_moment_loses_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "folder"
    with atomic_folder(folder) as partial:
        (partial / "old").touch()
    replace = Path.replace

    def fail(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space left"), atomic_folder(folder) as partial:
        (partial / "new").touch()
    assert [file.name for file in folder.iterdir()] == ["old"]
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


def test_what_a_killed_run_left_is_not_taken_along(tmp_path: Path) -> None:
    (tmp_path / ".folder.partial").mkdir()
    (tmp_path / ".folder.partial/stale").touch()
    with atomic_folder(tmp_path / "folder") as partial:
        (partial / "new").touch()
    assert [file.name for file in (tmp_path / "folder").iterdir()] == ["new"]


def test_json_has_no_nan(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_json(path, {"b": 1, "a": "é"})
    assert path.read_bytes() == '{\n  "b": 1,\n  "a": "é"\n}\n'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"loss": float("nan")})
    assert read_json(path) == {"b": 1, "a": "é"}


def test_a_table_keeps_what_could_end_a_row(tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", pd.DataFrame({"a": ["one\rtwo", '"x", y'], "b": [1.5, 2]}, dtype=object))
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as stream:
        assert list(csv.reader(stream)) == [["a", "b"], ["one\rtwo", "1.5"], ['"x", y', "2"]]
