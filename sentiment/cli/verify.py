"""Rebuild a commit from scratch and compare every output with the hash in its dvc.lock.

The commit is cloned into a new folder with an empty cache, where `dvc repro` runs all stages. Each output is then
identical, within tolerance or different. attestation.json holds these verdicts and describes the machine.

Data must be identical on any machine. With train.precision float64, weights nearly always are. If they are not,
predictions may differ by 1e-4 and metrics by 1e-3; a model is judged by its predictions.

The exit code is 1 if an output is different, or if other code or parameters than the commit's made its dvc.lock.
"""

import argparse
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd
import pyarrow.parquet as pq

from sentiment.config import paths
from sentiment.config.yaml_file import read_yaml
from sentiment.data import predictions
from sentiment.data.classes import Classes
from sentiment.errors import InputError, quote, reason
from sentiment.io.console import stdout
from sentiment.io.json_file import write_json
from sentiment.pipeline import lock, revisions
from sentiment.pipeline.git import git

PREDICTIONS_TOLERANCE = 1e-4
METRICS_TOLERANCE = 1e-3

# What the models besides the network predicted: they are judged by it, as the network is by its own predictions.
_PREDICTIONS_OF = {paths.BASELINE_MODEL: paths.BASELINE_TEST, paths.STACKED_MODEL: paths.STACKED_PREDICTIONS}

Verdict = Literal["identical", "within tolerance", "different"]
VERDICTS: list[Verdict] = ["identical", "within tolerance", "different"]  # from best to worst
Hashes = dict[str, str]  # of each output, by its path


class Judgement(NamedTuple):
    """A verdict and the reason for it."""

    verdict: Verdict
    reason: str = ""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("revision", nargs="?", default="HEAD", help="the commit to rebuild, default: %(default)s")
    parser.add_argument(
        "--output", type=Path, default=Path("attestation.json"), metavar="FILE", help="default: %(default)s"
    )


def run(args: argparse.Namespace) -> None:
    if args.output.is_dir():
        raise InputError(f"--output {quote(str(args.output))}: is a folder; name a file in it")
    git("rev-parse", "--git-dir")  # whose error tells a repository of another owner, or none, from a wrong revision
    try:
        commit = git("rev-parse", "--verify", "--end-of-options", f"{args.revision}^{{commit}}")
    except InputError:
        raise InputError(f"{quote(args.revision)}: no such commit; see `git log`") from None
    if args.revision == "HEAD" and git("status", "--porcelain", "--untracked-files=no", "."):
        print("note: changes that are not committed are not verified", file=sys.stderr)
    with cloned(commit) as clone:
        recorded, changed = hashes(clone), outdated(clone)
        (clone / paths.LOCK).unlink()  # so that every entry is of the rebuild
        if _dvc(clone, "repro", "--force", "--no-run-cache", stdout=sys.stderr).returncode:
            print(f"error: {commit[:10]}: the pipeline failed, see above", file=sys.stderr)
            sys.exit(1)
        rebuilt = hashes(clone)
        judged = {path: judge(path, recorded, rebuilt, commit, clone) for path in recorded | rebuilt}
        machine = describe_machine(clone)
    worst = _worst(judged.values()).verdict
    write_json(
        args.output,
        {
            "commit": commit,
            "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "verdict": "different" if changed else worst,
            "changed_since_dvc_lock": changed,
            "outputs": [{"path": path, **each._asdict()} for path, each in judged.items()],
            "machine": machine,
        },
    )
    width = max(map(len, judged))
    lines = [f"{path:{width}}  {each.verdict:16}  {each.reason}".rstrip() for path, each in judged.items()]
    lines += [f"{paths.LOCK} is older than {each}; run `make repro` and commit" for each in changed]
    counts = ", ".join(f"{sum(each.verdict == name for each in judged.values())} {name}" for name in VERDICTS)
    print("\n".join([*lines, "", f"{commit[:10]}: {counts}; {args.output} describes the machine"]), file=stdout())
    if changed or worst == "different":
        sys.exit(1)


