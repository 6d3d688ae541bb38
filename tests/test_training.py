"""Training: every parameter learns, the best epoch is kept, equal seeds give equal weights, divergence is an error."""

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from sentiment.data.batching import BucketBatchSampler, SequentialBatchSampler, loader
from sentiment.data.dataset import Review, ReviewDataset
from sentiment.data.encoding import EncodedSplit
from sentiment.data.word_vectors import Vectors
from sentiment.errors import InputError
from sentiment.inference.predictor import probabilities
from sentiment.io import command
from sentiment.nn import device
from sentiment.nn.classifier import Classifier
from sentiment.training import trainer
from sentiment.training.resume import Checkpointer, digest
from sentiment.training.trainer import TrainConfig, TrainState, best_epoch, fit
from stages import train as stage
from tests.support.configs import ENTRIES, params, shape
from tests.support.encoded import write_split
from tests.support.imports import ROOT
from tests.support.processors import OTHER_PROCESSORS

CPU = torch.device("cpu")
SHAPE = shape(cell="gru", hidden_dim=8, layers=2, bidirectional=True, dropout=0.1, embedding_dropout=0.1)


@pytest.fixture
def splits(tmp_path: Path) -> tuple[EncodedSplit, EncodedSplit]:
    """Reviews of random ids; `write_split` labels them by whether their length is odd, and their words say so too."""
    random = np.random.default_rng(0)
    lengths = random.integers(0, 12, 300).tolist()
    reviews = [(random.integers(2, 14, length) + 6 * (length % 2)).tolist() for length in lengths]
    return write_split(tmp_path / "train", reviews[:200]), write_split(tmp_path / "valid", reviews[200:])


def weights(model: Classifier) -> list[torch.Tensor]:
    return [value.detach().clone() for value in model.parameters()]


def same(one: Classifier, other: Classifier) -> bool:
    return all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


Splits = tuple[EncodedSplit, EncodedSplit]


def test_the_same_seed_gives_the_same_weights_with_and_without_workers(splits: Splits) -> None:
    one, history = stage.train(splits, ENTRIES, SHAPE, params(), CPU)
    torch.rand(5)  # somebody else draws from the global generator
    again, same_history = stage.train(splits, ENTRIES, SHAPE, params(), CPU)
    assert same(one, again)
    assert history == same_history
    assert same(one, stage.train(splits, ENTRIES, SHAPE, params(), CPU, workers=2)[0])
    assert not same(one, stage.train(splits, ENTRIES, SHAPE, params(seed=2), CPU)[0])


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("precision", ["float64", "float32", "bfloat16"])
def test_every_parameter_learns(splits: Splits, optimizer: str, precision: str) -> None:
    torch.manual_seed(1)
    before = weights(Classifier(SHAPE, 20))
    model, _ = stage.train(splits, ENTRIES, SHAPE, params(optimizer=optimizer, precision=precision, epochs=2), CPU)
    assert all(torch.isfinite(value).all() for value in weights(model))
    assert not any(torch.equal(old, new) for old, new in zip(before, weights(model), strict=True))
    assert model.embedding.weight.dtype == (torch.float64 if precision == "float64" else torch.float32)
    if precision != "float32":
        exact, _ = stage.train(splits, ENTRIES, SHAPE, params(optimizer=optimizer, epochs=2), CPU)
        assert not same(model, exact)


@pytest.mark.parametrize("averaging", [0.0, 0.9])
def test_weights_in_float64_are_numbers_of_float32(splits: Splits, averaging: float) -> None:
    settings = params(precision="float64", averaging=averaging, adversarial=0.1)
    model, _ = stage.train(splits, ENTRIES, SHAPE, settings, CPU)
    if not averaging:  # averages are rounded when they are stored
        assert all(torch.equal(value, value.float().double()) for value in weights(model))
    other_weights = weights(stage.train(splits, ENTRIES, SHAPE, params(averaging=averaging, adversarial=0.1), CPU)[0])
    for value, other in zip(
        weights(model), other_weights, strict=True
    ):  # a few steps: both are the same but for rounding
        torch.testing.assert_close(value.float(), other, rtol=0, atol=1e-3)


