"""The real reviews, where $IMDB_ARCHIVE says they are: counts that are published, and what the stages may cost."""

import os
import resource
import shutil
from pathlib import Path

import pytest

from sentiment.config import paths
from sentiment.io.json_file import read_json
from tests.support.clone import Clone
from tests.support.imports import ROOT

pytestmark = pytest.mark.imdb


def cpu_seconds(clone: Clone, stage: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    clone.stage(stage)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_the_data_stages_on_the_real_reviews(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    for file in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / file, tmp_path)
    (tmp_path / ".dvc").mkdir()
    for package in ("sentiment", "stages"):
        (tmp_path / package).symlink_to(ROOT / package)
    clone.set("ingest.source", str(Path(os.environ["IMDB_ARCHIVE"]).resolve()))
    clone.stage("ingest")
    corpus = read_json(tmp_path / paths.CORPUS)
    assert corpus["test"]["reviews"] == corpus["train"]["reviews"] + corpus["valid"]["reviews"] == 25_000
    assert corpus["test"]["positive"] == corpus["train"]["positive"] + corpus["valid"]["positive"] == 12_500
    assert corpus["test_texts_seen_in_training"] == 123
    reviews = 50_000
    if unlabelled := corpus.get("unlabelled"):  # some copies of the archive lack train/unsup
        assert unlabelled["read"] == 50_000
        assert unlabelled["reviews"] == 48_887
        assert unlabelled["train"] + unlabelled["valid"] == 371
        assert unlabelled["test"] == 270
        reviews += unlabelled["reviews"]
    for stage in ("tokenize", "count_vocab", "encode"):
        assert cpu_seconds(clone, stage) <= 6 * reviews / 50_000, stage