@contextmanager
def cloned(commit: str) -> Iterator[Path]:
    """Clone a commit, with a cache of its own, and yield the project in the clone, which is removed afterwards."""
    root, folder = (git("rev-parse", f"--show-{what}") for what in ("toplevel", "prefix"))
    with tempfile.TemporaryDirectory() as temporary:
        repository = Path(temporary, "clone")
        git("clone", "--quiet", "--no-checkout", root, str(repository))
        git("-C", str(repository), "checkout", "--quiet", commit)
        clone = repository / folder
        lock.adapt_dvc(clone, repository)
        # Not a cache that a team shares: it has the outputs that are to be made anew.
        _dvc(clone, "cache", "dir", "--local", str(Path(temporary, "cache")))
        read = {dep["path"] for stage in _stages(clone).values() for dep in stage.get("deps", [])}
        for source in read:
            made = any(Path(source).is_relative_to(output) for output in hashes(clone))
            if not made and not (clone / source).exists() and Path(source).exists():  # a corpus that DVC tracks, say
                (clone / source).parent.mkdir(parents=True, exist_ok=True)
                (clone / source).symlink_to(Path(source).resolve())
        yield clone


def hashes(clone: Path) -> Hashes:
    """Return the hash of each output in dvc.lock. Raises InputError if there are none."""
    return {out["path"]: out["md5"] for stage in _stages(clone).values() for out in stage.get("outs", [])}


def _stages(clone: Path) -> dict[str, Any]:
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    path = clone / paths.LOCK
    try:
        stages: dict[str, Any] = COMPILED_LOCKFILE_SCHEMA(read_yaml(path)).get("stages", {}) if path.exists() else {}
    except (InputError, Invalid):
        raise InputError(f"{paths.LOCK}: damaged in this commit; run `make repro` and commit it") from None
    if not stages:
        raise InputError(f"{paths.LOCK}: missing or empty in this commit; run `make repro` and commit it")
    return stages


def outdated(clone: Path) -> list[str]:
    """Return the code, parameters, commands and metrics that are not those in dvc.lock, according to `dvc status`.

    A fresh clone lacks all outputs but the metrics, which Git holds. A changed output is named at its own stage, not at
    those that read it.
    """
    done = _dvc(clone, "status", "--json", stdout=subprocess.PIPE)
    if done.returncode:
        raise InputError(f"{paths.PIPELINE}: `dvc status` fails in this commit, see above; correct it and commit")
    names, outputs = [], set(hashes(clone))
    for stage, changes in json.loads(done.stdout).items():
        groups = chain.from_iterable(
            change.items() if isinstance(change, dict) else [("command", {change: "new"})] for change in changes
        )
        for kind, name, state in ((kind, *item) for kind, group in groups for item in group.items()):
            if kind == "changed deps" and name in outputs:
                continue
            if isinstance(state, dict):
                names += [f"{stage}: {name}: {key}" for key in state]
            elif state in ("modified", "new") or (state == "deleted" and Path(name).is_relative_to(paths.METRICS)):
                names.append(f"{stage}: {name}")
    return names


def judge(path: str, recorded: Hashes, rebuilt: Hashes, commit: str, clone: Path) -> Judgement:
    """Compare an output of a commit with the one in its rebuilt clone."""
    if path not in rebuilt:
        return Judgement("different", "not made")
    if path not in recorded:
        return Judgement("different", f"not in the committed {paths.LOCK}")
    edited = git("-C", str(clone), "status", "--porcelain", "--", path)  # nothing for what Git does not hold
    if recorded[path] == rebuilt[path] and not edited:
        return Judgement("identical")
    if Path(path) == paths.MODEL:
        return compare_models(commit, clone)
    if Path(path) in _PREDICTIONS_OF:
        return compare_files(commit, clone, _PREDICTIONS_OF[Path(path)], PREDICTIONS_TOLERANCE)
    made = [clone / path, *sorted((clone / path).rglob("*"))]
    files = [file.relative_to(clone) for file in made if file.is_file()]
    if Path(path).is_relative_to(paths.METRICS):
        return _worst(compare_files(commit, clone, file, METRICS_TOLERANCE) for file in files)
    if all(_holds_predictions(clone / file) for file in files):
        return _worst(compare_files(commit, clone, file, PREDICTIONS_TOLERANCE) for file in files)
    return Judgement("different")


