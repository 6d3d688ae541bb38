"""Pre-train on reviews without their labels: data/ids/{train,unlabelled}, data/vocab.csv -> data/pretrained/, metrics.

`ppmi` learns word vectors. `language_model` starts from these vectors and learns recurrent weights too. With `none`,
both files are empty. The metrics are in metrics/pretrain.json.
"""

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save as serialized

from sentiment.config import paths
from sentiment.config.compute import ComputeConfig
from sentiment.data import word_vectors
from sentiment.data.encoding import EncodedSplit, Encoding
from sentiment.data.vocabulary import FIRST_TOKEN, Vocabulary
from sentiment.errors import InputError
from sentiment.io.atomic import atomic_folder
from sentiment.io.json_file import write_json
from sentiment.nn.config import EMBEDDING_STD, ModelConfig
from sentiment.pipeline.stage import run
from sentiment.pretraining.config import PretrainConfig


def ppmi_vectors(split: EncodedSplit, num_words: int, window: int, embedding_dim: int) -> word_vectors.Matrix:
    """Return a vector for each word of the vocabulary: float32[words, embedding_dim], zeros for a word near no other.

    Raises InputError if there are too few words for that width, or if no word is near another.
    """
    from sentiment.pretraining import ppmi  # loads scikit-learn, which method `none` does not need: 0.7 s

    if num_words <= embedding_dim:
        raise InputError(
            f"{paths.VOCABULARY}: has {num_words} tokens, too few for vectors of model.embedding_dim = "
            f"{embedding_dim}; lower that, or set pretrain.method to none"
        )
    information = ppmi.ppmi(ppmi.cooccurrences(split.ids, split.lengths, num_words, window))
    if not information.nnz:
        raise InputError(
            f"{paths.IDS.train}: no two tokens of the vocabulary occur together more often than by chance within "
            f"pretrain.window = {window}; set pretrain.method to none"
        )
    return ppmi.factorize(information, embedding_dim, EMBEDDING_STD)


def main() -> None:
    params, model = PretrainConfig.load(), ModelConfig.load()
    params.require(model)
    vocabulary = Vocabulary.load(paths.VOCABULARY)
    Encoding.load(paths.ENCODING).require(vocabulary, paths.VOCABULARY)
    words = vocabulary.tokens.to_pylist()
    values = np.empty((0, 0), np.float32)
    recurrence: dict[str, npt.NDArray[np.float32]] = {}
    metrics: dict[str, float] = {}
    if params.method != "none":
        folders = (paths.IDS.train, paths.IDS.unlabelled) if params.unlabelled else (paths.IDS.train,)
        split = EncodedSplit.open(*folders)
        metrics["reviews"] = len(split.lengths)
        values = ppmi_vectors(split, len(words), params.window, model.embedding_dim)
    rows = np.flatnonzero(values.any(axis=1))
    if params.method == "language_model":
        from sentiment.nn import device
        from sentiment.pretraining import language_model

        compute = ComputeConfig.load()
        chosen = device.select_device(compute.device)
        device.configure_torch(chosen, compute.threads)
        vectors = word_vectors.Vectors(rows, values[rows])
        classifier, metrics["language_model_loss"] = language_model.fit(
            split, vectors, len(vocabulary), model, params, chosen, compute.backend
        )
        # The vector of out-of-vocabulary tokens is dropped: a file of words has no line for it.
        values, rows = classifier.embedding.weight.detach().numpy()[FIRST_TOKEN:], np.arange(len(words))
        recurrence = {name: value.numpy() for name, value in classifier.recurrence.state_dict().items()}
    with atomic_folder(paths.PRETRAINED) as folder:
        word_vectors.save(folder / paths.VECTORS.name, [words[row] for row in rows], values[rows])
        (folder / paths.RECURRENCE.name).write_bytes(serialized(recurrence))
    write_json(paths.PRETRAIN_METRICS, metrics | {"word_vectors": len(rows)})


if __name__ == "__main__":
    run(main)
