"""Tokens: Arrow's whole-column splitting is `str.split`, and `words` parts words from signs."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from sentiment.text import Tokenizer

LECTURE = Tokenizer(method="whitespace", lowercase=False, strip_html=False)
WORDS = Tokenizer(method="words", lowercase=True, strip_html=True)
SPACES = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2028\u2029\u202f\u205f\u3000"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(SPACES))))
def test_whitespace_is_what_python_splits_at(texts: list[str]) -> None:
    assert LECTURE(pa.array(texts, pa.string())).to_pylist() == [text.split() for text in texts]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]))))
def test_words_lose_nothing_but_white_space(texts: list[str]) -> None:
    tokenizer = Tokenizer(method="words", lowercase=False, strip_html=False)
    for text, tokens in zip(texts, tokenizer(pa.array(texts, pa.string())).to_pylist(), strict=True):
        assert "".join(tokens) == "".join(text.split())


def test_words_keep_apostrophes_and_part_signs() -> None:
    text = "Don't <b>miss</b> it!!<br /><br />10/10, a café-noir; 1 < 2 <3"
    assert WORDS(pa.array([text])).to_pylist() == [
        ["don't", "miss", "it", "!", "!", "10", "/", "10", ",", "a", "café", "-", "noir", ";", "1", "<", "2", "<", "3"],
    ]


def test_a_slice_of_a_column_is_tokenized_like_the_whole() -> None:
    texts = pa.array(["a b", "", " c ", "d"])
    assert LECTURE(texts.slice(1, 2)).to_pylist() == LECTURE(texts).to_pylist()[1:3]
