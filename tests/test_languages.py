"""Reviews in other languages and scripts pass the data stages, and a classifier learns from their tokens."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sentiment.config import paths
from sentiment.data.classes import BINARY
from sentiment.data.predictions import read
from sentiment.io.json_file import read_json
from stages import baseline, count_vocab, encode, ingest, tokenize
from tests.support.clone import set_parameter

# Parts of a review, one of each in this order; the words of the last but one are negative, then positive.
GERMAN = (
    ["Der Film", "Die Aufführung", "Das Stück", "Größe und Länge:", "Überhaupt:"],
    ["war", "schien mir", "fanden wir", "wäre fast"],
    ["sehr", "äußerst", "ziemlich", "für uns", "diesmal"],
    ["schlecht|öde|mäßig|gräßlich", "großartig|schön|überwältigend|köstlich"],
    [".", "!", " – und süß.", ", heißt es."],
)
CHINESE = (
    ["这部电影", "那个故事", "导演的作品", "女主角"],
    ["真的", "实在", "其实", "对我来说"],
    ["很", "非常", "太", "十分"],
    ["无聊|糟糕|难看|失望", "精彩|好看|感人|有趣"],
    ["。", "！", "，你觉得呢？", "，仅此而已。", "……"],
)
EMOJI = (
    ["Just left the cinema", "Last night", "This one", "My review:", "👀"],
    ["", "🎬", "🍿🍿", "👩‍👧‍👦"],
    [" ", " so ", " totally ", "\u200b"],
    ["👎|😴|🤢|💔", "👍|😍|🤩|❤️"],
    ["", "!!!", "👋🏽", " 🇫🇷", " #film"],
)


def write_corpus(folder: Path, parts: tuple[list[str], ...], between: str) -> None:
    """Write each combination of the parts as a review."""
    *begin, words, end = parts
    rows = [
        (between.join([*beginning, word]) + ending, label)
        for label, alternatives in enumerate(words)
        for word in alternatives.split("|")
        for *beginning, ending in itertools.product(*begin, end)
    ]
    pd.DataFrame(rows, columns=["text", "label"]).to_csv(folder / "reviews.csv", index=False)


@pytest.mark.parametrize("parts, between", [(GERMAN, " "), (CHINESE, ""), (EMOJI, "")])
def test_reviews_in_any_script_can_be_learned(workspace: Path, parts: tuple[list[str], ...], between: str) -> None:
    write_corpus(workspace, parts, between)
    set_parameter(paths.PARAMS, "ingest.source", "reviews.csv")
    set_parameter(paths.PARAMS, "tokenize.method", "words")
    set_parameter(paths.PARAMS, "tokenize.lowercase", True)
    for stage in (ingest, tokenize, count_vocab, encode, baseline):
        stage.main()
    assert read_json(paths.IDS_METRICS)["test"]["out_of_vocabulary"] < 0.01
    found = read(paths.BASELINE_TEST, BINARY)
    assert len(found.labels) > 50
    assert np.array_equal(found.probability.argmax(axis=1), found.labels)
