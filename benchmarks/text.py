"""Tokenize, count and encode the training reviews on one thread: this project, other tools, and a lower bound.

    python -m benchmarks.text [path/to/aclImdb_v1.tar.gz]

The task is the lecture's: split at white space, give the 5,000 most frequent tokens an id each and all others a shared
one. Every contestant starts from texts in memory, in the form that it needs. Before anything is timed, results must be
equal: see `check`. They go to benchmarks/results/text-imdb.json, or to text-sample.json for the sample corpus, which
is repeated to the size of IMDb.
"""

import collections
import contextlib
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.feature_extraction.text import CountVectorizer

from benchmarks.corpora import Corpus
from benchmarks.timing import Contestant, clock, compete, machine, report
from sentiment.data.encoding import EncodedSplit, Encoding, Truncation
from sentiment.data.tokenizer import Tokenizer
from sentiment.data.vocabulary import FIRST_TOKEN, OUT_OF_VOCABULARY, TokenCounter, Vocabulary
from sentiment.io import parquet
from sentiment.io.command import run
from stages import count_vocab, encode, tokenize

SIZE = 5000
ROUNDS = 5
SAMPLED = 250  # the lecture's code is timed on one review of this many
OURS = "this project"
BOUND = "bound: read, split and hash in Arrow"

LECTURE = Tokenizer(method="whitespace", lowercase=False, strip_html=False)


@dataclass(frozen=True)
class Encoded:
    """The result of a contestant: its tokens, the most frequent first, their counts, and ids[tokens] of all texts."""

    tokens: Sequence[str]
    counts: npt.NDArray[np.int64]
    ids: npt.NDArray[np.integer] | None = None


def this_project(batches: Sequence[pa.StringArray]) -> Encoded:
    """The functions of the stages, on the same batches."""
    tokens = [LECTURE(texts).flatten() for texts in batches]
    counter = TokenCounter()
    for batch in tokens:
        counter.add(batch)
    vocabulary = Vocabulary.most_frequent(counter.table(), SIZE, min_count=1)
    ids = np.concatenate([vocabulary.encode(batch) for batch in tokens])
    return Encoded(vocabulary.tokens.to_pylist(), vocabulary.counts.to_numpy(), ids)


def stages(folder: Path) -> Encoded:
    """The stages without their imports: like `this_project`, but with compressed, checked Parquet files."""
    tokens = folder / "tokens.parquet"
    tokenize.tokenize(folder / "reviews.parquet", tokens, LECTURE)
    vocabulary = Vocabulary.most_frequent(count_vocab.count(tokens), SIZE, min_count=1)
    whole = Truncation(max_tokens=0, truncation_side="start")
    encoding = Encoding(tokenizer=LECTURE, truncation=whole, vocabulary=vocabulary.digest)
    encode.encode(tokens, folder / "ids", encoding, vocabulary)
    ids = EncodedSplit.open(folder / "ids").ids
    return Encoded(vocabulary.tokens.to_pylist(), vocabulary.counts.to_numpy(), ids)


def bound(batches: Sequence[pa.StringArray]) -> int:
    """The lower bound in Arrow's C++: read the bytes, split at ASCII white space, hash each token once.

    Nothing is merged over batches, sorted or given an id, which every contestant must do as well.
    """
    return sum(len(pc.unique(pc.ascii_split_whitespace(texts).flatten())) for texts in batches)


def python_bound(content: bytes) -> int:
    """The lower bound in CPython: a list of all tokens, then their set."""
    return len(set(content.split()))


def plain_python(texts: Sequence[str]) -> Encoded:
    """A `Counter` and a dict."""
    tokens = [text.split() for text in texts]
    counter: collections.Counter[str] = collections.Counter()
    for review in tokens:
        counter.update(review)
    top = counter.most_common(SIZE)
    lookup = {token: number for number, (token, _) in enumerate(top, start=FIRST_TOKEN)}
    ids = np.fromiter((lookup.get(token, OUT_OF_VOCABULARY) for token in chain.from_iterable(tokens)), np.uint16)
    return Encoded([token for token, _ in top], np.array([count for _, count in top]), ids)


def scikit_learn(texts: Sequence[str]) -> Encoded:
    """`CountVectorizer`: the counts of each review, without the sequence of ids."""
    vectorizer = CountVectorizer(tokenizer=str.split, token_pattern=None, lowercase=False, max_features=SIZE)
    counts = np.asarray(vectorizer.fit_transform(texts).sum(axis=0)).ravel()
    order = np.argsort(-counts, kind="stable")
    return Encoded(vectorizer.get_feature_names_out()[order].tolist(), counts[order])


