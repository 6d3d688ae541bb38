"""The classes of a source. A label is the index of a class: 0 is negative and 1 positive, or 0 one star and 4 five."""

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from sentiment.config import paths
from sentiment.config.section import Settings

MOST = 255  # labels are stored in a byte
NO_LABEL = 255  # the stored label of an unlabelled review; no class has this index
_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")


def number_of(name: str) -> float | None:
    """Return the number that a class name is, or None.

    >>> [number_of(name) for name in ("-1", "4.5", "nan", "inf", "1_0")]
    [-1.0, 4.5, None, None, None]
    """
    return float(name) if _NUMBER.fullmatch(name) else None


class Classes(Settings):
    """data/reviews/classes.json: the names of the classes, in the order of their labels."""

    names: Annotated[list[str], Field(min_length=2, max_length=MOST)]

    @model_validator(mode="after")
    def _all_different(self) -> Self:
        if len(set(self.names)) < len(self.names):
            raise ValueError("a class has the name of another")
        return self

    @classmethod
    def load(cls, path: Path = paths.CLASSES) -> Self:
        """Read the classes of the reviews. Raises InputError if the file is missing or damaged."""
        return cls.from_json(path, "run `dvc repro --force ingest`")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def values(self) -> list[float] | None:
        """The numbers that the names are, such as 1 to 5 stars; None for other names, and for two classes.

        >>> Classes(names=["-1", "0", "0.5"]).values, Classes(names=["bad", "fair", "good"]).values
        ([-1.0, 0.0, 0.5], None)
        """
        numbers = [number for name in self.names if (number := number_of(name)) is not None]
        return numbers if 2 < len(numbers) == len(self.names) else None


BINARY = Classes(names=["negative", "positive"])
