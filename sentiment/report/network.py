"""The network as the page reads it: settings, vocabulary and weights, for `page/network.js`."""

import base64
from typing import Any

from sentiment.inference.checkpoint import Checkpoint
from sentiment.nn.recurrent import RecurrentEncoder

CELLS = ("rnn", "gru", "lstm")  # those that page/network.js can run


def reason_against(trained: Checkpoint) -> str | None:
    """Return why the page cannot run a network, or None."""
    config = trained.classifier.config
    if config.encoder == "transformer":
        return "a transformer does not run in this page"
    return None if config.cell in CELLS else f"the cell {config.cell} does not run in this page"


def as_json(trained: Checkpoint) -> dict[str, Any]:
    """Return a recurrent network with its weights as base64 of float32, little-endian."""
    assert isinstance(trained.classifier.recurrence, RecurrentEncoder)
    config = trained.classifier.config
    return {
        "config": config.model_dump(
            include={
                "cell", "nonlinearity", "embedding_dim", "hidden_dim", "layers", "bidirectional", "pooling",
                "concat_last_embedding",
            }
        ),
        "tokenizer": trained.encoding.tokenizer.model_dump(),
        "truncation": trained.encoding.truncation.model_dump(),
        "classes": trained.classes.names,
        "vocabulary": trained.vocabulary.tokens.to_pylist(),
        "weights": {
            name: base64.b64encode(weight.detach().float().cpu().numpy().astype("<f4").tobytes()).decode()
            for name, weight in trained.classifier.named_parameters()
        },
    }  # fmt: skip