DRAWN = """
import sys, hashlib, numpy as np, torch
from pathlib import Path
from sentiment.nn import device
from sentiment.data.encoding import EncodedSplit
from stages import train
from tests.support.configs import ENTRIES, params, shape
cpu = torch.device("cpu")
device.configure_torch(cpu, 1)
splits = tuple(EncodedSplit.open(Path(sys.argv[1], name)) for name in ("train", "valid"))
cell, precision = sys.argv[2:]
network = shape(cell=cell, hidden_dim=8, pooling="concat", bidirectional=cell not in ("manual_rnn", "transformer"))
for settings in [dict(averaging=0.9, adversarial=0.02), dict(optimizer="sgd", weight_decay=1e-3)]:
    model, history = train.train(splits, ENTRIES, network, params(precision=precision, epochs=8, **settings), cpu)
    values = b"".join(value.detach().float().numpy().tobytes() for value in model.parameters())
    print(hashlib.sha256(values).hexdigest())
"""


@pytest.mark.faults
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "manual_rnn", "transformer"])
def test_float64_gives_the_same_weights_on_other_processors(splits: Splits, tmp_path: Path, cell: str) -> None:
    found = drawn(tmp_path, cell, "float64")
    assert len(set(found[0].split())) == 2
    assert len(set(found)) == 1


@pytest.mark.faults
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the other processors are x86")
def test_float32_shows_that_those_are_other_processors(splits: Splits, tmp_path: Path) -> None:
    assert len(set(drawn(tmp_path, "rnn", "float32"))) > 1


