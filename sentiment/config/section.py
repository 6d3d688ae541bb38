"""params.yaml: one strictly typed section for each stage, and errors that name the remedy.

A stage declares its section beside its code, so DVC re-runs only the stages whose own parameters changed. A new
parameter is a field here and a line in params.yaml:

    class Params(Section, name="count_vocab"):
        max_size: PositiveInt

    params = Params.load()
"""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from sentiment.config import paths
from sentiment.config.yaml_file import read_yaml
from sentiment.errors import InputError, quote
from sentiment.io.json_file import read_json

# Integers stay where Arrow, numpy and torch can hold them.
PositiveInt = Annotated[int, Field(ge=1, le=2**31 - 1)]
NonNegativeInt = Annotated[int, Field(ge=0, le=2**31 - 1)]
Width = Annotated[int, Field(ge=1, le=2**16)]
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class Settings(BaseModel):
    """Immutable typed values. A missing or unknown key, another type, NaN and infinity are errors."""

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
        """Read this section of a file. Raises InputError, one line for each mistake in it."""
        return cls._of(read_yaml(path), path)

    @classmethod
    def validated(cls, values: Any, path: Path = paths.PARAMS) -> Self:
        """Return the section with these values. Raises InputError, one line for each mistake."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            lines = [explain(cls, details, f"{path}: {cls.section}") for details in error.errors()]
            raise InputError("\n".join(lines)) from None

    @classmethod
    def _of(cls, document: Mapping[str, Any], path: Path) -> Self:
        if cls.section not in document:
            raise InputError(f"{path}: section {cls.section!r} is missing; restore it from Git")
        return cls.validated(document[cls.section], path)


def load_all(sections: Mapping[str, type[Section]], path: Path = paths.PARAMS) -> dict[str, Section]:
    """Read every section. Raises InputError with all mistakes in the file, a line each."""
    document = read_yaml(path)
    mistakes = [
        f"{path}: unknown section {quote(name)}{_suggestion(name, sections)}; known are {', '.join(sections)}"
        for name in document
        if name not in sections
    ]
    loaded = {}
    for name, section in sections.items():
        try:
            loaded[name] = section._of(document, path)
        except InputError as error:
            mistakes.append(str(error))
    if mistakes:
        raise InputError("\n".join(mistakes))
    return loaded


def explain(model: type[BaseModel], details: ErrorDetails, where: str) -> str:
    """Return one line for an error of pydantic: the key, its value and the remedy.

    `where` is the file, and the section in it.
    """
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
        return f"{dotted}: {quote(value)} is not one of {', '.join(choices)}{_suggestion(value, choices)}"
    if kind == "value_error":
        refused = f"{quote(value)} is refused: " if key else ""
        return f"{dotted}: {refused}{details['ctx']['error']}"
    return f"{dotted}: {quote(value)} is refused: {details['msg'][0].lower()}{details['msg'][1:]}"


def _suggestion(value: object, known: Iterable[str]) -> str:
    """Return the known word that is most like a value, as the end of an error line, or nothing."""
    close = difflib.get_close_matches(value, known, n=1) if isinstance(value, str) else []
    return f"; did you mean {close[0]!r}?" if close else ""