def hugging_face(texts: Sequence[str]) -> Encoded:
    """`tokenizers`: a word-level model that splits at white space, trained and applied in Rust."""
    from tokenizers import Tokenizer as WordLevelTokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from tokenizers.trainers import WordLevelTrainer

    special = ["[PAD]", "[UNK]"]
    tokenizer = WordLevelTokenizer(WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    trainer = WordLevelTrainer(vocab_size=SIZE + len(special), special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    ids = np.concatenate([np.array(review.ids, np.uint16) for review in tokenizer.encode_batch_fast(texts)])
    vocabulary = tokenizer.get_vocab()
    tokens = sorted(vocabulary.keys() - set(special), key=vocabulary.__getitem__)
    return Encoded(tokens, np.bincount(ids, minlength=FIRST_TOKEN + len(tokens))[FIRST_TOKEN:], ids)


def lecture(texts: Sequence[str]) -> float:
    """Estimate the seconds of the lecture's algorithm: a new `Counter` for each review, `list.index` for each token.

    Adding a counter takes time proportional to the vocabulary so far, `list.index` to the rank of the token, so all of
    IMDb takes minutes. Only one review of `SAMPLED` is timed and counted that many times: its counter is added to the
    same total as in a whole run, its tokens are looked up in the final list.
    """
    counter: collections.Counter[str] = collections.Counter()
    seconds = 0.0
    for number, text in enumerate(texts):
        if number % SAMPLED:
            counter.update(text.split())
            continue
        start = time.perf_counter()
        counter = counter + collections.Counter(text.split())
        seconds += time.perf_counter() - start
    vocabulary = [token for token, _ in counter.most_common(SIZE)]
    start = time.perf_counter()
    for text in texts[::SAMPLED]:
        for token in text.split():
            with contextlib.suppress(ValueError):
                vocabulary.index(token)
    return (seconds + time.perf_counter() - start) * len(texts) / len(texts[::SAMPLED])


def check(theirs: Encoded, ours: Encoded) -> None:
    """Raise AssertionError where a vocabulary or its ids differ from ours in more than the order of equal counts.

    We order tokens of equal count by token, others by first occurrence. So tokens are compared as a set, without those
    of the lowest count, some of which are cut off; and ids are compared by the count of their token.
    """
    assert np.array_equal(theirs.counts, ours.counts)
    lowest = ours.counts[-1]
    frequent = int(np.count_nonzero(ours.counts > lowest))
    assert set(theirs.tokens[:frequent]) == set(ours.tokens[:frequent])
    if theirs.ids is not None and ours.ids is not None:
        counts = np.concatenate([[lowest] * FIRST_TOKEN, ours.counts])
        assert np.array_equal(counts[theirs.ids], counts[ours.ids])


def contestants(texts: Sequence[str], folder: Path) -> list[Contestant]:
    """Return the contestants, each with the texts in the form that it needs; the stages use files in `folder`."""
    batches = [pa.array(texts[start : start + parquet.ROWS]) for start in range(0, len(texts), parquet.ROWS)]
    with parquet.open_writer(folder / "reviews.parquet", parquet.REVIEWS) as table:
        for batch in batches:
            table.write(pa.array([""] * len(batch)), batch, pa.array([0] * len(batch), pa.uint8()))
    alike = partial(check, ours=this_project(batches))
    return [
        Contestant(BOUND, clock(partial(bound, batches))),
        Contestant("bound in Python: set of bytes.split", clock(partial(python_bound, "\n".join(texts).encode()))),
        Contestant(OURS, clock(partial(this_project, batches), alike)),
        Contestant("its stages, files included", clock(partial(stages, folder), alike)),
        Contestant("plain Python: Counter and dict", clock(partial(plain_python, texts), alike)),
        Contestant("scikit-learn: CountVectorizer", clock(partial(scikit_learn, texts), alike)),
        Contestant("Hugging Face: tokenizers", clock(partial(hugging_face, texts), alike), package="tokenizers"),
        Contestant("the lecture's algorithm, estimated", partial(lecture, texts)),
    ]


def main() -> None:
    corpus = Corpus.given()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one thread, like all others
    pa.set_cpu_count(1)
    texts = corpus.training_texts()
    with tempfile.TemporaryDirectory() as folder:
        timings = compete(contestants(texts, Path(folder)), ROUNDS)
    ours, bounded = (next(timing for timing in timings if timing.name == name) for name in (OURS, BOUND))
    about = {
        "reviews": len(texts),
        "bytes": sum(len(text.encode()) for text in texts),
        "times_the_bound": ours.ratio(bounded)._asdict(),
    }
    described = machine(1, ["numpy", "pyarrow", "scikit-learn", "tokenizers"])
    report(corpus.result("text"), timings, OURS, about, described)


if __name__ == "__main__":
    run(main, takes_arguments=True)
