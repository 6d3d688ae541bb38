"""A model folder: one bundle that says all about itself, so that prediction needs nothing else.

weights.safetensors   the parameters by name, float32, and which ids began with a vector; no pickle is read or written
vocab.csv             the vocabulary, byte for byte the one that the training ids were made with
settings.json         model, tokenizer and truncation settings, the vocabulary's digest, the precision to compute in,
                      the versions that trained it
"""

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import ValidationError
from torch.overrides import TorchFunctionMode

from sentiment.config.compute import DeviceName
from sentiment.config.section import Settings, explain
from sentiment.data.encoding import Encoding
from sentiment.data.vocabulary import Vocabulary
from sentiment.errors import InputError
from sentiment.io.atomic import atomic_folder
from sentiment.io.json_file import read_json, write_json
from sentiment.nn import weights
from sentiment.nn.classifier import Classifier
from sentiment.nn.config import ModelConfig
from sentiment.nn.device import dtype, select_device

FORMAT = 5
_WEIGHTS, _VOCABULARY, _SETTINGS = FILES = ("weights.safetensors", "vocab.csv", "settings.json")


class CheckpointMetadata(Settings):
    """settings.json."""

    format: int
    model: ModelConfig
    encoding: Encoding
    precision: Literal["float64", "float32"]  # to compute in; float32 where matrix products ran in bfloat16
    seed: int
    epoch: int
    versions: dict[str, str]


@dataclass(frozen=True)
class Checkpoint:
    """A trained classifier and how to turn a text into its input."""

    classifier: Classifier
    vocabulary: Vocabulary
    encoding: Encoding

    def require(self, encoding: Encoding, path: Path) -> None:
        """Raise InputError where ids were encoded otherwise, as `path` says, than those the model learned from."""
        if encoding != self.encoding:
            raise InputError(f"{path}: these ids were not made as the model's were; run `dvc repro train`")


def save(folder: Path, bundle: Checkpoint, seed: int, epoch: int) -> None:
    """Write a bundle, trained with a seed for so many epochs; a folder that is there already is replaced."""
    about = CheckpointMetadata(
        format=FORMAT,
        model=bundle.classifier.config,
        encoding=bundle.encoding,
        precision="float64" if bundle.classifier.readout.weight.dtype == torch.float64 else "float32",
        seed=seed,
        epoch=epoch,
        # What can matter to a reader of the weights, and no more: not the build ("+cpu"), not Python's patch release.
        versions={"python": ".".join(platform.python_version_tuple()[:2]), "torch": torch.__version__.split("+")[0]},
    )
    with atomic_folder(folder) as partial:
        weights.save(partial / _WEIGHTS, bundle.classifier.state_dict())
        bundle.vocabulary.save(partial / _VOCABULARY)
        write_json(partial / _SETTINGS, about.model_dump())


def choose_device(folder: Path, name: DeviceName) -> torch.device:
    """Return the device of that name; `auto` is the best that computes in the precision of a folder's model.

    Raises InputError where the named device is absent or lacks that precision.
    """
    return select_device(name, _about(folder / _SETTINGS).precision)


def load(folder: Path, device: torch.device) -> Checkpoint:
    """Read a bundle onto a device. Raises InputError where its files are missing, damaged or do not belong together."""
    about = _about(folder / _SETTINGS)
    vocabulary = Vocabulary.load(folder / _VOCABULARY)
    if vocabulary.digest != about.encoding.vocabulary:
        raise InputError(
            f"{folder}: vocab.csv is not the vocabulary that the model was trained with; run `dvc checkout {folder}`"
        )
    path, remedy = folder / _WEIGHTS, f"run `dvc checkout {folder}`"
    found = weights.load(path, remedy)
    with torch.device("meta"), _Undrawn():  # no memory: settings.json may ask for more than the file holds
        classifier = Classifier(about.model, len(vocabulary))
    weights.load_state_dict_checked(classifier, found, path, remedy, assign=True)
    return Checkpoint(classifier.to(device, dtype(about.precision)).eval(), vocabulary, about.encoding)


class _Undrawn(TorchFunctionMode):
    """Draw no weights from a normal distribution: on the device `meta` that imports torch's compiler, in 1.3 s."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function.__name__ == "normal_":
            return args[0] if args else kwargs["tensor"]
        return function(*args, **(kwargs or {}))


def _about(path: Path) -> CheckpointMetadata:
    content: dict[str, Any] = read_json(path)
    if content.get("format") != FORMAT:
        raise InputError(
            f"{path}: format {content.get('format')!r}, this version reads {FORMAT}; run `dvc repro --force train`"
        )
    try:
        return CheckpointMetadata.model_validate(content)
    except ValidationError as error:
        raise InputError(
            explain(CheckpointMetadata, error.errors()[0], str(path)) + "; run `dvc repro --force train`"
        ) from None
