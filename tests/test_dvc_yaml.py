"""dvc.yaml names all that a stage reads, every file has its place, and packages import only downwards."""

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sentiment.config import paths
from sentiment.config.yaml_file import read_yaml
from stages.check import SECTIONS
from tests.support.clone import STAGES
from tests.support.imports import ROOT, direct, imported_names, modules, package, transitive

PIPELINE: dict[str, Any] = read_yaml(ROOT / "dvc.yaml")
PARAMS: dict[str, Any] = read_yaml(ROOT / "params.yaml")
BY_NAME: dict[str, Any] = PIPELINE["stages"]

TORCH = {"data", "nn", "training", "pretraining", "inference", "analysis", "report"}  # `data` for batches


def outputs(stage: str) -> dict[str, dict[str, object]]:
    """Return a stage's outputs with what dvc.yaml says of each."""
    listed = [out for kind in ("outs", "metrics", "plots") for out in BY_NAME[stage].get(kind, [])]
    return dict(next(iter(out.items())) if isinstance(out, dict) else (out, {}) for out in listed)


def is_covered(file: Path, stage: str) -> bool:
    """Return whether a file, or a folder around it, is a dependency of a stage."""
    return any(file.is_relative_to(dep) for dep in BY_NAME[stage]["deps"])


def is_code(dep: str) -> bool:
    return dep.split("/")[0] in ("sentiment", "stages")


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_all_code_that_it_can_load(stage: str) -> None:
    loaded = transitive(Path("stages", f"{stage}.py"))
    assert not [file for file in loaded if not is_covered(file, stage)]


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "check"])
def test_a_stage_depends_on_no_code_that_it_never_loads(stage: str) -> None:
    """`check` may: its output is constant, so nothing runs after it."""
    loaded = transitive(Path("stages", f"{stage}.py"))
    code = filter(is_code, BY_NAME[stage]["deps"])
    assert not [dep for dep in code if not any(file.is_relative_to(dep) for file in loaded)]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_its_command_its_description_and_its_own_section(stage: str) -> None:
    content = BY_NAME[stage]
    assert content["cmd"] == f"python -m stages.{stage}"
    assert content["desc"]
    sections = [param for param in content["params"] if isinstance(param, str) and "." not in param]
    if stage == "report":  # whose page lists the parameters
        sections = sections[:1]
    assert sections == {"check": [], "train": ["model", "train"]}.get(stage, [stage])
    assert set(sections) <= set(PARAMS)


def test_a_stage_that_computes_depends_on_device_and_backend_and_on_no_number_of_threads_or_workers() -> None:
    loads = {stage for stage in STAGES if Path("sentiment/nn/device.py") in transitive(Path("stages", f"{stage}.py"))}
    on_cpu = {"analyze": {"compute.backend"}, "probe": set()}  # `sentiment.load` takes the fastest backend
    assert loads - {"check"} == {"pretrain", "train", "evaluate", "report", *on_cpu}
    for stage in STAGES:
        compute = {param for param in BY_NAME[stage]["params"] if str(param).startswith("compute")}
        expected = {"compute.device", "compute.backend"} if stage in loads - {"check"} else set()
        assert compute == on_cpu.get(stage, expected), stage


def test_every_stage_has_its_module() -> None:
    assert {path.stem for path in (ROOT / "stages").glob("[a-z]*.py")} == set(STAGES)


def test_every_input_is_an_output_of_an_earlier_stage_or_the_source() -> None:
    made = {Path(f"${{{key}}}") for key in ("ingest.source", "ingest.unlabelled", "model.vectors")}
    for stage, content in BY_NAME.items():
        for dep in map(Path, content["deps"]):
            found = any(dep.is_relative_to(path) or path.is_relative_to(dep) for path in made)
            assert found or is_code(str(dep)), f"{stage}: {dep}"
        made |= set(map(Path, outputs(stage)))
    assert paths.VECTORS.is_relative_to(paths.PRETRAINED)
    assert PARAMS["model"]["vectors"] == str(paths.VECTORS)


