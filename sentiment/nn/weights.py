"""Weights by name in a .safetensors file. No pickle is read or written."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialized
from torch import Tensor, nn

from sentiment.errors import InputError, missing_file, reason


def save(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write weights from any device, floating-point ones as float32."""
    kept = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    # Not save_file: on a full disk its error is not an OSError.
    path.write_bytes(
        serialized({name: value.float() if value.is_floating_point() else value for name, value in kept.items()})
    )


def load(path: Path, remedy: str) -> dict[str, Tensor]:
    """Read weights onto the CPU. Raises InputError where the file is missing, or damaged, with that remedy."""
    try:
        weights = load_file(path)
    except FileNotFoundError:
        raise missing_file(path) from None
    except SafetensorError as error:
        raise InputError(f"{path}: damaged ({reason(error)}); {remedy}") from None
    return weights


def load_state_dict_checked(
    module: nn.Module, weights: Mapping[str, Tensor], path: Path, remedy: str, *, assign: bool = False
) -> None:
    """Load weights, read from `path`, into a module: the tensors themselves if `assign`, otherwise copies.

    Raises InputError where names, types or shapes differ, or a weight is not finite.
    """
    expected = {name: _kind(value) for name, value in module.state_dict().items()}
    found = {name: _kind(value) for name, value in weights.items()}
    if found != expected:
        name = next(name for name in sorted(expected | found) if expected.get(name) != found.get(name))
        raise InputError(f"{path}: {name} is {found.get(name)}, the model asks for {expected.get(name)}; {remedy}")
    if not all(value.isfinite().all() for value in weights.values()):
        raise InputError(f"{path}: a weight is not a finite number; {remedy}")
    module.load_state_dict(weights, assign=assign)


def _kind(value: Tensor) -> str:
    return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
