"""What stage `analyze` has found, as it is written. Loads no torch."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from sentiment.data.automaton import Automaton

# The columns of each table. `report.py` and the modules that it calls say what they mean.
TABLES = {
    "steps": ["state", "token", "tokens", "to", "texts", "right"],
    "tokens": ["token", "count", "saturation", "change"],
    "units": ["unit", "saturation", "near_one"],
    "states": ["state", "share", "class", "probability", "words"],
    "quantized": ["states", "fidelity", "fidelity_low", "fidelity_high"],
    "counter": ["position", "token", "count", "unit"],
}
PLOTTED = ("quantized", "counter")
PICTURES = {  # name -> the text shown where there is no picture
    "automaton": "No automaton of the network: metrics/analysis.json says why.",
    "language": "No automaton gives the reviews their labels.",
}


@dataclass(frozen=True)
class Findings:
    """What is found.

    metrics: JSON-ready; tables, pictures (as SVG): by name, those that there are
    automaton: that of the network, if it was tried
    """

    metrics: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    pictures: dict[str, str]
    automaton: Automaton | None = None

    def table(self, name: str) -> pd.DataFrame:
        """Return a table, without rows where there is none."""
        return pd.DataFrame(self.tables.get(name), columns=TABLES[name])


def nothing(reason: str) -> Findings:
    """Return findings that say why there are none."""
    return Findings({part: {"reason": reason} for part in ("saturation", "automaton", "language")}, {}, {})
