"""From the labels of a source to classes.

The classes are known only after the last review. Until then each label has a code: 0 for the first one that appears,
1 for the second, and so on.
"""

from collections import Counter
from typing import Any, Literal

from pydantic import model_validator

from sentiment.config.section import Settings
from sentiment.data.classes import BINARY, MOST, Classes, number_of
from sentiment.data.sources import AUTO, label_of
from sentiment.errors import InputError, quote
from sentiment.io.csv_file import repeated

MOST_BY_ITSELF = 20  # classes under `auto`; a column with more different values is probably not the label

_WORDS = {
    "0": "negative", "neg": "negative", "negative": "negative", "false": "negative",
    "1": "positive", "pos": "positive", "positive": "positive", "true": "positive",
}  # fmt: skip
_EXAMPLE = "{1: negative, 5: positive}"


class LabelOptions(Settings):
    """Parameters of section `ingest` for the meaning of labels, and for rows without a text or a label."""

    labels: Any
    missing: Literal["refuse", "drop"]

    @model_validator(mode="after")
    def _check_labels(self) -> "LabelOptions":
        if self.labels == AUTO:
            return self
        if not (isinstance(self.labels, dict) and all(_is_label(key) for key in self.labels)):
            raise ValueError(f"labels: {quote(self.labels)} is neither auto nor a mapping such as {_EXAMPLE}")
        if len({isinstance(key, str) for key in self.labels}) > 1:  # DVC sorts the keys
            raise ValueError("labels: the keys mix words and numbers; put the numbers in quotes")
        if (twice := repeated(str(label_of("", key)) for key in self.labels)) is not None:
            raise ValueError(f"labels: two keys are the label {quote(twice)}; remove one")
        if wrong := [name for name in self.labels.values() if not _is_label(name)]:
            raise ValueError(f"labels: {quote(wrong[0])} is not a class name; write a word or a number")
        names = set((self.mapping or {}).values())
        if not 2 <= len(names) <= MOST:
            raise ValueError(f"labels: names {len(names)} classes; name 2 to {MOST}")
        return self

    @property
    def mapping(self) -> dict[str, str] | None:
        """The class name of each label; None if the labels are the class names."""
        if self.labels == AUTO:
            return None
        return {str(label_of("", key)): str(label_of("", name)) for key, name in self.labels.items()}


def _is_label(value: object) -> bool:
    try:
        return isinstance(value, str | int | float) and label_of("", value) is not None
    except InputError:
        return False


class LabelEncoder:
    """Gives each label a code and, after the last label, each code its class."""

    def __init__(self, label_options: LabelOptions) -> None:
        self._mapping = label_options.mapping
        self._codes: dict[str, int] = {}
        self.num_dropped = 0
        self.dropped: Counter[str] = Counter()  # the counts of the first labels that are dropped

    def code(self, where: str, label: str) -> int | None:
        """Return the code of a label, or None if the mapping drops it.

        Raises InputError, which calls the source `where`, if there are too many labels.
        """
        name = label if self._mapping is None else self._mapping.get(label)
        if name is None:
            self.num_dropped += 1
            # The label column may be full of texts, so only the first labels are kept.
            if label in self.dropped or len(self.dropped) < MOST_BY_ITSELF:
                self.dropped[label] += 1
            return None
        code = self._codes.setdefault(name, len(self._codes))
        if self._mapping is None and code == MOST_BY_ITSELF:
            some = ", ".join(map(quote, list(self._codes)[:5]))
            raise InputError(
                f"{where}: has more than {MOST_BY_ITSELF} labels, such as {some}; set ingest.label_column to the "
                f"column of the labels, or map the labels to classes with ingest.labels, such as {_EXAMPLE}"
            )
        return code

    def classes(self, where: str) -> tuple[Classes, list[int]]:
        """Return the classes, and the class of each code. Raises InputError if there is only one class.

        Numbers are in numerical order and come first; other names are in Unicode order. Without a mapping, if all
        labels are usual words for negative and positive, the classes are `negative` and `positive`.
        """
        if self._mapping is None and all(name.lower() in _WORDS for name in self._codes):
            return BINARY, [BINARY.names.index(_WORDS[name.lower()]) for name in self._codes]
        if not self._codes:
            raise InputError(f"{where}: no review has a label that ingest.labels names; correct its keys")
        if len(self._codes) == 1:
            raise InputError(
                f"{where}: all reviews have the label {quote(next(iter(self._codes)))}; add reviews of other classes"
            )
        names = sorted(self._codes, key=_order)
        return Classes(names=names), [names.index(name) for name in self._codes]


def _order(name: str) -> tuple[bool, float, str]:
    number = number_of(name)
    return number is None, number or 0.0, name
