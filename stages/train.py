"""Train the classifier: data/ids/{train,valid}, data/vocab.csv -> models/classifier/, metrics/{train.json,history.csv}.

How long it took, and on what, goes to metrics/speed.json, which is no output: it differs from run to run.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, NonNegativeFloat

from sentiment.config import paths
from sentiment.config.compute import ComputeConfig
from sentiment.config.model import ModelConfig
from sentiment.config.section import Fraction, NonNegativeInt, PositiveInt, Section, Seed
from sentiment.data import word_vectors
from sentiment.data.encoding import EncodedSplit, Encoding
from sentiment.data.vocabulary import Vocabulary
from sentiment.data.word_vectors import Vectors
from sentiment.errors import InputError
from sentiment.io import progress
from sentiment.io.csv_file import write_csv
from sentiment.io.json_file import write_json
from sentiment.pipeline.stage import run

# Torch takes over a second to load, and `stages.check` reads the parameters below without it: functions import it.
if TYPE_CHECKING:
    import torch

    from sentiment.nn.classifier import Classifier
    from sentiment.training.trainer import EpochMetrics, Keeper

_PRETRAIN = "run `dvc repro --force pretrain`"


class Params(Section, name="train"):
    seed: Seed
    epochs: PositiveInt
    batch_size: PositiveInt
    optimizer: Literal["adam", "adamw", "sgd"]
    learning_rate: Annotated[float, Field(gt=0, le=1000)]
    schedule: Literal["constant", "one_cycle"]
    weight_decay: Annotated[float, Field(ge=0, le=1000)]
    clip_norm: NonNegativeFloat
    averaging: Fraction
    adversarial: Fraction
    bucketing: bool
    patience: NonNegativeInt
    precision: Literal["float64", "float32", "bfloat16"]


def train(
    splits: tuple[EncodedSplit, EncodedSplit],
    entries: int,
    shape: ModelConfig,
    params: Params,
    device: "torch.device",
    start: Vectors | None = None,
    recurrence: "Mapping[str, torch.Tensor] | None" = None,
    keeper: "Keeper | None" = None,
    *,
    workers: int = 0,
) -> tuple["Classifier", list["EpochMetrics"]]:
    """Train on the first split, stop by the second. Return the best epoch's classifier and every epoch's losses.

    `entries` is the size of the vocabulary with its special ids; its words begin with the vectors of `start`,
    the recurrent layers with the weights of `recurrence`, where there are some. What `keeper` holds is taken up.
    `workers` processes prepare the batches.
    """
    import torch

    from sentiment.data.batching import BucketBatchSampler, SequentialBatchSampler, loader
    from sentiment.data.dataset import ReviewDataset
    from sentiment.nn import weights
    from sentiment.nn.classifier import Classifier
    from sentiment.nn.device import dtype
    from sentiment.training import trainer
    from sentiment.training.resume import Checkpointer

    torch.manual_seed(params.seed)
    classifier = Classifier(shape, entries)
    if start is not None:
        classifier.load_pretrained_embeddings(start)
    if recurrence:
        weights.load_state_dict_checked(classifier.recurrence, recurrence, paths.RECURRENCE, _PRETRAIN)
    classifier.to(device, dtype(params.precision))
    learned, held_out = splits
    order = BucketBatchSampler(learned.lengths, params.batch_size, params.seed, params.bucketing)
    batches = loader(ReviewDataset(learned), order, device, workers)
    held_out_batches = loader(
        ReviewDataset(held_out), SequentialBatchSampler(held_out.lengths, params.batch_size), device, workers
    )

    with progress.counter("train", params.epochs * len(order), " batches") as shown:

        def present(epoch: int) -> "trainer.Batches":
            order.epoch = epoch
            shown.update((epoch - 1) * len(order) - shown.n)  # those of an earlier run, which this one resumes
            for batch in batches:
                yield batch
                shown.update()

        def report(epoch: "EpochMetrics") -> None:
            shown.set_postfix_str(f"epoch {epoch.epoch}/{params.epochs} valid {epoch.valid_accuracy:.1%}")

        optimizer = trainer.optimizer(classifier, params.optimizer, params.learning_rate, params.weight_decay)
        cycle = trainer.follow(optimizer, params.schedule, params.epochs * len(order))
        recipe = trainer.TrainConfig(
            params.epochs, params.clip_norm, params.patience, params.precision, params.averaging, params.adversarial
        )
        course = trainer.TrainState.begin(classifier, optimizer, cycle, params.averaging)
        history = trainer.fit(course, present, lambda: held_out_batches, recipe, keeper or Checkpointer(), report)
    return classifier, history


def main() -> Callable[[], None]:
    params, shape, compute = Params.load(), ModelConfig.load(), ComputeConfig.load()
    vocabulary = Vocabulary.load(paths.VOCABULARY)
    encoding = Encoding.load(paths.ENCODING)
    encoding.require(vocabulary, paths.VOCABULARY)
    splits = EncodedSplit.open(paths.IDS.train), EncodedSplit.open(paths.IDS.valid)

    given = word_vectors.load(word_vectors.locate(shape.vectors), vocabulary.tokens.to_pylist(), shape.embedding_dim)

    if not (shape.tune_vectors or len(given.indices)):
        raise InputError(
            f"{paths.PARAMS}: model.tune_vectors false keeps the embedding as it is, and {shape.vectors} has no "
            "vectors; set pretrain.method or model.vectors, or tune_vectors to true"
        )

    import pandas as pd

    from sentiment.inference import checkpoint
    from sentiment.nn import device, weights
    from sentiment.training import resume
    from sentiment.training.trainer import best_epoch

    chosen = device.select_device(compute.device, params.precision)
    device.configure_torch(chosen, compute.threads)
    start = time.perf_counter()
    recurrence = weights.load(paths.RECURRENCE, _PRETRAIN)
    settings = {"model": shape.model_dump(), "train": params.model_dump(), "backend": compute.backend}
    inputs = [paths.IDS.train, paths.IDS.valid, paths.VOCABULARY, Path(shape.vectors), paths.RECURRENCE]
    name = resume.digest(settings, inputs, device.describe(chosen))
    keeper = resume.Checkpointer(paths.TRAINING / f"{name}.safetensors")
    classifier, history = train(
        splits, len(vocabulary), shape, params, chosen, given, recurrence, keeper, workers=compute.workers
    )
    seconds = time.perf_counter() - start

    best = best_epoch(history)
    checkpoint.save(paths.MODEL, checkpoint.Checkpoint(classifier, vocabulary, encoding), params.seed, best.epoch)
    write_csv(paths.HISTORY, pd.DataFrame(history))
    parameters = sum(parameter.numel() for parameter in classifier.parameters())
    write_json(
        paths.TRAIN_METRICS,
        {
            "parameters": parameters,
            "vector_coverage": {
                name: classifier.pretrained_coverage(split.ids)
                for name, split in zip(("train", "valid"), splits, strict=True)
            },
            "epochs": len(history),
            "best_epoch": best.epoch,
            **{name: value for name, value in asdict(best).items() if name != "epoch"},
        },
    )
    tokens = (len(history) - keeper.restored) * (len(splits[0].ids) + len(splits[1].ids))
    write_json(
        paths.SPEED,
        {
            "device": device.describe(chosen),
            "train_seconds": round(seconds, 2),
            "tokens_per_second": round(tokens / seconds),
        },
    )
    return keeper.end


if __name__ == "__main__":
    run(main)
