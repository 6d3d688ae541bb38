"""Word vectors: every file format gives the same vectors, and an error names the line of a damaged file."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from sentiment.data import word_vectors
from sentiment.errors import InputError

WORDS = ["film", "good", "naïve", "absent"]
ENTRIES = {"good": [1.0, -2.5], "of": [0.0, 1.0], "naïve": [0.125, 3.0], "film": [7.0, 8.0]}
TEXT = "".join(f"{word} {a} {b}\n" for word, (a, b) in ENTRIES.items())


def binary(newline: bytes = b"\n", count: int = 4) -> bytes:
    body = b"".join(word.encode() + b" " + struct.pack("<2f", *values) + newline for word, values in ENTRIES.items())
    return f"{count} 2\n".encode() + body


@pytest.mark.parametrize(
    "name, content",
    [
        ("glove.txt", TEXT.encode()),
        ("w2v.vec", b"4 2\n" + TEXT.encode()),
        ("w2v.bin", binary()),
        ("old.bin", binary(newline=b"")),
        ("glove.txt.gz", gzip.compress(TEXT.encode(), mtime=0)),
        ("w2v.bin.gz", gzip.compress(binary(), mtime=0)),
        ("twice.txt", TEXT.encode() + b"good 9 9\n"),
        ("blanks.txt", b"good at film 3 4\n. . . 5 6\n" + TEXT.encode()),
        ("marked.txt", b"\xef\xbb\xbf" + TEXT.encode()),
        ("trailing.vec", b"4 2\n" + TEXT.replace("\n", " \n").encode()),
    ],
)
def test_every_file_format_gives_the_same_vectors(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    found = word_vectors.load(tmp_path / name, WORDS, 2)
    assert found.indices.tolist() == [0, 1, 2]
    assert found.values.tolist() == [ENTRIES[word] for word in WORDS[:3]]
    assert found.values.dtype == np.float32


@pytest.mark.parametrize("content", [b"0 0\n", b"0 2\n"])
def test_a_header_of_no_words_means_no_vectors(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "none.txt").write_bytes(content)
    found = word_vectors.load(tmp_path / "none.txt", WORDS, 2)
    assert len(found.indices) == 0
    assert found.values.shape == (0, 2)


@pytest.mark.parametrize(
    "name, content, expected",
    [
        ("a.txt", b"film 1 2 3\n", "vectors have 3 numbers; set model.embedding_dim to 3, not 2"),
        ("a.vec", b"4 3\n" + TEXT.encode(), "vectors have 3 numbers; set model.embedding_dim to 3, not 2"),
        ("a.txt", b"of 1 2\nfilm 1\n", "a.txt: line 2 is not a word and 2 numbers; fetch the file again, or remove"),
        ("a.txt", b"film 1 2\nother 1\n", "a.txt: line 2 is not a word and 2 numbers"),
        ("a.txt", b"film 1 2\nother 1 2", "a.txt: line 2 is cut off; fetch the file again, or end the line"),
        ("a.txt", b"", "a.txt: is empty; fetch the file again"),
        ("a.txt", b"\nfilm 1 2\n", "vectors have 0 numbers"),
        ("a.txt", b"0 2\nfilm 1 2\n", "its header says 0 words, it has 1"),
        ("a.txt", b"9" * 5000 + b" 2\nfilm 1 2\n", "vectors have 1 numbers"),
        ("a.txt", b"of 1 2\nfilm 1 1e50\n", "line 2: 'film' is not followed by 2 numbers"),
        ("a.bin", binary() + b"more", "its header says 4 words, it has more"),
        ("a.txt", b"of 1 2\nfilm 1 x\n", "line 2: 'film' is not followed by 2 numbers"),
        ("a.txt", b"of 1 2\nfilm 1 nan\n", "line 2: 'film' is not followed by 2 numbers"),
        ("a.txt", b"of 1 2\n\nfilm 1 2\n", "line 2 is not a word and 2 numbers"),
        ("a.vec", b"9 2\n" + TEXT.encode(), "its header says 9 words, it has 4; fetch the file again"),
        ("a.bin", binary()[:-6], "damaged at word 4 of 4; fetch the file again"),
        ("a.bin", binary(count=5), "damaged at word 5 of 5; fetch the file again"),
        ("a.bin", b"1 2\n" + b"x" * 20_000, "damaged at word 1 of 1; fetch the file again"),
        ("a.txt", b"x" * 20_000, "vectors have 0 numbers"),
        ("a.txt", b"le 1 2\nde 3 4\n", "has none of the vocabulary's 4 words; compare its language"),
        ("a.txt.gz", gzip.compress(TEXT.encode(), mtime=0)[:-9], "the gzip stream is damaged"),
        ("a.txt.gz", TEXT.encode(), "the gzip stream is damaged"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        word_vectors.load(tmp_path / name, WORDS, 2)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_words_too_long_to_be_read_are_not_written(tmp_path: Path) -> None:
    word_vectors.save(tmp_path / "v.txt", ["a" * 10_000, "b"], np.ones((2, 3), np.float32))
    assert word_vectors.load(tmp_path / "v.txt", ["b"], 3).values.tolist() == [[1, 1, 1]]


def test_an_endless_line_is_refused_without_reading_it_whole(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_bytes(b"2 2\na 1 2\n" + b"b 1 " * 10_000)
    with pytest.raises(InputError, match="v.txt: line 3 is not a word and 2 numbers"):
        word_vectors.load(tmp_path / "v.txt", ["a"], 2)


def test_a_missing_file_is_an_error_of_its_parameter(tmp_path: Path) -> None:
    for path in (tmp_path / "no.txt", tmp_path):
        with pytest.raises(InputError, match="^model.vectors: "):
            word_vectors.locate(str(path))
    with pytest.raises(InputError, match="'../x.txt' leaves the repository; give its absolute path"):
        word_vectors.locate("../x.txt")


def test_the_dimension_is_checked_by_the_first_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"film 1 2 3\nbroken")
    word_vectors.require(str(tmp_path / "a.txt"), 3)
    with pytest.raises(InputError, match="vectors have 3 numbers; set model.embedding_dim to 3, not 2"):
        word_vectors.require(str(tmp_path / "a.txt"), 2)
