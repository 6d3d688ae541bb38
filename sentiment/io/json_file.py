"""JSON files: metrics, and the settings in a model folder."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sentiment.errors import InputError, missing_file, quote, reason
from sentiment.io.atomic import atomic_write


def rounded(value: Any) -> Any:
    """Return a value, or the values of a container, with floats rounded to twelve significant digits.

    Processors differ in the four that a float64 has beyond these, so a metrics file would differ between machines.

    >>> rounded({"share": [2 / 3, 1]})
    {'share': [0.666666666667, 1]}
    """
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, Mapping):
        return {key: rounded(inner) for key, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list | tuple) else value


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write an object, its keys in their order, floats with twelve digits. Raises ValueError for NaN and infinity."""
    with atomic_write(path) as partial:
        text = json.dumps(rounded(content), indent=2, allow_nan=False, ensure_ascii=False)
        partial.write_text(text + "\n", encoding="utf-8", newline="\n")


class _Object(dict[str, Any]):
    """An object of a file. A key that it lacks is a mistake in the file, reported on one line."""

    path: Path

    def __missing__(self, key: str) -> Any:
        raise InputError(f"{self.path}: has no {quote(key)}; run `dvc repro`")


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a file of `write_json`. Raises InputError if it is missing or holds anything else.

    So does the look-up of a key that the object, or one inside it, does not have.
    """

    def with_path(found: dict[str, Any]) -> _Object:
        result = _Object(found)
        result.path = path
        return result

    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_hook=with_path)
    except FileNotFoundError:
        raise missing_file(path) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({reason(error)}); run `dvc repro`") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds a {type(content).__name__}, not an object; run `dvc repro`")
    return content
