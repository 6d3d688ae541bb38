"""Stage `train`: from encoded reviews and the names of their classes to a model folder."""

from pathlib import Path

import pytest
from safetensors.numpy import save as serialized

import sentiment
from sentiment.config import paths
from sentiment.data.classes import Classes
from sentiment.errors import InputError
from sentiment.io.json_file import read_json, write_json
from stages import train
from tests.support.checkpoints import ENCODING, STARS, TEXTS, VOCABULARY
from tests.support.clone import set_parameter
from tests.support.encoded import write_split


@pytest.fixture
def encoded(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Encoded reviews of one to five stars, and the other inputs of `train`, in the current directory."""
    monkeypatch.setattr("sentiment.nn.device.configure_torch", lambda device, num_threads: None)  # of this process
    (workspace / ".dvc").mkdir()
    set_parameter(paths.PARAMS, "train.epochs", 1)
    reviews = [[2 + (number + step) % 4 for step in range(number % 9)] for number in range(40)]
    for folder in (paths.IDS.train, paths.IDS.valid):
        write_split(folder, reviews, num_classes=5)
    VOCABULARY.save(paths.VOCABULARY)
    write_json(paths.ENCODING, ENCODING.model_dump())
    write_json(paths.CLASSES, STARS.model_dump())
    write_json(paths.CORPUS, {"source": "stars.csv"})
    paths.PRETRAINED.mkdir()
    paths.VECTORS.write_text("0 0\n", encoding="utf-8")
    paths.RECURRENCE.write_bytes(serialized({}))


@pytest.mark.usefixtures("encoded")
def test_the_model_has_the_classes_of_the_reviews() -> None:
    train.main()
    model = sentiment.load(paths.MODEL)
    assert model.classes == STARS.names
    assert all(list(prediction.probabilities) == STARS.names for prediction in model.predict(TEXTS))
    assert read_json(paths.TRAIN_METRICS)["perturbation"] == 0.02  # there are many more parameters than reviews
    assert read_json(paths.TRAIN_METRICS)["parameters"] == 6 * 32 + 16 * (32 + 16 + 2) + 5 * (3 * 16 + 1)


@pytest.mark.usefixtures("encoded")
def test_a_label_that_is_no_class_is_refused() -> None:
    write_json(paths.CLASSES, Classes(names=["bad", "so so", "good"]).model_dump())
    expected = (
        r"data/ids/train: has the label 4, and data/reviews/classes\.json names the classes 0 to 2; run `dvc repro"
    )
    with pytest.raises(InputError, match=expected):
        train.main()
    assert not paths.MODEL.exists()
