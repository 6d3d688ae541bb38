"""Score the network, the baseline and both together on the test split.

data/ids/{valid,test}, models/classifier/, {data,models}/baseline/ -> data/{predictions,stacked}.parquet,
models/stacked/, metrics/{test,baseline,stacked}.json, metrics/plots/

This is the only stage that shows the test split to the network. The two models are combined by their predictions for
the validation split, from which neither learned. Without a baseline, its metrics and the outputs of both
together are empty. The stage also prints a summary, for which it reads the metrics of earlier stages.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sentiment.config import paths
from sentiment.config.compute import ComputeConfig
from sentiment.config.evaluation import EvaluationConfig
from sentiment.data import predictions
from sentiment.data.classes import Classes
from sentiment.data.encoding import EncodedSplit, Encoding
from sentiment.data.model_folder import write_none
from sentiment.data.predictions import Probabilities
from sentiment.errors import InputError
from sentiment.evaluation import summary
from sentiment.io import progress
from sentiment.io.atomic import atomic_folder
from sentiment.io.console import stdout
from sentiment.io.csv_file import write_csv
from sentiment.io.json_file import write_json
from sentiment.pipeline import lock
from sentiment.pipeline.stage import run


def read_baseline(path: Path, split: EncodedSplit, classes: Classes) -> Probabilities | None:
    """Return the baseline's predictions for a split, None if there is no baseline.

    Raises InputError if they are about other reviews.
    """
    table = predictions.read(path, classes)
    if not len(table.labels):
        return None
    if not table.review_ids.equals(split.review_ids) or not np.array_equal(table.labels, split.labels):
        raise InputError(f"{path}: is about other reviews than data/ids; run `dvc repro`")
    return table.probability


def write_predictions(path: Path, split: EncodedSplit, classes: Classes, probability: Probabilities | None) -> None:
    """Write a table of predictions, without rows if there are none."""
    with predictions.open_writer(path, classes) as table:
        if probability is not None:
            table.write(split.review_ids, pa.array(split.labels), probability)


def main() -> None:
    params, compute, classes = EvaluationConfig.load(), ComputeConfig.load(), Classes.load()
    valid, test = EncodedSplit.open(paths.IDS.valid), EncodedSplit.open(paths.IDS.test)
    encoding = Encoding.load(paths.ENCODING)

    # Torch and scikit-learn take over a second to load, and `check` imports this module.
    from sentiment.evaluation import curves, metrics, significance, stacking
    from sentiment.inference import checkpoint, predictor
    from sentiment.nn import device

    chosen = checkpoint.choose_device(paths.MODEL, compute.device)
    device.configure_torch(chosen, compute.threads)
    model = checkpoint.load(paths.MODEL, chosen, compute.backend)
    model.require(encoding, classes)
    with progress.counter("evaluate", len(valid.labels) + len(test.labels)) as counter:
        network_valid, network = (
            predictor.predict_split(model.classifier, split, counter.update) for split in (valid, test)
        )
    baseline_valid = read_baseline(paths.BASELINE_VALID, valid, classes)
    baseline = read_baseline(paths.BASELINE_TEST, test, classes)
    models = {"network": network}  # those with curves in the plots
    stack = stacked = None
    baseline_report: dict[str, Any] = {}
    stacked_report: dict[str, Any] = {}

    def report(probability: Probabilities) -> dict[str, Any]:
        """Return the metrics of a model, and how much higher its accuracy is than the network's."""
        gain = significance.accuracy_gain(test.labels, network, probability, params.threshold, params.bootstrap_samples)
        names = ("above_network", "above_network_low", "above_network_high")
        scores = metrics.report(test.labels, probability, classes, params)
        return scores | dict(zip(names, gain, strict=True))

    if baseline_valid is not None and baseline is not None:
        models["baseline"] = baseline
        stack = stacking.StackedClassifier.fit(network_valid, baseline_valid, valid.labels)
        stacked = stack(network, baseline)
        weights = dict(zip(("weight_of_network", "weight_of_baseline"), stack.weights, strict=True))
        baseline_report, stacked_report = report(baseline), report(stacked) | weights

    write_predictions(paths.PREDICTIONS, test, classes, network)
    write_predictions(paths.STACKED_PREDICTIONS, test, classes, stacked)
    with atomic_folder(paths.STACKED_MODEL) as folder:
        if stack:
            stack.save(folder, paths.MODEL, paths.BASELINE_MODEL)
        else:
            write_none(folder)
    coverage = {"vector_coverage": model.classifier.pretrained_coverage(test.ids)}
    # `dvc exp show` names a column by its key alone, so the baseline's and the stack's keys get a level of their own.
    write_json(paths.TEST_METRICS, metrics.report(test.labels, network, classes, params) | coverage)
    write_json(paths.BASELINE_METRICS, {"baseline": baseline_report})
    write_json(paths.STACKED_METRICS, {"stacked": stacked_report})
    for name, table in curves.tables(test.labels, models, test.lengths, classes, params.threshold).items():
        write_csv(paths.PLOTS / f"{name}.csv", table)
    if not lock.within_run():  # `sentiment repro` prints it at its end, whether this stage ran or not
        print("\n".join(["", *summary.lines()]), file=stdout())


if __name__ == "__main__":
    run(main)
