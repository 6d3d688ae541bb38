"""The kernels' machine code on disk: found again, whole or not at all."""

import os
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from sentiment.errors import InputError
from sentiment.nn.kernels.loops import kernel


def compiled(place: Path | None) -> Any:
    """Return a new kernel, as another process would make it."""

    def cube(x: Any) -> Any:
        return x * x * x

    return kernel(cube, lambda: place)


def hits(function: Any) -> tuple[int, int]:
    """Return how often compiled code was found on disk, and how often not."""
    return sum(function.stats.cache_hits.values()), sum(function.stats.cache_misses.values())


def test_a_kernel_is_compiled_once_for_each_type(tmp_path: Path) -> None:
    first, second = compiled(tmp_path), compiled(tmp_path)
    assert [first(3.0), first(3)] == [27, 27]
    assert hits(first) == (0, 2)
    assert [second(3.0), second(3)] == [27, 27]
    assert hits(second) == (2, 0)
    assert second(np.float32(3)) == 27
    assert hits(second) == (2, 1)


@pytest.mark.parametrize("damage", [b"", b"zeros", b"half"])
def test_a_damaged_file_is_compiled_anew_and_replaced(tmp_path: Path, damage: bytes) -> None:
    compiled(tmp_path)(3.0)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes({b"": b"", b"zeros": bytes(len(whole)), b"half": whole[: len(whole) // 2]}[damage])
    second = compiled(tmp_path)
    assert second(3.0) == 27
    assert hits(second) == (0, 1)
    third = compiled(tmp_path)
    assert third(3.0) == 27
    assert hits(third) == (1, 0)


def test_without_a_place_to_write_it_runs_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (None, tmp_path / "file"):  # nothing can be written below a file, not even by root
        assert compiled(place)(3.0) == 27


def test_code_that_another_user_stored_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled(tmp_path)(3.0)

    def refused(path: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "utime", refused)
    second = compiled(tmp_path)
    assert second(3.0) == 27
    assert hits(second) == (1, 0)


def test_numba_told_to_compile_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "DISABLE_JIT", True)
    with pytest.raises(InputError, match="NUMBA_DISABLE_JIT: .* unset it"):
        compiled(None)
