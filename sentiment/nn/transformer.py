"""A small Transformer encoder (Vaswani et al. 2017), for comparison with the recurrences.

Each token attends to all tokens of its review at once. No step waits for the one before, but the cost grows with the
square of the length. Layers normalise their input (Xiong et al. 2020), which trains without a warm-up. A recurrence
reads the order of the tokens; here sines and cosines of a token's position are added to its embedding (section 3.5).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from sentiment.nn.config import ModelConfig
from sentiment.nn.packed import PackedVectors
from sentiment.nn.pooling import pool


class Transformer(nn.Module):
    """`layers` encoder layers of width `embedding_dim`, with `heads` heads and a feed-forward width of `hidden_dim`."""

    def __init__(self, config: ModelConfig, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.config = config
        # nn.TransformerEncoder copies one layer, so all its layers would start with the same weights.
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                config.embedding_dim,
                config.heads,
                config.hidden_dim,
                config.dropout,
                # The default, F.relu, would let torch evaluate by other code than it trains with: its fast path lacks
                # bfloat16 and takes four times the memory (64 reviews of 512 tokens: 550 MiB instead of 122).
                activation=torch.relu,
                batch_first=True,
                norm_first=True,
                dtype=dtype,
            )
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.embedding_dim, dtype=dtype)
        for name, parameter in self.named_parameters():
            if name.endswith("in_proj_bias"):
                parameter.register_hook(_without_keys)  # type: ignore[no-untyped-call]

    def forward(self, packed: PackedVectors) -> Tensor:
        """Return the last layer's states, pooled: float[reviews, width], three times as wide for `concat`."""
        embedded = packed.per_token()
        rows, present = packed.padded_rows()
        # Attention is between all tokens of a review, so the batch is padded here; padding is masked.
        scaled = math.sqrt(self.config.embedding_dim) * functional.embedding(rows, embedded)
        padded = scaled + positions(rows.shape[1], self.config.embedding_dim).to(embedded)
        for layer in self.layers:
            padded = layer(padded, src_key_padding_mask=~present)
        padded = self.norm(padded)
        states = padded.transpose(0, 1)[present.t()]
        final = padded[torch.arange(len(rows), device=rows.device), packed.places().lengths - 1]
        return torch.cat(pool(self.config.pooling, states, final, packed), dim=1)


def _without_keys(gradient: Tensor) -> Tensor:
    """Return the gradient of the biases of queries, keys and values, with that of the keys set to zero.

    A key's bias adds the same number to all of a token's scores, which softmax ignores. Its gradient is 0 up to the
    processor's rounding, and Adam would turn that rounding into full steps.
    """
    queries, keys, values = gradient.chunk(3)
    return torch.cat([queries, torch.zeros_like(keys), values])


def positions(steps: int, width: int) -> Tensor:
    """Return sines and cosines of each position, wavelengths from 2 pi to 20,000 pi: float64[steps, width].

    >>> positions(2, 2)[0].tolist()
    [0.0, 1.0]
    """
    places, wavelengths = torch.arange(steps, dtype=torch.float64), torch.arange(0, width, 2, dtype=torch.float64)
    angle = places[:, None] * 10_000 ** (-wavelengths / width)
    return torch.stack([angle.sin(), angle.cos()], dim=2).reshape(steps, width)
