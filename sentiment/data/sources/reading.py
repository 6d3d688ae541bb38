"""What a user may have to say about a source for its reviews to be found in it."""

from collections.abc import Sequence
from typing import Literal

from sentiment.config.section import Settings
from sentiment.data.sources.columns import AUTO, LABEL_COLUMNS, TEXT_COLUMNS, find_column
from sentiment.errors import InputError, quote


class Reading(Settings):
    """Parameters of section `ingest` that say how a source is read."""

    text_column: str
    label_column: str
    imdb_target: Literal["polarity", "rating"]

    def columns(self, where: str, names: Sequence[str]) -> tuple[str, str]:
        """Return the text column and the label column among `names`. Raises InputError without two such columns."""
        text = find_column(where, self.text_column, TEXT_COLUMNS, "ingest.text_column", names)
        label = find_column(where, self.label_column, LABEL_COLUMNS, "ingest.label_column", names)
        if text == label:
            raise InputError(f"{where}: ingest.text_column and ingest.label_column are both {quote(text)}; change one")
        return text, label


AS_USUAL = Reading(text_column=AUTO, label_column=AUTO, imdb_target="polarity")
