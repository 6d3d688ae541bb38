"""Pre-train on the training reviews without their labels: data/ids/train, data/vocab.csv -> data/pretrained/, metrics.

`ppmi` learns word vectors. `language_model` starts from these vectors and learns the recurrence too. `none` leaves both
files without content. The metrics are in metrics/pretrain.json.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from safetensors.numpy import save as serialized

from sentiment.config import paths
from sentiment.config.compute import Backend, ComputeConfig
from sentiment.config.section import PositiveInt, Section, Seed
from sentiment.data import word_vectors
from sentiment.data.encoding import EncodedSplit, Encoding
from sentiment.data.vocabulary import FIRST_TOKEN, Vocabulary
from sentiment.errors import InputError
from sentiment.io import progress
from sentiment.io.atomic import atomic_folder
from sentiment.io.json_file import write_json
from sentiment.nn.config import EMBEDDING_STD, ModelConfig
from sentiment.pipeline.stage import run

if TYPE_CHECKING:
    import torch

    from sentiment.nn.classifier import Classifier


class Params(Section, name="pretrain"):
    method: Literal["none", "ppmi", "language_model"]
    window: PositiveInt
    epochs: PositiveInt
    batch_size: PositiveInt
    learning_rate: Annotated[float, Field(gt=0, le=1000)]
    seed: Seed

    def require(self, model: ModelConfig) -> None:
        """Raise InputError where the network cannot start from the method's results."""
        own_vectors = Path(model.vectors) == paths.VECTORS
        if self.method != "none" and not own_vectors:
            raise InputError(
                f"{paths.PARAMS}: pretrain.method {self.method!r} writes {paths.VECTORS}, but model.vectors is "
                f"{model.vectors!r}; set model.vectors to {paths.VECTORS}, or pretrain.method to none"
            )
        if self.method == "none" and model.freeze_embeddings and own_vectors:
            raise InputError(
                f"{paths.PARAMS}: model.freeze_embeddings keeps the embedding as it is, but pretrain.method 'none' "
                "learns no vectors; set pretrain.method to ppmi, model.vectors to a file, or freeze_embeddings to false"
            )
        if self.method == "language_model" and (
            model.encoder == "transformer" or (model.bidirectional and model.layers > 1)
        ):
            raise InputError(
                f"{paths.PARAMS}: pretrain.method 'language_model' needs states that have not seen the next word, "
                "but those of a transformer or of layers above both directions have; use ppmi, one layer or one "
                "direction"
            )


def ppmi_vectors(split: EncodedSplit, words: int, window: int, width: int) -> word_vectors.Matrix:
    """Return a vector for each word of the vocabulary: float32[words, width], zero for a word that is near no other.

    Raises InputError where there are too few words for that width, or none near another.
    """
    from sentiment.pretraining import ppmi  # loads scikit-learn, which method `none` does not need: 0.7 s

    if words <= width:
        raise InputError(
            f"{paths.VOCABULARY}: has {words} tokens, too few for vectors of model.embedding_dim = {width}; "
            "lower that, or set pretrain.method to none"
        )
    information = ppmi.ppmi(ppmi.cooccurrences(split.ids, split.lengths, words, window))
    if not information.nnz:
        raise InputError(
            f"{paths.IDS.train}: no token of the vocabulary keeps some company more than other, within pretrain.window "
            f"= {window}; set pretrain.method to none"
        )
    return ppmi.factorize(information, width, EMBEDDING_STD)


def pretrain_language_model(
    split: EncodedSplit,
    vectors: word_vectors.Vectors,
    vocab_size: int,
    config: ModelConfig,
    params: Params,
    device: "torch.device",
    backend: Backend = "auto",
) -> tuple["Classifier", float]:
    """Return a classifier whose embedding and recurrence learned to predict neighbouring tokens, and the last loss.

    The embedding starts from `vectors`. The loss is the mean over the last epoch, in nats.
    """
    import torch

    from sentiment.data.batching import BucketBatchSampler, make_loader
    from sentiment.data.dataset import ReviewDataset
    from sentiment.nn.classifier import Classifier
    from sentiment.pretraining import language_model
    from sentiment.training.optimizer import make_optimizer, make_scheduler

    torch.manual_seed(params.seed)
    # Fixed values for the parameters that a language model does not use: they are no parameters of this stage.
    fixed = {
        "pooling": "last",
        "concat_last_embedding": False,
        "freeze_embeddings": False,
        "dropout": language_model.DROPOUT,
    }
    classifier = Classifier(config.model_copy(update=fixed), vocab_size, backend)
    classifier.load_pretrained_embeddings(vectors)
    model = language_model.LanguageModel(classifier, np.bincount(split.ids, minlength=vocab_size)).to(device)
    order = BucketBatchSampler(split.lengths, params.batch_size, params.seed, bucketing=True)
    batches = make_loader(ReviewDataset(split), order, device)
    optimizer = make_optimizer(model, "adam", params.learning_rate, weight_decay=0.0)
    scheduler = make_scheduler(optimizer, "one_cycle", params.epochs * len(order))
    loss = math.nan
    for epoch in range(1, params.epochs + 1):
        order.set_epoch(epoch)
        shown = progress.bar(batches, f"pretrain epoch {epoch} of {params.epochs}", unit=" batches")
        loss = language_model.train_epoch(model, shown, optimizer, scheduler)
    return classifier.cpu(), loss


def main() -> None:
    params, model = Params.load(), ModelConfig.load()
    params.require(model)
    vocabulary = Vocabulary.load(paths.VOCABULARY)
    Encoding.load(paths.ENCODING).require(vocabulary, paths.VOCABULARY)
    words = vocabulary.tokens.to_pylist()
    values = np.empty((0, 0), np.float32)
    recurrence: dict[str, npt.NDArray[np.float32]] = {}
    metrics: dict[str, float] = {}
    if params.method != "none":
        split = EncodedSplit.open(paths.IDS.train)
        values = ppmi_vectors(split, len(words), params.window, model.embedding_dim)
    rows = np.flatnonzero(values.any(axis=1))
    if params.method == "language_model":
        from sentiment.nn import device

        compute = ComputeConfig.load()
        chosen = device.select_device(compute.device)
        device.configure_torch(chosen, compute.threads)
        vectors = word_vectors.Vectors(rows, values[rows])
        classifier, metrics["language_model_loss"] = pretrain_language_model(
            split, vectors, len(vocabulary), model, params, chosen, compute.backend
        )
        # The vector of out-of-vocabulary tokens is dropped: a file of words has no line for it.
        values, rows = classifier.embedding.weight.detach().numpy()[FIRST_TOKEN:], np.arange(len(words))
        recurrence = {name: value.numpy() for name, value in classifier.recurrence.state_dict().items()}
    with atomic_folder(paths.PRETRAINED) as folder:
        written = word_vectors.save(folder / paths.VECTORS.name, [words[row] for row in rows], values[rows])
        (folder / paths.RECURRENCE.name).write_bytes(serialized(recurrence))
    write_json(paths.PRETRAIN_METRICS, metrics | {"word_vectors": written})


if __name__ == "__main__":
    run(main)
