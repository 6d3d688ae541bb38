"""The kernels' machine code on disk: a file for each kernel, types of its arguments, processor and version.

numba's own cache compiles everything again for each copy of the project, 6 s for every experiment from the queue. It
keeps an index for each function, in which processes that write at once can confuse two entries, and a damaged file ends
the program. Here a file's name is a digest of all that its content depends on, so copies of the project share it, and a
file that is not whole counts as missing.
"""

import hashlib
import os
import pickle
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.misc.appdirs import AppDirs

from sentiment.io.atomic import atomic_write

_UNUSED = 90 * 24 * 3600  # seconds after which a file is removed


class MachineCode(_Cache):
    """Loads and stores what numba compiles of one function, as a dispatcher asks.

    place: returns the folder, None to store nothing. It is called with the function, not when a module is imported.
    """

    def __init__(self, function: Callable[..., Any], place: Callable[[], Path | None]) -> None:
        self._function, self._place = function, place

    @property
    def cache_path(self) -> str:
        return str(self._place())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled function for these types of arguments, None if it has to be compiled."""
        target_context.refresh()
        path = self._path(sig, target_context.codegen())
        if path is None or not path.exists():
            return None
        try:
            digest, content = path.read_bytes().split(b"\n", 1)
            if hashlib.sha256(content).hexdigest().encode() != digest:
                return None
        except (OSError, ValueError):
            return None
        with suppress(OSError):  # another user's file
            os.utime(path)
        return CompileResult._rebuild(target_context, *pickle.loads(content))  # type: ignore[no-untyped-call]  # noqa: S301

    def save_overload(self, sig: Any, data: Any) -> None:
        """Store a compiled function, unless the disk is full or the folder can no longer be written."""
        path = self._path(sig, data.codegen)
        if path is None:
            return
        content = pickle.dumps(data._reduce())
        with suppress(OSError):
            with atomic_write(path) as partial:
                partial.write_bytes(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
            for other in path.parent.glob("*.code"):
                if other.stat().st_mtime < time.time() - _UNUSED:
                    other.unlink()

    def _path(self, sig: Any, codegen: Any) -> Path | None:
        folder, name = self._place(), self._function.__qualname__
        if folder is None:
            return None
        key = f"{self._versions} {name} {sig} {codegen.magic_tuple()}"
        return folder / f"{name}-{hashlib.sha256(key.encode()).hexdigest()}.code"

    @cached_property
    def _versions(self) -> str:
        source = Path(self._function.__code__.co_filename).read_bytes()
        versions = f"numba {numba.__version__} python {platform.python_version()}"
        return f"{versions} source {hashlib.sha256(source).hexdigest()}"

    def enable(self) -> None: ...
    def disable(self) -> None: ...
    def flush(self) -> None: ...


@cache
def folder() -> Path | None:
    """Return the first of these that can be written: NUMBA_CACHE_DIR, the user's cache, `__pycache__`."""
    user = AppDirs("sentiment-pipeline", appauthor=False).user_cache_dir  # type: ignore[no-untyped-call]
    places = [Path(user), Path(__file__).parent / "__pycache__"]
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        places.insert(0, Path(chosen))
    for place in places:
        with suppress(OSError):
            place.mkdir(parents=True, exist_ok=True)
            if os.access(place, os.W_OK):
                return place
    return None
