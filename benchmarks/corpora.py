"""The two corpora that a benchmark can run on: the one in the repository, and IMDb's reviews where a path is given."""

import argparse
import csv
import sys
from pathlib import Path
from typing import Literal, NamedTuple

from sentiment.config import paths
from sentiment.data import sources
from sentiment.errors import InputError, quote

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks/results"

# The embedded corpus has 0.9 MB of text, the training reviews of IMDb 33 MB.
_COPIES = 36


class Corpus(NamedTuple):
    """A corpus, by the name that its results bear, and where it lies."""

    name: Literal["sample", "imdb"]
    source: Path

    @classmethod
    def given(cls) -> "Corpus":
        """Return the corpus of the command line. Raises InputError where its argument is no IMDb archive or folder."""
        parser = argparse.ArgumentParser(
            description=sys.modules["__main__"].__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument("corpus", nargs="?", help="IMDb archive or folder; the embedded corpus where there is none")
        name = parser.parse_args().corpus
        if not name:
            return cls("sample", ROOT / paths.SAMPLE)
        path = Path(name).resolve()
        if not path.is_dir() and not (path.is_file() and path.name.endswith((".tar.gz", ".tgz", ".tar"))):
            raise InputError(
                f"{quote(name)}: no archive or folder of the Large Movie Review Dataset; give path/to/aclImdb_v1.tar.gz"
            )
        return cls("imdb", path)

    def training_texts(self) -> list[str]:
        """Return IMDb's 25,000 training reviews, or the embedded corpus repeated to the same size, 33 MB."""
        if self.name == "imdb":
            return [example.text for example in sources.read(self.source) if example.split == "train"]
        with self.source.open(encoding="utf-8", newline="") as stream:
            return [row["text"] for row in csv.DictReader(stream)] * _COPIES

    def result(self, benchmark: str) -> Path:
        """Return the file of a benchmark's result on this corpus."""
        return RESULTS / f"{benchmark}-{self.name}.json"
