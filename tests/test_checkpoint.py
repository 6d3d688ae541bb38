"""A model folder says all about itself, and is refused where its files do not belong together."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sentiment.data.classes import BINARY, Classes
from sentiment.errors import InputError
from sentiment.inference import checkpoint
from sentiment.inference.predictor import predict_texts
from tests.support.checkpoints import CPU, ENCODING, STARS, TEXTS, VOCABULARY, example
from tests.support.imports import ROOT


@pytest.mark.parametrize("classes", [BINARY, STARS], ids=len)
def test_a_loaded_model_predicts_the_same(tmp_path: Path, classes: Classes) -> None:
    original = example(classes=classes)
    checkpoint.save(tmp_path / "model", original, seed=1, epoch=2)
    loaded = checkpoint.load(tmp_path / "model", CPU)
    assert (loaded.encoding, loaded.classes) == (original.encoding, classes)
    assert predict_texts(loaded, TEXTS).probability.shape == (len(TEXTS), len(classes))
    assert predict_texts(loaded, TEXTS).probability.tolist() == predict_texts(original, TEXTS).probability.tolist()
    assert len(set(predict_texts(loaded, TEXTS).probability[:, 1].tolist())) == 4


def test_a_model_is_scored_without_the_second_that_importing_torchs_compiler_takes(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, torch\n"
        "from sentiment.inference import checkpoint\n"
        "from sentiment.inference.predictor import predict_texts\n"
        "for folder in sys.argv[1:]:\n"
        "    predict_texts(checkpoint.load(pathlib.Path(folder), torch.device('cpu')), ['good'])\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    folders = [tmp_path / encoder for encoder in ("recurrent", "transformer")]
    for folder in folders:
        checkpoint.save(folder, example(folder.name), seed=1, epoch=1)
    assert subprocess.run([sys.executable, "-c", program, *folders], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_a_model_is_scored_in_the_precision_of_its_training(
    tmp_path: Path, kind: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = example()
    original.classifier.to(kind)
    checkpoint.save(tmp_path / "model", original, seed=1, epoch=2)
    stored = load_file(tmp_path / "model/weights.safetensors")
    assert stored["readout.weight"].dtype == torch.float32
    loaded = checkpoint.load(tmp_path / "model", CPU)
    assert {value.dtype for value in loaded.classifier.parameters()} == {kind}
    assert predict_texts(loaded, TEXTS).probability.tolist() == predict_texts(original, TEXTS).probability.tolist()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert checkpoint.choose_device(tmp_path / "model", "auto").type == ("mps" if kind == torch.float32 else "cpu")


def test_texts_are_encoded_as_in_training() -> None:
    # By hand: "na na unknown" is ids 4 4 1; the long text keeps 3 tokens from each end, "good good good good good bad".
    short = predict_texts(example(), ["NA NA something", "good good good good good bad"]).probability
    assert short.tolist() == predict_texts(example(), [TEXTS[2], TEXTS[3]]).probability.tolist()


def test_predictions_do_not_depend_on_their_neighbours() -> None:
    trained = example()
    texts = [" ".join(["good", "bad", "na"][: 1 + number % 3] * (number % 11)) for number in range(600)]
    together = predict_texts(trained, texts).probability
    alone = np.concatenate([predict_texts(trained, [text]).probability for text in texts[:40]])
    assert abs(together[:40] - alone).max() <= 1e-6


def test_the_same_model_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "another"):
        checkpoint.save(tmp_path / name, example(), seed=1, epoch=2)
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "another" / path.name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == [
        "settings.json",
        "vocab.csv",
        "weights.safetensors",
    ]


def test_no_local_version_or_path_is_recorded(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "model", example(), seed=1, epoch=2)
    text = (tmp_path / "model/settings.json").read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    assert "+" not in json.loads(text)["versions"]["torch"]


@pytest.mark.parametrize(
    "name, content, expected",
    [
        ("vocab.csv", "token,count\ngood,4\n", "vocab.csv is not the vocabulary that the model was trained with"),
        ("vocab.csv", "token,count\nbad,4\ngood,3\nNA,2\n🎬,1\n", "vocab.csv is not the vocabulary"),
        ("vocab.csv", None, "vocab.csv: missing"),
        ("weights.safetensors", "", "damaged"),
        ("weights.safetensors", None, "weights.safetensors: missing"),
        ("settings.json", "{}", "format None, this version reads 7"),
        ("settings.json", "{", "not valid JSON"),
        ("settings.json", None, "settings.json: missing"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(
    tmp_path: Path, name: str, content: str | None, expected: str
) -> None:
    folder = tmp_path / "model"
    checkpoint.save(folder, example(), seed=1, epoch=2)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=expected):
        checkpoint.load(folder, CPU)


@pytest.mark.parametrize("other", [{"cell": "gru"}, {"classes": STARS}], ids=str)
def test_weights_of_another_shape_are_refused(tmp_path: Path, other: dict[str, Any]) -> None:
    checkpoint.save(tmp_path / "lstm", example(cell="lstm"), seed=1, epoch=2)
    checkpoint.save(tmp_path / "other", example(**other), seed=1, epoch=2)
    (tmp_path / "other/weights.safetensors").replace(tmp_path / "lstm/weights.safetensors")
    with pytest.raises(InputError, match="is float32.*asks for float32"):
        checkpoint.load(tmp_path / "lstm", CPU)


@pytest.mark.parametrize("value, expected", [(float("nan"), "not a finite number"), (0, "readout.bias is int32")])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, value: float, expected: str) -> None:
    checkpoint.save(tmp_path / "model", example(), seed=1, epoch=2)
    path = tmp_path / "model/weights.safetensors"
    weights = load_file(path)
    weights["readout.bias"] = torch.tensor([value], dtype=torch.int32 if value == 0 else torch.float32)
    save_file(weights, path)
    with pytest.raises(InputError, match=expected):
        checkpoint.load(tmp_path / "model", CPU)


def test_ids_of_another_encoding_or_other_classes_are_refused() -> None:
    other = ENCODING.model_copy(update={"vocabulary": "another"})
    with pytest.raises(InputError, match=r"data/ids/encoding\.json: these ids are encoded differently"):
        example().require(other, BINARY)
    with pytest.raises(InputError, match=r"data/reviews/classes\.json: the model learned other classes; run `dvc"):
        example().require(ENCODING, STARS)
    with pytest.raises(InputError, match="not the vocabulary that made the ids"):
        other.require(VOCABULARY, Path("data/vocab.csv"))