def drawn(folder: Path, cell: str, precision: str) -> list[str]:
    """Return the hashes of the weights that each processor ends with."""
    found = []
    for processor in OTHER_PROCESSORS:
        kernels = {"NUMBA_CACHE_DIR": str(folder / processor.get("NUMBA_CPU_NAME", "this"))}
        env = os.environ | processor | kernels | {"PYTHONPATH": str(ROOT)}
        words = [sys.executable, "-c", DRAWN, str(folder), cell, precision]
        found.append(subprocess.run(words, env=env, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    return found


def test_it_learns(splits: Splits) -> None:
    model, history = stage.train(splits, ENTRIES, SHAPE, params(epochs=40), CPU)
    best = best_epoch(history)
    assert best.valid_accuracy > 0.9
    reviews = ReviewDataset(splits[1])
    probability = probabilities(model, loader(reviews, SequentialBatchSampler(splits[1].lengths, 7), CPU), len(reviews))
    assert np.mean((probability >= 0.5) == splits[1].labels) == best.valid_accuracy


def test_predictions_come_back_in_the_corpus_order(splits: Splits) -> None:
    torch.manual_seed(0)
    model, reviews = Classifier(SHAPE, 20), ReviewDataset(splits[1])
    lengths = splits[1].lengths
    expected = probabilities(model, loader(reviews, SequentialBatchSampler(lengths, 1), CPU), len(reviews))
    assert len(np.unique(expected)) > 50
    for order in (
        SequentialBatchSampler(lengths, 64),
        BucketBatchSampler(lengths, 7, 3, True),
        BucketBatchSampler(lengths, 100, 4, False),
    ):
        found = probabilities(model, loader(reviews, order, CPU), len(reviews))
        assert np.abs(found - expected).max() <= 1e-6


def test_the_best_epoch_is_kept_and_patience_counts_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([0.9, 0.5, 0.7, 0.5, 0.6, 0.1])
    seen: list[float] = []
    model = Classifier(SHAPE, 20)

    def train_epoch(model: Classifier, *_: object) -> tuple[float, float]:
        with torch.no_grad():
            model.readout.bias.fill_(len(seen))
        return 0.0, 0.0

    def score(*_: object) -> tuple[float, float]:
        seen.append(next(losses))
        return seen[-1], 0.0

    monkeypatch.setattr(trainer, "train_epoch", train_epoch)
    monkeypatch.setattr(trainer, "score", score)
    course = TrainState.begin(model, torch.optim.SGD(model.parameters()), None, 0.0)
    history = fit(course, lambda epoch: [], list, TrainConfig(9, 0, 3, "float32"), Checkpointer())
    assert seen == [0.9, 0.5, 0.7, 0.5, 0.6]  # the third epoch after the best one is the last
    assert best_epoch(history).epoch == 2
    assert model.readout.bias.item() == 1  # what epoch 2 left, the first of the two with that loss


def test_losses_are_means_over_reviews_whatever_the_batches(splits: Splits) -> None:
    torch.manual_seed(0)
    model, reviews = Classifier(SHAPE, 20), ReviewDataset(splits[0])
    one = trainer.score(model, loader(reviews, SequentialBatchSampler(splits[0].lengths, 200), CPU), "float32")
    for size in (1, 64, 199):
        found = trainer.score(model, loader(reviews, SequentialBatchSampler(splits[0].lengths, size), CPU), "float32")
        assert found == pytest.approx(one, abs=1e-6)


def test_clipping_bounds_the_step(splits: Splits) -> None:
    model = Classifier(SHAPE, 20)
    before = weights(model)
    batch = next(iter(loader(ReviewDataset(splits[0]), SequentialBatchSampler(splits[0].lengths, 16), CPU)))
    sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    trainer.train_step(model.train(), batch, sgd, TrainConfig(1, 1e-3, 0, "float32"))
    step = sum(((new - old) ** 2).sum() for old, new in zip(before, weights(model), strict=True))
    assert float(step) ** 0.5 == pytest.approx(1e-3, rel=1e-2)


def test_divergence_is_one_line(splits: Splits) -> None:
    wild = params(optimizer="sgd", learning_rate=1000.0, clip_norm=0.0)
    unbounded = SHAPE.model_copy(update={"cell": "rnn", "nonlinearity": "relu"})
    with pytest.raises(InputError, match="training diverged in epoch 1: .*; lower train.learning_rate") as caught:
        stage.train(splits, ENTRIES, unbounded, wild, CPU)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("steps", range(1, 11))
def test_a_cycle_can_have_any_number_of_steps(steps: int) -> None:
    adam = trainer.optimizer(Classifier(SHAPE, 20), "adam", 0.1, 0.0)
    trainer.follow(adam, "one_cycle", steps)
    rates = []
    for _ in range(steps):
        rates.append(adam.param_groups[0]["lr"])
        adam.step()
    assert min(rates) > 0
    assert 0.07 < max(rates) <= 0.1


def test_a_cycle_of_the_learning_rate_rises_and_falls() -> None:
    model = Classifier(SHAPE, 20)
    adam = trainer.optimizer(model, "adam", 0.1, 0.0)
    trainer.follow(adam, "one_cycle", 100)
    rates = []
    for _ in range(100):
        rates.append(adam.param_groups[0]["lr"])
        adam.step()
    peak = int(np.argmax(rates))
    assert 20 <= peak <= 28
    assert rates[peak] == pytest.approx(0.1, rel=0.02)
    assert rates[0] < 0.005
    assert rates[-1] < 1e-4
    assert sorted(rates[:peak]) == rates[:peak]
    assert sorted(rates[peak:], reverse=True) == rates[peak:]


def test_averaged_weights_are_those_that_are_scored_and_kept(splits: Splits) -> None:
    """One epoch of plain steps, recorded; the kept weights are their moving average."""
    seen: list[list[torch.Tensor]] = []
    torch.manual_seed(0)
    model = Classifier(SHAPE, 20)
    sgd = trainer.optimizer(model, "sgd", 0.5, 0.0)
    sgd.register_step_post_hook(lambda *_: seen.append([p.detach().clone() for p in model.parameters()]))
    batches = list(loader(ReviewDataset(splits[0]), SequentialBatchSampler(splits[0].lengths, 16), CPU))
    course = TrainState.begin(model, sgd, None, averaging=0.9)
    fit(course, lambda epoch: batches, lambda: batches, TrainConfig(1, 0.0, 0, "float32"), Checkpointer())
    average = seen[0]
    for step in seen[1:]:
        average = [0.9 * old + 0.1 * new for old, new in zip(average, step, strict=True)]
    for kept, expected in zip(model.parameters(), average, strict=True):
        torch.testing.assert_close(kept.detach(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("embedding_dropout", [0.0, 0.3])  # with the table of the vocabulary, and with a row a token
def test_adversarial_training_descends_the_mean_of_both_losses(splits: Splits, embedding_dropout: float) -> None:
    """Against the loss written out review by review, differentiated as a whole."""
    torch.manual_seed(0)
    model = Classifier(shape(cell="lstm", pooling="concat", embedding_dropout=embedding_dropout), 20)
    [batch, *_] = loader(ReviewDataset(splits[0]), SequentialBatchSampler(splits[0].lengths, 200), CPU)
    assert len(batch) == 200 > batch.ids.batch_sizes[0]  # some have no tokens
    state = torch.get_rng_state()
    entries, index = model.embed(batch.ids.data)
    embedded = entries if index is None else entries[index]

    def loss(embedded: torch.Tensor) -> torch.Tensor:
        logits = model.classify(embedded, None, batch.ids.batch_sizes, len(batch))
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, batch.labels)

    plain = loss(embedded)
    [gradient] = torch.autograd.grad(plain, embedded, retain_graph=True)
    move = torch.zeros_like(embedded)
    first = (torch.cumsum(batch.ids.batch_sizes, 0) - batch.ids.batch_sizes).tolist()
    for review in range(int(batch.ids.batch_sizes[0])):
        rows = [start + review for start, size in zip(first, batch.ids.batch_sizes, strict=True) if review < size]
        move[rows] = 0.2 * embedded[rows].detach().norm() * gradient[rows] / gradient[rows].norm()
    misled = loss(embedded + move)
    assert misled > plain + 0.001
    expected = torch.autograd.grad((plain + misled) / 2, list(model.parameters()))

    torch.set_rng_state(state)
    trainer.learn(model, batch, TrainConfig(1, 0.0, 0, "float32", adversarial=0.2))
    for parameter, other in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, other, rtol=1e-4, atol=1e-6)


class Killed(Exception):
    pass


@pytest.mark.parametrize(
    "changes, workers",
    [
        ({"schedule": "one_cycle", "averaging": 0.9, "adversarial": 0.02}, 0),
        ({"optimizer": "sgd", "learning_rate": 0.5}, 1),
        ({"optimizer": "adamw", "weight_decay": 0.1, "patience": 1, "epochs": 30, "learning_rate": 0.2}, 0),
    ],
)
def test_a_training_that_was_broken_off_ends_as_an_undisturbed_one(
    splits: Splits, tmp_path: Path, changes: dict[str, Any], workers: int
) -> None:
    settings = params(**{"epochs": 5} | changes)
    undisturbed, history = stage.train(splits, ENTRIES, SHAPE, settings, CPU)
    assert 1 < len(history) <= 5 or 3 < len(history) < 30

    class Dying(Checkpointer):
        def save(self, course: TrainState) -> None:
            super().save(course)
            raise Killed

    path = tmp_path / "training/state.safetensors"
    for epoch in range(len(history)):
        torch.rand(epoch)  # another process, another state of the generator
        keeper = Dying(path)
        with pytest.raises(Killed):
            stage.train(splits, ENTRIES, SHAPE, settings, CPU, keeper=keeper, workers=workers)
        assert keeper.restored == epoch
    last = Checkpointer(path)
    resumed, told = stage.train(splits, ENTRIES, SHAPE, settings, CPU, keeper=last)
    assert last.restored == len(history)
    assert told == history
    assert same(resumed, undisturbed)
    last.end()
    assert not path.exists()


def test_the_state_of_another_training_is_replaced(splits: Splits, tmp_path: Path) -> None:
    for name in ("one", "other"):
        stage.train(
            splits, ENTRIES, SHAPE, params(epochs=1), CPU, keeper=Checkpointer(tmp_path / f"{name}.safetensors")
        )
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["other.safetensors"]


def test_what_a_kill_left_of_another_state_is_removed(splits: Splits, tmp_path: Path) -> None:
    folder = tmp_path / "training"
    folder.mkdir()
    (folder / ".other.safetensors.partial").write_bytes(b"half a state")
    (folder / "notes.txt").touch()
    stage.train(splits, ENTRIES, SHAPE, params(epochs=1), CPU, keeper=Checkpointer(folder / "one.safetensors"))
    assert {path.name for path in folder.iterdir()} == {"one.safetensors", "notes.txt"}


class Deadly(ReviewDataset):
    """Reviews whose worker process is killed."""

    def __getitem__(self, position: int) -> Review:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(position)


def test_a_worker_that_is_killed_is_one_line(splits: Splits, capsys: pytest.CaptureFixture[str]) -> None:
    batches = loader(Deadly(splits[0]), SequentialBatchSampler(splits[0].lengths, 4), CPU, workers=1)

    def read() -> None:
        for _ in batches:
            pass

    with pytest.raises(SystemExit) as ended:
        command.run(read, takes_arguments=True)
    assert ended.value.code == 1
    expected = "error: a process that builds batches had no memory to share, or was killed; set compute.workers to 0\n"
    assert capsys.readouterr().err == expected


def test_a_damaged_state_counts_as_none(splits: Splits, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    keeper = Checkpointer(path)
    one, _ = stage.train(splits, ENTRIES, SHAPE, params(epochs=2), CPU, keeper=keeper)
    content = path.read_bytes()
    for damaged in (b"", content[:-1], b"\x80\x04." + content, content.replace(b"facts", b"stcaf")):
        path.write_bytes(damaged)
        again = Checkpointer(path)
        assert same(one, stage.train(splits, ENTRIES, SHAPE, params(epochs=2), CPU, keeper=again)[0])
        assert again.restored == 0


def test_whatever_training_depends_on_names_its_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ids").mkdir()
    (tmp_path / "ids/ids.npy").write_bytes(b"1")
    inputs = [tmp_path / "ids"]
    found = digest({"seed": 1}, inputs, "cpu")
    assert digest({"seed": 1}, inputs, "cpu") == found
    others = {digest({"seed": 2}, inputs, "cpu"), digest({"seed": 1}, [], "cpu"), digest({"seed": 1}, inputs, "mps")}
    (tmp_path / "ids/ids.npy").write_bytes(b"2")
    others.add(digest({"seed": 1}, inputs, "cpu"))
    (tmp_path / "ids/ids.npy").write_bytes(b"1")
    changed = tmp_path / "sentiment/model.py"
    changed.parent.mkdir()
    monkeypatch.setattr("sentiment.resume._ROOT", tmp_path)
    monkeypatch.setattr("sentiment.model.__file__", str(changed))
    for content in ("one", "two"):
        changed.write_text(content, encoding="utf-8")
        others.add(digest({"seed": 1}, inputs, "cpu"))
    assert len(others | {found}) == 7


@pytest.mark.parametrize("tuned", [False, True])
def test_vectors_start_the_embedding(splits: Splits, tuned: bool) -> None:
    start = Vectors(np.array([0, 3]), np.array([[0.5] * 8, [-1.5] * 8], np.float32))
    given = SHAPE.model_copy(update={"tune_vectors": tuned})
    settings = params(epochs=1, weight_decay=0.1, optimizer="adamw", adversarial=0.01)
    model, _ = stage.train(splits, ENTRIES, given, settings, CPU, start)
    assert model.pretrained.nonzero().flatten().tolist() == [2, 5]
    rows = model.embedding.weight[[2, 5]]
    assert torch.equal(rows, torch.tensor([[0.5], [-1.5]]).expand(2, 8)) == (not tuned)
    assert model.pretrained_coverage(np.array([2, 5, 5, 7], np.uint8)) == 0.75


def test_threads_and_denormals_are_set() -> None:
    threads = torch.get_num_threads()
    try:
        device.configure_torch(CPU, 1)
        assert torch.get_num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
        assert (torch.tensor(1e-38) / 100).item() == 0
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)


@pytest.fixture
def cuda_present(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


def test_auto_prefers_cuda(cuda_present: None) -> None:
    assert device.select_device("auto").type == "cuda"
    assert device.select_device("cpu").type == "cpu"


def test_mps_has_no_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device.select_device("auto").type == "mps"
    assert device.select_device("auto", "float64").type == "cpu"
    with pytest.raises(InputError, match="device 'mps' does not compute in float64; set train.precision to float32"):
        device.select_device("mps", "float64")


def test_a_device_that_is_absent_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, backend in {"cuda": torch.cuda, "mps": torch.backends.mps}.items():
        monkeypatch.setattr(backend, "is_available", lambda: False)
        with pytest.raises(
            InputError, match=f"device '{kind}' is not on this machine; set compute.device to auto or cpu"
        ):
            device.select_device(kind)  # type: ignore[arg-type]


def test_batches_are_pinned_for_cuda_alone(splits: Splits, cuda_present: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (0, 0))  # too small for the split to lie there
    order = SequentialBatchSampler(splits[0].lengths, 16)
    for kind in ("cuda", "cpu"):
        batches = loader(ReviewDataset(splits[0]), order, torch.device(kind))
        assert isinstance(batches, DataLoader)
        assert batches.pin_memory == (kind == "cuda")


EVERY_PART: list[tuple[dict[str, Any], dict[str, Any]]] = [
    *(({"pooling": pooling, "bidirectional": True}, {}) for pooling in ("last", "mean", "max", "concat")),
    ({"input_conditioned": True}, {}),
    ({"cell": "lstm", "layers": 2}, {"averaging": 0.5}),
    ({"cell": "manual_rnn", "pooling": "concat"}, {}),
    ({"cell": "transformer", "pooling": "mean"}, {}),
    ({"cell": "gru"}, {"adversarial": 0.1}),
    ({"cell": "lstm", "pooling": "concat", "bidirectional": True}, {"adversarial": 0.1, "averaging": 0.5}),
]


@pytest.mark.cuda
@pytest.mark.parametrize("model, train", EVERY_PART, ids=str)
def test_training_on_cuda_ends_where_it_does_on_the_cpu(
    splits: Splits, model: dict[str, Any], train: dict[str, Any]
) -> None:
    """By SGD, whose steps are as small as their gradients: Adam's go by the sign of a gradient near zero."""
    settings = params(optimizer="sgd", learning_rate=0.1, epochs=2, batch_size=64, **train)
    start = weights(stage.train(splits, ENTRIES, shape(**model), params(learning_rate=1e-9, epochs=1), CPU)[0])
    expected = weights(stage.train(splits, ENTRIES, shape(**model), settings, CPU)[0])
    chosen = device.select_device("cuda")
    device.configure_torch(chosen, 1)
    found = weights(stage.train(splits, ENTRIES, shape(**model), settings, chosen)[0])
    moved = max(float((old - new).abs().max()) for old, new in zip(start, expected, strict=True))
    assert moved > 1e-2
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(other.cpu(), one, rtol=0, atol=moved / 100)


@pytest.mark.cuda
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_on_cuda_learns_and_repeats(splits: Splits, precision: str) -> None:
    chosen = device.select_device("cuda")
    device.configure_torch(chosen, 1)
    settings = params(epochs=40, precision=precision)
    one, history = stage.train(splits, ENTRIES, SHAPE, settings, chosen, workers=2)
    assert best_epoch(history).valid_accuracy > 0.9
    assert same(one, stage.train(splits, ENTRIES, SHAPE, settings, chosen)[0])
