"""Pre-training as a language model: guess each next word, so that embedding and recurrence begin with some language.

Dai and Le (2015, arXiv 1511.01432) start a classifier from a language model's weights; here it reads nothing but the
training reviews, without their labels. The forward direction guesses the next token, the backward direction the one
before, each from its own state alone, through the embedding itself as the output weights.

A softmax over the whole vocabulary would cost more than the recurrence, so that each token is told apart from a few
hundred words drawn for the batch, whose logits are corrected for how often they are drawn (Bengio and Senécal 2008).
"""

import math
from collections.abc import Callable
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from sentiment.data.vocabulary import PADDING
from sentiment.errors import InputError
from sentiment.nn.classifier import Classifier
from sentiment.nn.recurrent import Recurrence
from sentiment.training import trainer

CANDIDATES = 400  # words drawn for a batch
DROPOUT = 0.2  # of embeddings, between layers, and of guesses
CLIP_NORM = 1.0


class LanguageModel(nn.Module):
    """A classifier's embedding and recurrence, and what guesses words from their states."""

    def __init__(self, classifier: Classifier, counts: npt.NDArray[np.int64]) -> None:
        """Share a classifier's weights. `counts`, int64[vocabulary], is how often each id occurs."""
        super().__init__()
        self.embedding, self.recurrence = classifier.embedding, cast(Recurrence, classifier.recurrence)
        shape = classifier.shape
        directions = 2 if shape.bidirectional else 1
        self.guess = nn.ModuleList(nn.Linear(shape.hidden_dim, shape.embedding_dim) for _ in range(directions))
        # Embeddings are small, of standard deviation 0.1: as output weights they are stretched, by a learned factor.
        self.stretch = nn.Parameter(torch.tensor(5.0))
        seen = torch.from_numpy(counts).double()
        seen[PADDING] = 0
        self.bias = nn.Parameter((seen.clamp_min(1) / seen.sum()).log().float())
        share = seen**0.75 / (seen**0.75).sum()
        self._share = share  # on the CPU, where words are drawn
        # How often a word is expected among the candidates, as a logarithm: what is subtracted from a logit.
        self.register_buffer("drawn", (share.clamp_min(1e-12) * CANDIDATES).log().float())
        self.drawn: Tensor

    def draw(self) -> Tensor:
        """Return words to tell a batch's tokens apart from, some of them twice: int64[CANDIDATES]."""
        return torch.multinomial(self._share, CANDIDATES, replacement=True).to(self.drawn.device)

    def forward(self, ids: PackedSequence, candidates: Tensor) -> Tensor:
        """Return the mean loss of all guesses in nats, a scalar. Some review must have two tokens."""
        before, after = neighbours(ids.batch_sizes)
        tokens, table = ids.data.long(), self.embedding.weight
        embedded = functional.dropout(functional.embedding(tokens, table), DROPOUT, self.training)
        directions = self.recurrence.states(embedded, None, ids.batch_sizes)
        others = functional.embedding(candidates, table) * self.stretch
        corrected = self.bias - self.drawn
        losses = []
        for (states, _), guess, (rows, targets) in zip(
            directions, self.guess, [(before, after), (after, before)], strict=False
        ):
            wanted = tokens[targets.to(tokens.device)]
            guessed = functional.dropout(guess(states[rows.to(tokens.device)]), DROPOUT, self.training)
            right = (guessed * functional.embedding(wanted, table)).sum(1) * self.stretch + corrected[wanted]
            wrong = guessed @ others.T + corrected[candidates]
            wrong = wrong.masked_fill(wanted[:, None] == candidates, -math.inf)  # drawn, but the right one
            losses.append((torch.logaddexp(right, torch.logsumexp(wrong, dim=1)) - right).mean())
        return torch.stack(losses).mean()


def neighbours(batch_sizes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rows of each pair of neighbouring tokens, the earlier and the later ones: int64[pairs] each.

    >>> before, after = neighbours(torch.tensor([2, 2, 1]))  # a d b e c: "a b c" and "d e"
    >>> before.tolist(), after.tolist()
    ([0, 1, 2], [2, 3, 4])
    """
    after = torch.arange(int(batch_sizes[0]), int(batch_sizes.sum()))
    return after - torch.repeat_interleave(batch_sizes[:-1], batch_sizes[1:]), after


def train_epoch(
    model: LanguageModel, batches: trainer.Batches, optimizer: torch.optim.Optimizer, after_batch: Callable[[], object]
) -> float:
    """Present every batch once. Return the mean of their losses. Raises InputError where it is no number any more."""
    model.train()
    device = next(model.parameters()).device
    losses = []
    for batch in batches:
        if len(batch.ids.batch_sizes) > 1:  # else no review has two tokens
            optimizer.zero_grad(set_to_none=True)
            loss = model(batch.to(device).ids, model.draw())
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
            optimizer.step()
            losses.append(loss.detach())
        after_batch()
    mean = torch.stack(losses).mean().item()
    if not math.isfinite(mean):
        raise InputError("pre-training diverged: the loss is no number; lower pretrain.learning_rate")
    return mean
