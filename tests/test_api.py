"""`import sentiment` in a service: clear answers, clear errors, and nothing of the process is changed."""

import json
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sentiment
from sentiment.inference import checkpoint
from tests.support.checkpoints import STARS, TEXTS, example
from tests.support.imports import ROOT


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "classifier"
    checkpoint.save(path, example(), seed=1, epoch=2)
    return path


@pytest.fixture(scope="module")
def model(folder: Path) -> sentiment.Model:
    return sentiment.load(str(folder))


def test_each_text_gets_a_label_and_a_probability(model: sentiment.Model) -> None:
    predictions = model.predict(TEXTS)
    assert len(predictions) == len(TEXTS)
    for prediction in predictions:
        assert isinstance(prediction.probability, float)
        assert prediction.label == ("positive" if prediction.probability >= 0.5 else "negative")
        assert prediction.probabilities["positive"] == prediction.probability
        assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert model.classes == list(predictions[0].probabilities) == ["negative", "positive"]
    assert pd.DataFrame(predictions).columns.tolist() == ["label", "probability", "unknown", "probabilities"]
    assert [prediction.unknown for prediction in predictions] == [pytest.approx(2 / 6), 0, 1, 0]


def test_a_threshold_moves_the_label(model: sentiment.Model) -> None:
    assert {prediction.label for prediction in model.predict(TEXTS, threshold=0.01)} == {"positive"}
    assert {prediction.label for prediction in model.predict(TEXTS, threshold=0.99)} == {"negative"}


def test_of_more_classes_the_label_is_the_most_probable(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "model", example(classes=STARS), seed=1, epoch=2)
    model = sentiment.load(tmp_path / "model")
    assert model.classes == ["1", "2", "3", "4", "5"]
    predictions = model.predict(TEXTS)
    for prediction in predictions:
        assert list(prediction.probabilities) == model.classes
        assert sum(prediction.probabilities.values()) == pytest.approx(1)
        assert prediction.probability == max(prediction.probabilities.values())
        assert prediction.probability == prediction.probabilities[prediction.label]
    assert pd.DataFrame(each.probabilities for each in predictions).columns.tolist() == model.classes
    with pytest.raises(ValueError, match="a threshold is for two classes, and this model has 5"):
        model.predict(TEXTS, threshold=0.5)


def test_any_iterable_of_strings_will_do(model: sentiment.Model) -> None:
    expected = model.predict(TEXTS)
    forms: list[Callable[[list[str]], Any]] = [tuple, iter, pd.Series, lambda texts: dict.fromkeys(texts).keys()]
    for form in forms:
        assert model.predict(form(TEXTS)) == expected
    assert model.predict([]) == []
    assert model.predict(iter(())) == []


@pytest.mark.parametrize(
    "texts, error, expected",
    [
        ("good", TypeError, r"predict takes several texts; write predict\(\[text\]\) for one"),
        (b"good", TypeError, r"predict takes several texts; write predict\(\[text\]\) for one"),
        (["good", None], TypeError, r"texts\[1\] is None, not a string"),
        (["good", "bad", 3.5], TypeError, r"texts\[2\] is 3.5, not a string"),
        ([b"good"], TypeError, r"texts\[0\] is b'good', not a string"),
        ([["good"]], TypeError, r"texts\[0\] is \['good'\], not a string"),
        (["good", "\ud800"], sentiment.InputError, r"texts\[1\]: the text contains '\\ud800', half of a"),
    ],
)
def test_what_is_no_text_is_named(model: sentiment.Model, texts: Any, error: type[Exception], expected: str) -> None:
    with pytest.raises(error, match=expected):
        model.predict(texts)


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1, 50, float("nan")])
def test_a_threshold_is_a_probability(model: sentiment.Model, threshold: float) -> None:
    with pytest.raises(ValueError, match="is not between 0 and 1"):
        model.predict(TEXTS, threshold=threshold)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(sentiment.InputError, match=r"settings.json: missing"):
        sentiment.load(tmp_path)


@pytest.mark.parametrize(
    "encoder, cell", [("recurrent", "rnn"), ("recurrent", "gru"), ("recurrent", "lstm"), ("transformer", "rnn")]
)
def test_threads_share_a_model_and_get_the_bits_that_one_gets(tmp_path: Path, encoder: str, cell: str) -> None:
    checkpoint.save(tmp_path / "model", example(encoder, cell), seed=1, epoch=1)
    shared = sentiment.load(tmp_path / "model")
    requests = [[f"{text} {'good ' * number}" for text in TEXTS * (1 + number % 3)] for number in range(20)]
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(8) as eight:
        expected = list(one.map(shared.predict, requests))
        for _ in range(3):
            assert list(eight.map(shared.predict, requests)) == expected


SETTINGS = """
import json, os, sys
import numpy, threadpoolctl, torch  # to import the second sets KMP_DUPLICATE_LIB_OK

def settings():
    return {
        "threads": [torch.get_num_threads(), torch.get_num_interop_threads()],
        "deterministic": torch.get_deterministic_debug_mode(),
        "cudnn": [torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32],
        "fastpath": torch.backends.mha.get_fastpath_enabled(),
        "denormals": (torch.tensor([1e-310], dtype=torch.float64) / 2).item(),
        "precision": torch.get_float32_matmul_precision(),
        "dtype": str(torch.get_default_dtype()),
        "random": torch.random.get_rng_state().tolist(),
        "inference": torch.is_inference_mode_enabled(),
        "numpy": numpy.geterr(),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
    }
"""


def run(program: str, cwd: Path) -> Any:
    """Return what a program prints as JSON, run in a folder that has nothing of the project."""
    words = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{program}"]
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_predicting_changes_no_setting_of_the_process(folder: Path, tmp_path: Path) -> None:
    before, after = run(
        f"{SETTINGS}\n"
        "before = settings()\n"
        "import sentiment\n"
        f"sentiment.load({str(folder)!r}).predict({TEXTS!r})\n"
        "print(json.dumps([before, settings()]))",
        tmp_path,
    )
    assert after == before


def test_numpy_keeps_the_threads_of_its_blas(folder: Path, tmp_path: Path) -> None:
    before, imported, predicted = run(
        "import json, numpy, scipy.linalg.cython_blas, threadpoolctl, torch\n"
        "def threads(): return {found['filepath']: found['num_threads'] for found in threadpoolctl.threadpool_info()}\n"
        "before = threads()\n"
        "import sentiment.nn.classifier\n"
        "imported = threads()\n"
        f"sentiment.load({str(folder)!r}).predict({TEXTS!r})\n"
        "print(json.dumps([before, imported, threads()]))",
        tmp_path,
    )
    assert {file: imported[file] for file in before} == before
    assert [file for file in before if predicted[file] != before[file] and "/scipy" not in file] == []


def test_importing_any_module_opens_no_file_of_the_working_directory(tmp_path: Path) -> None:
    names = [module.name for module in pkgutil.walk_packages([str(ROOT / "sentiment")], "sentiment.")]
    assert "sentiment.nn.classifier" in names
    opened = run(
        "import importlib, json, pathlib\n"
        "opened = []\n"
        "def watch(event, arguments):\n"
        "    if event == 'open' and isinstance(arguments[0], str):\n"
        "        opened.append(arguments[0])\n"
        "sys.addaudithook(watch)\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "here = pathlib.Path.cwd()\n"
        "print(json.dumps([path for path in opened if (here / path).resolve().is_relative_to(here)]))",
        tmp_path,
    )
    assert opened == []
