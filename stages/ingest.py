"""Read the reviews and split them: ingest.source, ingest.unlabelled -> data/reviews/, metrics/corpus.json."""

import sys
from contextlib import ExitStack

from sentiment.config import paths
from sentiment.config.paths import PARTS
from sentiment.config.section import Section
from sentiment.data import sources
from sentiment.data.labels import LabelOptions
from sentiment.data.splitting import Splitter, Splitting, relabel
from sentiment.io import parquet, progress
from sentiment.io.atomic import atomic_folder
from sentiment.io.json_file import write_json
from sentiment.pipeline.stage import run


class Params(Section, Splitting, LabelOptions, sources.Reading, name="ingest"):
    source: str
    unlabelled: str


def main() -> None:
    params = Params.load()
    reviews = sources.read(sources.locate(params.source), params)
    unlabelled = sources.read(sources.locate(params.unlabelled, "ingest.unlabelled"), params.without_labels())
    with atomic_folder(paths.REVIEWS.folder) as folder:
        files = paths.REVIEWS.moved(folder)
        with ExitStack() as stack:
            tables = {
                part: stack.enter_context(parquet.open_writer(path, parquet.REVIEWS))
                for part, path in zip(PARTS, files, strict=True)
            }
            splitter = Splitter(params.source, params, params, tables)
            for review in progress.bar(reviews, "ingest"):
                splitter.add(review)
            for review in progress.bar(unlabelled, "ingest unlabelled"):
                splitter.add_unlabelled(review)
            corpus = splitter.finish()
        for path in (files.train, files.valid, files.test):
            relabel(path, corpus.class_of_code)
        write_json(folder / paths.CLASSES.name, corpus.classes.model_dump())
    write_json(paths.CORPUS, corpus.metrics)
    for line in corpus.remarks():
        print(line, file=sys.stderr)


if __name__ == "__main__":
    run(main)
