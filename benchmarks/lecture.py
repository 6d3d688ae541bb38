"""What the lecture says about its network, shown on a corpus: three experiments, half a minute.

    python -m benchmarks.lecture [path/to/aclImdb.tar.gz]

* **one at a time**: the same reviews token by token in Python, packed with the cell written out, and packed with the
  compiled one: the same gradients, in how much time
* **vanishing gradients**: the norm of the loss's gradient with respect to the state, by how many tokens before the end
  the state is, with tanh and with the logistic function
* **order of presentation**: all negative reviews before all positive ones, as the raw data lists them, against shuffled

The result goes to benchmarks/results/lecture-sample.json (or -imdb) and gradients.csv.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from benchmarks import prepared, timing
from benchmarks.corpora import RESULTS, Corpus
from sentiment.config import paths
from sentiment.config.compute import Backend
from sentiment.data.batching import Batch, BucketBatchSampler, collate
from sentiment.data.dataset import ReviewDataset
from sentiment.data.encoding import EncodedSplit
from sentiment.data.vocabulary import Vocabulary
from sentiment.inference.predictor import predict_split
from sentiment.io.command import run
from sentiment.io.csv_file import write_csv
from sentiment.io.json_file import write_json
from sentiment.nn import device
from sentiment.nn.cells.rnn import NONLINEARITIES
from sentiment.nn.classifier import Classifier
from sentiment.nn.config import ModelConfig
from sentiment.training import trainer
from sentiment.training.config import TrainConfig

CPU = torch.device("cpu")
BATCH = 64
SEED = 1
EPOCHS = {"sample": 20, "imdb": 3}
LECTURE = ModelConfig(
    encoder="recurrent", cell="rnn", nonlinearity="tanh", embedding_dim=32, hidden_dim=16, recurrent_gain=1.0, layers=1,
    bidirectional=False, heads=4, pooling="last", concat_last_embedding=False, vectors=str(paths.VECTORS),
    freeze_embeddings=False, word_dropout=0.0, embedding_dropout=0.0, dropout=0.0, output_dropout=0.0,
)  # fmt: skip
TRAIN = TrainConfig(
    seed=SEED, epochs=1, batch_size=BATCH, optimizer="adam", learning_rate=5e-3, schedule="constant", weight_decay=0.0,
    clip_norm=1.0, ema_decay=0.0, adversarial_epsilon=0.0, adversarial_above=0.0, bucketing=False, patience=0,
    precision="float32",
)  # fmt: skip
GRADIENTS = RESULTS / "gradients.csv"


def classifier(vocab_size: int, backend: Backend = "auto", **changes: Any) -> Classifier:
    """Return the lecture's network with some changes; the weights are drawn with the same seed."""
    torch.manual_seed(SEED)
    return Classifier(LECTURE.model_copy(update=changes), vocab_size, backend).double()


