"""Section `analyze` of params.yaml. Loads no torch."""

from sentiment.config.section import PositiveInt, Section, Seed


class AnalysisConfig(Section, name="analyze"):
    """How many reviews of each split the network is asked about, and the seed of all draws."""

    reviews: PositiveInt
    seed: Seed
