"""Weights by name in a .safetensors file: no pickle is read or written."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sentiment.errors import InputError


def save(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write weights, wherever they lie."""
    save_file({name: value.detach().cpu().contiguous() for name, value in weights.items()}, path)


def load(path: Path, remedy: str) -> dict[str, Tensor]:
    """Read weights onto the CPU. Raises InputError, which ends in the remedy, where they are damaged or not finite."""
    try:
        weights = load_file(path)
    except FileNotFoundError:
        raise InputError(f"{path}: missing; run `dvc repro`, or `dvc pull` if the team has it") from None
    except SafetensorError as error:
        raise InputError(f"{path}: damaged ({error}); {remedy}") from None
    if not all(value.isfinite().all() for value in weights.values()):
        raise InputError(f"{path}: a weight is no finite number; {remedy}")
    return weights


def fill(module: nn.Module, weights: Mapping[str, Tensor], path: Path, remedy: str) -> None:
    """Give a module the weights that `path` holds. Raises InputError where names, types or shapes differ."""
    expected = {name: _kind(value) for name, value in module.state_dict().items()}
    found = {name: _kind(value) for name, value in weights.items()}
    if found != expected:
        name = next(name for name in sorted(expected | found) if expected.get(name) != found.get(name))
        raise InputError(f"{path}: {name} is {found.get(name)}, the model asks for {expected.get(name)}; {remedy}")
    module.load_state_dict(weights)


def _kind(value: Tensor) -> str:
    return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
