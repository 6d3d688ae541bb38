"""Parameters: every mistake is named, with its key, its value and what to write instead."""

import os
from pathlib import Path

import pytest

from sentiment.config.section import PositiveInt, load_all
from sentiment.config.yaml_file import read_yaml, write_yaml
from sentiment.errors import InputError
from stages import tokenize
from stages.check import SECTIONS, main
from tests.support.clone import set_parameter


def changed(workspace: Path, key: str, value: object) -> None:
    set_parameter(workspace / "params.yaml", key, value)


def message(workspace: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_all(SECTIONS)
    return str(caught.value)


def test_the_parameters_in_the_repository_are_valid(workspace: Path) -> None:
    sections = load_all(SECTIONS)
    assert list(sections) == list(SECTIONS)


@pytest.mark.parametrize(
    "key, value, expected",
    [
        ("train.learning_rate", -1, "train.learning_rate: -1 is refused: input should be greater than 0"),
        ("train.learning_rate", float("nan"), "train.learning_rate: nan is refused: input should be a finite number"),
        ("train.learning_rate", "fast", "train.learning_rate: 'fast' is refused: input should be a valid number"),
        ("train.epochs", 2.5, "train.epochs: 2.5 is refused: input should be a valid integer"),
        ("train.epochs", True, "train.epochs: True is refused: input should be a valid integer"),
        ("train.bucketing", "yes", "train.bucketing: 'yes' is refused: input should be a valid boolean"),
        (
            "model.cell",
            "grru",
            "model.cell: 'grru' is not one of rnn, gru, lstm; did you mean 'gru'?",
        ),
        ("model.cell", "no", "model.cell: 'no' is not one of rnn, gru, lstm"),
        ("encode.truncation_side", "left", "encode.truncation_side: 'left' is not one of start, end, middle"),
        ("model.dropout", 1.0, "model.dropout: 1.0 is refused: input should be less than 1"),
        ("evaluate.threshold", 0, "evaluate.threshold: 0 is refused: input should be greater than 0"),
        ("encode.max_tokens", -1, "encode.max_tokens: -1 is refused: input should be greater than or equal to 0"),
        ("ingest.test_fraction", 0.9, "leave nothing to train on"),
        ("compute.threads", 100000, "compute.threads: 100000 is refused: input should be less than or equal to 512"),
        (
            "train.weight_decay",
            1e308,
            "train.weight_decay: 1e+308 is refused: input should be less than or equal to",
        ),
        ("count_vocab.max_size", 99999999999999999999, "count_vocab.max_size: 99999999999999999999 is refused"),
        (
            "model.hidden_dim",
            10000000,
            "model.hidden_dim: 10000000 is refused: input should be less than",
        ),
        (
            "evaluate.bootstrap_samples",
            1,
            "evaluate.bootstrap_samples: 1 is refused: input should be greater",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_key(workspace: Path, key: str, value: object, expected: str) -> None:
    changed(workspace, key, value)
    assert expected in message(workspace)


def test_relu_is_for_the_simple_cell_alone(workspace: Path) -> None:
    changed(workspace, "model.cell", "gru")
    changed(workspace, "model.nonlinearity", "relu")
    assert "model: nonlinearity 'relu' exists for cell 'rnn' only, not 'gru'" in message(workspace)


def test_an_unknown_key_gets_a_suggestion(workspace: Path) -> None:
    document = read_yaml(workspace / "params.yaml")
    document["train"]["batchsize"] = document["train"].pop("batch_size")
    write_yaml(workspace / "params.yaml", document)
    found = message(workspace)
    assert "train.batchsize: unknown key; did you mean 'batch_size'?" in found
    assert "train.batch_size: missing; add it" in found


def test_an_unknown_section_gets_a_suggestion(workspace: Path) -> None:
    document = read_yaml(workspace / "params.yaml")
    document["tokenise"] = document.pop("tokenize")
    write_yaml(workspace / "params.yaml", document)
    assert "unknown section 'tokenise'; did you mean 'tokenize'?" in message(workspace)


def test_all_mistakes_are_reported_at_once(workspace: Path) -> None:
    changed(workspace, "train.epochs", 0)
    changed(workspace, "count_vocab.max_size", 0)
    assert len(message(workspace).splitlines()) == 2


@pytest.mark.parametrize(
    "text, expected",
    [
        ("train: [", "not valid YAML"),
        ("just words", "instead of a mapping"),
        ("train: {}\ntrain: {}\n", "params.yaml: line 2: the key 'train' occurs twice"),
        ("\ttrain:", "not valid YAML"),
        ("[" * 5000, "not valid YAML"),
    ],
)
def test_a_broken_file_is_one_line(workspace: Path, text: str, expected: str) -> None:
    (workspace / "params.yaml").write_text(text, encoding="utf-8")
    found = message(workspace)
    assert expected in found
    assert "\n" not in found


def test_a_number_in_scientific_notation_is_a_number(workspace: Path) -> None:
    assert "\n  learning_rate: 5e-3" in (workspace / "params.yaml").read_text(encoding="utf-8")
    assert load_all(SECTIONS)["train"].model_dump()["learning_rate"] == 0.005


def test_a_field_and_a_line_of_params_yaml_are_a_parameter(workspace: Path) -> None:
    class Params(tokenize.Params, name="tokenize"):
        longest: PositiveInt

    with pytest.raises(InputError, match="params.yaml: tokenize.longest: missing; add it"):
        Params.load()
    document = read_yaml(workspace / "params.yaml")
    document["tokenize"]["longest"] = 7
    write_yaml(workspace / "params.yaml", document)
    assert Params.load().model_dump()["longest"] == 7


def test_check_asks_for_the_source_and_the_device(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"ingest.source: 'data/sample/reviews.csv' does not exist"):
        main()
    (workspace / "data/sample").mkdir(parents=True)
    (workspace / "data/sample/reviews.csv").touch()
    changed(workspace, "model.vectors", "data/glove.txt")
    with pytest.raises(InputError, match="model.vectors: 'data/glove.txt' is not an existing file"):
        main()
    changed(workspace, "model.vectors", "data/pretrained/vectors.txt")  # a stage will make it
    main()
    assert (workspace / "data/params.checked").is_file()
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in ("cuda", "cuda:1"):
        changed(workspace, "compute.device", name)
        with pytest.raises(InputError, match=f"device '{name}' is not on this machine; set compute.device to auto or"):
            main()
    changed(workspace, "compute.device", "cuda:x")
    with pytest.raises(
        InputError, match="compute.device: 'cuda:x' is refused: use auto, cpu, mps, cuda, or the number"
    ):
        main()


def test_an_experiment_with_a_mistake_says_how_to_take_it_back(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = workspace / "params.yaml"
    changed(workspace, "model.cell", "grru")
    os.utime(file, (1e9, 1e9))
    with pytest.raises(InputError, match=r"did you mean 'gru'\?$"):
        main()
    assert file.stat().st_mtime == 1e9
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "0123456")
    with pytest.raises(InputError, match=r"did you mean 'gru'\?\nparams.yaml: .* `git checkout params.yaml`$"):
        main()
    assert file.stat().st_mtime > 1e9  # Git looks at it again
