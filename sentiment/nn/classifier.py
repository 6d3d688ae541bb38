"""The classifier: packed ids in, logits for each review out."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from sentiment.config.compute import Backend
from sentiment.data.vocabulary import FIRST_TOKEN, PADDING, Ids
from sentiment.data.word_vectors import Vectors
from sentiment.nn.config import EMBEDDING_STD, ModelConfig
from sentiment.nn.outputs import num_logits
from sentiment.nn.packed import PackedVectors
from sentiment.nn.recurrent import RecurrentEncoder
from sentiment.nn.transformer import Transformer


class Classifier(nn.Module):
    """Embedding, encoder and a linear readout of the pooled states. `outputs.py` says what its logits mean."""

    def __init__(
        self, config: ModelConfig, vocab_size: int, backend: Backend = "auto", *, num_classes: int = 2
    ) -> None:
        super().__init__()
        self.config, self.backend = config, backend
        self.num_classes = num_classes
        # Which ids began with a pre-trained vector: bool[vocabulary], stored with the weights.
        self.register_buffer("pretrained", torch.zeros(vocab_size, dtype=torch.bool))
        self.pretrained: Tensor
        self.dropout = nn.Dropout(config.embedding_dropout)
        self.output_dropout = nn.Dropout(config.output_dropout)
        # Drawn in float64 and rounded at the end, the weights are the same on every processor.
        exact = torch.float64
        self.embedding = nn.Embedding(vocab_size, config.embedding_dim, padding_idx=PADDING, dtype=exact)
        self.recurrence = (
            Transformer(config, exact) if config.encoder == "transformer" else RecurrentEncoder(config, backend, exact)
        )
        self.readout = nn.Linear(config.readout_dim, num_logits(num_classes), dtype=exact)
        with torch.no_grad():
            self.embedding.weight.normal_(std=EMBEDDING_STD)
            self.embedding.weight[PADDING].zero_()
        if isinstance(self.recurrence, RecurrentEncoder):
            self.recurrence.initialise()
        self.float()

    def load_pretrained_embeddings(self, vectors: Vectors) -> None:
        """Put pre-trained vectors into the embedding, and freeze all of it if `model.freeze_embeddings` says so.

        Words without a vector are drawn anew, with the standard deviation of those vectors.
        """
        if not len(vectors.indices):
            return
        rows, values = torch.from_numpy(vectors.indices + FIRST_TOKEN), torch.from_numpy(vectors.values)
        with torch.no_grad():
            spread = float(values.double().std()) if values.numel() > 1 else 0.0
            self.embedding.weight.copy_(self.embedding.weight.double().normal_(std=spread or EMBEDDING_STD))
            self.embedding.weight[PADDING].zero_()
            self.embedding.weight[rows] = values
        self.pretrained[rows] = True
        self.embedding.weight.requires_grad_(not self.config.freeze_embeddings)

    def pretrained_coverage(self, ids: Ids) -> float:
        """Return the share of some tokens that began with a pre-trained vector."""
        if not self.pretrained.any():
            return 0.0
        counts = np.bincount(ids, minlength=len(self.pretrained))
        return float(counts[self.pretrained.cpu().numpy()].sum() / max(len(ids), 1))

    def forward(self, ids: PackedSequence, num_reviews: int) -> Tensor:
        """Return the logits: float[reviews] for two classes, float[reviews, classes] for more.

        ids: packed integer[tokens] of the reviews that have tokens, by length descending. The other reviews of the
            `num_reviews` are empty; their state is the zero state that every review starts from.
        """
        return self.classify(self.embed(ids), num_reviews)

    def embed(self, ids: PackedSequence) -> PackedVectors:
        """Return the embeddings: the table with a lookup, or a row for each token.

        The input weights multiply every row once, so the table is cheaper as soon as a batch has more tokens than the
        vocabulary has entries. Embedding dropout makes each token's vector a different one and rules the table out.
        """
        table = self.embedding.weight
        if self.training and self.config.word_dropout:
            # Whole entries are dropped, so a word is missing everywhere in a batch (Gal and Ghahramani 2016).
            table = table * functional.dropout(table.new_ones(len(table), 1), self.config.word_dropout)
        dropout = self.training and self.dropout.p > 0
        by_loops = ids.data.device.type == "cpu" or self.backend == "triton"  # which read the table; cuDNN cannot
        if len(ids.data) > len(table) and by_loops and not dropout:
            return PackedVectors(table, ids.data, ids.batch_sizes)
        return PackedVectors(self.dropout(functional.embedding(ids.data, table)), None, ids.batch_sizes)

    def classify(self, packed: PackedVectors, num_reviews: int) -> Tensor:
        """Return the logits, as `forward` does, from the embeddings."""
        filled = int(packed.batch_sizes[0]) if len(packed.batch_sizes) else 0
        states = self.readout.weight.new_zeros(num_reviews - filled, self.config.readout_dim)
        if filled:
            encoded: Tensor = self.recurrence(packed)
            if self.config.concat_last_embedding:
                encoded = torch.cat([encoded, packed.last().to(encoded.dtype)], dim=1)
            states = torch.cat([encoded, states.to(encoded.dtype)])
        logits: Tensor = self.readout(self.output_dropout(states)).squeeze(1)  # a single logit loses its dimension
        return logits
