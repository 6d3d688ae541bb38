"""Test what the models can do, capability by capability, on cases drawn from templates.

data/reviews/, models/classifier/, models/baseline/ -> data/probe.csv, metrics/probe.json

The models are asked through `sentiment.load`, on the CPU, as `sentiment predict` asks them. Where the cases do not
apply, metrics/probe.json says why.
"""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from sentiment import api
from sentiment.config import paths
from sentiment.config.compute import ComputeConfig
from sentiment.config.section import Section, Seed
from sentiment.data.classes import BINARY
from sentiment.data.model_folder import is_none
from sentiment.io import parquet
from sentiment.io.csv_file import write_csv
from sentiment.io.json_file import write_json
from sentiment.pipeline.stage import run

if TYPE_CHECKING:
    from sentiment.probing.report import Results


class Params(Section, name="probe"):
    cases: Annotated[int, Field(ge=0, le=10_000)]  # 10,000 take 770 MiB
    seed: Seed


def main() -> None:
    params = Params.load()
    found = probe(params)
    write_csv(paths.PROBE, found.table)
    write_json(paths.PROBE_METRICS, found.metrics)


def probe(params: Params) -> "Results":
    from sentiment.probing import films, grammar, report  # loads pandas, which `check` need not

    if not params.cases:
        return report.nothing("probe.cases is 0")

    import torch  # which takes over a second to load

    from sentiment.nn import device

    device.configure_torch(torch.device("cpu"), ComputeConfig.load().threads)
    network = api.load(paths.MODEL)
    if network.classes != BINARY.names:
        return report.nothing(
            f"the cases are negative or positive; the classes of the reviews are {', '.join(network.classes)}"
        )
    baseline = None if is_none(paths.BASELINE_MODEL) else api.load(paths.BASELINE_MODEL)
    by_grammar = grammar.labels(parquet.read(paths.REVIEWS.test, parquet.REVIEWS))
    suite = grammar.SUITE if by_grammar else films.SUITE
    return report.probe(network, baseline, suite, params.cases, params.seed)


if __name__ == "__main__":
    run(main)
