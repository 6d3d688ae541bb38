"""From what a source calls its labels to classes.

The classes are known when all labels are. Until then a label is a code, in the order in which the labels appear.
"""

from collections import Counter
from typing import Any, Literal

from pydantic import model_validator

from sentiment.config.section import Settings
from sentiment.data.classes import BINARY, MOST, Classes
from sentiment.data.sources import AUTO, label_of
from sentiment.errors import InputError, quote

MOST_BY_ITSELF = 20  # classes that `auto` makes; more are rather the values of another column

_WORDS = {
    "0": "negative", "neg": "negative", "negative": "negative", "false": "negative",
    "1": "positive", "pos": "positive", "positive": "positive", "true": "positive",
}  # fmt: skip
_EXAMPLE = "{1: negative, 5: positive}"


class Labelling(Settings):
    """Parameters of section `ingest` that say what the labels mean, and what happens to reviews without one."""

    labels: Any
    missing: Literal["refuse", "drop"]

    @model_validator(mode="after")
    def _check_labels(self) -> "Labelling":
        if self.labels == AUTO:
            return self
        if not (isinstance(self.labels, dict) and all(_is_label(key) for key in self.labels)):
            raise ValueError(f"labels: {quote(self.labels)} is neither auto nor a mapping such as {_EXAMPLE}")
        if len({isinstance(key, str) for key in self.labels}) > 1:  # DVC sorts them
            raise ValueError("labels: has words and numbers to the left of its colons; put quotes around the numbers")
        if wrong := [name for name in self.labels.values() if not _is_label(name)]:
            raise ValueError(f"labels: {quote(wrong[0])} is no name of a class; write a word or a number")
        names = set((self.mapping or {}).values())
        if not 2 <= len(names) <= MOST:
            raise ValueError(f"labels: names {len(names)} classes; name 2 to {MOST}")
        return self

    @property
    def mapping(self) -> dict[str, str] | None:
        """The name of the class of each label; None: the labels are the names."""
        if self.labels == AUTO:
            return None
        return {str(label_of("", key)): str(label_of("", name)) for key, name in self.labels.items()}


def _is_label(value: object) -> bool:
    try:
        return isinstance(value, str | int | float) and label_of("", value) is not None
    except InputError:
        return False


class Coder:
    """Gives each label a code, and the codes their classes when all labels are known."""

    def __init__(self, labelling: Labelling) -> None:
        self._mapping = labelling.mapping
        self._codes: dict[str, int] = {}
        self.left_out: Counter[str] = Counter()

    def code(self, where: str, label: str) -> int | None:
        """Return the code of a label; None where the mapping leaves it out.

        Raises InputError, which calls the source `where`, if there are too many labels to be classes.
        """
        name = label if self._mapping is None else self._mapping.get(label)
        if name is None:
            # Of a column of texts only some are kept.
            self.left_out[label if len(self.left_out) < MOST_BY_ITSELF else "others"] += 1
            return None
        code = self._codes.setdefault(name, len(self._codes))
        if self._mapping is None and code == MOST_BY_ITSELF:
            some = ", ".join(map(quote, list(self._codes)[:5]))
            raise InputError(
                f"{where}: has more than {MOST_BY_ITSELF} labels, {some} among them; set ingest.label_column to the "
                f"column of the labels, or ingest.labels to what they mean, such as {_EXAMPLE}"
            )
        return code

    def classes(self, where: str) -> tuple[Classes, list[int]]:
        """Return the classes, and the class of each code. Raises InputError where there is one class only.

        Numbers are in the order of numbers, other names in that of Unicode. Where all names are usual words for
        negative and positive, these are the classes.
        """
        if all(name.lower() in _WORDS for name in self._codes):
            return BINARY, [BINARY.names.index(_WORDS[name.lower()]) for name in self._codes]
        if len(self._codes) == 1:
            raise InputError(f"{where}: all reviews have the label {quote(next(iter(self._codes)))}; add others")
        names = sorted(self._codes, key=_order)
        return Classes(names=names), [names.index(name) for name in self._codes]


def _order(name: str) -> tuple[bool, float, str]:
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name
