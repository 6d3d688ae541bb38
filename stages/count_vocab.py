"""Count the training tokens: data/tokens/train.parquet -> data/vocab.csv, metrics/vocab.json."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sentiment.config import paths
from sentiment.config.section import PositiveInt, Section
from sentiment.data.vocabulary import TokenCounter, Vocabulary
from sentiment.errors import InputError
from sentiment.io import parquet, progress
from sentiment.io.json_file import write_json
from sentiment.pipeline.stage import run


class Params(Section, name="count_vocab"):
    max_size: PositiveInt
    min_count: PositiveInt


def count(tokens: Path) -> pa.Table:
    """Return the count of each distinct token of a split."""
    counter = TokenCounter()
    with progress.counter("count_vocab", parquet.count(tokens, parquet.TOKENS)) as bar:
        for batch in parquet.read(tokens, parquet.TOKENS, ["tokens"]):
            counter.add(batch["tokens"].flatten())
            bar.update(batch.num_rows)
    return counter.table()


def describe(counts: pa.Table, vocabulary: Vocabulary) -> dict[str, Any]:
    """Return the content of metrics/vocab.json. `coverage` is the share of training tokens with an id of their own."""
    total = pc.sum(counts["count"]).as_py()
    covered = pc.sum(vocabulary.counts).as_py()
    return {
        "tokens": total,
        "distinct_tokens": counts.num_rows,
        "size": len(vocabulary.tokens),
        "coverage": covered / total,
        "lowest_count": vocabulary.counts[-1].as_py(),
    }


def main() -> None:
    params = Params.load()
    counts = count(paths.TOKENS.train)
    if not counts.num_rows:
        raise InputError(f"{paths.TOKENS.train}: all reviews are blank; give reviews with words in ingest.source")
    vocabulary = Vocabulary.most_frequent(counts, params.max_size, params.min_count)
    if not len(vocabulary.tokens):
        raise InputError(
            f"{paths.TOKENS.train}: no token occurs count_vocab.min_count = {params.min_count} times; lower it"
        )
    vocabulary.save(paths.VOCABULARY)
    write_json(paths.VOCABULARY_METRICS, describe(counts, vocabulary))


if __name__ == "__main__":
    run(main)
