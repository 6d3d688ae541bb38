"""What each word contributed to a prediction."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sentiment.cli import explain as command_module
from sentiment.cli.main import call
from sentiment.data.automaton import Word
from sentiment.errors import InputError
from sentiment.inference import checkpoint, explanation
from sentiment.inference.checkpoint import Checkpoint
from sentiment.inference.predictor import predict_texts
from sentiment.nn.cells import CELLS
from tests.conftest import Command
from tests.support.checkpoints import VOCABULARY
from tests.support.imports import ROOT
from tests.support.networks import network, random_words, smooth

TOKENS = VOCABULARY.tokens.to_pylist()


def text_of(word: Word) -> str:
    return " ".join(TOKENS[token] for token in word)


def log_odds(trained: Checkpoint, text: str, label: int) -> float:
    share = float(predict_texts(trained, [text]).probability[0][label])
    return float(np.log(share) - np.log1p(-share))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pooling", ["last", "mean", "max", "concat"])
@pytest.mark.parametrize("classes", [2, 5])
def test_the_contributions_of_gradients_add_up(cell: str, pooling: str, classes: int) -> None:
    trained = smooth(classes, cell=cell, pooling=pooling)
    for word in random_words(5, longest=6):
        found = explanation.explain(trained, text_of(word), 1, "gradients")
        assert len(found.tokens) == len(found.contributions) == len(word)
        assert found.log_odds == pytest.approx(log_odds(trained, text_of(word), 1), abs=1e-4)
        assert found.zeros is not None
        assert found.zeros + found.contributions.sum() == pytest.approx(found.log_odds, abs=explanation.UNEXPLAINED)


def test_other_networks_are_explained_too() -> None:
    for changes in ({"encoder": "transformer"}, {"layers": 2, "bidirectional": True}, {"concat_last_embedding": True}):
        found = explanation.explain(smooth(**changes), text_of(random_words(1)[0]), 0, "gradients")
        assert abs(found.unexplained) < explanation.UNEXPLAINED
        assert np.abs(found.contributions).max() > 0


def test_a_word_left_out_changes_the_log_odds_by_its_contribution() -> None:
    trained, word = smooth(cell="gru"), random_words(1, longest=6)[0]
    found = explanation.explain(trained, text_of(word), 1, "leave-one-out")
    for place, value in enumerate(found.contributions):
        without = text_of((*word[:place], *word[place + 1 :]))
        assert value == pytest.approx(log_odds(trained, text_of(word), 1) - log_odds(trained, without, 1), abs=1e-4)
    other = explanation.explain(trained, text_of(word), 0, "leave-one-out")
    assert other.contributions == pytest.approx(-found.contributions)


def test_a_long_text_is_explained_as_far_as_it_is_read_and_unknown_words_are_marked() -> None:
    trained = network(cell="rnn")
    found = explanation.explain(trained, "good x " * 5 + "bad", 1, "gradients")  # the network reads six tokens
    assert found.tokens == ["good", "x", "good", "good", "x", "bad"]
    assert found.unknown.tolist() == [False, True, False, False, True, False]
    assert explanation.explain(trained, "", 1, "gradients").tokens == []
    assert explanation.explain(trained, "", 1, "leave-one-out").contributions.tolist() == []


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "classifier"
    checkpoint.save(folder, network(5, cell="rnn"), seed=1, epoch=1)
    return folder


def test_the_command_prints_the_words_that_matter_most(model: Path, command: Command) -> None:
    printed = command("sentiment", "explain", "--model", str(model), "--class", "3", "good bad unheard").stdout
    answer, text, *words, zeros = printed.splitlines()
    assert "  log-odds of 3 " in answer
    assert text == "  good bad unheard"
    numbers = [abs(float(line.split()[0])) for line in words]
    assert numbers == sorted(numbers, reverse=True)
    assert {line.split()[1] for line in words} == {"good", "bad", "unheard"}
    assert sum(line.endswith("(unknown)") for line in words) == 1
    assert zeros.endswith("a text of zeros")


def test_a_file_is_explained_line_by_line_as_json(model: Path, command: Command, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id,text\n1,good good\n2,\n3,bad\n", encoding="utf-8")
    done = command("sentiment", "explain", "--model", str(model), "--json", "--file", str(tmp_path / "r.csv"))
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["text"] for record in records] == ["good good", "", "bad"]
    for record in records:
        assert record["class"] == record["predicted"]
        total = record["zeros"] + sum(word["contribution"] for word in record["words"]) + record["unexplained"]
        assert total == pytest.approx(record["log_odds"], abs=1e-6)


def test_a_terminal_shows_colours_and_obeys_no_word(model: Path) -> None:
    reading, writing = pty.openpty()
    words = [sys.executable, "-m", "sentiment", "explain", "--model", str(model), "good bad\x1b[2J"]
    with subprocess.Popen(words, cwd=ROOT, stdout=writing, env=os.environ | {"TERM": "xterm"}) as process:
        os.close(writing)
        printed = b""
        while True:
            try:
                part = os.read(reading, 4096)
            except OSError:
                break
            if not part:
                break
            printed += part
        process.wait()
    os.close(reading)
    assert b"\x1b[30;48;5;" in printed
    assert b"\x1b[2J" not in printed


def test_colours_are_the_stronger_the_more_a_word_contributes() -> None:
    words = [{"word": name, "contribution": value} for name, value in (("a", 1.0), ("b", -0.6), ("c", 0.1), ("d", 0.0))]
    shown = command_module.coloured(words).split(" ")
    assert str(command_module.FOR[2]) in shown[0]
    assert str(command_module.AGAINST[1]) in shown[1]
    assert shown[2:] == ["c", "d"]


@pytest.mark.parametrize(
    "words, expected",
    [
        ([], "give either texts or --file"),
        (["a", "--file", "x.csv"], "give either texts or --file"),
        (["--file", "none.csv"], "none.csv: no such file"),
        (["--class", "good", "a"], "--class 'good': no such class; the model has 1, 2, 3, 4, 5"),
    ],
)
def test_a_mistake_is_one_line(model: Path, words: list[str], expected: str) -> None:
    with pytest.raises(InputError) as error:
        call(["explain", "--model", str(model), *words])
    assert expected in str(error.value)
