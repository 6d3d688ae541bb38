"""The parameters that say how a source is read."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from sentiment.config.section import Settings
from sentiment.data.sources.columns import AUTO, LABEL_COLUMNS, TEXT_COLUMNS, find_column
from sentiment.errors import InputError, quote
from sentiment.io.csv_file import repeated

HEADER = "header"


class Reading(Settings):
    """Parameters of section `ingest` that say where the text and the label are, and how they are encoded."""

    text_column: str
    label_column: str
    columns: Any
    encoding: str
    imdb_target: Literal["polarity", "rating"]

    labelled: ClassVar[bool] = True  # whether labels are read

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.columns != HEADER:
            names = self.columns
            if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
                raise ValueError(f"columns: {quote(names)} is neither header nor a list such as [label, text]")
            if (twice := repeated(name for name in names if name)) is not None:
                raise ValueError(f"columns: names {quote(twice)} twice; rename one")
        if self.encoding != AUTO:
            try:
                "".encode(self.encoding)
            except (LookupError, ValueError):
                raise ValueError(f"encoding: {quote(self.encoding)} is not known; try cp1252 or utf-16") from None
        return self

    @property
    def column_names(self) -> list[str] | None:
        """The column names for a file without a header, or None."""
        return None if self.columns == HEADER else list(self.columns)

    def without_labels(self) -> "Reading":
        """Return the same parameters for reviews whose labels are not read."""
        return _Unlabelled.model_validate(self, from_attributes=True)

    def find(self, where: str, names: Sequence[str]) -> tuple[str, str | None]:
        """Return the text column and the label column among `names`; the latter is None if labels are not read.

        Raises InputError if one is not there, or if both are the same.
        """
        text = find_column(where, self.text_column, TEXT_COLUMNS, "ingest.text_column", names)
        if not self.labelled:
            return text, None
        label = find_column(where, self.label_column, LABEL_COLUMNS, "ingest.label_column", names)
        if text == label:
            raise InputError(f"{where}: ingest.text_column and ingest.label_column are both {quote(text)}; change one")
        return text, label


class _Unlabelled(Reading):
    labelled = False


AS_USUAL = Reading(text_column=AUTO, label_column=AUTO, columns=HEADER, encoding=AUTO, imdb_target="polarity")
