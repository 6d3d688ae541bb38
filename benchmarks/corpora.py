"""The corpora that a benchmark can run on: the embedded one, or IMDb if its path is given."""

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

# The sample corpus has 0.9 MB of text, IMDb's training reviews have 33 MB.
_COPIES = 36


class Corpus(NamedTuple):
    """A corpus: its name, which is in the file names of its results, and its path."""

    name: Literal["sample", "imdb"]
    source: Path

    @classmethod
    def given(cls) -> "Corpus":
        """Return the corpus of the command line. Raises InputError where its argument is not the IMDb data set."""
        parser = argparse.ArgumentParser(
            description=sys.modules["__main__"].__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument("corpus", nargs="?", help="IMDb archive or folder; default: the sample corpus")
        name = parser.parse_args().corpus
        if not name:
            return cls("sample", ROOT / paths.SAMPLE)
        path = Path(name).resolve()
        if not path.is_dir() and not (path.is_file() and path.name.endswith((".tar.gz", ".tgz", ".tar"))):
            raise InputError(
                f"{quote(name)}: not an archive or folder of the Large Movie Review Dataset; give aclImdb_v1.tar.gz"
            )
        return cls("imdb", path)

    def training_texts(self) -> list[str]:
        """Return IMDb's 25,000 training reviews, or the sample corpus repeated to the same size, 33 MB."""
        if self.name == "imdb":
            return [review.text or "" for review in sources.read(self.source) if review.split == "train"]
        with self.source.open(encoding="utf-8", newline="") as stream:
            return [row["text"] for row in csv.DictReader(stream)] * _COPIES

    def result(self, benchmark: str) -> Path:
        """Return the file for the result of a benchmark on this corpus."""
        return RESULTS / f"{benchmark}-{self.name}.json"
