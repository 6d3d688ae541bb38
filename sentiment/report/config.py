"""Section `report` of params.yaml. Loads no torch."""

from sentiment.config.section import NonNegativeInt, Section


class ReportConfig(Section, name="report"):
    """How many reviews of each kind the page shows; 0 for no page."""

    reviews: NonNegativeInt
