"""What stage `analyze` has found, as it is written. Loads no torch."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from sentiment.analysis import evidence
from sentiment.data.automaton import Automaton

QUANTIZED = ["states", "fidelity", "fidelity_low", "fidelity_high"]


@dataclass(frozen=True)
class Findings:
    """metrics: JSON-ready; quantized, steps: tables of `report.quantization` and of `evidence.steps`."""

    metrics: dict[str, Any]
    quantized: pd.DataFrame
    steps: pd.DataFrame
    automaton: Automaton | None


def nothing(reason: str) -> Findings:
    """Return findings that say why there are none."""
    metrics = {"automaton": {"reason": reason}, "language": {"reason": reason}}
    return Findings(metrics, pd.DataFrame(columns=QUANTIZED), evidence.none(), None)