def compare_files(commit: str, clone: Path, path: Path, tolerance: float) -> Judgement:
    """Compare a JSON, CSV or Parquet file: numbers by tolerance, everything else exactly."""
    try:
        committed = revisions.read_bytes(commit, path)
    except InputError:
        return Judgement("different", "the committed file is not here to compare; `dvc pull` fetches it")
    return compare_tables(_table(path, committed), _table(path, (clone / path).read_bytes()), tolerance)


def compare_models(commit: str, clone: Path) -> Judgement:
    """Compare what the committed and the rebuilt model predict for the rebuilt test reviews."""
    from sentiment.data.encoding import EncodedSplit, Encoding
    from sentiment.inference import checkpoint, predictor

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            for file in checkpoint.FILES:
                (folder / file).write_bytes(revisions.read_bytes(commit, paths.MODEL / file))
        except InputError:
            return Judgement("different", "the committed model is not here to compare; `dvc pull` fetches it")
        try:
            model = checkpoint.load(folder, checkpoint.choose_device(folder, "cpu"))
            model.require(Encoding.load(clone / paths.ENCODING), Classes.load(clone / paths.CLASSES))
        except InputError as error:
            return Judgement("different", reason(error))
        predicted = predictor.predict_split(model.classifier, EncodedSplit.open(clone / paths.IDS.test))
    rebuilt = _table(paths.PREDICTIONS, (clone / paths.PREDICTIONS).read_bytes())
    columns = zip(predictions.columns(model.classes.names), predictions.to_columns(predicted), strict=True)
    return compare_tables(rebuilt.assign(**dict(columns)), rebuilt, PREDICTIONS_TOLERANCE)


def compare_tables(committed: pd.DataFrame, rebuilt: pd.DataFrame, tolerance: float) -> Judgement:
    try:
        pd.testing.assert_frame_equal(committed, rebuilt, check_dtype=False, rtol=0, atol=tolerance)
    except AssertionError as error:
        return Judgement("different", str(error).partition("\n\n")[2].partition("\n")[0])
    return Judgement("within tolerance", f"of {tolerance:g}")


def describe_machine(clone: Path) -> dict[str, Any]:
    """Return whatever else the outputs of a commit may depend on."""
    import llvmlite.binding
    import torch

    features = llvmlite.binding.get_host_cpu_features()
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": f"{platform.machine()} {llvmlite.binding.get_host_cpu_name()}",
        "instructions": sorted(name for name, present in features.items() if present),
        "torch_instructions": torch.backends.cpu.get_cpu_capability(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "cores": os.cpu_count(),
        "threads": read_yaml(clone / paths.PARAMS)["compute"]["threads"],
        "python": platform.python_version(),
        "packages": dict(sorted((package.name, package.version) for package in metadata.distributions())),
    }


def _worst(judgements: Iterable[Judgement]) -> Judgement:
    return max(judgements, key=lambda each: VERDICTS.index(each.verdict), default=Judgement("different", "no files"))


def _table(path: Path, content: bytes) -> pd.DataFrame:
    if path.suffix == ".json":
        return pd.json_normalize(json.loads(content))
    stream = io.BytesIO(content)
    return pd.read_parquet(stream) if path.suffix == ".parquet" else pd.read_csv(stream, keep_default_na=False)


def _holds_predictions(file: Path) -> bool:
    return file.suffix == ".parquet" and predictions.is_schema(pq.read_schema(file))


def _dvc(clone: Path, *words: str, stdout: Any = subprocess.DEVNULL) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([sys.executable, "-m", "dvc", *words], cwd=clone, stdout=stdout, check=False)
