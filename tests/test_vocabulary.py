"""The vocabulary: its order, its ids, its file."""

import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.data import vocabulary
from sentiment.data.vocabulary import TokenCounter, Vocabulary
from sentiment.errors import InputError
from tests.support.imports import ROOT

AWKWARD = [
    "NA",
    "null",
    "nan",
    "None",
    '"',
    "'",
    ",",
    '","',
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\\",
    "🎬",
    "é",
    "e\u0301",
    "#",
    "=1",
]
TOKEN = st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | st.sampled_from(AWKWARD)


def counted(*batches: list[str]) -> pa.Table:
    counter = TokenCounter()
    for batch in batches:
        counter.add(pa.array(batch, pa.string()))
    return counter.table()


def test_ids_follow_the_counts_and_ties_the_tokens() -> None:
    # b occurs 3 times, a and c twice, d once: c and a tie, so the token decides; d is out of the vocabulary.
    made = Vocabulary.most_frequent(counted(["b", "c", "a", "b"], ["c", "a", "b", "d"]), 3, 1)
    assert made.tokens.to_pylist() == ["b", "a", "c"]
    assert made.encode(pa.array(["a", "d", "b", "c", "new"])).tolist() == [3, 1, 2, 4, 1]
    assert len(made) == 5


@given(st.lists(st.lists(TOKEN, max_size=20), max_size=5), st.integers(1, 10), st.integers(1, 3))
def test_counts_and_order_are_those_of_python(batches: list[list[str]], size: int, least: int) -> None:
    expected = Counter(token for batch in batches for token in batch)
    counts = counted(*batches)
    assert dict(zip(counts["token"].to_pylist(), counts["count"].to_pylist(), strict=True)) == expected
    ranked = sorted(expected.items(), key=lambda item: (-item[1], item[0].encode()))
    made = Vocabulary.most_frequent(counted(*batches), size, least)
    pairs = list(zip(made.tokens.to_pylist(), made.counts.to_pylist(), strict=True))
    assert pairs == [pair for pair in ranked if pair[1] >= least][:size]


def test_counts_do_not_depend_on_when_batches_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [["a", "b"], ["b", "c"], ["c", "a", "a"]]
    whole = counted(*batches).sort_by("token").to_pydict()
    monkeypatch.setattr(vocabulary, "MAX_PENDING_ROWS", 1)
    assert counted(*batches).sort_by("token").to_pydict() == whole == {"token": ["a", "b", "c"], "count": [3, 2, 2]}


@given(st.lists(TOKEN, min_size=1, unique=True))
def test_any_token_can_be_saved_and_loaded(tokens: list[str]) -> None:
    saved = Vocabulary.most_frequent(counted(tokens), len(tokens), 1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "vocab.csv")
        saved.save(path)
        loaded = Vocabulary.load(path)
    assert loaded.tokens.equals(saved.tokens)
    assert loaded.counts.equals(saved.counts)
    assert loaded.digest == saved.digest


def test_a_long_token_can_be_saved_and_loaded(tmp_path: Path) -> None:
    path = tmp_path / "vocab.csv"
    Vocabulary(pa.array(["a" * 200_000, "b"]), pa.array([2, 1])).save(path)
    done = subprocess.run(  # in a process that has read no source before
        [
            sys.executable,
            "-c",
            f"from sentiment.data.vocabulary import *; print(len(Vocabulary.load(Path({str(path)!r}))))",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("4\n", "")


def test_the_narrowest_type_holds_the_highest_id() -> None:
    tokens = [f"t{number}" for number in range(300)]
    assert Vocabulary.most_frequent(counted(tokens), 254, 1).id_type == "uint8"
    assert Vocabulary.most_frequent(counted(tokens), 255, 1).id_type == "uint16"
    ids = Vocabulary.most_frequent(counted(tokens), 254, 1).encode(pa.array(tokens))
    assert ids.max() == 255


@pytest.mark.parametrize(
    "content, expected",
    [
        ("word,n\na,1\n", "the header is not token,count"),
        ("token,count\na,0\n", "row 1 is"),
        ("token,count\na,2\nb,three\n", "row 2 is"),
        ("token,count\na,1\nb,2\n", "row 2 is more frequent"),
        ("token,count\na,1\na,1\n", "token 'a' appears twice"),
        ('token,count\n"a,1\n', "not a table"),
    ],
)
def test_an_error_names_the_row_of_a_damaged_file(tmp_path: Path, content: str, expected: str) -> None:
    path = tmp_path / "vocab.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=expected):
        Vocabulary.load(path)
