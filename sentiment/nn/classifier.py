"""The classifier: packed ids in, one logit for each review out."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from sentiment.config.model import EMBEDDING_STD, ModelConfig
from sentiment.data.vocabulary import FIRST_TOKEN, PADDING, Ids
from sentiment.data.word_vectors import Vectors
from sentiment.nn.device import float64_default
from sentiment.nn.pooling import lengths
from sentiment.nn.recurrent import Recurrence
from sentiment.nn.transformer import Transformer


class Classifier(nn.Module):
    """Embedding, recurrence and a linear readout of its pooled states. A positive logit means a positive review."""

    def __init__(self, shape: ModelConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.shape = shape
        # Which ids began with a pre-trained vector: bool[vocabulary], stored with the weights.
        self.register_buffer("pretrained", torch.zeros(vocabulary_size, dtype=torch.bool))
        self.pretrained: Tensor
        self.dropout = nn.Dropout(shape.embedding_dropout)
        self.output_dropout = nn.Dropout(shape.output_dropout)
        with (
            float64_default()
        ):  # rounded to float32 below, the weights are the same whatever a processor does to the last bits
            self.embedding = nn.Embedding(vocabulary_size, shape.embedding_dim, padding_idx=PADDING)
            self.recurrence = Transformer(shape) if shape.cell == "transformer" else Recurrence(shape)
            self.readout = nn.Linear(shape.readout_dim, 1)
            self._initialise()
        self.float()

    def load_pretrained_embeddings(self, vectors: Vectors) -> None:
        """Put pre-trained vectors, by token of the vocabulary, into the embedding.

        Words without one are drawn anew, as spread as those with one. If `model.tune_vectors` is false, the whole
        embedding stays as it is from here on.
        """
        if not len(vectors.indices):
            return
        rows, values = torch.from_numpy(vectors.indices + FIRST_TOKEN), torch.from_numpy(vectors.values)
        with torch.no_grad():
            spread = float(values.double().std()) or EMBEDDING_STD
            self.embedding.weight.copy_(self.embedding.weight.double().normal_(std=spread))
            self.embedding.weight[PADDING].zero_()
            self.embedding.weight[rows] = values
        self.pretrained[rows] = True
        self.embedding.weight.requires_grad_(self.shape.tune_vectors)

    def pretrained_coverage(self, ids: Ids) -> float:
        """Return the share of some tokens that began with a pre-trained vector."""
        if not self.pretrained.any():
            return 0.0
        counts = np.bincount(ids, minlength=len(self.pretrained))
        return float(counts[self.pretrained.cpu().numpy()].sum() / max(len(ids), 1))

    def forward(self, ids: PackedSequence, reviews: int) -> Tensor:
        """Return the logits: float[reviews].

        `ids` packs integer[tokens] of the reviews that have tokens, by length descending. The reviews beyond those are
        empty and keep the zero state that every review starts from.
        """
        return self.classify(*self.embed(ids.data), ids.batch_sizes, reviews)

    def embed(self, ids: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return embeddings, and which one each token takes unless there is one for each: the input of `classify`.

        The input weights multiply every row once, so the table is the cheaper one as soon as a batch has more tokens
        than the vocabulary has entries. Dropout makes each token's embedding another one.
        """
        table = self.embedding.weight
        if self.training and self.shape.word_dropout:
            # Whole entries of the table, so a word is missing everywhere in a batch (Gal and Ghahramani 2016).
            table = table * functional.dropout(table.new_ones(len(table), 1), self.shape.word_dropout)
        if len(ids) > len(table) and ids.device.type == "cpu" and not (self.training and self.dropout.p):
            return table, ids
        return self.dropout(functional.embedding(ids, table)), None

    def classify(self, entries: Tensor, index: Tensor | None, batch_sizes: Tensor, reviews: int) -> Tensor:
        """Return the logits, float[reviews], from embeddings as `embed` returns them and `batch_sizes` of `ids`."""
        filled = int(batch_sizes[0]) if len(batch_sizes) else 0
        states = self.readout.weight.new_zeros(reviews - filled, self.shape.readout_dim)
        if filled:
            seen: Tensor = self.recurrence(entries, index, batch_sizes)
            if self.shape.input_conditioned:
                ends = lengths(batch_sizes) - 1
                last = torch.cumsum(batch_sizes, 0)[ends] - batch_sizes[ends] + torch.arange(len(ends))
                last = last.to(entries.device)
                embedded = functional.embedding(last if index is None else index[last], entries)
                seen = torch.cat([seen, embedded.to(seen.dtype)], dim=1)
            states = torch.cat([seen, states.to(seen.dtype)])
        logits: Tensor = self.readout(self.output_dropout(states)).squeeze(1)
        return logits

    def _initialise(self) -> None:
        """Start where a gradient can reach the first token: small embeddings, orthogonal recurrent maps.

        An orthogonal map keeps the length of a vector, hence of a gradient, over any number of steps (Saxe et al. 2013,
        arXiv 1312.6120). An LSTM's forget gate starts open, by a bias of 1 (Jozefowicz et al. 2015).
        """
        with torch.no_grad():
            self.embedding.weight.normal_(std=EMBEDDING_STD)
            self.embedding.weight[PADDING].zero_()
            if self.shape.cell == "transformer":
                return
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