def one_review(model: Classifier, ids: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return the logit of one review and its states, token by token, as the lecture's code computes them."""
    w, u, b, c = model.recurrence.layers[0].parameters()
    activate = NONLINEARITIES[model.config.nonlinearity]
    state, states = w.new_zeros(model.config.hidden_dim), []
    for vector in model.embedding(ids):
        state = activate(w @ vector + b + u @ state + c)
        states.append(state)
    logit: Tensor = model.readout(state)[0]
    return logit, states


def gradients(model: Classifier, batch: Batch, logits: Callable[[], Tensor]) -> tuple[list[Tensor], float]:
    """Return the gradients of the mean loss over a batch, and the seconds of the quickest of three times."""
    seconds = []
    for _ in range(3):
        model.zero_grad()
        start = time.perf_counter()
        nn.functional.binary_cross_entropy_with_logits(logits(), batch.labels.double()).backward()  # type: ignore[no-untyped-call]
        seconds.append(time.perf_counter() - start)
    found = [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]
    return found, min(seconds)


def one_at_a_time(reviews: ReviewDataset, vocab_size: int, rows: list[int]) -> dict[str, Any]:
    """Compare the three ways through one batch."""
    batch = collate([reviews[row] for row in rows])
    written, compiled = classifier(vocab_size, "reference"), classifier(vocab_size)
    ids = [torch.from_numpy(reviews[row][1].astype(np.int64)) for row in batch.positions.tolist()]
    ways = {
        "one token at a time": gradients(
            written, batch, lambda: torch.stack([one_review(written, each)[0] for each in ids])
        ),
        "packed, written out": gradients(written, batch, lambda: written(batch.ids, len(batch))),
        "packed, compiled": gradients(compiled, batch, lambda: compiled(batch.ids, len(batch))),
    }
    expected, longest = ways["one token at a time"]
    return {
        name: {
            "milliseconds": round(1000 * seconds, 2),
            "times_faster": round(longest / seconds, 1),
            "largest_difference_of_a_gradient": float(
                f"{max(float((a - b).abs().max()) for a, b in zip(found, expected, strict=True)):.1e}"
            ),
        }
        for name, (found, seconds) in ways.items()
    }


def typical(reviews: ReviewDataset) -> tuple[list[int], int]:
    """Return a batch of reviews that have at least as many tokens as half of all reviews, and that number."""
    lengths = reviews.split.lengths
    length = int(np.median(lengths))
    return np.flatnonzero(lengths >= length)[:: max(1, len(lengths) // (2 * BATCH))][:BATCH].tolist(), length


def vanishing(reviews: ReviewDataset, vocab_size: int, rows: list[int], steps: int) -> dict[str, list[float]]:
    """Return the mean norm of dloss/dh, by tokens before the end: 0, 1, ... steps - 1. The weights are as drawn."""
    norms: dict[str, list[float]] = {}
    for nonlinearity in ("tanh", "logistic"):
        model = classifier(vocab_size, nonlinearity=nonlinearity)
        total = np.zeros(steps)
        for row in rows:
            _, ids, label = reviews[row]
            logit, states = one_review(model, torch.from_numpy(ids.astype(np.int64)))
            loss = nn.functional.binary_cross_entropy_with_logits(logit, logit.new_tensor(float(label)))
            last = states[: -steps - 1 : -1]
            total += [float(each.norm()) for each in torch.autograd.grad(loss, last)]
        norms[nonlinearity] = (total / len(rows)).tolist()
    return norms


def presentation(train: EncodedSplit, valid: EncodedSplit, vocab_size: int, epochs: int) -> dict[str, Any]:
    """Train in each order. Return the accuracy on the validation split and the share called positive."""
    found = {}
    raw = np.argsort(train.labels, kind="stable")
    ordered = [raw[start : start + BATCH].tolist() for start in range(0, len(raw), BATCH)]
    shuffled = BucketBatchSampler(train.lengths, BATCH, seed=SEED, bucketing=False)
    reviews = ReviewDataset(train)
    for name, order in (("negatives, then positives", ordered), ("shuffled", shuffled)):
        model = classifier(vocab_size).float()
        state = trainer.TrainState.create(model.train(), TRAIN, len(ordered))
        for epoch in range(epochs):
            shuffled.set_epoch(epoch)
            for rows in order:
                trainer.train_step(state, collate([reviews[row] for row in rows]), TRAIN)
        positive = predict_split(model, valid)[:, 1] > 0.5
        found[name] = {
            "accuracy": round(float(np.mean(positive == valid.labels)), 4),
            "called_positive": round(float(np.mean(positive)), 4),
        }
    return found


def main() -> None:
    corpus = Corpus.given()
    device.configure_torch(CPU, 1)
    with prepared.data_stages(corpus.source):
        train, valid = EncodedSplit.open(paths.IDS.train), EncodedSplit.open(paths.IDS.valid)
        reviews, vocab_size = ReviewDataset(train), len(Vocabulary.load(paths.VOCABULARY))
        rows, length = typical(reviews)
        ways = one_at_a_time(reviews, vocab_size, rows)
        norms = vanishing(reviews, vocab_size, rows, length)
        orders = presentation(train, valid, vocab_size, EPOCHS[corpus.name])
    write_json(
        corpus.result("lecture"),
        {
            "seed": SEED,
            "epochs": EPOCHS[corpus.name],
            "machine": timing.machine(1, ["torch", "numba", "numpy"]),
            "one_at_a_time": ways,
            "tokens_before_the_end": length - 1,
            "norms_there": {name: float(f"{values[-1]:.2e}") for name, values in norms.items()},
            "presentation": orders,
        },
    )
    if corpus.name == "sample":
        logarithms = {f"log10_{name}": np.log10(np.maximum(column, 1e-300)) for name, column in norms.items()}
        write_csv(GRADIENTS, pd.DataFrame(logarithms).round(4).reset_index(names="tokens_before_the_end"))
    for name, way in ways.items():
        print(f"{name:24} {way['milliseconds']:9.2f} ms  {way['times_faster']:6.1f} times as fast")
    for name, column in norms.items():
        print(f"gradient with {name:10} {column[0]:.2e} at the end, {column[-1]:.2e} {length - 1} tokens before")
    for name, order in orders.items():
        print(f"{name:26} accuracy {order['accuracy']:.1%}, called positive {order['called_positive']:.1%}")


if __name__ == "__main__":
    run(main, takes_arguments=True)
