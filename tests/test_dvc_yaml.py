"""dvc.yaml says all that a stage reads, and the modules climb one ladder."""

from pathlib import Path
from typing import Any

import pytest

from sentiment.config import paths
from sentiment.config.yaml_file import read_yaml
from stages.check import SECTIONS
from tests.support.imports import ROOT, direct, imported_names, transitive

PIPELINE: dict[str, Any] = read_yaml(ROOT / "dvc.yaml")
PARAMS: dict[str, Any] = read_yaml(ROOT / "params.yaml")
STAGES: dict[str, Any] = PIPELINE["stages"]

# Each module imports from its own rung or from one below.
LADDER = [
    ["architecture", "errors", "evaluation", "files", "grammar", "hardware", "params", "paths", "progress", "tables"],
    [
        "comparing",
        "compare",
        "cooccurrence",
        "encoded",
        "imdb",
        "linear",
        "lockfile",
        "ngrams",
        "scoring",
        "sources",
        "stacking",
        "stage",
        "summary",
        "repro",
        "text",
        "vectors",
        "vocabulary",
        "writers",
    ],
    [
        "adversarial",
        "batches",
        "bundle",
        "cells",
        "corpus",
        "device",
        "kernels",
        "language_model",
        "manual",
        "model",
        "pooling",
        "predicting",
        "recurrence",
        "resume",
        "threads",
        "training",
        "transformer",
        "verify",
        "weights",
        "predict",
    ],
]
TORCH = set(LADDER[2]) - {"predict"}


def outputs(stage: str) -> dict[str, dict[str, object]]:
    """Return a stage's outputs with what dvc.yaml says of each."""
    listed = [out for kind in ("outs", "metrics", "plots") for out in STAGES[stage].get(kind, [])]
    return dict(next(iter(out.items())) if isinstance(out, dict) else (out, {}) for out in listed)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_every_module_it_can_load(stage: str) -> None:
    listed = {Path(dep) for dep in STAGES[stage]["deps"] if dep.endswith(".py")}
    assert listed == transitive(Path("stages", f"{stage}.py"))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_its_command_its_description_and_its_own_section(stage: str) -> None:
    content = STAGES[stage]
    assert content["cmd"] == f"python -m stages.{stage}"
    assert content["desc"]
    own = [param for param in content["params"] if isinstance(param, str) and "." not in param]
    assert own == {"check": [], "baseline": ["baseline", "evaluate"], "train": ["model", "train"]}.get(stage, [stage])
    assert set(own) <= set(PARAMS)


def test_a_stage_that_computes_where_it_is_told_depends_on_the_device() -> None:
    told = {stage for stage in STAGES if "sentiment/hardware.py" in STAGES[stage]["deps"]} - {"check"}
    assert told == {"pretrain", "train", "evaluate"}
    assert all(
        {"compute.device", "compute.backend"} <= {key for key in STAGES[stage]["params"] if isinstance(key, str)}
        for stage in told
    )
    assert not any("compute.threads" in content["params"] for content in STAGES.values())  # they change no result


def test_the_stages_stand_in_the_order_in_which_they_run() -> None:
    assert list(STAGES) == [
        "check",
        "ingest",
        "tokenize",
        "count_vocab",
        "encode",
        "baseline",
        "pretrain",
        "train",
        "evaluate",
    ]
    assert {path.stem for path in (ROOT / "stages").glob("[a-z]*.py")} == set(STAGES)


def test_every_input_is_an_output_of_an_earlier_stage_or_the_source() -> None:
    made: set[str] = {"${ingest.source}", "${model.vectors}"}
    for stage, content in STAGES.items():
        data = [dep for dep in content["deps"] if not dep.endswith(".py")]
        assert set(data) <= made, stage
        made |= set(outputs(stage))


def test_every_path_of_the_code_is_in_the_pipeline() -> None:
    listed = {output for stage in STAGES for output in outputs(stage)} | set(PIPELINE["metrics"])
    known = [
        *paths.REVIEWS,
        *paths.TOKENS,
        *paths.IDS,
        paths.VOCABULARY,
        paths.ENCODING,
        paths.MODEL,
        paths.PREDICTIONS,
        paths.BASELINE_PREDICTIONS,
        paths.BASELINE_HELD_OUT,
        paths.BASELINE_METRICS,
        paths.STACKED_PREDICTIONS,
        paths.STACKED_METRICS,
    ]
    known += [paths.CORPUS, paths.VOCABULARY_METRICS, paths.IDS_METRICS, paths.TRAIN_METRICS, paths.TEST_METRICS]
    known += [paths.HISTORY, paths.SPEED, paths.CHECKED, paths.VECTORS, paths.RECURRENCE, paths.PRETRAIN_METRICS]
    assert listed - {str(path) for path in known} == {
        f"metrics/plots/{name}.csv" for name in ("confusion", "roc", "precision_recall", "calibration", "length")
    }
    assert {str(path) for path in known} <= listed


def test_volatile_figures_are_no_output() -> None:
    assert str(paths.SPEED) in PIPELINE["metrics"]
    assert all(str(paths.SPEED) not in outputs(stage) for stage in STAGES)
    assert str(paths.SPEED) not in (ROOT / "dvc.lock").read_text(encoding="utf-8")


def test_metrics_and_plots_are_in_git_and_all_else_is_ignored() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    for stage in STAGES:
        for name, options in outputs(stage).items():
            if name.startswith("metrics/"):
                assert options["cache"] is False, f"{stage}: {name}"
                # As `outs` they would keep the stage out of DVC's run cache.
                assert name not in [next(iter(out)) for out in STAGES[stage]["outs"] if isinstance(out, dict)]
            else:
                covered = [f"/{name}", *(f"/{parent}/" for parent in Path(name).parents)]
                assert any(line in ignored for line in covered), f"{stage}: {name}"


def test_params_yaml_has_the_sections_that_the_code_reads_and_a_comment_for_each_key() -> None:
    assert list(PARAMS) == list(SECTIONS)
    bare = {"learning_rate", "weight_decay"}  # the name says it
    for line in (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):
            assert "  #" in line or line.split(":")[0].strip() in bare, line


def test_the_ladder_has_a_place_for_every_module() -> None:
    assert sorted(sum(LADDER, [])) == sorted(path.stem for path in (ROOT / "sentiment").glob("[a-z]*.py"))


@pytest.mark.parametrize("rung", range(len(LADDER)))
def test_a_module_imports_only_from_its_rung_and_below(rung: int) -> None:
    below = {name for names in LADDER[: rung + 1] for name in names}
    for name in LADDER[rung]:
        file = Path("sentiment", f"{name}.py")
        used = {path.stem for path in direct(file) if path.name != "__init__.py"}
        assert used <= below, f"{name} climbs up to {used - below}"
        assert not any(path.parts[0] == "stages" for path in direct(file)), name


def test_torch_is_imported_on_the_last_rung_alone() -> None:
    for name in sum(LADDER, []):
        loads = any(imported.split(".")[0] == "torch" for imported in imported_names(Path("sentiment", f"{name}.py")))
        assert not loads or name in TORCH, name


def test_a_stage_imports_no_other_stage_except_check() -> None:
    for stage in STAGES:
        others = {path.stem for path in direct(Path("stages", f"{stage}.py")) if path.parts[0] == "stages"}
        assert others <= {"__init__"} or stage == "check"