def test_every_path_of_the_code_is_an_output_or_in_one() -> None:
    made = {Path(output) for stage in STAGES for output in outputs(stage)} | set(map(Path, PIPELINE["metrics"]))
    inside = {
        paths.REVIEWS.folder: [*paths.REVIEWS],
        paths.TOKENS.folder: [*paths.TOKENS, paths.TOKENIZER],
        paths.IDS.folder: [*paths.IDS, paths.ENCODING],
        paths.BASELINE: [paths.BASELINE_VALID, paths.BASELINE_TEST],
        paths.PRETRAINED: [paths.VECTORS, paths.RECURRENCE],
    }
    for folder, names in inside.items():
        assert all(name.parent == folder for name in names)
    tables = ("classes", "confusion", "roc", "precision_recall", "calibration", "length")
    plots = {paths.PLOTS / f"{name}.csv" for name in tables}
    files = {paths.CHECKED, paths.VOCABULARY, paths.PREDICTIONS, paths.STACKED_PREDICTIONS}
    files |= {paths.PROBE, paths.REPORT, paths.MODEL, paths.BASELINE_MODEL, paths.STACKED_MODEL}
    figures = {paths.CORPUS, paths.VOCABULARY_METRICS, paths.IDS_METRICS, paths.PRETRAIN_METRICS, paths.TRAIN_METRICS}
    figures |= {paths.TEST_METRICS, paths.BASELINE_METRICS, paths.STACKED_METRICS, paths.PROBE_METRICS, paths.HISTORY}
    figures |= {paths.SPEED}
    assert set(inside) | plots | files | figures <= made


def test_volatile_figures_are_no_output() -> None:
    assert str(paths.SPEED) in PIPELINE["metrics"]
    assert all(str(paths.SPEED) not in outputs(stage) for stage in STAGES)
    assert str(paths.SPEED) not in (ROOT / "dvc.lock").read_text(encoding="utf-8")


def test_metrics_and_plots_are_in_git_and_all_else_is_ignored() -> None:
    for stage in STAGES:
        for name, options in outputs(stage).items():
            if name.startswith("metrics/"):
                assert options["cache"] is False, f"{stage}: {name}"
                # As `outs` they would keep the stage out of DVC's run cache.
                assert name not in [next(iter(out)) for out in BY_NAME[stage]["outs"] if isinstance(out, dict)]
            else:
                ignored = subprocess.run(["git", "check-ignore", "--quiet", "--no-index", name], cwd=ROOT, check=False)
                assert ignored.returncode == 0, f"{stage}: {name}"


def test_params_yaml_has_the_sections_that_the_code_reads_and_a_comment_for_each_key() -> None:
    assert set(PARAMS) == set(SECTIONS)
    bare = {"learning_rate", "weight_decay"}  # the name says it
    for line in (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):
            assert "  #" in line or line.split(":")[0].strip() in bare, line


@cache
def allowed() -> dict[str, set[str]]:
    """Return the packages that each package may import, from the picture in ARCHITECTURE.md: those below it."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    picture = re.search(r"```mermaid\nflowchart TB\n(.*?)```", text.partition("## Allowed imports")[2], re.DOTALL)
    assert picture
    arrows = [line.split(" --> ") for line in picture[1].splitlines() if line]
    below = {upper.strip(): set(lower.split(" & ")) for upper, lower in arrows}

    def reachable(name: str, above: tuple[str, ...] = ()) -> set[str]:
        assert name not in above, f"the arrows from {name} lead back to it"
        return set().union(*({lower} | reachable(lower, (*above, name)) for lower in below.get(name, set())))

    return {name: reachable(name) for name in set(below) | set().union(*below.values())}


def test_the_picture_has_every_package() -> None:
    # The package itself: its docstring, its version, and the names of the public API, loaded on first use.
    assert {package(file) for file in modules("sentiment")} | {"stages"} == set(allowed()) | {"__init__", "__main__"}


@pytest.mark.parametrize("file", [*modules("sentiment"), *modules("stages")], ids=str)
def test_a_package_imports_only_those_below_it(file: Path) -> None:
    if file == Path("sentiment/__main__.py"):
        assert {package(path) for path in direct(file)} == {"cli"}
    else:
        own = package(file)
        assert {package(path) for path in direct(file)} <= allowed().get(own, set()) | {own, "__init__"}


def test_torch_is_imported_in_the_packages_that_compute() -> None:
    """`sentiment verify` also asks torch what the machine is."""
    for file in modules("sentiment"):
        loads = any(name.split(".")[0] == "torch" for name in imported_names(file))
        assert not loads or package(file) in TORCH or file == Path("sentiment/cli/verify.py"), file


def test_a_stage_imports_no_other_stage_except_check() -> None:
    for stage in STAGES:
        others = {path.stem for path in direct(Path("stages", f"{stage}.py")) if path.parts[0] == "stages"}
        assert others <= {"__init__"} or stage == "check"
