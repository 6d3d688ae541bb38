"""A corpus that the data stages have prepared, in a folder of its own."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sentiment import paths
from sentiment.params import read
from stages import count_vocab, encode, ingest, tokenize

ROOT = Path(__file__).parent.parent


@contextmanager
def data_stages(source: Path | None = None, **changes: str) -> Iterator[None]:
    """Run the data stages on the embedded corpus or another source; their folder is the current directory meanwhile.

    `changes` are values of params.yaml by key, `max_tokens="0"` say.
    """
    before = Path.cwd()
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    for key, value in (changes | {"source": str(source or ROOT / paths.SAMPLE)}).items():
        line = re.search(rf"^  {key}: (\S+)", text, flags=re.M)
        assert line, key
        text = text[: line.start(1)] + value + text[line.end(1) :]
    with tempfile.TemporaryDirectory() as name:
        Path(name, "params.yaml").write_text(text, encoding="utf-8")
        os.chdir(name)
        read.cache_clear()
        try:
            for stage in (ingest, tokenize, count_vocab, encode):
                stage.main()
            yield
        finally:
            os.chdir(before)
            read.cache_clear()
            shutil.rmtree(name, ignore_errors=True)
