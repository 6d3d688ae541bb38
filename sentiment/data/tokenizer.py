"""Text to tokens, a whole column at a time in Arrow: the same code for training and for prediction.

>>> lecture = Tokenizer(method="whitespace", lowercase=False, strip_html=False)
>>> lecture(pa.array(["  Not good.<br />Don't! ", ""])).to_pylist()
[['Not', 'good.<br', "/>Don't!"], []]
>>> Tokenizer(method="words", lowercase=True, strip_html=True)(pa.array(["Not good.<br />Don't!"])).to_pylist()
[['not', 'good', '.', "don't", '!']]
"""

from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentiment.config.section import Settings

# Characters of the longest token; the rest of a longer one is cut off. No word is that long. The bound also limits the
# lines of a vocabulary and of a file of word vectors.
MAX_TOKEN = 1000

# A tag: "<br />", "</p>", "<a href=...>", but not "1 < 2" or "<3".
_TAG = r"</?[A-Za-z][^<>]*>"
# Scripts that put no spaces between words: each of their characters is a token, with the marks that belong to it.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
# A word is a run of other letters, marks and digits, with apostrophes inside ("don't", "l’air"). Any other character is
# a token of its own.
_LETTERS = rf"(?:[^\P{{L}}{_UNSPACED}]|[\p{{M}}\p{{N}}])+"
_WORD_OR_CHARACTER = rf"({_LETTERS}(?:['’]{_LETTERS})*|[{_UNSPACED}]\p{{M}}*|[^\s\p{{L}}\p{{M}}\p{{N}}]\p{{M}}*)"


class Tokenizer(Settings):
    """How a text becomes tokens.

    whitespace  split at white space and leave the tokens as they are, as the lecture does
    words       separate words from punctuation, and the characters of scripts without spaces, such as Chinese and Thai
    """

    method: Literal["whitespace", "words"]
    lowercase: bool
    strip_html: bool

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Read the settings that `tokenize` wrote. Raises InputError if the file is missing or damaged."""
        return cls.from_json(path, "run `dvc repro --force tokenize`")

    def __call__(self, texts: pa.StringArray) -> pa.ListArray:
        """Split each text: string[reviews] -> list<string>[reviews]. An empty text has no tokens."""
        if self.strip_html:
            texts = pc.replace_substring_regex(texts, _TAG, " ")
        if self.lowercase:
            texts = pc.utf8_lower(texts)
        if self.method == "words":
            texts = pc.replace_substring_regex(texts, _WORD_OR_CHARACTER, r" \1 ")
        return _split(texts)


def _split(texts: pa.StringArray) -> pa.ListArray:
    """Split at white space exactly as `str.split` does, a column at a time.

    Arrow gives an empty token at each end that has white space, so texts are trimmed first. An empty text still gives
    one empty token, which is removed.
    """
    trimmed = pc.utf8_trim_whitespace(texts)
    lists = pc.utf8_split_whitespace(trimmed)
    tokens = lists.flatten()
    lengths = pc.binary_length(trimmed).to_numpy()
    long = lengths.max(initial=0) > MAX_TOKEN and pc.max(pc.binary_length(tokens)).as_py() > MAX_TOKEN
    empty = lengths == 0
    if not (long or empty.any()):
        return lists
    if long:
        tokens = pc.utf8_slice_codeunits(tokens, 0, MAX_TOKEN)
    offsets = np.concatenate([[0], np.cumsum(pc.list_value_length(lists).to_numpy() - empty, dtype=np.int32)])
    return pa.ListArray.from_arrays(offsets, tokens.filter(pc.not_equal(tokens, "")))
