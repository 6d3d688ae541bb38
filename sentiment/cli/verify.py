"""Rebuild a commit from nothing and compare every output with what its dvc.lock says.

The commit is cloned into a new folder with an empty cache, where `dvc repro` runs all stages. Printed for each output
is whether it is identical, within tolerance or different; the same goes to attestation.json, with what computed it.
Data must be identical anywhere. With train.precision float64 so are, nearly always, the weights; where they are not,
predictions within 1e-4 and figures within 1e-3 still pass.

Exit code 1: something is different, or dvc.lock was made by other code or parameters than the commit has.
"""

import argparse
import csv
import hashlib
import io
import json
import math
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from sentiment.config import paths
from sentiment.config.yaml_file import read_yaml
from sentiment.data.encoding import EncodedSplit, Encoding
from sentiment.errors import InputError, quote, reason
from sentiment.io import parquet
from sentiment.io.console import stdout
from sentiment.io.json_file import write_json
from sentiment.pipeline import dvc_lock, revisions

Verdict = Literal["identical", "within tolerance", "different"]

PREDICTIONS_APART = 1e-4
FIGURES_APART = 1e-3
_PREDICTIONS = {  # the tables of each output
    paths.PREDICTIONS: [paths.PREDICTIONS],
    paths.STACKED_PREDICTIONS: [paths.STACKED_PREDICTIONS],
    paths.BASELINE: [paths.BASELINE_VALID, paths.BASELINE_TEST],
}


class Checked(NamedTuple):
    """What became of an output."""

    stage: str
    path: str
    verdict: Verdict
    reason: str


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("revision", nargs="?", default="HEAD", help="the commit to rebuild, default: %(default)s")
    parser.add_argument(
        "--output", type=Path, default=Path("attestation.json"), metavar="FILE", help="default: %(default)s"
    )


