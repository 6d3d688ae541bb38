"""Learn what the network begins with from the training reviews, without their labels.

data/ids/train, data/vocab.csv -> data/vectors.txt, data/recurrence.safetensors, metrics/pretrain.json

`ppmi` makes word vectors, `language_model` goes on from them and learns the recurrence too, `none` leaves both files
without content.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from safetensors.numpy import save as serialized

from sentiment.config import paths
from sentiment.config.compute import ComputeConfig
from sentiment.config.model import EMBEDDING_STD, ModelConfig
from sentiment.config.section import PositiveInt, Section, Seed
from sentiment.data import word_vectors
from sentiment.data.encoding import EncodedSplit, Encoding
from sentiment.data.vocabulary import FIRST_TOKEN, Vocabulary
from sentiment.errors import InputError
from sentiment.io import progress
from sentiment.io.atomic import atomic_write
from sentiment.io.json_file import write_json
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

    def require(self, shape: ModelConfig) -> None:
        """Raise InputError where this network cannot begin with what the method makes."""
        if self.method != "none" and Path(shape.vectors) != paths.VECTORS:
            raise InputError(
                f"{paths.PARAMS}: pretrain.method {self.method!r} writes {paths.VECTORS}, and model.vectors is "
                f"{shape.vectors!r}; set that to {paths.VECTORS}, or the method to none"
            )
        if self.method == "none" and not shape.tune_vectors and Path(shape.vectors) == paths.VECTORS:
            raise InputError(
                f"{paths.PARAMS}: model.tune_vectors false keeps the embedding as it is, and pretrain.method 'none' "
                "makes no vectors; set that to ppmi, model.vectors to a file, or tune_vectors to true"
            )
        if self.method == "language_model" and (
            shape.cell == "transformer" or (shape.bidirectional and shape.layers > 1)
        ):
            raise InputError(
                f"{paths.PARAMS}: pretrain.method 'language_model' needs states that have not seen the next word; "
                "a transformer's, and those on top of both directions, have: use ppmi, one layer or one direction"
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


def language(
    split: EncodedSplit,
    start: word_vectors.Vectors,
    entries: int,
    shape: ModelConfig,
    params: Params,
    device: "torch.device",
) -> tuple["Classifier", float]:
    """Return a classifier whose embedding and recurrence learned to guess the neighbouring word, and the last loss.

    The embedding begins with `start`. The loss is the mean of the last epoch, in nats.
    """
    import torch

    from sentiment.data.batching import BucketBatchSampler, loader
    from sentiment.data.dataset import ReviewDataset
    from sentiment.nn.classifier import Classifier
    from sentiment.pretraining import language_model
    from sentiment.training import trainer

    torch.manual_seed(params.seed)
    # What the language model does not have is left out: no parameter but those in dvc.yaml changes what it learns.
    parts = {"pooling": "last", "input_conditioned": False, "tune_vectors": True, "dropout": language_model.DROPOUT}
    classifier = Classifier(shape.model_copy(update=parts), entries)
    classifier.load_pretrained_embeddings(start)
    learner = language_model.LanguageModel(classifier, np.bincount(split.ids, minlength=entries)).to(device)
    order = BucketBatchSampler(split.lengths, params.batch_size, params.seed, bucketing=True)
    batches = loader(ReviewDataset(split), order, device)
    optimizer = trainer.optimizer(learner, "adam", params.learning_rate, 0.0)
    trainer.follow(optimizer, "one_cycle", params.epochs * len(order))
    loss = math.nan
    with progress.counter("pretrain", params.epochs * len(order), " batches") as shown:
        for order.epoch in range(1, params.epochs + 1):
            loss = language_model.train_epoch(learner, batches, optimizer, shown.update)
            shown.set_postfix_str(f"epoch {order.epoch}/{params.epochs} loss {loss:.3f}")
    return classifier, loss


def main() -> None:
    params, shape = Params.load(), ModelConfig.load()
    params.require(shape)
    vocabulary = Vocabulary.load(paths.VOCABULARY)
    Encoding.load(paths.ENCODING).require(vocabulary, paths.VOCABULARY)
    words = vocabulary.tokens.to_pylist()
    values = np.empty((0, 0), np.float32)
    recurrence: dict[str, npt.NDArray[np.float32]] = {}
    metrics: dict[str, float] = {}
    if params.method != "none":
        split = EncodedSplit.open(paths.IDS.train)
        values = ppmi_vectors(split, len(words), params.window, shape.embedding_dim)
    paired = np.flatnonzero(values.any(axis=1))
    if params.method == "language_model":
        from sentiment.nn import device

        compute = ComputeConfig.load()
        chosen = device.select_device(compute.device)
        device.configure_torch(chosen, compute.threads)
        start = word_vectors.Vectors(paired, values[paired])
        learned, metrics["language_model_loss"] = language(split, start, len(vocabulary), shape, params, chosen)
        learned.cpu()
        # What it learned of tokens out of the vocabulary stays behind: a file of words has no line for them.
        values, paired = learned.embedding.weight.detach().numpy()[FIRST_TOKEN:], np.arange(len(words))
        recurrence = {name: value.numpy() for name, value in learned.recurrence.state_dict().items()}
    written = word_vectors.save(paths.VECTORS, [words[place] for place in paired], values[paired])
    with atomic_write(paths.RECURRENCE) as partial:
        partial.write_bytes(serialized(recurrence))
    write_json(paths.PRETRAIN_METRICS, metrics | {"word_vectors": written})


if __name__ == "__main__":
    run(main)
