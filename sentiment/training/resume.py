"""Resuming: the state of training after its last whole epoch, from which a killed run continues.

The state lies outside DVC's outputs, in a file named by a digest of all that training depends on: parameters, inputs,
code, versions, device. If any of these changes, the digest differs and the state is not found; the first state of
another training replaces it. One .safetensors file holds the tensors and, as its metadata, the rest as JSON, so nothing
is unpickled.
"""

import hashlib
import json
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialized
from torch import Tensor, nn

from sentiment.io.atomic import atomic_write
from sentiment.nn.saturation import Saturation
from sentiment.training.trainer import EpochMetrics, TrainState

_SCHEDULER = ("last_epoch", "_step_count", "_last_lr")  # the part of a OneCycleLR that changes


def digest(settings: Mapping[str, Any], inputs: Iterable[Path], device: str) -> str:
    """Return a digest of settings, the contents of files and folders, the loaded code of this project, and versions.

    device: its name, as `device.describe` gives it
    """
    hasher = hashlib.sha256()

    def add(name: str, content: bytes) -> None:
        hasher.update(f"{name}\0{len(content)}\0".encode() + content)

    add("settings", json.dumps(settings, sort_keys=True).encode())
    releases = [f"{name} {metadata.version(name)}" for name in ("torch", "numpy", "numba", "scipy")]
    computed_by = [platform.python_version(), *releases, torch.backends.cpu.get_cpu_capability(), device]
    add("computed by", "\n".join(computed_by).encode())
    for path in inputs:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                with file.open("rb") as stream:
                    add(file.as_posix(), hashlib.file_digest(stream, "sha256").digest())
    for name, file in sorted(_loaded_modules().items()):
        add(name, file.read_bytes())
    return hasher.hexdigest()


def _loaded_modules() -> dict[str, Path]:
    """Return the file of each loaded module of this project by the module's name, `stages.train` for `__main__` say."""
    files = {}
    for module in list(sys.modules.values()):
        spec, file = getattr(module, "__spec__", None), getattr(module, "__file__", None)
        if spec and file and spec.name.partition(".")[0] in ("sentiment", "stages"):
            files[spec.name] = Path(file)
    return files


class Checkpointer:
    """Keeps the state of one training in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.restored_epochs = 0

    def save(self, state: TrainState) -> None:
        """Write the state after a whole epoch over the one before."""
        for other in self._path.parent.glob("[!.]*.safetensors"):  # of another training
            if other != self._path:
                other.unlink()
        tensors = {f"best.{name}": value for name, value in state.best.items()}
        for part, module in _modules(state).items():
            tensors |= {f"{part}.{name}": value for name, value in module.state_dict().items()}
        for number, moments in state.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": value for name, value in moments.items() if value is not None}
        tensors["random.cpu"] = torch.get_rng_state()
        if (device := _device(state)).type != "cpu":
            tensors["random.device"] = torch.get_device_module(device).get_rng_state()
        facts = {
            "history": [asdict(epoch) for epoch in state.history],
            "learning_rates": [group["lr"] for group in state.optimizer.param_groups],
            "scheduler": {name: state.scheduler.state_dict()[name] for name in _SCHEDULER} if state.scheduler else {},
        }
        with atomic_write(self._path) as partial:
            copies = {name: value.cpu().contiguous() for name, value in tensors.items()}
            partial.write_bytes(serialized(copies, {"facts": json.dumps(facts)}))

    def restore(self, state: TrainState) -> None:
        """Load the stored state, if there is one. A damaged file counts as none."""
        if not self._path.exists():
            return
        try:
            with safe_open(self._path, "pt") as stored:
                facts = json.loads(stored.metadata()["facts"])
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        except (SafetensorError, KeyError, TypeError, ValueError):
            return

        def part(prefix: str) -> dict[str, Tensor]:
            return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

        for name, module in _modules(state).items():
            module.load_state_dict(part(f"{name}."))
        state.best = part("best.")
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in part("optimizer.").items():
            number, _, moment = name.partition(".")
            moments.setdefault(int(number), {})[moment] = value
        groups = state.optimizer.state_dict()["param_groups"]
        state.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        for group, rate in zip(state.optimizer.param_groups, facts["learning_rates"], strict=True):
            group["lr"] = rate
        if state.scheduler:
            state.scheduler.load_state_dict(facts["scheduler"])
        for values in facts["history"]:
            saturation = values.pop("saturation")
            state.history.append(EpochMetrics(**values, saturation=saturation and Saturation(**saturation)))
        self.restored_epochs = len(state.history)
        torch.set_rng_state(tensors["random.cpu"])
        if (device := _device(state)).type != "cpu":
            torch.get_device_module(device).set_rng_state(tensors["random.device"])

    def remove(self) -> None:
        """Remove the state, once the results of the training are in place."""
        self._path.unlink(missing_ok=True)


def _device(state: TrainState) -> torch.device:
    return next(state.model.parameters()).device


def _modules(state: TrainState) -> dict[str, nn.Module]:
    return {"model": state.model} | ({"ema": state.ema} if state.ema is not None else {})
