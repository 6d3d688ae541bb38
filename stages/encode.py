"""Turn tokens into ids: data/tokens/<split>.parquet, data/vocab.csv -> data/ids/, metrics/ids.json."""

from pathlib import Path
from typing import Any

import numpy as np

from sentiment.config import paths
from sentiment.config.paths import SPLITS
from sentiment.config.section import Section
from sentiment.data import encoding
from sentiment.data.encoding import Encoding, Truncation
from sentiment.data.tokenizer import Tokenizer
from sentiment.data.vocabulary import OUT_OF_VOCABULARY, Vocabulary
from sentiment.io import parquet, progress
from sentiment.io.json_file import write_json
from sentiment.pipeline.stage import run


class Params(Section, Truncation, name="encode"):
    pass


def encode(tokens: Path, folder: Path, settings: Encoding, vocabulary: Vocabulary) -> dict[str, Any]:
    """Encode one split, a batch of reviews at a time. Return what metrics/ids.json says of it."""
    histogram, unknown = np.zeros(1, np.int64), 0
    counter = progress.counter(f"encode {folder.name}", parquet.count(tokens, parquet.TOKENS))
    with counter, encoding.open_writer(folder, vocabulary.id_type) as split:
        for batch in parquet.read(tokens, parquet.TOKENS):
            ids, kept = settings.encode(batch["tokens"], vocabulary)
            split.write(batch["id"], batch["label"], ids, kept)
            unknown += int(np.count_nonzero(ids == OUT_OF_VOCABULARY))
            histogram = np.bincount(kept, minlength=len(histogram)) + np.pad(
                histogram, (0, max(0, int(kept.max(initial=0)) + 1 - len(histogram)))
            )
            counter.update(batch.num_rows)
    return describe(histogram, unknown)


def describe(histogram: encoding.Lengths, unknown: int) -> dict[str, Any]:
    """Return tokens, the share of them out of the vocabulary, and percentiles of a review's length.

    `histogram` counts the reviews of each length, from 0 up: it grows with the longest review, not with the corpus.
    """
    tokens = int(histogram @ np.arange(len(histogram)))
    upto = np.cumsum(histogram)
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "longest": 1.0}
    return {
        "tokens": tokens,
        "out_of_vocabulary": unknown / max(tokens, 1),
        "empty_reviews": int(histogram[0]),
        "length": {name: int(np.searchsorted(upto, share * upto[-1])) for name, share in shares.items()},
    }


def tokenizer_of(tokens: Path) -> Tokenizer:
    """Return the settings that a split was tokenized with."""
    return Tokenizer.model_validate_json(parquet.metadata(tokens, parquet.TOKENS)["tokenizer"])


def main() -> None:
    params = Params.load()
    vocabulary = Vocabulary.load(paths.VOCABULARY)
    encoding = Encoding(
        tokenizer=tokenizer_of(paths.TOKENS.train),
        truncation=Truncation(max_tokens=params.max_tokens, truncation_side=params.truncation_side),
        vocabulary=vocabulary.digest,
    )
    described: dict[str, Any] = {
        split: encode(tokens, folder, encoding, vocabulary)
        for split, tokens, folder in zip(SPLITS, paths.TOKENS, paths.IDS, strict=True)
    }
    write_json(paths.ENCODING, encoding.model_dump())
    write_json(paths.IDS_METRICS, described)


if __name__ == "__main__":
    run(main)
