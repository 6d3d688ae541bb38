"""Look into the trained network: how saturated it is, which automaton is inside it, how much of a language it knows.

data/ids/{train,valid,test}, models/classifier/ -> metrics/analysis.json, metrics/plots/{quantized,counter}.csv,
metrics/plots/{automaton,language}.svg, analysis/{steps,tokens,units,states}.csv, analysis/automaton.json

What a network or a corpus does not allow is left out, and metrics/analysis.json says why.
"""

from typing import TYPE_CHECKING

from sentiment.analysis.config import AnalysisConfig
from sentiment.config import paths
from sentiment.config.compute import ComputeConfig
from sentiment.data.classes import Classes
from sentiment.data.encoding import EncodedSplit, Encoding
from sentiment.io.atomic import atomic_folder, atomic_write
from sentiment.io.csv_file import write_csv
from sentiment.io.json_file import write_json
from sentiment.pipeline.stage import run

if TYPE_CHECKING:
    from sentiment.analysis.findings import Findings


def main() -> None:
    params = AnalysisConfig.load()

    from sentiment.analysis import drawing, findings  # loads pandas, which `check` need not

    found = analyze(params) if params.reviews else findings.nothing("analyze.reviews is 0")
    write_json(paths.ANALYSIS_METRICS, found.metrics)
    for name in findings.PLOTTED:
        write_csv(paths.PLOTS / f"{name}.csv", found.table(name))
    for name, otherwise in findings.PICTURES.items():
        with atomic_write(paths.PLOTS / f"{name}.svg") as partial:
            partial.write_text(found.pictures.get(name) or drawing.note(otherwise), encoding="utf-8")
    with atomic_folder(paths.ANALYSIS) as folder:
        for name in findings.TABLES.keys() - findings.PLOTTED:
            write_csv(folder / f"{name}.csv", found.table(name))
        if found.automaton:
            write_json(folder / "automaton.json", found.automaton.as_json())


def analyze(params: AnalysisConfig) -> "Findings":
    compute, encoding, classes = ComputeConfig.load(), Encoding.load(paths.ENCODING), Classes.load()
    splits = [EncodedSplit.open(path) for path in (paths.IDS.train, paths.IDS.valid, paths.IDS.test)]

    import torch  # which takes over a second to load

    from sentiment.analysis import report
    from sentiment.inference import checkpoint
    from sentiment.nn import device

    cpu = torch.device("cpu")  # the same bytes everywhere; it asks about many small batches
    device.configure_torch(cpu, compute.threads)
    trained = checkpoint.load(paths.MODEL, cpu, compute.backend)
    trained.require(encoding, classes)
    return report.analyze(trained, splits, params)


if __name__ == "__main__":
    run(main)
