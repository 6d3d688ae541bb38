"""Cut the reviews into tokens: data/reviews/<split>.parquet -> data/tokens/<split>.parquet, data/tokens/tokenizer.json.

The second file holds the tokenizer's settings, with which `predict` must tokenize too.
"""

from pathlib import Path

from sentiment.config import paths
from sentiment.config.section import Section
from sentiment.data.tokenizer import Tokenizer
from sentiment.io import parquet, progress
from sentiment.io.atomic import atomic_folder
from sentiment.io.json_file import write_json
from sentiment.pipeline.stage import run


class Params(Section, Tokenizer, name="tokenize"):
    pass


def tokenize(reviews: Path, tokens: Path, tokenizer: Tokenizer) -> None:
    """Tokenize one split, a batch of reviews at a time."""
    bar = progress.counter(f"tokenize {tokens.stem}", parquet.count(reviews, parquet.REVIEWS))
    with bar, parquet.open_writer(tokens, parquet.TOKENS) as table:
        for batch in parquet.read(reviews, parquet.REVIEWS):
            table.write(batch["id"], batch["label"], tokenizer(batch["text"]))
            bar.update(batch.num_rows)


def main() -> None:
    params = Params.load()
    with atomic_folder(paths.TOKENS.folder) as folder:
        for reviews, tokens in zip(paths.REVIEWS, paths.TOKENS.moved(folder), strict=True):
            tokenize(reviews, tokens, params)
        write_json(folder / paths.TOKENIZER.name, params.model_dump())


if __name__ == "__main__":
    run(main)
