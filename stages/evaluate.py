"""Score the classifier: data/ids/test, models/classifier/ -> metrics/test.json, data/predictions.parquet, plots.

This is the only stage that shows the test split to the network. It also says what the network and the baseline know
together: data/ids/valid, data/baseline{,_valid}.parquet -> metrics/stacked.json, data/stacked.parquet.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sentiment.config import paths
from sentiment.config.compute import ComputeConfig
from sentiment.config.evaluation import EvaluationConfig
from sentiment.data.encoding import EncodedSplit, Encoding
from sentiment.errors import InputError
from sentiment.io import parquet, progress
from sentiment.io.csv_file import write_csv
from sentiment.io.json_file import write_json
from sentiment.pipeline.stage import run


def baseline(path: Path, split: EncodedSplit) -> npt.NDArray[np.float32]:
    """Return what the baseline said of a split, in the corpus's order: float32[reviews].

    Raises InputError where it spoke of other reviews.
    """
    table = parquet.read_all(path, parquet.PREDICTIONS)
    if not table["id"].combine_chunks().equals(split.review_ids) or not np.array_equal(table["label"], split.labels):
        raise InputError(f"{path}: is about other reviews than data/ids; run `dvc repro`")
    probability: npt.NDArray[np.float32] = table["probability"].to_numpy()
    return probability


def main() -> None:
    params, compute = EvaluationConfig.load(), ComputeConfig.load()
    valid, test = EncodedSplit.open(paths.IDS.valid), EncodedSplit.open(paths.IDS.test)
    encoding = Encoding.load(paths.ENCODING)

    # Torch and scikit-learn take over a second to load, and `stages.check` reads the parameters above without it.
    from sentiment.evaluation import curves, metrics, stacking
    from sentiment.inference import checkpoint, predictor
    from sentiment.nn import device

    chosen = checkpoint.choose_device(paths.MODEL, compute.device)
    device.configure_torch(chosen, compute.threads)
    model = checkpoint.load(paths.MODEL, chosen)
    model.require(encoding, paths.ENCODING)
    with progress.counter("evaluate", len(valid.labels) + len(test.labels)) as shown:
        held_out, probability = (
            predictor.predict_split(model.classifier, split, shown.update) for split in (valid, test)
        )
    stack = stacking.StackedClassifier.fit(held_out, baseline(paths.BASELINE_HELD_OUT, valid), valid.labels)
    stacked = stack(probability, baseline(paths.BASELINE_PREDICTIONS, test))

    for path, found in [(paths.PREDICTIONS, probability), (paths.STACKED_PREDICTIONS, stacked)]:
        with parquet.open_writer(path, parquet.PREDICTIONS) as table:
            table.write(test.review_ids, pa.array(test.labels), pa.array(found))
    weights = dict(zip(("weight_of_network", "weight_of_baseline"), stack.weights, strict=True))
    scores = metrics.report(test.labels, stacked, params) | weights
    write_json(paths.STACKED_METRICS, {"stacked": scores})  # a name of its own beside the network's figures
    coverage = {"vector_coverage": model.classifier.pretrained_coverage(test.ids)}
    write_json(paths.TEST_METRICS, metrics.report(test.labels, probability, params) | coverage)
    tables = curves.tables(test.labels, probability, test.lengths, params.threshold)
    for name, curve in tables.items():
        write_csv(paths.PLOTS / f"{name}.csv", curve)


if __name__ == "__main__":
    run(main)
