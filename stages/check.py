"""Check every parameter at once, before any output is touched: params.yaml -> data/params.checked.

DVC removes a stage's outputs before it runs the stage. `ingest`, and so everything, depends on what this stage writes:
a mistake in any section stops the run here, with the outputs of the last run still in place. What it writes never
changes, so a changed parameter re-runs only the stages that read it. It is the one stage that imports others, for
their parameter classes alone.
"""

from pathlib import Path

from sentiment.config import paths
from sentiment.config.compute import ComputeConfig
from sentiment.config.evaluation import EvaluationConfig
from sentiment.config.section import Section, load_all
from sentiment.data import sources, word_vectors
from sentiment.io.atomic import atomic_write
from sentiment.nn.config import ModelConfig
from sentiment.pipeline.stage import run
from sentiment.training.config import TrainConfig
from stages import baseline, count_vocab, encode, ingest, pretrain, tokenize

SECTIONS: dict[str, type[Section]] = {
    "ingest": ingest.Params,
    "tokenize": tokenize.Params,
    "count_vocab": count_vocab.Params,
    "encode": encode.Params,
    "baseline": baseline.Params,
    "pretrain": pretrain.Params,
    "model": ModelConfig,
    "train": TrainConfig,
    "evaluate": EvaluationConfig,
    "compute": ComputeConfig,
}


def main() -> None:
    sections = load_all(SECTIONS)
    given, before, shape, training, compute = (
        sections[name] for name in ("ingest", "pretrain", "model", "train", "compute")
    )
    assert isinstance(given, ingest.Params)
    assert isinstance(before, pretrain.Params)
    assert isinstance(shape, ModelConfig)
    assert isinstance(training, TrainConfig)
    assert isinstance(compute, ComputeConfig)
    sources.locate(given.source)
    before.require(shape)
    if Path(shape.vectors) != paths.VECTORS:  # a stage makes those
        word_vectors.require(shape.vectors, shape.embedding_dim)
    if compute.device in ("cuda", "mps"):
        from sentiment.nn import device  # loads torch: over a second, and only this check needs it

        device.select_device(compute.device, training.precision)
    with atomic_write(paths.CHECKED) as partial:
        partial.write_text("The parameters are valid.\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    run(main, waits=False)  # what it writes never changes
