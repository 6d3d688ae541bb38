"""dvc.lock that a kill has cut off: told from one that was changed, wherever the cut is."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from sentiment.config import paths
from sentiment.pipeline import dvc_lock
from tests.support.imports import ROOT

WHOLE = (ROOT / paths.LOCK).read_text(encoding="utf-8")
ENTRIES = dvc_lock._ENTRY.split(WHOLE)


def is_cut(folder: Path, text: str) -> bool:
    (folder / dvc_lock.KEPT).parent.mkdir(parents=True, exist_ok=True)
    (folder / dvc_lock.KEPT).write_text(WHOLE, encoding="utf-8")
    (folder / paths.LOCK).write_text(text, encoding="utf-8")
    shutil.copy(ROOT / paths.PIPELINE, folder)
    return dvc_lock._is_cut()


LAST = len(ENTRIES) - 1


@pytest.mark.parametrize("place", [1, LAST // 2, LAST])
def test_a_cut_is_found_wherever_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    monkeypatch.chdir(tmp_path)
    changed = ENTRIES[place].replace("md5: ", "md5: 0")
    written = "".join([*ENTRIES[:place], changed, *ENTRIES[place + 1 :]])
    assert not is_cut(tmp_path, written)
    lines = np.cumsum([len(line) for line in written.splitlines(keepends=True)])
    for end in {0, *lines[:-1:7].tolist(), *range(1, len(written), 997)}:
        # Within the last entry, where it is the one that was written, nothing else is lost.
        lost = place != LAST or WHOLE.startswith(written[:end]) or not written[:end].endswith("\n")
        assert is_cut(tmp_path, written[:end]) == lost, written[:end][-200:]


def test_what_was_changed_is_not_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert not is_cut(tmp_path, WHOLE)
    assert not is_cut(tmp_path, WHOLE + "  another:\n    cmd: true\n")
    assert not is_cut(tmp_path, "".join(ENTRIES[:3] + ENTRIES[4:]))  # a stage that is no more
    assert not is_cut(tmp_path, "".join(entry.replace("md5: ", "md5: 0") for entry in ENTRIES[:6]))  # another branch
    assert is_cut(tmp_path, "".join(ENTRIES[:-1]))
    pipeline = (ROOT / paths.PIPELINE).read_text(encoding="utf-8")
    (tmp_path / paths.PIPELINE).write_text(
        pipeline.replace(f"\n{ENTRIES[-1].partition(':')[0]}:", "\n  other:"), "utf-8"
    )
    assert not dvc_lock._is_cut()  # a commit before that stage
    (tmp_path / dvc_lock.KEPT).unlink()
    assert not dvc_lock._is_cut()
