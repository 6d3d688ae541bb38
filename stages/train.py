"""Train the classifier: data/ids/{train,valid}, data/vocab.csv, data/pretrained -> models/classifier/, metrics.

The model folder also records the classes' names, from data/reviews/classes.json, and the source of the reviews, from
metrics/corpus.json. The metrics are metrics/train.json and metrics/history.csv. Seconds and device differ from run to
run, so they go to metrics/speed.json, which is not an output of the stage.
"""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sentiment.config import paths
from sentiment.config.compute import ComputeConfig
from sentiment.data import word_vectors
from sentiment.data.classes import Classes
from sentiment.data.corpus import Corpus
from sentiment.data.encoding import EncodedSplit, Encoding
from sentiment.data.vocabulary import Vocabulary
from sentiment.errors import InputError
from sentiment.io.csv_file import write_csv
from sentiment.io.json_file import read_json, write_json
from sentiment.nn.config import ModelConfig
from sentiment.pipeline import dvc_folder
from sentiment.pipeline.stage import run
from sentiment.training.config import TrainConfig

# Torch takes over a second to load, and `check` imports this module for its parameters: functions import torch.
if TYPE_CHECKING:
    import torch

    from sentiment.nn.classifier import Classifier
    from sentiment.training.resume import Checkpointer
    from sentiment.training.trainer import EpochMetrics, Report

PROBE = 300  # validation reviews on which the saturation is measured after each epoch


def train(
    splits: tuple[EncodedSplit, EncodedSplit],
    classifier: "Classifier",
    config: TrainConfig,
    device: "torch.device",
    workers: int = 0,
    checkpointer: "Checkpointer | None" = None,
    report: "Report | None" = None,
) -> list["EpochMetrics"]:
    """Train on the first split, and leave the weights of the epoch that is best on the second in the classifier."""
    from sentiment.data.batching import BucketBatchSampler, SequentialBatchSampler, collate, make_loader
    from sentiment.data.dataset import ReviewDataset
    from sentiment.nn.device import dtype
    from sentiment.training.trainer import TrainState, fit

    train_split, valid_split = splits
    classifier.to(device, dtype(config.precision))
    order = BucketBatchSampler(train_split.lengths, config.batch_size, config.seed, config.bucketing)
    batches = make_loader(ReviewDataset(train_split), order, device, workers)
    valid = ReviewDataset(valid_split)
    valid_batches = make_loader(valid, SequentialBatchSampler(valid_split.lengths, config.batch_size), device, workers)
    evenly = np.linspace(0, len(valid) - 1, min(PROBE, len(valid))).astype(int).tolist()
    probe = collate([valid[position] for position in evenly]).to(device)
    state = TrainState.create(classifier, config, steps_per_epoch=len(order))
    return fit(state, batches, valid_batches, config, checkpointer, report, probe)


def suited(config: TrainConfig, classifier: "Classifier", reviews: int) -> TrainConfig:
    """Return the settings for this network and number of training reviews; say whether there are adversarial steps."""
    parameters = count_parameters(classifier)
    chosen = config.suited_to(parameters, reviews)
    if config.adversarial_epsilon:
        steps, more = ("", "more than") if chosen.adversarial_epsilon else ("no ", "at most")
        print(
            f"train: {steps}adversarial steps, because {parameters:,} parameters for {reviews:,} reviews is {more} "
            f"train.adversarial_above = {config.adversarial_above:g} per review",
            file=sys.stderr,
        )
    return chosen


def count_parameters(classifier: "Classifier") -> int:
    return sum(parameter.numel() for parameter in classifier.parameters())


