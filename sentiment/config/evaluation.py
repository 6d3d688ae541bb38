"""How predictions are judged, without scikit-learn: the section of `evaluate`, which `baseline` obeys too."""

from typing import Annotated

from pydantic import Field

from sentiment.config.section import Section


class EvaluationConfig(Section, name="evaluate"):
    """From where on a review counts as positive, and how many samples an interval is drawn from."""

    threshold: Annotated[float, Field(gt=0, lt=1)]
    bootstrap_samples: Annotated[int, Field(ge=100, le=1_000_000)]
