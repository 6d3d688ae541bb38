"""Whether a unit of a network counts what a language counts, such as the brackets that are open.

No finite automaton accepts such a language, and no saturated tanh RNN or GRU does. The cell state of an LSTM has no
bound, so a unit of it can be a counter (Weiss et al. 2018, arXiv 1805.04908).
"""

from typing import Any

import numpy as np
import pandas as pd

from sentiment.analysis.questions import Network
from sentiment.data.batching import collate
from sentiment.data.languages import Language
from sentiment.data.vocabulary import FIRST_TOKEN
from sentiment.nn import states

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
    order = batch.positions.tolist()
    counts = [list(map(language.count, language.trace(accepted[row])[1:])) for row in order]
    count = np.array([each[step] for step in range(len(counts[0])) for each in counts if step < len(each)], float)
    centred, moved = count - count.mean(), reading - reading.mean(axis=0)
    correlations = centred @ moved / np.maximum(np.linalg.norm(centred) * np.linalg.norm(moved, axis=0), 1e-9)
    unit = int(np.argmax(np.abs(correlations)))
    word = accepted[0]
    alone = states.read(network.classifier, collate([(0, reviews[0][1], 1)]).ids).states[:, unit]
    table = pd.DataFrame(
        {
            "position": np.arange(1, len(word) + 1),
            "token": word,
            "count": list(map(language.count, language.trace(word)[1:])),
            "unit": alone.double().numpy(),
        }
    )
    return {"unit": unit, "correlation": float(correlations[unit])}, table
