"""A corpus that the data stages have prepared, in a folder of its own."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.corpora import ROOT
from sentiment.config import paths
from sentiment.config.yaml_file import read_yaml, write_yaml
from stages import count_vocab, encode, ingest, pretrain, tokenize


def write_params(source: Path = ROOT / paths.SAMPLE, changes: Mapping[str, object] | None = None) -> None:
    """Write the project's dvc.yaml and params.yaml into the current directory, with another source and other values.

    changes: by dotted key, such as {"encode.max_tokens": 0}
    """
    Path(".dvc").mkdir(exist_ok=True)  # stages lock the folder in it
    params = read_yaml(ROOT / paths.PARAMS)
    for key, value in {"ingest.source": str(source), **(changes or {})}.items():
        section, _, name = key.partition(".")
        assert name in params[section], key
        params[section][name] = value
    write_yaml(paths.PARAMS, params)
    shutil.copy(ROOT / paths.PIPELINE, paths.PIPELINE)  # a stage reads there which outputs it may find half written


@contextmanager
def data_stages(source: Path = ROOT / paths.SAMPLE, changes: Mapping[str, object] | None = None) -> Iterator[None]:
    """Run the data stages on a source, with other values by dotted key, in a temporary current directory."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            write_params(source, changes)
            for stage in (ingest, tokenize, count_vocab, encode, pretrain):
                stage.main()
            yield
        finally:
            os.chdir(before)
