"""How fast a training step is, against what else one could install, in one run.

    python -m benchmarks.training [path/to/aclImdb.tar.gz]

A step is all of it: the batch put together, forward, backward, the gradient clipped, Adam. Every contestant trains the
same network on the same reviews with the same number of threads, denormals flushed to zero, in a process of its own, so
that none has the settings that another makes. All compute in float32; this project once more in float64, as
params.yaml has it. Their batches:

* random: 64 reviews drawn from the whole corpus
* bucketed: reviews of about one length, as `train.bucketing` makes them; as many as a contestant's name says, and
  256 for this project

A round takes each contestant through a few batches of its kind that stand for all, those at even distances in the order
of length, and again until a second has passed. Times are seconds per million tokens.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence, pad_sequence
from torch.utils.data import DataLoader

from benchmarks import prepared, timing
from benchmarks.corpora import ROOT, Corpus
from benchmarks.timing import Contestant, Timing
from sentiment.config import paths
from sentiment.config.compute import Backend, Precision
from sentiment.data.batching import BucketBatchSampler, make_loader
from sentiment.data.dataset import Review, ReviewDataset
from sentiment.data.encoding import EncodedSplit
from sentiment.data.vocabulary import Vocabulary
from sentiment.io.command import run
from sentiment.io.json_file import write_json
from sentiment.nn import device
from sentiment.nn.classifier import Classifier
from sentiment.nn.config import ModelConfig
from sentiment.training import trainer
from sentiment.training.config import TrainConfig

CPU = torch.device("cpu")
THREADS = 2
ROUNDS = 3
LEARNING_RATE = 1e-3
CLIP_NORM = 1.0

OURS = "this project"
EXACT = "this project in float64"
RANDOM = "torch packed, random, 64"
BUCKETED = "torch packed, bucketed, 64"
BEST_PADDED = "torch padded, bucketed, the better of both"
OWN_BATCH_SIZE = 256
PADDED = ("torch padded, bucketed, 64", "torch padded, bucketed, 256")
KERAS = "Keras on TensorFlow, the batches of this project"
LECTURE = "the lecture's loop, one token at a time"

Positions = list[list[int]]
Work = Callable[[], None]


@dataclass(frozen=True)
class Network:
    """What is trained."""

    cell: str
    embedding_dim: int
    hidden_dim: int
    bidirectional: bool = False

    def __str__(self) -> str:
        name = ("bidirectional " if self.bidirectional else "") + self.cell.upper()
        return f"{name} {self.embedding_dim} → {self.hidden_dim}"

    @property
    def config(self) -> ModelConfig:
        return ModelConfig.load(ROOT / paths.PARAMS).model_copy(update=asdict(self))


NETWORKS = (
    Network("rnn", 32, 16),
    Network("gru", 64, 64),
    Network("lstm", 64, 64),
    Network("lstm", 128, 128),
    Network("lstm", 64, 64, bidirectional=True),
)


class Stock(nn.Module):
    """The network as one writes it with `torch.nn`, on packed or on padded input."""

    def __init__(self, network: Network, vocabulary_size: int) -> None:
        super().__init__()
        kind = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[network.cell]
        self.embedding = nn.Embedding(vocabulary_size, network.embedding_dim, padding_idx=0)
        self.layer = kind(network.embedding_dim, network.hidden_dim, bidirectional=network.bidirectional)
        self.readout = nn.Linear(network.hidden_dim * (1 + network.bidirectional), 1)

    def forward(self, batch: tuple[Any, Tensor]) -> Tensor:
        ids, ends = batch
        if isinstance(ids, PackedSequence):
            _, state = self.layer(ids._replace(data=self.embedding(ids.data)))
            state = state[0] if isinstance(state, tuple) else state
            last = torch.cat(state.unbind(), dim=1)
        else:
            # The state at each review's end. From the other side the pads come first; to read around them would cost
            # more, so the padded way is measured at its cheapest.
            states, _ = self.layer(self.embedding(ids))
            last = states[ends, torch.arange(len(ends), device=ends.device)]
        logits: Tensor = self.readout(last).squeeze(1)
        return logits


def packed(reviews: Sequence[Review]) -> tuple[tuple[PackedSequence, Tensor], Tensor]:
    ids = [torch.from_numpy(ids.astype(np.int32)) for _, ids, _ in reviews]
    order = sorted(range(len(ids)), key=lambda row: -len(ids[row]))
    ends = torch.tensor([len(ids[row]) - 1 for row in order])
    labels = torch.tensor([float(reviews[row][2]) for row in order])
    return (pack_sequence([ids[row] for row in order]), ends), labels


def padded(reviews: Sequence[Review]) -> tuple[tuple[Tensor, Tensor], Tensor]:
    ids = pad_sequence([torch.from_numpy(ids.astype(np.int32)) for _, ids, _ in reviews])
    ends = torch.tensor([len(ids) - 1 for _, ids, _ in reviews])
    return (ids, ends), torch.tensor([float(label) for _, _, label in reviews])


def ours(
    network: Network,
    vocab_size: int,
    reviews: ReviewDataset,
    batches: Positions,
    precision: Precision,
    place: torch.device = CPU,
    backend: Backend = "auto",
) -> Work:
    torch.manual_seed(0)
    model = Classifier(network.config, vocab_size, backend).to(place, device.dtype(precision)).train()
    config = TrainConfig.load(ROOT / paths.PARAMS).model_copy(
        update={
            "precision": precision,
            "learning_rate": LEARNING_RATE,
            "clip_norm": CLIP_NORM,
            "schedule": "constant",
            "adversarial_epsilon": 0.0,
        }
    )
    state = trainer.TrainState.create(model, config, len(batches))

    loader = make_loader(reviews, batches, place)  # type: ignore[arg-type]

    def work() -> None:
        for batch in loader:
            trainer.train_step(state, batch.to(place), config)

    return work


def stock(
    network: Network,
    vocabulary_size: int,
    reviews: ReviewDataset,
    batches: Positions,
    pack: Callable[..., Any],
    place: torch.device = CPU,
) -> Work:
    torch.manual_seed(0)
    model = Stock(network, vocabulary_size).to(place)
    adam = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True if place.type == "cuda" else None)
    loader: Any = DataLoader(reviews, batch_sampler=batches, collate_fn=pack)
    if place.type == "cuda":
        loader = [((ids.to(place), ends.to(place)), labels.to(place)) for (ids, ends), labels in loader]

    def work() -> None:
        for inputs, labels in loader:
            adam.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(model(inputs), labels).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
            adam.step()

    return work


def by_keras(network: Network, vocabulary_size: int, reviews: ReviewDataset, batches: Positions) -> Work:
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow

    tensorflow.config.threading.set_intra_op_parallelism_threads(THREADS)
    tensorflow.config.threading.set_inter_op_parallelism_threads(THREADS)
    kind = {"rnn": keras.layers.SimpleRNN, "gru": keras.layers.GRU, "lstm": keras.layers.LSTM}[network.cell]
    layer = kind(network.hidden_dim)
    model = keras.Sequential(
        [
            keras.layers.Embedding(vocabulary_size, network.embedding_dim, mask_zero=True),
            keras.layers.Bidirectional(layer) if network.bidirectional else layer,
            keras.layers.Dense(1),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE, global_clipnorm=CLIP_NORM),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
    )

    def work() -> None:
        for rows in batches:
            (ids, _), labels = padded([reviews[row] for row in rows])
            model.train_on_batch(ids.T.numpy(), labels.numpy()[:, None])

    return work


def lecture(network: Network, vocabulary_size: int, reviews: ReviewDataset, batches: Positions) -> Work:
    """The lecture's own loop: one review a step, its tokens one after the other in Python."""
    torch.manual_seed(0)
    embedding = nn.Embedding(vocabulary_size, network.embedding_dim)
    seen, remembered = (nn.Linear(width, network.hidden_dim) for width in (network.embedding_dim, network.hidden_dim))
    readout = nn.Linear(network.hidden_dim, 1)
    parameters = [parameter for part in (embedding, seen, remembered, readout) for parameter in part.parameters()]
    adam = torch.optim.Adam(parameters, lr=LEARNING_RATE)

    def work() -> None:
        for (row,) in batches:
            _, ids, label = reviews[row]
            state = torch.zeros(network.hidden_dim)
            for vector in embedding(torch.from_numpy(ids.astype(np.int32))):
                state = torch.tanh(seen(vector) + remembered(state))
            adam.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(readout(state)[0], torch.tensor(float(label)))
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
            adam.step()

    return work


