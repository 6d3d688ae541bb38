"""Training: every parameter learns, the best epoch is kept, equal seeds give equal weights, divergence is an error."""

import json
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

from sentiment.data.batching import BatchLoader, BucketBatchSampler, SequentialBatchSampler, make_loader
from sentiment.data.dataset import Review, ReviewDataset
from sentiment.data.encoding import EncodedSplit
from sentiment.data.word_vectors import Vectors
from sentiment.errors import InputError
from sentiment.inference.predictor import predict_split, probabilities
from sentiment.io import command
from sentiment.nn import device
from sentiment.nn.classifier import Classifier
from sentiment.nn.packed import PackedVectors
from sentiment.training import trainer
from sentiment.training.optimizer import make_optimizer, make_scheduler
from sentiment.training.resume import Checkpointer, digest
from sentiment.training.trainer import TrainState, best_epoch, fit
from stages import train
from tests.support.configs import VOCAB_SIZE, model_config, train_config
from tests.support.encoded import write_split
from tests.support.imports import ROOT
from tests.support.processors import OTHER_PROCESSOR
from tests.support.training import Splits, train_network

CPU = torch.device("cpu")
SHAPE = model_config(cell="gru", hidden_dim=8, layers=2, bidirectional=True, dropout=0.1, embedding_dropout=0.1)


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


def batches_of(split: EncodedSplit, size: int) -> BatchLoader:
    return make_loader(ReviewDataset(split), BucketBatchSampler(split.lengths, size, 0, bucketing=True), CPU)


def test_the_same_seed_gives_the_same_weights_with_and_without_workers(splits: Splits) -> None:
    one, history = train_network(splits, SHAPE, train_config())
    torch.rand(5)  # somebody else draws from the global generator
    again, same_history = train_network(splits, SHAPE, train_config())
    assert same(one, again)
    assert history == same_history
    assert same(one, train_network(splits, SHAPE, train_config(), workers=2)[0])
    assert not same(one, train_network(splits, SHAPE, train_config(seed=2))[0])


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("precision", ["float64", "float32", "bfloat16"])
def test_every_parameter_learns(splits: Splits, optimizer: str, precision: str) -> None:
    torch.manual_seed(1)
    before = weights(Classifier(SHAPE, 20))
    model, _ = train_network(splits, SHAPE, train_config(optimizer=optimizer, precision=precision, epochs=2))
    assert all(torch.isfinite(value).all() for value in weights(model))
    assert not any(torch.equal(old, new) for old, new in zip(before, weights(model), strict=True))
    assert model.embedding.weight.dtype == (torch.float64 if precision == "float64" else torch.float32)
    if precision != "float32":
        exact, _ = train_network(splits, SHAPE, train_config(optimizer=optimizer, epochs=2))
        assert not same(model, exact)


@pytest.mark.parametrize("averaging", [0.0, 0.9])
def test_weights_in_float64_are_numbers_of_float32(splits: Splits, averaging: float) -> None:
    settings = train_config(precision="float64", ema_decay=averaging, adversarial_epsilon=0.1)
    model, _ = train_network(splits, SHAPE, settings)
    if not averaging:  # averages are rounded when they are stored
        assert all(torch.equal(value, value.float().double()) for value in weights(model))
    other_weights = weights(train_network(splits, SHAPE, train_config(ema_decay=averaging, adversarial_epsilon=0.1))[0])
    for value, other in zip(
        weights(model), other_weights, strict=True
    ):  # a few steps: both are the same but for rounding
        torch.testing.assert_close(value.float(), other, rtol=0, atol=1e-3)


