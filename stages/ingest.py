"""Read the reviews and split them: ingest.source -> data/reviews/, metrics/corpus.json."""

from contextlib import ExitStack

from sentiment.config import paths
from sentiment.config.paths import SPLITS
from sentiment.config.section import Section
from sentiment.data import sources
from sentiment.data.classes import BINARY
from sentiment.data.splitting import Splitter, Splitting
from sentiment.io import parquet, progress
from sentiment.io.atomic import atomic_folder
from sentiment.io.json_file import write_json
from sentiment.pipeline.stage import run


class Params(Section, Splitting, name="ingest"):
    source: str
    text_column: str
    label_column: str


def main() -> None:
    params = Params.load()
    reviews = sources.read(sources.locate(params.source), params.text_column, params.label_column)
    with atomic_folder(paths.REVIEWS.folder) as folder, ExitStack() as stack:
        tables = {
            split: stack.enter_context(parquet.open_writer(path, parquet.REVIEWS))
            for split, path in zip(SPLITS, paths.REVIEWS.moved(folder), strict=True)
        }
        splitter = Splitter(params, tables)
        for review in progress.bar(reviews, "ingest"):
            splitter.add(review)
        corpus = splitter.finish(params.source)
        write_json(folder / paths.CLASSES.name, BINARY.model_dump())
    write_json(paths.CORPUS, corpus)


if __name__ == "__main__":
    run(main)
