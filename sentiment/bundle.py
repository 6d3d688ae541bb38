"""A model folder: one bundle that says all about itself, so that prediction needs nothing else.

weights.safetensors   the parameters by name, float32, and which ids began with a vector; no pickle is read or written
vocab.csv             the vocabulary, byte for byte the one that the training ids were made with
settings.json         model, tokenizer and truncation settings, the vocabulary's digest, the versions that trained it
"""

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from sentiment import weights
from sentiment.architecture import Architecture
from sentiment.encoded import Encoding
from sentiment.errors import InputError
from sentiment.files import read_json, replacing_folder, write_json
from sentiment.model import Classifier
from sentiment.params import Settings, explain
from sentiment.vocabulary import Vocabulary

FORMAT = 3


class About(Settings):
    """settings.json."""

    format: int
    model: Architecture
    encoding: Encoding
    seed: int
    epoch: int
    versions: dict[str, str]


@dataclass(frozen=True)
class Bundle:
    """A trained classifier and how to turn a text into its input."""

    classifier: Classifier
    vocabulary: Vocabulary
    encoding: Encoding

    def require(self, encoding: Encoding, path: Path) -> None:
        """Raise InputError where ids were encoded otherwise, as `path` says, than those the model learned from."""
        if encoding != self.encoding:
            raise InputError(f"{path}: these ids were not made as the model's were; run `dvc repro train`")


def save(folder: Path, bundle: Bundle, seed: int, epoch: int) -> None:
    """Write a bundle, trained with a seed for so many epochs; a folder that is there already is replaced."""
    about = About(
        format=FORMAT,
        model=bundle.classifier.shape,
        encoding=bundle.encoding,
        seed=seed,
        epoch=epoch,
        # What can matter to a reader of the weights, and no more: not the build ("+cpu"), not Python's patch release.
        versions={"python": ".".join(platform.python_version_tuple()[:2]), "torch": torch.__version__.split("+")[0]},
    )
    with replacing_folder(folder) as partial:
        weights.save(partial / "weights.safetensors", bundle.classifier.state_dict())
        bundle.vocabulary.save(partial / "vocab.csv")
        write_json(partial / "settings.json", about.model_dump())


def load(folder: Path, device: torch.device) -> Bundle:
    """Read a bundle onto a device. Raises InputError where its files are missing, damaged or do not belong together."""
    about = _about(folder / "settings.json")
    vocabulary = Vocabulary.load(folder / "vocab.csv")
    if vocabulary.digest != about.encoding.vocabulary:
        raise InputError(
            f"{folder}: vocab.csv is not the vocabulary that the model was trained with; run `dvc checkout {folder}`"
        )
    classifier = Classifier(about.model, len(vocabulary))
    path, remedy = folder / "weights.safetensors", f"run `dvc checkout {folder}`"
    weights.fill(classifier, weights.load(path, remedy), path, remedy)
    return Bundle(classifier.to(device).eval(), vocabulary, about.encoding)


def _about(path: Path) -> About:
    content: dict[str, Any] = read_json(path)
    if content.get("format") != FORMAT:
        raise InputError(
            f"{path}: format {content.get('format')!r}, this version reads {FORMAT}; run `dvc repro --force train`"
        )
    try:
        return About.model_validate(content)
    except ValidationError as error:
        raise InputError(explain(About, error.errors()[0], str(path)) + "; run `dvc repro --force train`") from None
