"""Pre-training as a language model: predict each next token, so that embedding and recurrence start with some language.

Dai and Le (2015, arXiv 1511.01432) start a classifier from a language model's weights. Here the language model reads
only the training reviews, without their labels. The forward direction predicts the next token and the backward
direction the previous one, each from its own state alone, with the embedding as the output weights.

A softmax over the whole vocabulary would cost more than the recurrence. Each token is therefore told apart from a few
hundred words drawn for the batch, whose logits are corrected for how often they are drawn (Bengio and Senécal 2008).
"""

import math
from collections.abc import Iterable
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence
from torch.optim.lr_scheduler import LRScheduler

from sentiment.config.compute import Backend
from sentiment.data.batching import Batch, BucketBatchSampler, make_loader
from sentiment.data.dataset import ReviewDataset
from sentiment.data.encoding import EncodedSplit
from sentiment.data.vocabulary import PADDING
from sentiment.data.word_vectors import Vectors
from sentiment.errors import InputError
from sentiment.io import progress
from sentiment.nn.classifier import Classifier
from sentiment.nn.config import ModelConfig
from sentiment.nn.packed import PackedVectors
from sentiment.nn.recurrent import RecurrentEncoder
from sentiment.pretraining.config import PretrainConfig
from sentiment.training.optimizer import make_optimizer, make_scheduler

CANDIDATES = 400  # words drawn for a batch
DROPOUT = 0.2  # of embeddings, between layers, and of predictions
CLIP_NORM = 1.0


class LanguageModel(nn.Module):
    """A classifier's embedding and recurrence, with an output layer that predicts tokens from the states."""

    def __init__(self, classifier: Classifier, counts: npt.NDArray[np.int64]) -> None:
        """Share a classifier's weights. `counts`: int64[vocabulary], the number of occurrences of each id."""
        super().__init__()
        self.embedding, self.recurrence = classifier.embedding, cast(RecurrentEncoder, classifier.recurrence)
        config = classifier.config
        directions = 2 if config.bidirectional else 1
        self.output = nn.ModuleList(nn.Linear(config.hidden_dim, config.embedding_dim) for _ in range(directions))
        # Embeddings are small, with a standard deviation of 0.1. As output weights they are scaled by a learned factor.
        self.scale = nn.Parameter(torch.tensor(5.0))
        seen = torch.from_numpy(counts).double()
        seen[PADDING] = 0
        self.bias = nn.Parameter((seen.clamp_min(1) / seen.sum()).log().float())
        share = seen**0.75 / (seen**0.75).sum()
        self._share = share  # a plain attribute: words are drawn on the CPU
        # Logarithm of how often a word is expected among the candidates, which is subtracted from its logit.
        self.register_buffer("drawn", (share.clamp_min(1e-12) * CANDIDATES).log().float())
        self.drawn: Tensor

    def draw(self) -> Tensor:
        """Draw the words that a batch's tokens are told apart from, with replacement: int64[CANDIDATES]."""
        return torch.multinomial(self._share, CANDIDATES, replacement=True).to(self.drawn.device)

    def forward(self, ids: PackedSequence, candidates: Tensor) -> Tensor:
        """Return the mean loss of all predictions in nats, a scalar. At least one review must have two tokens."""
        tokens, table = ids.data.long(), self.embedding.weight
        embedded = functional.dropout(functional.embedding(tokens, table), DROPOUT, self.training)
        packed = PackedVectors(embedded, None, ids.batch_sizes)
        before, after = neighbours(packed)
        directions = self.recurrence.states(packed)
        others = functional.embedding(candidates, table) * self.scale
        corrected = self.bias - self.drawn
        losses = []
        for (states, _), output, (rows, targets) in zip(
            directions, self.output, [(before, after), (after, before)], strict=False
        ):
            target = tokens[targets]
            predicted = functional.dropout(output(states[rows]), DROPOUT, self.training)
            right = (predicted * functional.embedding(target, table)).sum(1) * self.scale + corrected[target]
            wrong = predicted @ others.T + corrected[candidates]
            wrong = wrong.masked_fill(target[:, None] == candidates, -math.inf)  # a candidate that is the target
            losses.append((torch.logaddexp(right, torch.logsumexp(wrong, dim=1)) - right).mean())
        return torch.stack(losses).mean()


def neighbours(packed: PackedVectors) -> tuple[Tensor, Tensor]:
    """Return the rows of each pair of neighbouring tokens, the earlier and the later ones: int64[pairs] each.

    >>> before, after = neighbours(PackedVectors(torch.zeros(5, 1), None, torch.tensor([2, 2, 1])))  # "a b c", "d e"
    >>> before.tolist(), after.tolist()
    ([0, 1, 2], [2, 3, 4])
    """
    sizes, first, tokens = packed.places().sizes, int(packed.batch_sizes[0]), int(packed.batch_sizes.sum())
    after = torch.arange(first, tokens, device=sizes.device)
    return after - torch.repeat_interleave(sizes[:-1], sizes[1:], output_size=tokens - first), after


def fit(
    split: EncodedSplit,
    vectors: Vectors,
    vocab_size: int,
    model_config: ModelConfig,
    config: PretrainConfig,
    device: torch.device,
    backend: Backend = "auto",
) -> tuple[Classifier, float]:
    """Return a classifier whose embedding and recurrence learned to predict neighbouring tokens, and the last loss.

    The embedding starts from `vectors`. The loss is the mean over the last epoch, in nats.
    """
    torch.manual_seed(config.seed)
    # Fixed values for the parameters that a language model does not use: the stage does not depend on them.
    fixed = {"pooling": "last", "concat_last_embedding": False, "freeze_embeddings": False, "dropout": DROPOUT}
    classifier = Classifier(model_config.model_copy(update=fixed), vocab_size, backend)
    classifier.load_pretrained_embeddings(vectors)
    model = LanguageModel(classifier, np.bincount(split.ids, minlength=vocab_size)).to(device)
    order = BucketBatchSampler(split.lengths, config.batch_size, config.seed, bucketing=True)
    batches = make_loader(ReviewDataset(split), order, device)
    optimizer = make_optimizer(model, "adam", config.learning_rate, weight_decay=0.0)
    scheduler = make_scheduler(optimizer, "one_cycle", config.epochs * len(order))
    loss = math.nan
    for epoch in range(1, config.epochs + 1):
        order.set_epoch(epoch)
        shown = progress.bar(batches, f"pretrain epoch {epoch} of {config.epochs}", unit=" batches")
        loss = train_epoch(model, shown, optimizer, scheduler)
        progress.log(f"pretrain epoch {epoch} of {config.epochs}: loss {loss:.4f}")
    return classifier.cpu(), loss


def train_epoch(
    model: LanguageModel,
    batches: Iterable[Batch],
    optimizer: torch.optim.Optimizer,
    scheduler: LRScheduler | None,
) -> float:
    """Take a step for every batch. Return the mean of their losses. Raises InputError where it is no longer finite."""
    model.train()
    device = next(model.parameters()).device
    losses = []
    for batch in batches:
        if len(batch.ids.batch_sizes) > 1:  # otherwise no review has two tokens
            optimizer.zero_grad(set_to_none=True)
            loss = model(batch.to(device).ids, model.draw())
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
            optimizer.step()
            if scheduler:
                scheduler.step()
            losses.append(loss.detach())
    mean = torch.stack(losses).mean().item()
    if not math.isfinite(mean):
        raise InputError("pre-training diverged: the loss is not a finite number; lower pretrain.learning_rate")
    return mean
