"""The reviews that a model learned from, as its folder names them."""

from sentiment.config.section import Settings


class Corpus(Settings):
    """Where the reviews came from, and how many there were for training."""

    source: str
    reviews: int