def build(
    config: ModelConfig,
    vocabulary: Vocabulary,
    num_classes: int,
    compute: ComputeConfig,
    seed: int,
    recurrence: "Mapping[str, torch.Tensor] | None" = None,
) -> "Classifier":
    """Return the classifier before training, with pre-trained embeddings and recurrent weights if there are any."""
    import torch

    from sentiment.nn import weights
    from sentiment.nn.classifier import Classifier

    vectors = word_vectors.load(
        word_vectors.locate(config.vectors), vocabulary.tokens.to_pylist(), config.embedding_dim
    )
    if config.freeze_embeddings and not len(vectors.indices):
        raise InputError(
            f"{paths.PARAMS}: model.freeze_embeddings keeps the embedding as it is, and {config.vectors} has no "
            "vectors; set pretrain.method or model.vectors, or freeze_embeddings to false"
        )
    torch.manual_seed(seed)
    classifier = Classifier(config, len(vocabulary), compute.backend, num_classes=num_classes)
    classifier.load_pretrained_embeddings(vectors)
    if recurrence:
        weights.load_state_dict_checked(
            classifier.recurrence, recurrence, paths.RECURRENCE, "run `dvc repro --force pretrain`"
        )
    return classifier


def main() -> Callable[[], None]:
    config, model_config, compute = TrainConfig.load(), ModelConfig.load(), ComputeConfig.load()
    vocabulary, encoding = Vocabulary.load(paths.VOCABULARY), Encoding.load(paths.ENCODING)
    encoding.require(vocabulary, paths.VOCABULARY)
    splits = EncodedSplit.open(paths.IDS.train), EncodedSplit.open(paths.IDS.valid)
    classes = Classes.load()
    for split in splits:
        split.require_labels_of(classes)
    source = read_json(paths.CORPUS)["source"]

    from sentiment.inference import checkpoint
    from sentiment.nn import device, weights
    from sentiment.training import resume
    from sentiment.training.trainer import best_epoch

    chosen = device.select_device(compute.device, config.precision)
    device.configure_torch(chosen, compute.threads)
    start = time.perf_counter()
    recurrence = weights.load(paths.RECURRENCE, "run `dvc repro --force pretrain`")
    classifier = build(model_config, vocabulary, len(classes), compute, config.seed, recurrence)
    config = suited(config, classifier, len(splits[0].labels))
    settings = {"model": model_config.model_dump(), "train": config.model_dump(), "backend": compute.backend}
    inputs = [paths.IDS.train, paths.IDS.valid, paths.CLASSES, paths.VOCABULARY]
    inputs += [Path(model_config.vectors), paths.RECURRENCE]
    name = resume.digest(settings, inputs, device.describe(chosen))
    checkpointer = resume.Checkpointer(dvc_folder.training() / f"{name}.safetensors")
    history = train(splits, classifier, config, chosen, compute.workers, checkpointer, write_history)
    seconds = time.perf_counter() - start

    best = best_epoch(history)
    corpus = Corpus(source=source, reviews=len(splits[0].labels))
    trained = checkpoint.Checkpoint(classifier, vocabulary, encoding, classes, corpus)
    checkpoint.save(paths.MODEL, trained, seed=config.seed, epoch=best.epoch)
    write_history(history)  # again, because a resumed training may have had no epoch left
    write_metrics(classifier, splits, config, len(history), best)
    tokens = (len(history) - checkpointer.restored_epochs) * sum(len(split.ids) for split in splits)
    speed = {"train_seconds": round(seconds, 2), "tokens_per_second": round(tokens / seconds)}
    write_json(paths.SPEED, {"device": device.describe(chosen), **speed})
    return checkpointer.remove


def write_history(history: list["EpochMetrics"]) -> None:
    """Write metrics/history.csv, a row for each epoch so far: `dvc plots show` can draw it while training runs."""
    import pandas as pd

    write_csv(paths.HISTORY, pd.DataFrame([epoch.row() for epoch in history]))


def write_metrics(
    classifier: "Classifier",
    splits: tuple[EncodedSplit, EncodedSplit],
    config: TrainConfig,
    epochs: int,
    best: "EpochMetrics",
) -> None:
    """Write metrics/train.json, about the best epoch of the `epochs` that were trained."""
    best_epoch = {name: value for name, value in asdict(best).items() if name != "saturation"}
    write_json(
        paths.TRAIN_METRICS,
        {
            "parameters": count_parameters(classifier),
            "perturbation": config.adversarial_epsilon,
            "vector_coverage": {
                split: classifier.pretrained_coverage(encoded.ids)
                for split, encoded in zip(("train", "valid"), splits, strict=True)
            },
            "epochs": epochs,
            "best_epoch": best_epoch.pop("epoch"),
            **best_epoch,
        },
    )


if __name__ == "__main__":
    run(main)