def tokens(reviews: ReviewDataset, batches: Positions) -> float:
    lengths = reviews.split.lengths
    return float(sum(lengths[rows].sum() for rows in batches))


def batches(lengths: npt.NDArray[np.int64], size: int, bucketing: bool, count: int) -> Positions:
    """Return `count` batches that stand for an epoch's: the middles of as many equal parts of it, by tokens a batch."""
    drawn = [rows for rows in BucketBatchSampler(lengths, size, seed=0, bucketing=bucketing) if lengths[rows].min()]
    drawn.sort(key=lambda rows: int(lengths[rows].sum()))
    return [drawn[int((part + 0.5) * len(drawn) / count)] for part in range(count)]


_work: Work  # of the one contestant that a process has


def _begin(settle: Work, start: Callable[..., Work], arguments: tuple[Any, ...]) -> None:
    global _work
    settle()
    _work = start(*arguments)


def _go() -> float:
    return timing.repeated(_work)


def as_train_does() -> None:
    device.configure_torch(CPU, THREADS)


def plainly() -> None:
    torch.set_num_threads(THREADS)
    torch.set_flush_denormal(True)


def measure(network: Network, reviews: ReviewDataset, vocabulary_size: int) -> list[Timing]:
    """Return each contestant's seconds per million tokens in each round."""
    lengths = reviews.split.lengths
    own = batches(lengths, OWN_BATCH_SIZE, True, 4)
    bucketed, large = batches(lengths, 64, True, 8), batches(lengths, 256, True, 4)
    random, single = batches(lengths, 64, False, 2), batches(lengths, 1, True, 16)

    with ExitStack() as processes:

        def contestant(
            name: str,
            chosen: Positions,
            start: Callable[..., Work],
            *more: Any,
            settle: Work = plainly,
            package: str = "",
        ) -> Contestant:
            arguments = (network, vocabulary_size, reviews, chosen, *more)
            process = processes.enter_context(
                ProcessPoolExecutor(1, get_context("spawn"), _begin, (settle, start, arguments))
            )
            return Contestant(name, lambda: process.submit(_go).result() / tokens(reviews, chosen) * 1e6, package)

        contestants = [
            contestant(OURS, own, ours, "float32", settle=as_train_does),
            contestant(EXACT, own, ours, "float64", settle=as_train_does),
            contestant(RANDOM, random, stock, packed),
            contestant(BUCKETED, bucketed, stock, packed),
            contestant(PADDED[0], bucketed, stock, padded),
            contestant(PADDED[1], large, stock, padded),
            contestant(KERAS, own, by_keras, package="tensorflow"),
        ]
        if network == NETWORKS[0]:
            contestants.append(contestant(LECTURE, single, lecture))
        timings = timing.compete(contestants, ROUNDS)
    both = [each.seconds for each in timings if each.name in PADDED]
    return [*timings, Timing(BEST_PADDED, tuple(min(pair) for pair in zip(*both, strict=True)))]


def main() -> None:
    corpus = Corpus.given()
    networks = []
    with prepared.data_stages(corpus.source, {"encode.max_tokens": 0}):
        reviews = ReviewDataset(EncodedSplit.open(paths.IDS.train.resolve()))  # other processes open it too
        size = len(Vocabulary.load(paths.VOCABULARY))
        for network in NETWORKS:
            rows = timing.described(measure(network, reviews, size), OURS)
            networks.append({"network": str(network), "contestants": rows})
            print(f"\n{network}, seconds per million tokens")
            print("\n".join(timing.lines(rows, OURS)), flush=True)
    packages = ["torch", "numba", "numpy", "scipy", "tensorflow-cpu", "keras"]
    about = {"reviews": len(reviews), "batch_size": OWN_BATCH_SIZE, "machine": timing.machine(THREADS, packages)}
    write_json(corpus.result("training"), {**about, "reference": OURS, "networks": networks})


if __name__ == "__main__":
    run(main, takes_arguments=True)
