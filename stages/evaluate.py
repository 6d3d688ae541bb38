"""Score the classifier: data/ids/test, models/classifier/ -> metrics/test.json, data/predictions.parquet, plots.

This is the only stage that shows the test split to the network.
"""

import pyarrow as pa

from sentiment import files, paths, progress, tables
from sentiment.encoded import EncodedSplit, Encoding
from sentiment.evaluation import Evaluation
from sentiment.hardware import Hardware
from sentiment.stage import run


def main() -> None:
    params, hardware = Evaluation.load(), Hardware.load()
    test = EncodedSplit.open(paths.IDS.test)
    encoding = Encoding.load(paths.ENCODING)

    # Torch and scikit-learn take over a second to load, and `stages.check` reads the parameters above without it.
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
    coverage = {"vector_coverage": model.classifier.coverage(test.ids)}
    files.write_json(paths.TEST_METRICS, scoring.report(test.labels, probability, params) | coverage)
    plots = {
        "confusion": (
            ["actual", "predicted", "reviews", "share"],
            scoring.confusion(test.labels, probability, params.threshold),
        ),
        "roc": (["false_positive_rate", "true_positive_rate"], scoring.roc(test.labels, probability)),
        "precision_recall": (["recall", "precision"], scoring.precision_recall(test.labels, probability)),
        "length": (
            ["shortest", "longest", "accuracy", "reviews"],
            scoring.by_length(test.labels, probability, test.lengths, params.threshold),
        ),
        "calibration": (["probability", "positive_share", "reviews"], scoring.calibration(test.labels, probability)),
    }
    for name, (header, rows) in plots.items():
        files.write_csv(paths.PLOTS / f"{name}.csv", header, rows)


if __name__ == "__main__":
    run(main)
