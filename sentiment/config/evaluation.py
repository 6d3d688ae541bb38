"""How stage `evaluate` scores predictions. No import of scikit-learn: `check` reads this section too."""

from typing import Annotated

from pydantic import Field

from sentiment.config.section import Section


class EvaluationConfig(Section, name="evaluate"):
    """The decision threshold, and the number of bootstrap samples behind each confidence interval."""

    threshold: Annotated[float, Field(gt=0, lt=1)]
    bootstrap_samples: Annotated[int, Field(ge=100, le=1_000_000)]
