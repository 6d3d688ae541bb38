"""A small Transformer encoder (Vaswani et al. 2017), the comparison that a recurrence has to stand.

Each token looks at all tokens of its review at once, so nothing waits for the step before, and the cost grows with the
square of the length instead. Layers normalise before they compute (Xiong et al. 2020), which trains without a warm-up;
what a recurrence knows by reading in order, a token's place, is added to its embedding as sines and cosines.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from sentiment.config.model import ModelConfig
from sentiment.nn.pooling import layout, lengths, pool


class Transformer(nn.Module):
    """`layers` encoder layers of width `embedding_dim`, with `heads` heads and a feed-forward width of `hidden_dim`."""

    def __init__(self, shape: ModelConfig) -> None:
        super().__init__()
        self.shape = shape
        # Not an nn.TransformerEncoder: that one copies a layer, so that all begin with the same weights.
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                shape.embedding_dim, shape.heads, shape.hidden_dim, shape.dropout, batch_first=True, norm_first=True
            )
            for _ in range(shape.layers)
        )
        self.norm = nn.LayerNorm(shape.embedding_dim)
        for name, parameter in self.named_parameters():
            if name.endswith("in_proj_bias"):
                parameter.register_hook(_without_keys)  # type: ignore[no-untyped-call]

    def forward(self, entries: Tensor, index: Tensor | None, batch_sizes: Tensor) -> Tensor:
        """Return the last layer's states, pooled. Arguments and result as `Recurrence.forward` has them."""
        embedded = entries if index is None else functional.embedding(index, entries)
        rows, present = (each.to(embedded.device) for each in layout(batch_sizes))
        # Padded: attention is between all tokens of a review. Whoever looks at a pad is told not to.
        scaled = math.sqrt(self.shape.embedding_dim) * functional.embedding(rows, embedded)
        padded = scaled + positions(rows.shape[1], self.shape.embedding_dim).to(embedded)
        for layer in self.layers:
            padded = layer(padded, src_key_padding_mask=~present)
        padded = self.norm(padded)
        states = padded.transpose(0, 1)[present.t()]
        final = padded[torch.arange(len(rows)), lengths(batch_sizes) - 1]
        return torch.cat(pool(self.shape.pooling, states, final, batch_sizes), dim=1)


def _without_keys(gradient: Tensor) -> Tensor:
    """Return the gradient of a bias of queries, keys and values without that of the keys.

    A key's bias adds the same to all of a token's scores, which softmax does not see. Its gradient is 0, up to the
    rounding of the processor, and Adam would make whole steps of that.
    """
    queries, keys, values = gradient.chunk(3)
    return torch.cat([queries, torch.zeros_like(keys), values])


def positions(steps: int, width: int) -> Tensor:
    """Return sines and cosines of each place, wavelengths from 2 pi to 20,000 pi: float64[steps, width]. Section 3.5.

    >>> positions(2, 2)[0].tolist()
    [0.0, 1.0]
    """
    places, wavelengths = torch.arange(steps, dtype=torch.float64), torch.arange(0, width, 2, dtype=torch.float64)
    angle = places[:, None] * 10_000 ** (-wavelengths / width)
    return torch.stack([angle.sin(), angle.cos()], dim=2).reshape(steps, width)
