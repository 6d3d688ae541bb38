"""Languages whose rule is known: their definitions, their corpora, and how they are recognised."""

import re
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from sentiment.config import paths
from sentiment.data import languages, sample
from sentiment.data.languages import LANGUAGES
from sentiment.io.json_file import read_json
from stages import ingest
from tests.conftest import Command
from tests.support.clone import set_parameter


def runs(word: str, token: str) -> list[tuple[int, int]]:
    """Return where each run of a token begins and how long it is."""
    return [(found.start(), len(found.group())) for found in re.finditer(f"{token}+", word)]


RULES: dict[str, Callable[[str], bool]] = {
    "tomita-1": lambda word: "0" not in word,
    "tomita-2": lambda word: re.fullmatch("(10)*", word) is not None,
    "tomita-3": lambda word: (
        not any(
            ones % 2 and zeros % 2 and first < second
            for first, ones in runs(word, "1")
            for second, zeros in runs(word, "0")
        )
    ),
    "tomita-4": lambda word: "000" not in word,
    "tomita-5": lambda word: word.count("0") % 2 == word.count("1") % 2 == 0,
    "tomita-6": lambda word: (word.count("0") - word.count("1")) % 3 == 0,
    "tomita-7": lambda word: re.fullmatch("0*1*0*1*", word) is not None,
    "anbn": lambda word: bool(word) and word == "a" * (len(word) // 2) + "b" * (len(word) // 2),
    "dyck-1": lambda word: bool(word) and not _without_pairs(word),
}


def _without_pairs(word: str) -> str:
    while "()" in word:
        word = word.replace("()", "")
    return word


@pytest.mark.parametrize("name", RULES)
def test_a_language_accepts_what_its_definition_says(name: str) -> None:
    language = LANGUAGES[name]
    for length in range(11):
        for word in product(language.tokens, repeat=length):
            assert language.label(word) == int(RULES[name]("".join(word))), word


@pytest.mark.parametrize(
    "name, states",
    [
        ("tomita-1", 2),
        ("tomita-2", 3),
        ("tomita-3", 5),
        ("tomita-4", 4),
        ("tomita-5", 4),
        ("tomita-6", 3),
        ("tomita-7", 5),
        ("verdicts", 9),
    ],
)
def test_an_automaton_has_the_published_number_of_states(name: str, states: int) -> None:
    language = LANGUAGES[name]
    assert len(language.automaton(language.tokens).minimal()) == states


@pytest.mark.parametrize("name", ["anbn", "dyck-1"])
def test_a_language_that_counts_has_no_automaton(name: str) -> None:
    with pytest.raises(ValueError, match="no finite automaton"):
        LANGUAGES[name].automaton(LANGUAGES[name].tokens)


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_corpus_is_balanced_correct_and_of_all_lengths(name: str) -> None:
    language = LANGUAGES[name]
    rows = [(tuple(text.split()), label) for text, label in languages.reviews(language, 601, seed=1)]
    assert [label for _, label in rows] == [0] * 300 + [1] * 301
    assert all(language.label(word) == label for word, label in rows)
    assert {len(word) for word, _ in rows} >= set(range(2, 13))
    assert max(len(word) for word, label in rows if label) > language.longest - 4
    if name not in ("tomita-1", "tomita-2", "anbn"):  # which accept one word of a length, at most
        long = [word for word, _ in rows if len(word) > 19]
        assert len(set(long)) > 0.95 * len(long)


def test_short_words_occur_often_and_long_ones_too() -> None:
    lengths = [len(text.split()) for text, _ in languages.reviews(LANGUAGES["tomita-6"], 1000, seed=1)]
    assert 0.4 < np.mean(np.array(lengths) <= 6) < 0.7
    assert 0.1 < np.mean(np.array(lengths) > 15) < 0.3


def test_near_misses_are_among_the_rejected_words() -> None:
    rejected = {text for text, label in languages.reviews(LANGUAGES["tomita-1"], 400, seed=1) if not label}
    assert sum(text.count("0") == 1 for text in rejected) > 50  # of 2**30 words of 30 tokens, 30 have a single 0


def test_a_corpus_has_the_same_bytes_again_and_others_with_another_seed(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "abc"]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        languages.write("tomita-5", path, 100, seed)
    first, again, other = (path.read_bytes() for path in paths)
    assert first == again != other
    assert first.startswith(b"text,label\n")


@pytest.mark.parametrize("name", LANGUAGES)
def test_the_labels_tell_the_language(name: str) -> None:
    rows = list(languages.reviews(LANGUAGES[name], 300, seed=2))
    texts, labels = [text.split() for text, _ in rows], np.array([label for _, label in rows])
    assert languages.find(LANGUAGES[name].tokens, texts, labels) == name
    labels[7] = 1 - labels[7]
    assert languages.find(LANGUAGES[name].tokens, texts, labels) is None


def test_the_sample_corpus_is_recognised_and_reviews_that_people_wrote_are_not() -> None:
    rows = list(sample.reviews(50, 3))
    labels = np.array([int(label == "positive") for _, label in rows])
    assert languages.find(["a"], [text.split() for text, _ in rows], labels) == "verdicts"
    assert languages.find(["A"], [["A", "lovely", "film"], ["dreadful"]], np.array([1, 0])) is None
    assert languages.find([], [], np.array([], np.int64)) is None


@pytest.mark.parametrize("name", ["tomita-2", "anbn", "dyck-1", "verdicts"])
def test_long_words_have_their_labels_and_lengths_far_beyond_those_of_the_corpus(name: str) -> None:
    language = LANGUAGES[name]
    for word, label in languages.long_words(name, times=8, count=6, seed=1):
        assert language.label(word) == label
        assert 4 * language.longest < len(word) <= 8 * language.longest
    one, other = (list(languages.long_words(name, 2, 4, seed)) for seed in (1, 2))
    assert one != other


def test_long_reviews_have_more_sentences_and_the_automaton_s_label() -> None:
    long = list(sample.long_reviews(4, 50, seed=1))
    assert all(sample.verdict(text) == label for text, label in long)
    assert {4, 8, 12} >= {text.removesuffix(".").count(". ") + 1 for text, _ in long}


def test_the_command_writes_a_corpus(tmp_path: Path, command: Command) -> None:
    done = command("sentiment", "make-sample", "--language", "tomita-2", "--output", str(tmp_path / "t.csv"))
    assert done.stdout == f"{tmp_path / 't.csv'}\n"
    assert (tmp_path / "t.csv").read_text(encoding="utf-8").count("\n") == 4001


def test_the_command_writes_as_many_reviews_as_asked_for(tmp_path: Path, command: Command) -> None:
    output = tmp_path / "words.csv"
    for arguments in ((), ("--language", "dyck-1")):
        written = []
        for seed in ("1", "2"):
            done = command(
                "sentiment", "make-sample", *arguments, "--reviews", "6", "--seed", seed, "--output", str(output)
            )
            assert (done.returncode, done.stderr) == (0, "")
            written.append(output.read_text(encoding="utf-8"))
        assert [text.count("\n") for text in written] == [7, 7]
        assert written[0] != written[1]


def test_no_number_of_reviews_is_one_line(command: Command) -> None:
    done = command("sentiment", "make-sample", "--reviews", "many")
    assert done.returncode == 2
    assert done.stderr.startswith("error: argument --reviews: 'many' is not a whole number")


@pytest.mark.parametrize("name", ["tomita-1", "tomita-2", "anbn"])
def test_each_split_has_accepted_words_of_a_language_that_has_few(workspace: Path, name: str) -> None:
    languages.write(name, workspace / "words.csv", 300)
    set_parameter(workspace / paths.PARAMS, "ingest.source", "words.csv")
    ingest.main()  # refuses a split without positive reviews
    corpus = read_json(paths.CORPUS)
    assert corpus["test_texts_seen_in_training"] == 0
    assert corpus["train"]["positive"] > corpus["valid"]["positive"] > 0


@pytest.mark.parametrize("name", LANGUAGES)
def test_no_word_is_longer_than_the_language_says(name: str) -> None:
    language = LANGUAGES[name]
    lengths = [len(text.split()) for text, _ in languages.reviews(language, 300, seed=3)]
    assert max(lengths) <= language.longest


def test_an_unknown_language_is_one_line(command: Command) -> None:
    done = command("sentiment", "make-sample", "--language", "tomita-8")
    assert done.returncode
    assert "error: --language 'tomita-8': not a known language; choose one of tomita-1," in done.stderr
