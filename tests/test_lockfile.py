"""dvc.lock cut off by a kill, at every place: repaired from its copy. Any other change is left alone."""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sentiment.config import paths
from sentiment.config.yaml_file import read_yaml
from sentiment.errors import InputError
from sentiment.pipeline import dvc_files
from tests.support.imports import ROOT

WHOLE = (ROOT / paths.LOCK).read_text(encoding="utf-8")
STAGES: dict[str, Any] = read_yaml(ROOT / paths.LOCK)["stages"]
NAMES = list(STAGES)


def split(text: str) -> list[str]:
    return re.split(r"^(?=  \S)", text, flags=re.MULTILINE)


HEAD, *ENTRIES = split(WHOLE)


def rewritten(number: int) -> str:
    """Return one stage's entry with other hashes."""
    return ENTRIES[number].replace("md5: ", "md5: 0")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a copy of the whole dvc.lock, as the current directory."""
    monkeypatch.chdir(tmp_path)
    Path(".dvc").mkdir()
    shutil.copy(ROOT / paths.PIPELINE, tmp_path)
    paths.LOCK.write_text(WHOLE, encoding="utf-8")
    dvc_files.backup()


def repaired(text: str) -> str:
    paths.LOCK.write_text(text, encoding="utf-8")
    repairs = dvc_files.repair()
    result = paths.LOCK.read_text(encoding="utf-8")
    assert repairs == (result != text)
    return result


@pytest.mark.parametrize("number", range(len(NAMES)))
def test_a_cut_costs_no_more_than_the_entry_that_was_being_written(number: int) -> None:
    written = HEAD + "".join([*ENTRIES[:number], rewritten(number), *ENTRIES[number + 1 :]])
    others = [entry for entry in ENTRIES if entry != ENTRIES[number]]
    lines = np.cumsum([len(line) for line in written.splitlines(keepends=True)]).tolist()
    for end in {0, *lines, *range(1, len(written), 97)}:
        entries = split(dvc_files.complete(written[:end], WHOLE, NAMES))
        assert [entry.partition(":")[0].strip() for entry in entries] == ["schema", *NAMES]
        del entries[number + 1]
        assert entries == [HEAD, *others], written[:end][-200:]


def test_an_entry_that_is_cut_off_while_it_is_first_written_is_dropped() -> None:
    before = HEAD + "".join(ENTRIES[:3])
    for end in range(1, len(ENTRIES[3])):
        text = before + ENTRIES[3][:end]
        refused = not text.endswith("\n") or text.endswith(":\n")  # by DVC
        assert dvc_files.complete(text, before, NAMES) == (before if refused else text)


def test_a_file_that_is_cut_off_is_repaired() -> None:
    for end in (0, 9, len(HEAD), len(HEAD) + 200, len(WHOLE) // 2, len(WHOLE) - 1):
        assert repaired(WHOLE[:end]) == WHOLE


def test_a_file_that_is_cut_off_is_not_copied() -> None:
    paths.LOCK.write_text(HEAD + "".join(ENTRIES[:-1]), encoding="utf-8")
    dvc_files.backup()
    assert repaired(HEAD + "".join(ENTRIES[:-1])) == WHOLE


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        f"{WHOLE}  another:\n    cmd: 'true'\n",
        HEAD + "".join(ENTRIES[:3] + ENTRIES[4:]),  # without a stage
        HEAD + "".join(map(rewritten, range(len(ENTRIES)))),  # of another branch
    ],
)
def test_a_file_that_was_changed_is_left_alone(text: str) -> None:
    assert repaired(text) == text


def test_entries_of_stages_that_the_pipeline_no_longer_has_are_not_brought_back() -> None:
    pipeline = paths.PIPELINE.read_text(encoding="utf-8")
    paths.PIPELINE.write_text(pipeline.replace(f"\n  {NAMES[-1]}:", "\n  other:"), encoding="utf-8")
    older = HEAD + "".join(ENTRIES[:-1])
    assert repaired(older) == older


def test_a_deleted_file_stays_deleted() -> None:
    """The user wants every stage to run again."""
    paths.LOCK.unlink()
    assert not dvc_files.repair()
    dvc_files.backup()
    assert not paths.LOCK.exists()
    assert not dvc_files.copy_path().exists()


@pytest.mark.parametrize(
    "text, problem",
    [
        (WHOLE.replace("    outs:\n", "<<<<<<< HEAD\n    outs:\n", 1), "holds both sides of a merge; take one"),
        (WHOLE[: WHOLE.rindex("hash: ") + 2], "cut off, and no copy is left; take it from Git"),
        (HEAD, "cut off, and no copy is left; take it from Git"),
    ],
)
def test_a_file_that_cannot_be_repaired_is_named(text: str, problem: str) -> None:
    dvc_files.copy_path().unlink()
    paths.LOCK.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(f"dvc.lock: {problem}")):
        dvc_files.repair()
