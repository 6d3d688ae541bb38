"""Where everything lies, relative to the root of the repository, from which every stage runs."""

import os
from pathlib import Path
from typing import Literal, NamedTuple, get_args


def leaves_repository(path: Path) -> bool:
    """Return whether a path is relative and leads outside, where an experiment in another folder finds something else.

    By the words of the path alone: DVC may have put a link to its cache, elsewhere, in the place of a tracked file.
    """
    return not path.is_absolute() and os.path.normpath(path).startswith(os.pardir)


Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


# What the tables of reviews are called: the splits, and the reviews without labels.
Part = Split | Literal["unlabelled"]
PARTS: tuple[Part, ...] = (*SPLITS, "unlabelled")


class Parts(NamedTuple):
    """One path for each part of the reviews, in the order of `PARTS`, all in one folder."""

    train: Path
    valid: Path
    test: Path
    unlabelled: Path

    @classmethod
    def inside(cls, folder: str, suffix: str = "") -> "Parts":
        return cls(*(Path(folder, part + suffix) for part in PARTS))

    @property
    def folder(self) -> Path:
        return self.train.parent

    def moved(self, folder: Path) -> "Parts":
        """Return the same names in another folder, such as the one that `atomic_folder` fills."""
        return Parts(*(folder / path.name for path in self))


PARAMS = Path("params.yaml")
PIPELINE = Path("dvc.yaml")
CHECKED = Path("data/params.checked")
SAMPLE = Path("data/sample/reviews.csv")
NO_REVIEWS = Path("data/sample/none")  # never read: DVC must have a path to depend on, and warns about an empty file

REVIEWS = Parts.inside("data/reviews", ".parquet")
CLASSES = Path("data/reviews/classes.json")
TOKENS = Parts.inside("data/tokens", ".parquet")
TOKENIZER = Path("data/tokens/tokenizer.json")
VOCABULARY = Path("data/vocab.csv")
IDS = Parts.inside("data/ids")
ENCODING = Path("data/ids/encoding.json")
PRETRAINED = Path("data/pretrained")
VECTORS = PRETRAINED / "vectors.txt"
RECURRENCE = PRETRAINED / "recurrence.safetensors"
LOCK = Path("dvc.lock")
MODEL = Path("models/classifier")
PREDICTIONS = Path("data/predictions.parquet")
BASELINE = Path("data/baseline")
BASELINE_VALID = BASELINE / "valid.parquet"
BASELINE_TEST = BASELINE / "test.parquet"
BASELINE_MODEL = Path("models/baseline")
STACKED_MODEL = Path("models/stacked")
STACKED_PREDICTIONS = Path("data/stacked.parquet")
ANALYSIS = Path("analysis")
PROBE = Path("data/probe.csv")
REPORT = Path("reports/index.html")

METRICS = Path("metrics")
CORPUS = METRICS / "corpus.json"
VOCABULARY_METRICS = METRICS / "vocab.json"
IDS_METRICS = METRICS / "ids.json"
PRETRAIN_METRICS = METRICS / "pretrain.json"
TRAIN_METRICS = METRICS / "train.json"
TEST_METRICS = METRICS / "test.json"
BASELINE_METRICS = METRICS / "baseline.json"
STACKED_METRICS = METRICS / "stacked.json"
ANALYSIS_METRICS = METRICS / "analysis.json"
PROBE_METRICS = METRICS / "probe.json"
HISTORY = METRICS / "history.csv"
SPEED = METRICS / "speed.json"
PLOTS = METRICS / "plots"
