"""A corpus that the data stages have prepared, in a folder of its own."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.corpora import ROOT
from sentiment.config import paths
from stages import count_vocab, encode, ingest, pretrain, tokenize


def write_params(source: Path = ROOT / paths.SAMPLE, **changes: str) -> None:
    """Write the project's params.yaml into the current directory, with a source and other values by key."""
    text = (ROOT / paths.PARAMS).read_text(encoding="utf-8")
    for key, value in (changes | {"source": str(source)}).items():
        line = re.search(rf"^  {key}: (\S+)", text, flags=re.M)
        assert line, key
        text = text[: line.start(1)] + value + text[line.end(1) :]
    paths.PARAMS.write_text(text, encoding="utf-8")


@contextmanager
def data_stages(source: Path = ROOT / paths.SAMPLE, **changes: str) -> Iterator[None]:
    """Run the data stages on a source, with other values by key; their folder is the current directory meanwhile."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        try:
            write_params(source, **changes)
            Path("data").mkdir()
            for stage in (ingest, tokenize, count_vocab, encode, pretrain):
                stage.main()
            yield
        finally:
            os.chdir(before)