DRAWN = """
import hashlib, json, sys
from pathlib import Path
import torch
from sentiment.data.encoding import EncodedSplit
from sentiment.nn import device
from sentiment.nn.classifier import Classifier
from stages import train
from tests.support.configs import VOCAB_SIZE, model_config, train_config
cpu = torch.device("cpu")
device.configure_torch(cpu, 1)
splits = tuple(EncodedSplit.open(Path(sys.argv[1], name)) for name in ("train", "valid"))
for precision, changes, backend, num_classes in json.loads(sys.argv[2]):
    for settings in [dict(ema_decay=0.9, adversarial_epsilon=0.02), dict(optimizer="sgd", weight_decay=1e-3)]:
        config = train_config(precision=precision, epochs=3, **settings)
        torch.manual_seed(config.seed)
        shape = model_config(hidden_dim=8, pooling="concat", **changes)
        model = Classifier(shape, VOCAB_SIZE, backend, num_classes=num_classes)
        train.train(splits, model, config, cpu)
        values = b"".join(value.detach().float().numpy().tobytes() for value in model.parameters())
        print(hashlib.sha256(values).hexdigest())
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the other processors are x86")
def test_float64_gives_the_same_weights_on_other_processors(splits: Splits, tmp_path: Path) -> None:
    networks: list[tuple[str, dict[str, Any], str, int]] = [
        *(("float64", {"cell": cell, "bidirectional": True}, "auto", 2) for cell in ("rnn", "lstm", "gru")),
        ("float64", {"cell": "rnn"}, "reference", 2),
        ("float64", {"encoder": "transformer"}, "auto", 2),
        ("float64", {"cell": "rnn", "bidirectional": True}, "auto", 5),
        ("float32", {"cell": "rnn", "bidirectional": True}, "auto", 2),
    ]
    hashes: list[list[str]] = []  # [processors][networks, each in two settings]
    for processor in ({}, OTHER_PROCESSOR):
        env = os.environ | processor | {"PYTHONPATH": str(ROOT)}
        words = [sys.executable, "-c", DRAWN, str(tmp_path), json.dumps(networks)]
        done = subprocess.run(words, env=env, cwd=ROOT, capture_output=True, text=True, check=True)
        hashes.append(done.stdout.split())
    assert len(set(hashes[0])) == 14
    assert all(float64[:12] == hashes[0][:12] for float64 in hashes)
    assert any(float32[12:] != hashes[0][12:] for float32 in hashes)  # else these are not other processors


def test_adversarial_steps_are_for_networks_with_many_parameters_for_each_review(
    capsys: pytest.CaptureFixture[str],
) -> None:
    classifier = Classifier(SHAPE, VOCAB_SIZE)
    parameters = train.count_parameters(classifier)
    config = train_config(adversarial_epsilon=0.1, adversarial_above=3.0)
    assert train.suited(config, classifier, parameters // 4) == config
    assert f"train: adversarial steps, because {parameters:,} parameters for" in capsys.readouterr().err
    without = train.suited(config, classifier, parameters // 2)
    assert without == train_config(adversarial_epsilon=0.0, adversarial_above=3.0)
    assert "train: no adversarial steps, because" in capsys.readouterr().err
    assert train.suited(without, classifier, 1) == without
    assert not capsys.readouterr().err


def test_it_learns(splits: Splits) -> None:
    model, history = train_network(splits, SHAPE, train_config(epochs=40))
    best = min(history, key=lambda epoch: epoch.valid_loss)
    assert best.valid_accuracy > 0.9
    reviews = ReviewDataset(splits[1])
    probability = probabilities(
        model, make_loader(reviews, SequentialBatchSampler(splits[1].lengths, 7), CPU), len(reviews)
    )
    assert np.mean((probability[:, 1] >= 0.5) == splits[1].labels) == best.valid_accuracy


@pytest.mark.parametrize("place", [CPU, pytest.param(torch.device("cuda"), marks=pytest.mark.cuda)], ids=str)
@pytest.mark.parametrize(
    "num_classes, model, config",
    [
        (3, {"cell": "rnn", "pooling": "mean"}, {"precision": "float64", "adversarial_epsilon": 0.05}),
        (5, {"cell": "lstm", "pooling": "concat"}, {"schedule": "one_cycle", "ema_decay": 0.5}),
        (5, {"encoder": "transformer", "pooling": "max"}, {"precision": "bfloat16"}),
    ],
    ids=["3-rnn", "5-lstm", "5-transformer"],
)
def test_it_learns_more_than_two_classes(
    tmp_path: Path, num_classes: int, model: dict[str, Any], config: dict[str, Any], place: torch.device
) -> None:
    """Each class has three words of its own, and a review of no words is of the first."""
    random = np.random.default_rng(0)
    lengths = random.integers(0, 12, 300).tolist()
    reviews = [(random.integers(2, 5, length) + 3 * (length % num_classes)).tolist() for length in lengths]
    train = write_split(tmp_path / "train", reviews[:200], num_classes=num_classes)
    valid = write_split(tmp_path / "valid", reviews[200:], num_classes=num_classes)
    settings = train_config(epochs=8, learning_rate=0.03, **config)
    trained, history = train_network((train, valid), model_config(**model), settings, place, num_classes=num_classes)
    assert trained.readout.out_features == num_classes
    best = best_epoch(history)
    assert best.valid_accuracy > 0.95
    found = predict_split(trained, valid)
    assert found.shape == (100, num_classes)
    assert np.mean(found.argmax(axis=1) == valid.labels) == best.valid_accuracy
    loss = -np.log(found[np.arange(100), valid.labels]).mean()
    assert loss == pytest.approx(best.valid_loss, rel=0.02 if settings.precision == "bfloat16" else 1e-4)


def test_predictions_come_back_in_the_corpus_order(splits: Splits) -> None:
    torch.manual_seed(0)
    model, reviews = Classifier(SHAPE, 20), ReviewDataset(splits[1])
    lengths = splits[1].lengths
    expected = probabilities(model, make_loader(reviews, SequentialBatchSampler(lengths, 1), CPU), len(reviews))
    assert len(np.unique(expected[:, 1])) > 50
    for order in (
        SequentialBatchSampler(lengths, 64),
        BucketBatchSampler(lengths, 7, 3, True),
        BucketBatchSampler(lengths, 100, 4, False),
    ):
        found = probabilities(model, make_loader(reviews, order, CPU), len(reviews))
        assert np.abs(found - expected).max() <= 1e-6


def test_the_best_epoch_is_kept_and_patience_counts_from_it(splits: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([0.9, 0.5, 0.7, 0.5, 0.6, 0.1])
    seen: list[float] = []
    model = Classifier(SHAPE, 20)

    def train_epoch(*_: object) -> tuple[float, float]:
        with torch.no_grad():
            model.readout.bias.fill_(len(seen))
        return 0.0, 0.0

    def evaluate(*_: object) -> tuple[float, float]:
        seen.append(next(losses))
        return seen[-1], 0.0

    monkeypatch.setattr(trainer, "train_epoch", train_epoch)
    monkeypatch.setattr(trainer, "evaluate", evaluate)
    config = train_config(epochs=9, patience=3)
    state = TrainState.create(model, config, 1)
    fit(state, batches_of(splits[0], 16), batches_of(splits[1], 16), config)
    assert seen == [0.9, 0.5, 0.7, 0.5, 0.6]  # the third epoch after the best one is the last
    assert best_epoch(state.history).epoch == 2
    assert model.readout.bias.item() == 1  # left by epoch 2, the first of the two with that loss


def test_losses_are_means_over_reviews_whatever_the_batches(splits: Splits) -> None:
    torch.manual_seed(0)
    model, reviews = Classifier(SHAPE, 20), ReviewDataset(splits[0])
    one = trainer.evaluate(model, make_loader(reviews, SequentialBatchSampler(splits[0].lengths, 200), CPU), "float32")
    for size in (1, 64, 199):
        found = trainer.evaluate(
            model, make_loader(reviews, SequentialBatchSampler(splits[0].lengths, size), CPU), "float32"
        )
        assert found == pytest.approx(one, abs=1e-6)


def test_clipping_bounds_the_step(splits: Splits) -> None:
    model = Classifier(SHAPE, 20)
    before = weights(model)
    config = train_config(optimizer="sgd", learning_rate=1.0, clip_norm=1e-3)
    batch = next(iter(batches_of(splits[0], 16)))
    trainer.train_step(TrainState.create(model.train(), config, 1), batch, config)
    step = sum(((new - old) ** 2).sum() for old, new in zip(before, weights(model), strict=True))
    assert float(step) ** 0.5 == pytest.approx(1e-3, rel=1e-2)


def test_divergence_is_one_line(splits: Splits) -> None:
    wild = train_config(optimizer="sgd", learning_rate=1000.0, clip_norm=0.0)
    unbounded = SHAPE.model_copy(update={"cell": "rnn", "nonlinearity": "relu"})
    with pytest.raises(InputError, match="training diverged in epoch 1: .*; lower train.learning_rate") as caught:
        train_network(splits, unbounded, wild)
    assert "\n" not in str(caught.value)


def learning_rates(steps: int) -> list[float]:
    """Return the learning rate of each step of a cycle with a peak of 0.1."""
    optimizer = make_optimizer(Classifier(SHAPE, 20), "adam", 0.1, 0.0)
    scheduler = make_scheduler(optimizer, "one_cycle", steps)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if scheduler:
            scheduler.step()
    return rates


@pytest.mark.parametrize("steps", range(1, 11))
def test_a_cycle_can_have_any_number_of_steps(steps: int) -> None:
    rates = learning_rates(steps)
    assert min(rates) > 0
    assert 0.07 < max(rates) <= 0.1


def test_a_cycle_of_the_learning_rate_rises_and_falls() -> None:
    rates = learning_rates(100)
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
    config = train_config(optimizer="sgd", learning_rate=0.5, clip_norm=0.0, ema_decay=0.9, epochs=1)
    state = TrainState.create(model, config, 1)
    state.optimizer.register_step_post_hook(lambda *_: seen.append([p.detach().clone() for p in model.parameters()]))
    fit(state, batches_of(splits[0], 16), batches_of(splits[1], 16), config)
    average = seen[0]
    for step in seen[1:]:
        average = [0.9 * old + 0.1 * new for old, new in zip(average, step, strict=True)]
    for kept, expected in zip(model.parameters(), average, strict=True):
        torch.testing.assert_close(kept.detach(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("embedding_dropout", [0.0, 0.3])  # with the table of the vocabulary, and with a row a token
def test_adversarial_training_descends_the_mean_of_both_losses(splits: Splits, embedding_dropout: float) -> None:
    """Against the loss written out review by review, differentiated as a whole."""
    torch.manual_seed(0)
    model = Classifier(model_config(cell="lstm", pooling="concat", embedding_dropout=embedding_dropout), 20)
    [batch, *_] = make_loader(ReviewDataset(splits[0]), SequentialBatchSampler(splits[0].lengths, 200), CPU)
    assert len(batch) == 200 > batch.ids.batch_sizes[0]  # some have no tokens
    before = torch.get_rng_state()
    embedded = model.embed(batch.ids).per_token()

    def loss(embedded: torch.Tensor) -> torch.Tensor:
        logits = model.classify(PackedVectors(embedded, None, batch.ids.batch_sizes), len(batch))
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, batch.labels.to(logits))

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

    torch.set_rng_state(before)
    config = train_config(optimizer="sgd", learning_rate=1e-9, clip_norm=0.0, adversarial_epsilon=0.2)
    trainer.train_step(TrainState.create(model, config, 1), batch, config)
    for parameter, other in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, other, rtol=1e-4, atol=1e-6)


class Killed(Exception):
    pass


@pytest.mark.parametrize(
    "changes, workers, num_classes",
    [
        ({"schedule": "one_cycle", "ema_decay": 0.9, "adversarial_epsilon": 0.02}, 0, 3),
        ({"optimizer": "sgd", "learning_rate": 0.5}, 1, 2),
        ({"optimizer": "adamw", "weight_decay": 0.1, "patience": 1, "epochs": 30, "learning_rate": 0.2}, 0, 2),
    ],
)
def test_a_training_that_was_broken_off_ends_as_an_undisturbed_one(
    splits: Splits, tmp_path: Path, changes: dict[str, Any], workers: int, num_classes: int
) -> None:
    settings = train_config(**{"epochs": 5} | changes)
    undisturbed, history = train_network(splits, SHAPE, settings, num_classes=num_classes)
    assert 1 < len(history) <= 5 or 3 < len(history) < 30

    class Dying(Checkpointer):
        def save(self, state: TrainState) -> None:
            super().save(state)
            raise Killed

    path = tmp_path / "training/state.safetensors"
    for epoch in range(len(history)):
        torch.rand(epoch)  # another process, another state of the generator
        checkpointer = Dying(path)
        with pytest.raises(Killed):
            train_network(splits, SHAPE, settings, checkpointer=checkpointer, workers=workers, num_classes=num_classes)
        assert checkpointer.restored_epochs == epoch
    last = Checkpointer(path)
    resumed, told = train_network(splits, SHAPE, settings, checkpointer=last, num_classes=num_classes)
    assert last.restored_epochs == len(history)
    assert told == history
    assert same(resumed, undisturbed)
    last.remove()
    assert not path.exists()


def test_the_state_of_another_training_is_replaced(splits: Splits, tmp_path: Path) -> None:
    for name in ("one", "other"):
        train_network(
            splits, SHAPE, train_config(epochs=1), checkpointer=Checkpointer(tmp_path / f"{name}.safetensors")
        )
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["other.safetensors"]


class Deadly(ReviewDataset):
    """Reviews whose worker process is killed."""

    def __getitem__(self, position: int) -> Review:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(position)


def test_a_worker_that_is_killed_is_one_line(splits: Splits, capsys: pytest.CaptureFixture[str]) -> None:
    batches = make_loader(Deadly(splits[0]), SequentialBatchSampler(splits[0].lengths, 4), CPU, workers=1)

    def read() -> None:
        for _ in batches:
            pass

    with pytest.raises(SystemExit) as ended:
        command.run(read, takes_arguments=True)
    assert ended.value.code == 1
    expected = "error: a process that prepares batches was killed or found no shared memory; set compute.workers to 0\n"
    assert capsys.readouterr().err == expected


def test_a_damaged_state_counts_as_none(splits: Splits, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    checkpointer = Checkpointer(path)
    one, _ = train_network(splits, SHAPE, train_config(epochs=2), checkpointer=checkpointer)
    content = path.read_bytes()
    for damaged in (b"", content[:-1], b"\x80\x04." + content, content.replace(b"facts", b"stcaf")):
        path.write_bytes(damaged)
        again = Checkpointer(path)
        assert same(one, train_network(splits, SHAPE, train_config(epochs=2), checkpointer=again)[0])
        assert again.restored_epochs == 0


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
    changed = tmp_path / "classifier.py"
    monkeypatch.setattr("sentiment.nn.classifier.__file__", str(changed))
    for content in ("one", "two"):
        changed.write_text(content, encoding="utf-8")
        others.add(digest({"seed": 1}, inputs, "cpu"))
    assert len(others | {found}) == 7


@pytest.mark.parametrize("tuned", [False, True])
def test_vectors_start_the_embedding(splits: Splits, tuned: bool) -> None:
    start = Vectors(np.array([0, 3]), np.array([[0.5] * 8, [-1.5] * 8], np.float32))
    given = SHAPE.model_copy(update={"freeze_embeddings": not tuned})
    settings = train_config(epochs=1, weight_decay=0.1, optimizer="adamw", adversarial_epsilon=0.01)
    model, _ = train_network(splits, given, settings, vectors=start)
    assert model.pretrained.nonzero().flatten().tolist() == [2, 5]
    rows = model.embedding.weight[[2, 5]]
    assert torch.equal(rows, torch.tensor([[0.5], [-1.5]]).expand(2, 8)) == (not tuned)
    assert model.pretrained_coverage(np.array([2, 5, 5, 7], np.uint8)) == 0.75


def test_threads_and_denormals_are_set() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
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
    with pytest.raises(InputError, match="device 'mps' does not compute in float64; set compute.device to cpu or"):
        device.select_device("mps", "float64")


def test_a_device_that_is_absent_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, backend in {"cuda": torch.cuda, "mps": torch.backends.mps}.items():
        monkeypatch.setattr(backend, "is_available", lambda: False)
        with pytest.raises(
            InputError, match=f"device '{kind}' is not on this machine; set compute.device to auto or cpu"
        ):
            device.select_device(kind)


@pytest.mark.parametrize(
    "name, remedy", [("cuda:2", "one of cuda:0, cuda:1"), ("gpu", "the number of a GPU, such as cuda:1")]
)
def test_a_gpu_is_chosen_by_its_number(
    cuda_present: None, monkeypatch: pytest.MonkeyPatch, name: str, remedy: str
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device.select_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(InputError, match=f"'{name}' is not .* {remedy}$"):
        device.select_device(name)


def test_batches_are_pinned_for_cuda_alone(splits: Splits, cuda_present: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (0, 0))  # too small for the split to lie there
    order = SequentialBatchSampler(splits[0].lengths, 16)
    for kind in ("cuda", "cpu"):
        batches = make_loader(ReviewDataset(splits[0]), order, torch.device(kind))
        assert isinstance(batches, DataLoader)
        assert batches.pin_memory == (kind == "cuda")


EVERY_PART: list[tuple[dict[str, Any], dict[str, Any]]] = [
    *(({"pooling": pooling, "bidirectional": True}, {}) for pooling in ("last", "mean", "max", "concat")),
    ({"concat_last_embedding": True}, {}),
    ({"cell": "lstm", "layers": 2}, {"ema_decay": 0.5}),
    ({"nonlinearity": "logistic", "pooling": "concat"}, {}),
    ({"encoder": "transformer", "pooling": "mean"}, {}),
    ({"cell": "gru"}, {"adversarial_epsilon": 0.1}),
    ({"cell": "lstm", "pooling": "concat", "bidirectional": True}, {"adversarial_epsilon": 0.1, "ema_decay": 0.5}),
]


@pytest.mark.cuda
@pytest.mark.parametrize("model, train", EVERY_PART, ids=str)
def test_training_on_cuda_ends_where_it_does_on_the_cpu(
    splits: Splits, model: dict[str, Any], train: dict[str, Any]
) -> None:
    """By SGD, whose steps are as small as their gradients: Adam's go by the sign of a gradient near zero."""
    settings = train_config(optimizer="sgd", learning_rate=0.1, epochs=2, batch_size=64, **train)
    start = weights(train_network(splits, model_config(**model), train_config(learning_rate=1e-9, epochs=1))[0])
    expected = weights(train_network(splits, model_config(**model), settings)[0])
    chosen = device.select_device("cuda")
    device.configure_torch(chosen, 1)
    found = weights(train_network(splits, model_config(**model), settings, chosen)[0])
    moved = max(float((old - new).abs().max()) for old, new in zip(start, expected, strict=True))
    assert moved > 1e-2
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(other.cpu(), one, rtol=0, atol=moved / 100)


@pytest.mark.cuda
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_on_cuda_learns_and_repeats(splits: Splits, precision: str) -> None:
    chosen = device.select_device("cuda")
    device.configure_torch(chosen, 1)
    settings = train_config(epochs=40, precision=precision)
    one, history = train_network(splits, SHAPE, settings, chosen, workers=2)
    assert max(epoch.valid_accuracy for epoch in history) > 0.9
    assert same(one, train_network(splits, SHAPE, settings, chosen)[0])
