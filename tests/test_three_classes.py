"""A whole run of three classes, from a CSV file to predictions, plots and a comparison."""

import csv
import re

import pytest

import sentiment
from sentiment.data import predictions
from sentiment.data.classes import Classes
from sentiment.io import parquet
from sentiment.io.json_file import read_json
from tests.support.clone import SAMPLE, STAGES, Clone

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

THREE = Classes(names=["bad", "fair", "good"])


def test_three_classes_from_a_csv_file_to_predictions_plots_and_a_comparison(clone: Clone) -> None:
    with (clone.path / SAMPLE).open(encoding="utf-8", newline="") as stream:
        texts = [row["text"] for row in csv.DictReader(stream)]
    with (clone.path / "data/three.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "label"])
        for number, text in enumerate(texts):
            verdict = ("Awful.", "Average.", "Superb.")[number % 3]
            writer.writerow([f"{text} {verdict}", THREE.names[number % 3]])
    clone.set("ingest.source", "data/three.csv")
    for stage in STAGES:
        clone.stage(stage)
    summary = clone.sentiment("summary").stdout
    assert re.search(r"Macro F1 +[0-9.]+%, the mean over the classes of metrics/plots/classes.csv", summary)

    assert read_json(clone.path / "data/reviews/classes.json")["names"] == THREE.names
    for name, scores in (
        ("test", read_json(clone.path / "metrics/test.json")),
        ("baseline", read_json(clone.path / "metrics/baseline.json")["baseline"]),
        ("stacked", read_json(clone.path / "metrics/stacked.json")["stacked"]),
    ):
        assert {"accuracy", "macro_f1", "roc_auc", "log_loss", "brier", "calibration_error"} <= set(scores), name
    assert read_json(clone.path / "metrics/baseline.json")["baseline"]["accuracy"] > 0.95
    with (clone.path / "metrics/plots/classes.csv").open(encoding="utf-8", newline="") as stream:
        assert [row["class"] for row in csv.DictReader(stream)] == THREE.names

    texts = parquet.read_all(clone.path / "data/reviews/test.parquet", parquet.REVIEWS)["text"].to_pylist()
    for folder, table in (
        ("classifier", "data/predictions.parquet"),
        ("baseline", "data/baseline/test.parquet"),
        ("stacked", "data/stacked.parquet"),
    ):
        model = sentiment.load(clone.path / "models" / folder)
        assert model.classes == THREE.names
        found = [list(prediction.probabilities.values()) for prediction in model.predict(texts)]
        assert found == predictions.read(clone.path / table, THREE).probability.tolist(), folder

    clone.sentiment("plots")
    page = (clone.path / "dvc_plots/index.html").read_text(encoding="utf-8")
    pictures = re.findall(r'(<svg[^>]*aria-label="([^"]*)".*?</svg>)', page, re.DOTALL)
    drawn = {name: picture for picture, name in pictures}
    for name in ("Each class", "Confusion matrix, each row divided by its sum"):
        shown = re.findall(r">(bad|fair|good)[^<]*</text>", drawn[name])
        assert list(dict.fromkeys(shown)) == THREE.names, name

    compared = clone.sentiment("compare", "workspace:baseline", "workspace").stdout
    assert "macro_f1" in compared
    assert re.search(r"A and B disagree on [0-9]+ of [0-9]+ reviews", compared)
    with (clone.path / "comparison/reviews.csv").open(encoding="utf-8", newline="") as stream:
        assert {row["label"] for row in csv.DictReader(stream)} == set(THREE.names)
    refused = clone.sentiment("compare", "HEAD", "workspace", check=False)
    assert refused.returncode == 2
    assert "predict other classes, 'two' and 'bad, fair, good'" in refused.stderr
