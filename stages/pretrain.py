"""Learn word vectors from the training reviews, not their labels: data/ids/train, data/vocab.csv -> data/vectors.txt.

They are what the network's embedding starts from, as long as `model.vectors` names that file. With the method `none`
it says that it has no vectors.
"""

from typing import Literal

import numpy as np

from sentiment import paths, vectors
from sentiment.architecture import EMBEDDING_STD, Architecture
from sentiment.encoded import EncodedSplit, Encoding
from sentiment.errors import InputError, run
from sentiment.params import Count, Section
from sentiment.vocabulary import Vocabulary


class Params(Section, name="pretrain"):
    method: Literal["none", "ppmi"]
    window: Count


def pretrain(split: EncodedSplit, words: int, window: int, width: int) -> vectors.Vector:
    """Return a vector for each word of the vocabulary: float32[words, width], zero for a word that is near no other.

    Raises InputError where there are too few words for that width, or none near another.
    """
    from sentiment import cooccurrence  # scikit-learn takes most of a second to load, and the method none needs it not

    if words <= width:
        raise InputError(
            f"{paths.VOCABULARY}: has {words} tokens, too few for vectors of model.embedding_dim = {width}; "
            "lower that, or set pretrain.method to none"
        )
    counts = cooccurrence.count(split.ids, split.lengths, words, window)
    if not counts.nnz:
        raise InputError(
            f"{paths.IDS.train}: no two tokens of the vocabulary are within pretrain.window = {window} of each other; "
            "set pretrain.method to none"
        )
    return cooccurrence.vectors(counts, width, EMBEDDING_STD)


def main() -> None:
    params, width = Params.load(), Architecture.load().embedding_dim
    vocabulary = Vocabulary.load(paths.VOCABULARY)
    Encoding.load(paths.ENCODING).require(vocabulary, paths.VOCABULARY)
    words, values = vocabulary.tokens.to_pylist(), np.empty((0, 0), np.float32)
    if params.method == "ppmi":
        values = pretrain(EncodedSplit.open(paths.IDS.train), len(words), params.window, width)
    paired = np.flatnonzero(values.any(axis=1))
    vectors.save(paths.VECTORS, [words[place] for place in paired], values[paired])


if __name__ == "__main__":
    run(main)
