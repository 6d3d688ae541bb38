"""Section `analyze` of params.yaml. Loads no torch."""

from sentiment.config.section import NonNegativeInt, Section, Seed


class AnalysisConfig(Section, name="analyze"):
    """How many reviews of each split the network is asked about, 0 for no analysis, and the seed of all draws."""

    reviews: NonNegativeInt
    seed: Seed
