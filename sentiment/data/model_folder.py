"""The kinds of model in a folder: settings.json of all but the network's names its `kind`."""

from pathlib import Path
from typing import Literal, cast

from sentiment.errors import InputError
from sentiment.io.json_file import read_json, write_json

Kind = Literal["network", "baseline", "stacked"]
SETTINGS = "settings.json"
_NONE = "none"


def write_none(folder: Path) -> None:
    """Write into a folder that it has no model, because the run had no baseline."""
    write_json(folder / SETTINGS, {"kind": _NONE})


def kind_of(folder: Path) -> Kind:
    """Return what a folder holds. Raises InputError where it holds no model."""
    kind = read_json(folder / SETTINGS).get("kind", "network")
    if kind == _NONE:
        raise InputError(f"{folder}: the run had no baseline; run it with baseline.features other than none")
    if kind not in ("network", "baseline", "stacked"):
        raise InputError(f"{folder / SETTINGS}: unknown kind of model; run `dvc repro --force`")
    return cast(Kind, kind)
