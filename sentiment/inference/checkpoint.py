"""A model folder, which holds everything that a prediction needs.

weights.safetensors   float32 parameters by name, and which ids started from a pre-trained vector; no pickle
vocab.csv             the vocabulary, byte for byte as it was when the training ids were made
settings.json         model, tokenizer and truncation settings, the vocabulary's digest, the names of the classes,
                      source and number of the training reviews, the precision to compute in, the versions of Python
                      and torch that trained it
"""

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import ValidationError
from torch.overrides import TorchFunctionMode

from sentiment.config import paths
from sentiment.config.compute import Backend, DeviceName
from sentiment.config.section import Settings, explain
from sentiment.data.classes import Classes
from sentiment.data.corpus import Corpus
from sentiment.data.encoding import Encoding
from sentiment.data.vocabulary import Vocabulary
from sentiment.errors import InputError
from sentiment.io.atomic import atomic_folder
from sentiment.io.json_file import read_json, write_json
from sentiment.nn import weights
from sentiment.nn.classifier import Classifier
from sentiment.nn.config import ModelConfig
from sentiment.nn.device import dtype, select_device

FORMAT = 7
_WEIGHTS, _VOCABULARY, _SETTINGS = FILES = ("weights.safetensors", "vocab.csv", "settings.json")


class CheckpointMetadata(Settings):
    """settings.json."""

    format: int
    model: ModelConfig
    encoding: Encoding
    classes: Classes
    corpus: Corpus
    precision: Literal["float64", "float32"]  # to compute in; float32 also for a model trained in bfloat16
    seed: int
    epoch: int
    versions: dict[str, str]


@dataclass(frozen=True)
class Checkpoint:
    """A trained classifier, what turns a text into its input, the names of its classes, and what it learned from."""

    classifier: Classifier
    vocabulary: Vocabulary
    encoding: Encoding
    classes: Classes
    corpus: Corpus

    def require(self, encoding: Encoding, classes: Classes) -> None:
        """Raise InputError unless reviews are encoded, and have the classes, as those that the model learned from."""
        if encoding != self.encoding:
            raise InputError(
                f"{paths.ENCODING}: these ids are encoded differently from the training's; run `dvc repro train`"
            )
        if classes != self.classes:
            raise InputError(f"{paths.CLASSES}: the model learned other classes; run `dvc repro train`")


def save(folder: Path, trained: Checkpoint, seed: int, epoch: int) -> None:
    """Write a model that was trained with `seed` for `epoch` epochs. An existing folder is replaced as a whole."""
    metadata = CheckpointMetadata(
        format=FORMAT,
        model=trained.classifier.config,
        encoding=trained.encoding,
        classes=trained.classes,
        corpus=trained.corpus,
        precision="float64" if trained.classifier.readout.weight.dtype == torch.float64 else "float32",
        seed=seed,
        epoch=epoch,
        # Not the build ("+cpu") nor Python's patch release: the same weights are the same bytes on other machines.
        versions={"python": ".".join(platform.python_version_tuple()[:2]), "torch": torch.__version__.split("+")[0]},
    )
    with atomic_folder(folder) as partial:
        weights.save(partial / _WEIGHTS, trained.classifier.state_dict())
        trained.vocabulary.save(partial / _VOCABULARY)
        write_json(partial / _SETTINGS, metadata.model_dump())


def choose_device(folder: Path, name: DeviceName, option: str = "compute.device") -> torch.device:
    """Return the device of that name for the model in a folder; `auto` is the best one that has its precision.

    Raises InputError, which names the `option` to change, where the named device is absent or lacks the precision.
    """
    return select_device(name, _read_metadata(folder / _SETTINGS).precision, option)


def load(folder: Path, device: torch.device, backend: Backend = "auto") -> Checkpoint:
    """Read a model onto a device. Raises InputError where its files are missing, damaged or do not belong together."""
    metadata = _read_metadata(folder / _SETTINGS)
    vocabulary = Vocabulary.load(folder / _VOCABULARY)
    if vocabulary.digest != metadata.encoding.vocabulary:
        raise InputError(
            f"{folder}: vocab.csv is not the vocabulary that the model was trained with; run `dvc checkout {folder}`"
        )
    path, remedy = folder / _WEIGHTS, f"run `dvc checkout {folder}`"
    found = weights.load(path, remedy)
    # On the meta device a module takes no memory: a damaged settings.json can describe one larger than the machine.
    with torch.device("meta"), _NoNormalDraws():
        classifier = Classifier(metadata.model, len(vocabulary), backend, num_classes=len(metadata.classes))
    weights.load_state_dict_checked(classifier, found, path, remedy, assign=True)
    classifier = classifier.to(device, dtype(metadata.precision)).eval()
    return Checkpoint(classifier, vocabulary, metadata.encoding, metadata.classes, metadata.corpus)


class _NoNormalDraws(TorchFunctionMode):
    """Skip `Tensor.normal_` in this thread: on the meta device it imports torch's compiler, which takes 1.3 s.

    Embeddings draw their weights with it. Uniform draws, of the other layers, import nothing.
    """

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function.__name__ == "normal_":
            return args[0] if args else kwargs["tensor"]
        return function(*args, **(kwargs or {}))


def _read_metadata(path: Path) -> CheckpointMetadata:
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
