"""The kinds of model folders. `kind` in settings.json tells which; a network has none."""

from pathlib import Path
from typing import Literal, cast

from sentiment.errors import InputError
from sentiment.io.json_file import read_json, write_json

Kind = Literal["network", "baseline", "stacked"]
SETTINGS = "settings.json"
_NONE = "none"


def write_none(folder: Path) -> None:
    """Write a note into a folder: it has no model, because the run had no baseline."""
    write_json(folder / SETTINGS, {"kind": _NONE})


def is_none(folder: Path) -> bool:
    """Return whether a folder has only such a note. Raises InputError if it has neither a note nor a model."""
    return bool(read_json(folder / SETTINGS).get("kind") == _NONE)


def kind_of(folder: Path) -> Kind:
    """Return the kind of model in a folder. Raises InputError if there is none."""
    kind = read_json(folder / SETTINGS).get("kind", "network")
    if kind == _NONE:
        raise InputError(f"{folder}: the run had no baseline; run it with baseline.features other than none")
    if kind not in ("network", "baseline", "stacked"):
        raise InputError(f"{folder / SETTINGS}: unknown kind of model; run `dvc repro --force`")
    return cast(Kind, kind)
