"""params.yaml: one strictly typed section for each stage, and errors that say what to write instead.

A stage declares its section beside its code, so that DVC re-runs only the stages whose own knobs changed:

    class Params(Section, name="count_vocab"):
        max_size: Count

    params = Params.load()

The file is read as YAML 1.2 by the library that DVC itself reads it with, so both see the same values: `1e-3` is a
number, `yes` is a word, and a key that stands twice is an error.
"""

import difflib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from sentiment.config import paths
from sentiment.errors import InputError, quote, reason
from sentiment.io.json_file import read_json

# Whole numbers stay where Arrow, numpy and torch can hold them.
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
CountOrNone = Annotated[int, Field(ge=0, le=2**31 - 1)]
Width = Annotated[int, Field(ge=1, le=2**16)]
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class Settings(BaseModel):
    """A group of values: strictly typed, complete, unknown keys refused, NaN and infinity refused, immutable."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())

    @classmethod
    def from_json(cls, path: Path, remedy: str) -> Self:
        """Read a JSON file that holds these values. Raises InputError, with the remedy, where it holds others."""
        try:
            return cls.model_validate(read_json(path))
        except ValidationError as error:
            raise InputError(f"{explain(cls, error.errors()[0], str(path))}; {remedy}") from None


class Section(Settings):
    """A section of params.yaml."""

    section: ClassVar[str]

    def __init_subclass__(cls, name: str = "", **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.section = name

    @classmethod
    def load(cls, path: Path = paths.PARAMS) -> Self:
        """Read this section. Raises InputError, one line for each mistake in it."""
        document = read(path)
        if cls.section not in document:
            raise InputError(f"{path}: section {cls.section!r} is missing; restore it from Git")
        return cls.validated(document[cls.section], path)

    @classmethod
    def validated(cls, values: Any, path: Path = paths.PARAMS) -> Self:
        """Return the section with these values. Raises InputError, one line for each mistake."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            lines = [explain(cls, details, f"{path}: {cls.section}") for details in error.errors()]
            raise InputError("\n".join(lines)) from None


def load_all(sections: Mapping[str, type[Section]], path: Path = paths.PARAMS) -> dict[str, Section]:
    """Read every section at once. Raises InputError with every mistake in the file, a line each."""
    document = read(path)
    mistakes = [
        f"{path}: unknown section {quote(name)}{_suggestion(str(name), sections)}; known are {', '.join(sections)}"
        for name in document
        if name not in sections
    ]
    loaded = {}
    for name, section in sections.items():
        try:
            loaded[name] = section.load(path)
        except InputError as error:
            mistakes.append(str(error))
    if mistakes:
        raise InputError("\n".join(mistakes))
    return loaded


@cache
def read(path: Path) -> dict[str, Any]:
    """Return the whole file. Raises InputError where it is missing or not a YAML mapping."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        document = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: missing; run the command in the root of the repository") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except (YAMLError, RecursionError, ValueError) as error:  # ValueError: a value that is not of its tag
        raise InputError(f"{path}: not valid YAML: {reason(error)}; mend that line") from None
    if not isinstance(document, dict):
        raise InputError(f"{path}: holds {quote(document)} instead of sections; restore it from Git")
    return document


def explain(model: type[BaseModel], details: ErrorDetails, where: str) -> str:
    """Return one line for a mistake that pydantic found: the key, its value and the remedy."""
    key = ".".join(str(part) for part in details["loc"])
    dotted = f"{where}.{key if key.isprintable() and len(key) <= 60 else quote(key)}" if key else where
    value = details["input"]
    kind = details["type"]
    field = model.model_fields.get(key)
    if kind == "extra_forbidden":
        known = ", ".join(model.model_fields)
        return f"{dotted}: unknown key{_suggestion(key, model.model_fields)}; the keys are {known}"
    if kind == "missing":
        return f"{dotted}: missing; add it{f' ({field.description})' if field and field.description else ''}"
    if field is not None and get_origin(field.annotation) is Literal:
        choices = [str(choice) for choice in get_args(field.annotation)]
        return f"{dotted}: {quote(value)} is not one of {', '.join(choices)}{_suggestion(str(value), choices)}"
    if not key and kind == "value_error":
        return f"{dotted}: {details['ctx']['error']}"
    return f"{dotted}: {quote(value)} is refused: {details['msg'][0].lower()}{details['msg'][1:]}"


def _suggestion(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, [str(name) for name in known], n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
