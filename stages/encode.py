"""Turn tokens into ids: data/tokens/, data/vocab.csv -> data/ids/, metrics/ids.json."""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.config import paths
from sentiment.config.paths import PARTS
from sentiment.config.section import Section
from sentiment.data.encoding import Encoding, Lengths, Truncation, open_writer
from sentiment.data.tokenizer import Tokenizer
from sentiment.data.vocabulary import MOSTLY_UNKNOWN, OUT_OF_VOCABULARY, Vocabulary, remedy_for_unknown
from sentiment.io import parquet, progress
from sentiment.io.atomic import atomic_folder
from sentiment.io.json_file import write_json
from sentiment.pipeline.stage import run


class Params(Section, Truncation, name="encode"):
    pass


def encode(tokens: Path, folder: Path, encoding: Encoding, vocabulary: Vocabulary) -> dict[str, Any]:
    """Encode one part, a batch of reviews at a time. Return its metrics for metrics/ids.json, {} without reviews."""
    all_lengths: list[Lengths] = []
    unknown = 0
    bar = progress.counter(f"encode {folder.name}", parquet.count(tokens, parquet.TOKENS))
    with bar, open_writer(folder, vocabulary.id_type) as split:
        for batch in parquet.read(tokens, parquet.TOKENS):
            ids, lengths = encoding.encode(batch["tokens"], vocabulary)
            split.write(batch["id"], batch["label"], ids, lengths)
            all_lengths.append(lengths)
            unknown += int(np.count_nonzero(ids == OUT_OF_VOCABULARY))
            bar.update(batch.num_rows)
    return describe(np.concatenate(all_lengths), unknown) if all_lengths else {}


def describe(lengths: Lengths, unknown: int) -> dict[str, Any]:
    """Return the number of tokens, the share out of the vocabulary, and percentiles of the reviews' lengths."""
    tokens = int(lengths.sum())
    percentiles = {"p50": 50, "p90": 90, "p99": 99, "longest": 100}
    return {
        "tokens": tokens,
        "out_of_vocabulary": unknown / max(tokens, 1),
        "empty_reviews": int(np.count_nonzero(lengths == 0)),
        "length": {
            name: int(np.percentile(lengths, percent, method="inverted_cdf")) for name, percent in percentiles.items()
        },
    }


def warn_of_unknown(metrics: dict[str, Any], tokenizer: Tokenizer) -> None:
    """Print a line if most validation tokens are out of the vocabulary: the model can know nothing about them."""
    unknown = metrics["valid"]["out_of_vocabulary"]
    if unknown > MOSTLY_UNKNOWN:
        print(
            f"warning: {unknown:.0%} of the validation tokens are not in {paths.VOCABULARY}, so the model cannot know "
            f"them; {remedy_for_unknown(tokenizer.method)}",
            file=sys.stderr,
        )


def main() -> None:
    params = Params.load()
    vocabulary = Vocabulary.load(paths.VOCABULARY)
    encoding = Encoding(
        tokenizer=Tokenizer.load(paths.TOKENIZER),
        truncation=Truncation(max_tokens=params.max_tokens, truncation_side=params.truncation_side),
        vocabulary=vocabulary.digest,
    )
    with atomic_folder(paths.IDS.folder) as folder:
        metrics: dict[str, Any] = {
            part: encode(tokens, ids, encoding, vocabulary)
            for part, tokens, ids in zip(PARTS, paths.TOKENS, paths.IDS.moved(folder), strict=True)
        }
        write_json(folder / paths.ENCODING.name, encoding.model_dump())
    write_json(paths.IDS_METRICS, {part: described for part, described in metrics.items() if described})
    warn_of_unknown(metrics, encoding.tokenizer)


if __name__ == "__main__":
    run(main)
