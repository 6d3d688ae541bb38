"""Word vectors: every file format gives the same vectors, and an error names the line of a damaged file."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from sentiment.config.paths import SAMPLE
from sentiment.data import word_vectors
from sentiment.errors import InputError
from stages import check
from tests.support.clone import set_parameter
from tests.support.imports import ROOT

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
        ("padded.txt", TEXT.replace(" ", "   ").encode()),
        ("tabs.vec", b"4\t2\n" + TEXT.replace(" ", "\t").encode()),
        ("a space.txt", TEXT.encode() + b"  1 2\n"),
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
        ("a.txt", b"\nfilm 1 2\n", "its first line is '', not a word and its numbers with spaces between them"),
        ("a.csv", b"film,1,2\n", "its first line is 'film,1,2', not a word and its numbers with spaces between them"),
        ("a.zip", b"PK\x03\x04\x14", "is a zip archive; unpack it and give the text file in it"),
        ("a.bin", b"\xba\x16\x4f\x2f\x0c\0", "is a model in fastText's own form; give the .vec file that fastText"),
        ("a.model", b"\x80\x04\x95", "is a Python pickle, such as a gensim model, and pickles are not loaded; save"),
        ("a.npy", b"\x93NUMPY\x01", "is a NumPy array, which has no words; save the vectors in word2vec's text"),
        ("a.txt", gzip.compress(TEXT.encode(), mtime=0), "is compressed with gzip; add .gz to its name"),
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
        ("a.txt", b"x" * 20_000, "its first line is 'xxx"),
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


@pytest.mark.parametrize(
    "content, expected",
    [
        (b"film 1 2\nof 1 2\ngood 1\n", "a.txt: line 3 is not a word and 2 numbers"),
        (b"film 1 2\ngood 1 2", "a.txt: line 2 is cut off"),
        (b"film 1 2\ngood 1 nan\n", "a.txt: line 2: 'good' is not followed by 2 numbers"),
        (b"film 1 2 3\n", "vectors have 3 numbers; set model.embedding_dim to 3, not 2"),
    ],
)
def test_check_reads_the_file_to_its_end(workspace: Path, content: bytes, expected: str) -> None:
    """`train` would find the mistake too, but DVC has removed the last model by then."""
    (workspace / "a.txt").write_bytes(TEXT.encode())
    set_parameter(workspace / "params.yaml", "model.vectors", "a.txt")
    set_parameter(workspace / "params.yaml", "model.embedding_dim", 2)
    set_parameter(workspace / "params.yaml", "ingest.source", str(ROOT / SAMPLE))
    check.main()
    (workspace / "a.txt").write_bytes(content)
    with pytest.raises(InputError, match=expected):
        check.main()


def test_vectors_that_would_fill_the_disk_are_refused(tmp_path: Path) -> None:
    (tmp_path / "v.txt.gz").write_bytes(gzip.compress((b"film 1" + b" " * 8000 + b"2\n") * 9000))
    with pytest.raises(InputError, match="v.txt.gz: unpacks to more than 67,108,864 bytes, 100 times its size"):
        word_vectors.load(tmp_path / "v.txt.gz", WORDS, 2)
