"""The classifier: packed ids in, one logit for each review out."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from sentiment.architecture import Architecture
from sentiment.cells import Recurrence
from sentiment.device import one_thread
from sentiment.vocabulary import PADDING

# Standard deviation of a new embedding. torch's own is 1, which drives a tanh unit into saturation from the first step;
# docs/experiments.md has the test accuracies of both.
EMBEDDING_STD = 0.1


class Classifier(nn.Module):
    """Embedding, recurrence and a linear readout of the last state. A positive logit means a positive review."""

    def __init__(self, shape: Architecture, vocabulary_size: int) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(vocabulary_size, shape.embedding_dim, padding_idx=PADDING)
        self.dropout = nn.Dropout(shape.embedding_dropout)
        self.recurrence = Recurrence(shape)
        self.readout = nn.Linear(shape.state_dim, 1)
        self._initialise()

    def forward(self, ids: PackedSequence, reviews: int) -> Tensor:
        """Return the logits: float[reviews].

        `ids` packs integer[tokens] of the reviews that have tokens, by length descending. The reviews beyond those are
        empty and keep the zero state that every review starts from.
        """
        filled = int(ids.batch_sizes[0]) if len(ids.batch_sizes) else 0
        states = self.readout.weight.new_zeros(reviews - filled, self.shape.state_dim)
        if filled:
            final = self.recurrence(*self._embedded(ids.data), ids.batch_sizes)
            states = torch.cat([final, states.to(final.dtype)])
        logits: Tensor = self.readout(states).squeeze(1)
        return logits

    def _embedded(self, ids: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return rows and which row each token takes: the table as it is, or a row for each token.

        The input weights multiply every row once, so the table is the cheaper one as soon as a batch has more tokens
        than the vocabulary has entries. Dropout makes each token's embedding another one.
        """
        table = self.embedding.weight
        if len(ids) > len(table) and ids.device.type == "cpu" and not (self.training and self.dropout.p):
            return table, ids
        return self.dropout(self.embedding(ids)), None

    def _initialise(self) -> None:
        """Start where a gradient can reach the first token: small embeddings, orthogonal recurrent maps.

        An orthogonal map keeps the length of a vector, hence of a gradient, over any number of steps (Saxe et al. 2013,
        arXiv 1312.6120). An LSTM's forget gate starts open, by a bias of 1 (Jozefowicz et al. 2015).
        """
        with torch.no_grad(), one_thread():  # the QR decomposition behind `orthogonal_` rounds by the threads
            self.embedding.weight.normal_(std=EMBEDDING_STD)
            self.embedding.weight[PADDING].zero_()
            for name, parameter in self.recurrence.named_parameters():
                gates = torch.split(parameter, self.shape.hidden_dim)
                for gate in gates:
                    if "weight_hh" in name:
                        nn.init.orthogonal_(gate)
                    elif "weight_ih" in name:
                        nn.init.xavier_uniform_(gate)
                    else:
                        gate.zero_()
                if self.shape.cell == "lstm" and "bias_ih" in name:
                    gates[1].fill_(1)  # torch's order of the gates: input, forget, cell, output
