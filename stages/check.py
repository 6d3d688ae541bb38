"""Check every parameter before any output is touched: params.yaml -> data/params.checked.

DVC removes a stage's outputs before it runs the stage. All stages depend on this one's output, through `ingest`, so a
mistake in any section stops the run while the last run's outputs are still in place. The output is constant: a changed
parameter re-runs `check` and the stages that read it, no others. This is the only stage that imports other stages, for
their parameter classes.
"""

import os
import pkgutil
from importlib import import_module
from pathlib import Path

import stages
from sentiment.analysis.config import AnalysisConfig
from sentiment.config import paths
from sentiment.config.compute import ComputeConfig
from sentiment.config.evaluation import EvaluationConfig
from sentiment.config.section import Section, load_all
from sentiment.data import sources, word_vectors
from sentiment.errors import InputError
from sentiment.io.atomic import atomic_write
from sentiment.nn.config import ModelConfig
from sentiment.pipeline.stage import run
from sentiment.pretraining.config import PretrainConfig
from sentiment.report.config import ReportConfig
from sentiment.training.config import TrainConfig
from stages import ingest


def _sections() -> dict[str, type[Section]]:
    """Return the class of every section by its name: the `Params` of each stage, and those that modules share."""
    names = [module.name for module in pkgutil.iter_modules(stages.__path__) if module.name != "check"]
    modules = [import_module(f"stages.{name}") for name in names]
    params = [module.Params for module in modules if hasattr(module, "Params")]
    shared = (ModelConfig, TrainConfig, PretrainConfig, EvaluationConfig, AnalysisConfig, ReportConfig, ComputeConfig)
    return {section.section: section for section in (*params, *shared)}


SECTIONS = _sections()


def check() -> None:
    """Raise InputError for a mistake in params.yaml, or in a file that it names."""
    load_all(SECTIONS)
    params = ingest.Params.load()
    sources.locate(params.source)
    sources.locate(params.unlabelled, "ingest.unlabelled")
    model, compute = ModelConfig.load(), ComputeConfig.load()
    PretrainConfig.load().require(model)
    if Path(model.vectors) != paths.VECTORS:  # `pretrain` writes these
        word_vectors.require(model.vectors, model.embedding_dim)
    if compute.device not in ("auto", "cpu"):
        from sentiment.nn import device  # loads torch, over a second, which no other check needs

        device.select_device(compute.device, TrainConfig.load().precision)


def main() -> None:
    try:
        check()
    except InputError as error:
        if not _in_experiment_of_workspace():
            raise
        # DVC writes the file within the second in which Git last looked at it. If the new value has the same length,
        # Git misses the change and `git checkout` does nothing, until the file's time changes.
        paths.PARAMS.touch()
        raise InputError(
            f"{error}\n{paths.PARAMS}: keeps the values of this `dvc exp run`; correct them with another -S, or take "
            f"back all changes of the file since the last commit: `git checkout {paths.PARAMS}`"
        ) from None
    with atomic_write(paths.CHECKED) as partial:
        partial.write_text("The parameters are valid.\n", encoding="utf-8", newline="\n")


def _in_experiment_of_workspace() -> bool:
    """Return whether `dvc exp run` has changed the user's own params.yaml, not a copy, as --temp and --queue do."""
    return "DVC_EXP_BASELINE_REV" in os.environ and ".dvc" not in Path.cwd().parts


if __name__ == "__main__":
    run(main, alone=False)  # may run beside another stage, because its output is constant
