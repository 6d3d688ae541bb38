"""Whether a unit of a network counts what a language counts, such as the brackets that are open.

No finite automaton accepts such a language, and no saturated tanh RNN or GRU does. The cell state of an LSTM has no
bound, so a unit of it can be a counter (Weiss et al. 2018, arXiv 1805.04908).
"""

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.nn.utils.rnn import pack_sequence

from sentiment.analysis.questions import Network
from sentiment.data.batching import collate
from sentiment.data.languages import Language
from sentiment.data.vocabulary import FIRST_TOKEN
from sentiment.nn import states
from sentiment.nn.packed import PackedVectors

Counted = list[tuple[list[str], int]]  # words with their labels


def find(network: Network, language: Language, words: Counted) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the unit whose value follows the count most closely, and its values on the first accepted word.

    The first result has `unit` (an LSTM's cell states come after its hidden states) and `correlation`, Pearson's over
    all tokens. The columns of the second are position (from 1), token, count and unit.
    """
    assert language.count is not None
    index_of = {token: index for index, token in enumerate(network.tokens)}
    accepted = [word for word, label in words if label]
    reviews = [
        (row, np.array([index_of[token] for token in word]) + FIRST_TOKEN, 1) for row, word in enumerate(accepted)
    ]
    batch = collate(reviews)
    reading = states.read(network.classifier, batch.ids).states.double().numpy()
    counts = [list(map(language.count, language.trace(accepted[row])[1:])) for row in batch.positions.tolist()]
    count = pack_sequence([torch.tensor(each) for each in counts]).data.double().numpy()
    centred, moved = count - count.mean(), reading - reading.mean(axis=0)
    correlations = centred @ moved / np.maximum(np.linalg.norm(centred) * np.linalg.norm(moved, axis=0), 1e-9)
    unit = int(np.argmax(np.abs(correlations)))
    reviews_of = PackedVectors(batch.ids.data, None, batch.ids.batch_sizes).reviews
    first = (reviews_of == batch.positions.tolist().index(0)).numpy()
    table = pd.DataFrame(
        {
            "position": np.arange(1, len(accepted[0]) + 1),
            "token": accepted[0],
            "count": count[first].astype(int),
            "unit": reading[first, unit],
        }
    )
    return {"unit": unit, "correlation": float(correlations[unit])}, table
