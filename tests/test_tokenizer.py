"""The tokenizer: `whitespace` equals `str.split`, and `words` separates words from punctuation."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.data.tokenizer import MAX_TOKEN, Tokenizer
from sentiment.errors import InputError
from sentiment.io.json_file import write_json

LECTURE = Tokenizer(method="whitespace", lowercase=False, strip_html=False)
WORDS = Tokenizer(method="words", lowercase=True, strip_html=True)
SPACES = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2028\u2029\u202f\u205f\u3000"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(SPACES))))
def test_whitespace_splits_as_python_does(texts: list[str]) -> None:
    assert LECTURE(pa.array(texts, pa.string())).to_pylist() == [text.split() for text in texts]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]))))
def test_words_drop_nothing_but_white_space(texts: list[str]) -> None:
    tokenizer = Tokenizer(method="words", lowercase=False, strip_html=False)
    for text, tokens in zip(texts, tokenizer(pa.array(texts, pa.string())).to_pylist(), strict=True):
        assert "".join(tokens) == "".join(text.split())


@pytest.mark.parametrize(
    "text, tokens",
    [
        ("A GREAT Film", "a great film"),
        ("Great!<br /><br />Really <b>great</b>", "great ! really great"),
        ("Don't, won't; it's Hitchcock's", "don't , won't ; it's hitchcock's"),
        ("the actors' rock'n'roll 'style'", "the actors ' rock'n'roll ' style '"),
        ("l’amour dure…", "l’amour dure …"),
        ("10/10, 7.5 of 10", "10 / 10 , 7 . 5 of 10"),
        ("a café-noir (1944)", "a café - noir ( 1944 )"),
        ("1 < 2 but <3", "1 < 2 but < 3"),
        ("Wow!!! 🎬", "wow ! ! ! 🎬"),
        ("नहीं है", "नहीं है"),
        ("这部电影很好。", "这 部 电 影 很 好 。"),
        ("映画abcとても", "映 画 abc と て も"),
        ("หนังดีมาก", "ห นั ง ดี ม า ก"),
        ("재미있는 영화!", "재미있는 영화 !"),
        ("I ❤️ it👍", "i ❤️ it 👍"),
        ("", ""),
    ],
)
def test_words_are_separated_from_punctuation(text: str, tokens: str) -> None:
    assert WORDS(pa.array([text])).to_pylist() == [tokens.split()]


@pytest.mark.parametrize("tokenizer", [LECTURE, WORDS])
def test_the_rest_of_a_long_token_is_cut_off(tokenizer: Tokenizer) -> None:
    texts = pa.array(["", "é" * (MAX_TOKEN + 1) + " film", "é" * MAX_TOKEN])
    assert tokenizer(texts).to_pylist() == [[], ["é" * MAX_TOKEN, "film"], ["é" * MAX_TOKEN]]


def test_a_slice_of_a_column_is_tokenized_like_the_whole() -> None:
    texts = pa.array(["a b", "", " c ", "d"])
    assert LECTURE(texts.slice(1, 2)).to_pylist() == LECTURE(texts).to_pylist()[1:3]


def test_settings_can_be_saved_and_loaded_and_damage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    write_json(path, WORDS.model_dump())
    assert Tokenizer.load(path) == WORDS
    path.write_text('{"method": "letters", "lowercase": true, "strip_html": true}', encoding="utf-8")
    with pytest.raises(InputError, match="tokenizer.json.method: 'letters' is not one of .*; run `dvc repro --force"):
        Tokenizer.load(path)