@contextmanager
def cloned(commit: str) -> Iterator[Path]:
    """Yield a clone of a commit with a cache of its own, removed afterwards. What the commit lacks comes from here."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder, "clone")
        _call("git", "clone", "--quiet", "--no-checkout", ".", str(clone))
        _call("git", "checkout", "--quiet", commit, cwd=clone)
        # A cache that a team shares holds what is to be made anew.
        _call(sys.executable, "-m", "dvc", "cache", "dir", "--local", str(clone / ".dvc/cache"), cwd=clone)
        for source in _sources(clone):
            if not (clone / source).exists() and Path(source).exists():
                (clone / source).parent.mkdir(parents=True, exist_ok=True)
                (clone / source).symlink_to(Path(source).resolve())
        yield clone


def _sources(clone: Path) -> Iterator[str]:
    """Yield what the stages read that neither a stage makes nor Git holds, such as a corpus that DVC tracks."""
    stages = _stages(clone)
    made = _outputs(stages)
    for stage in stages.values():
        yield from (dep["path"] for dep in stage.get("deps", []) if dep["path"] not in made)


def _stages(folder: Path) -> dict[str, Any]:
    path = folder / paths.LOCK
    try:
        found = dvc_lock.stages(path) if path.exists() else {}
    except InputError:
        raise InputError(f"{paths.LOCK}: damaged in this commit; run `make repro` and commit it") from None
    if not found:
        raise InputError(f"{paths.LOCK}: missing or empty in this commit; run `make repro` and commit it")
    return found


def _outputs(stages: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    """Return the stage and the hash of each output."""
    return {out["path"]: (name, out.get("md5")) for name, stage in stages.items() for out in stage.get("outs", [])}


def stale(committed: dict[str, Any], rebuilt: dict[str, Any]) -> list[str]:
    """Return what a stage depended on when the committed dvc.lock was written and does not any more."""
    made = _outputs(committed) | _outputs(rebuilt)
    found = []
    for name in committed | rebuilt:
        before, after = committed.get(name, {}), rebuilt.get(name, {})
        hashes = [
            {dep["path"]: dep.get("md5") for dep in stage.get("deps", []) if dep["path"] not in made}
            for stage in (before, after)
        ]
        found += [f"{name}: {path}" for path in hashes[0] | hashes[1] if hashes[0].get(path) != hashes[1].get(path)]
        if (before.get("cmd"), before.get("params")) != (after.get("cmd"), after.get("params")):
            found.append(f"{name}: its command or parameters")
    return found


def check(commit: str, clone: Path, committed: dict[str, Any], rebuilt: dict[str, Any]) -> list[Checked]:
    """Return the verdict of every output in either dvc.lock."""
    before, after = _outputs(committed), _outputs(rebuilt)
    return [
        Checked((before | after)[path][0], path, *_verdict(commit, clone, Path(path), before, after))
        for path in before | after
    ]


def _verdict(
    commit: str,
    clone: Path,
    path: Path,
    before: dict[str, tuple[str, str | None]],
    after: dict[str, tuple[str, str | None]],
) -> tuple[Verdict, str]:
    if str(path) not in after:
        return "different", "not made"
    if str(path) not in before:
        return "different", f"not in the committed {paths.LOCK}"
    expected, made = before[str(path)][1], after[str(path)][1]
    if path.is_relative_to(paths.METRICS):  # Git holds these: what people read there must be what was recorded
        content = _committed(commit, path)
        if content is None:
            return "different", "not in the commit"
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != expected:
            return "different", f"the commit has another file than its {paths.LOCK} says"
        if made != expected:
            return _apart_figures(path, content.decode(errors="replace"), (clone / path).read_text(encoding="utf-8"))
    if made == expected:
        return "identical", ""
    if path == paths.MODEL:
        return _apart_models(commit, clone)
    found = [_apart_predictions(commit, clone, table) for table in _PREDICTIONS.get(path, [])]
    return next((judged for judged in found if judged[0] == "different"), found[0] if found else ("different", ""))


def _apart_models(commit: str, clone: Path) -> tuple[Verdict, str]:
    """Judge two models by what they predict for the rebuilt test reviews."""
    from sentiment.inference import checkpoint, predictor

    with tempfile.TemporaryDirectory() as folder:
        try:
            for name in checkpoint.FILES:
                Path(folder, name).write_bytes(revisions.read_bytes(commit, paths.MODEL / name))
        except InputError:
            return "different", "the committed model is not here to compare; `dvc pull` fetches it"
        with _inside(clone):
            test, cpu = EncodedSplit.open(paths.IDS.test), checkpoint.choose_device(Path(folder), "cpu")
            try:
                model = checkpoint.load(Path(folder), cpu)
                model.require(Encoding.load(paths.ENCODING), paths.ENCODING)
            except InputError as error:
                return "different", reason(error)
            before = predictor.predict_split(model.classifier, test)
            after = revisions.read_table(revisions.WORKSPACE, paths.PREDICTIONS, parquet.PREDICTIONS)
    return _judged(float(np.abs(before - after["probability"].to_numpy()).max(initial=0)), PREDICTIONS_APART)


def _apart_predictions(commit: str, clone: Path, path: Path) -> tuple[Verdict, str]:
    try:
        before = revisions.read_table(commit, path, parquet.PREDICTIONS)
    except InputError:
        return "different", "the committed predictions are not here to compare; `dvc pull` fetches them"
    with _inside(clone):
        after = revisions.read_table(revisions.WORKSPACE, path, parquet.PREDICTIONS)
    if not (before["id"].equals(after["id"]) and before["label"].equals(after["label"])):
        return "different", "other reviews"
    apart = float(np.abs(before["probability"].to_numpy() - after["probability"].to_numpy()).max(initial=0))
    return _judged(apart, PREDICTIONS_APART)


def _apart_figures(path: Path, before: str, after: str) -> tuple[Verdict, str]:
    figures = [_figures(path, text) for text in (before, after)]
    if [name for name, _ in figures[0]] != [name for name, _ in figures[1]]:
        return "different", "other figures"
    apart = max((abs(a - b) for (_, a), (_, b) in zip(*figures, strict=True)), default=0.0)
    return _judged(apart, FIGURES_APART)


def _judged(apart: float, tolerance: float) -> tuple[Verdict, str]:
    return "within tolerance" if apart <= tolerance else "different", f"up to {apart:.1e} apart"


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _figures(path: Path, text: str) -> list[tuple[str, float]]:
    """Return every number of a metrics file with its place, and its other content as part of the place."""
    found: list[tuple[str, float]] = []

    def walk(place: str, value: object) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{place}.{key}", inner)
        elif isinstance(value, list):
            for number, inner in enumerate(value):
                walk(f"{place}.{number}", inner)
        elif isinstance(value, int | float) and math.isfinite(value):
            found.append((place, float(value)))
        else:
            found.append((f"{place}={value}", 0.0))

    def number(word: str) -> object:
        try:
            return float(word)
        except ValueError:
            return word

    if path.suffix == ".json":
        walk("", json.loads(text))
    else:
        walk("", [[number(word) for word in row] for row in csv.reader(io.StringIO(text))])
    return found


def machine(clone: Path) -> dict[str, Any]:
    """Return what the result of a commit, cloned there, may depend on beside it."""
    import llvmlite.binding
    import torch

    threads = read_yaml(clone / paths.PARAMS)["compute"]["threads"]
    requirements = (clone / "requirements.txt").read_text(encoding="utf-8")
    pinned = re.findall(r"^([A-Za-z0-9_.-]+)==", requirements, flags=re.M)
    features = llvmlite.binding.get_host_cpu_features()
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": f"{platform.machine()} {llvmlite.binding.get_host_cpu_name()}",
        "instructions": sorted(name for name, present in features.items() if present),
        "torch_instructions": torch.backends.cpu.get_cpu_capability(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "cores": os.cpu_count(),
        "threads": threads,
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in pinned},
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _call(*words: str, cwd: Path | None = None) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        raise InputError(f"`{quote(' '.join(words))}` failed: {last}")
    return done.stdout


def _git(*words: str) -> str:
    return _call("git", *words)


def _committed(commit: str, path: Path) -> bytes | None:
    """Return the content of a file in a commit, or None where it has no such file."""
    done = subprocess.run(["git", "show", f"{commit}:{path}"], capture_output=True, check=False)
    return None if done.returncode else done.stdout


def _commit(revision: str) -> str:
    if revision.startswith("-"):
        raise InputError(f"{quote(revision)}: no revision; see `git log`")
    try:
        return _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").strip()
    except InputError:
        raise InputError(f"{quote(revision)}: no such commit; see `git log`") from None


def run(args: argparse.Namespace) -> None:
    if args.output.is_dir():
        raise InputError(f"--output {quote(str(args.output))}: is a folder; name a file in it")
    commit = _commit(args.revision)
    if args.revision == "HEAD" and _git("status", "--porcelain", "--untracked-files=no"):
        print("note: what is not committed is not verified", file=sys.stderr)
    with cloned(commit) as clone:
        committed = _stages(clone)
        (clone / paths.LOCK).unlink()  # what is in it afterwards was made there
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        command = [sys.executable, "-m", "dvc", "repro", "--force", "--no-run-cache"]
        done = subprocess.run(command, cwd=clone, env=os.environ | {"PATH": path}, stdout=sys.stderr, check=False)
        if done.returncode:
            print(f"error: {commit[:10]}: the pipeline failed there, as said above", file=sys.stderr)
            sys.exit(1)
        rebuilt = _stages(clone)
        outdated = stale(committed, rebuilt)
        found = check(commit, clone, committed, rebuilt)
        about = machine(clone)
    order: tuple[Verdict, ...] = ("identical", "within tolerance", "different")
    worst = max((each.verdict for each in found), key=order.index, default="different")
    write_json(
        args.output,
        {
            "commit": commit,
            "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "verdict": "different" if outdated else worst,
            "changed_since_dvc_lock": outdated,
            "outputs": [each._asdict() for each in found],
            "machine": about,
        },
    )
    width = max(len(each.path) for each in found)
    lines = [f"{each.path:{width}}  {each.verdict:16}  {each.reason}".rstrip() for each in found]
    lines += [f"dvc.lock is older than {each}; run `make repro` and commit" for each in outdated]
    counts = ", ".join(f"{sum(each.verdict == name for each in found)} {name}" for name in order)
    print("\n".join([*lines, "", f"{commit[:10]}: {counts}; {args.output} says by what"]), file=stdout())
    if outdated or worst == "different":
        sys.exit(1)
