"""Score the classifier: data/ids/test, models/classifier/ -> metrics/test.json, data/predictions.parquet, plots.

This is the only stage after `encode` that reads the test split.
"""

from typing import Annotated

import pyarrow as pa
from pydantic import Field

from sentiment import files, paths, progress, tables
from sentiment.encoded import EncodedSplit, Encoding
from sentiment.errors import run
from sentiment.hardware import Hardware
from sentiment.params import Section

_SEED = 0  # of the bootstrap, so that equal predictions give equal intervals


class Params(Section, name="evaluate"):
    threshold: Annotated[float, Field(gt=0, lt=1)]
    bootstrap_samples: Annotated[int, Field(ge=100, le=1_000_000)]


def main() -> None:
    params, hardware = Params.load(), Hardware.load()
    test = EncodedSplit.open(paths.IDS.test)
    encoding = Encoding.load(paths.ENCODING)

    # Torch takes over a second to load, and `stages.check` reads the parameters above without it.
    from sentiment import bundle, device, predicting, scoring
    from sentiment.batches import InOrder, loader
    from sentiment.corpus import Reviews

    chosen = device.choose(hardware.device)
    device.prepare(chosen, hardware.threads)
    model = bundle.load(paths.MODEL, chosen)
    model.require(encoding, paths.ENCODING)
    batches = loader(Reviews(test), InOrder(test.lengths, predicting.BATCH_SIZE), chosen)
    with progress.counter("evaluate", len(test.labels)) as shown:
        probability = predicting.probabilities(model.classifier, batches, len(test.labels), shown.update)

    with tables.writing(paths.PREDICTIONS, tables.PREDICTIONS) as table:
        table.write(test.names, pa.array(test.labels), pa.array(probability))
    metrics = scoring.summary(test.labels, probability, params.threshold)
    low, high = scoring.accuracy_interval(test.labels, probability, params.threshold)
    metrics |= {"accuracy_low": low, "accuracy_high": high}
    low, high = scoring.roc_auc_interval(test.labels, probability, params.bootstrap_samples, _SEED)
    metrics |= {"roc_auc_low": low, "roc_auc_high": high}
    files.write_json(paths.TEST_METRICS, metrics)
    plots = {
        "confusion": (
            ["actual", "predicted", "reviews", "share"],
            scoring.confusion(test.labels, probability, params.threshold),
        ),
        "roc": (["false_positive_rate", "true_positive_rate"], scoring.roc(test.labels, probability)),
        "precision_recall": (["recall", "precision"], scoring.precision_recall(test.labels, probability)),
        "calibration": (["probability", "positive_share", "reviews"], scoring.calibration(test.labels, probability)),
    }
    for name, (header, rows) in plots.items():
        files.write_csv(paths.PLOTS / f"{name}.csv", header, rows)


if __name__ == "__main__":
    run(main)
