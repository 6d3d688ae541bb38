"""Predict probabilities for batches, for an encoded split and for raw texts."""

from collections.abc import Callable, Iterable

import numpy as np
import pyarrow as pa
import torch

from sentiment.data.batching import Batch, SequentialBatchSampler, collate, make_loader
from sentiment.data.dataset import ReviewDataset
from sentiment.data.encoding import EncodedSplit
from sentiment.data.predictions import Probabilities, TextPredictions
from sentiment.data.vocabulary import OUT_OF_VOCABULARY
from sentiment.errors import InputError
from sentiment.inference.checkpoint import Checkpoint
from sentiment.nn import outputs
from sentiment.nn.classifier import Classifier

# Reviews in a batch. On two CPU cores, 64 to 1,024 differ in speed by less than a fifth.
BATCH_SIZE = 256


def probabilities(
    model: Classifier, batches: Iterable[Batch], reviews: int, progress: Callable[[int], None] = lambda count: None
) -> Probabilities:
    """Return the probabilities of each review, in the order of the corpus: float32[reviews, classes].

    The batches hold every review once, in any order. `progress` is called with the size of each batch. Raises
    InputError where a probability is not a number.
    """
    device = next(model.parameters()).device
    result = np.full((reviews, model.num_classes), np.nan, np.float32)
    model.eval()
    with torch.inference_mode():
        for batch in batches:
            moved = batch.to(device)
            logits: torch.Tensor = model(moved.ids, len(moved))
            result[batch.positions.numpy()] = outputs.probabilities(logits.cpu()).numpy()
            progress(len(batch))
    if overflowing := np.isnan(result).any(axis=1).sum():
        raise InputError(
            f"the model's states overflow: the probabilities of {overflowing} of {reviews} reviews are not numbers; "
            "train with model.nonlinearity tanh, or a lower train.learning_rate"
        )
    return result


def predict_split(
    model: Classifier, split: EncodedSplit, progress: Callable[[int], None] = lambda count: None
) -> Probabilities:
    """Return the probabilities of a whole split, in its order, computed on the model's device.

    The result is float32[reviews, classes].
    """
    device = next(model.parameters()).device
    batches = make_loader(ReviewDataset(split), SequentialBatchSampler(split.lengths, BATCH_SIZE), device)
    return probabilities(model, batches, len(split.labels), progress)


def predict_texts(trained: Checkpoint, texts: list[str]) -> TextPredictions:
    """Predict texts, in the given order. They are tokenized, looked up and truncated as the training reviews were."""
    tokens = trained.encoding.tokenizer(pa.array(texts, pa.string()))
    ids, lengths = trained.encoding.encode(tokens, trained.vocabulary)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    unknown = np.diff(np.concatenate([[0], np.cumsum(ids == OUT_OF_VOCABULARY)])[offsets]) / np.maximum(lengths, 1)
    reviews = [(row, ids[offsets[row] : offsets[row + 1]], 0) for row in range(len(texts))]
    by_length = np.argsort(-lengths, kind="stable")
    batches = (
        collate([reviews[row] for row in by_length[start : start + BATCH_SIZE]])
        for start in range(0, len(reviews), BATCH_SIZE)
    )
    return TextPredictions(probabilities(trained.classifier, batches, len(texts)), unknown)
