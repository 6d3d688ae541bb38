"""Whole or absent: whatever goes wrong, what was there before is there after."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from sentiment.io.atomic import atomic_folder, atomic_write, remove_partials
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
    with atomic_write(path) as first:
        first.write_text("fir", encoding="utf-8")
        with atomic_write(path) as second:
            second.write_text("second", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "second"
        with first.open("a", encoding="utf-8") as stream:
            stream.write("st")
    assert path.read_text(encoding="utf-8") == "first"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_a_file_never_replaces_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=re.escape(f"{tmp_path}/folder'")), atomic_write(tmp_path / "folder") as partial:
        partial.touch()
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


def test_a_file_can_be_read_by_whom_the_user_lets_read(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with atomic_write(tmp_path / "file") as partial:
        partial.touch()
    with atomic_folder(tmp_path / "folder"):
        pass
    (tmp_path / "plain folder").mkdir()
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "folder").stat().st_mode == (tmp_path / "plain folder").stat().st_mode


def test_an_error_names_the_file_and_not_its_hidden_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def raise_full(partial: Path) -> None:
        raise OSError(28, "No space left on device")

    def read_elsewhere(partial: Path) -> None:
        Path("elsewhere").read_bytes()

    def read_inside(partial: Path) -> None:
        (partial / "missing").read_bytes()

    for action, name in ((raise_full, "data/ids"), (read_inside, "data/ids/missing"), (read_elsewhere, "elsewhere")):
        with pytest.raises(OSError, match=re.escape(f"'{name}'")), atomic_folder(Path("data/ids")) as partial:
            action(partial)


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
        if (self / "new").exists():
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space left"), atomic_folder(folder) as partial:
        (partial / "new").touch()
    assert [file.name for file in folder.iterdir()] == ["old"]
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    script = "import os, sys\nwith {}(Path(sys.argv[1])) as partial:\n    print(partial)\n    os._exit(9)\n"
    for call in ("atomic_write", "atomic_folder"):
        code = f"from pathlib import Path\nfrom sentiment.io.atomic import {call}\n" + script.format(call)
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "file")], check=False, stdout=subprocess.DEVNULL)
    (tmp_path / ".file2.x.partial").mkdir()  # of another writer
    assert len(list(tmp_path.iterdir())) == 3
    remove_partials(tmp_path / "file")
    assert [file.name for file in tmp_path.iterdir()] == [".file2.x.partial"]


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
