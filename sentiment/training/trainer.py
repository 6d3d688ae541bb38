"""Training: steps, epochs, and the weights of the best epoch."""

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol, cast

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from sentiment.data.batching import Batch
from sentiment.errors import InputError
from sentiment.nn.classifier import Classifier
from sentiment.nn.device import Precision, autocast
from sentiment.training import adversarial

Batches = Iterable[Batch]


@dataclass(frozen=True)
class EpochMetrics:
    """Mean loss in nats (log 2 = 0.693 is a guess) and accuracy over a split's reviews, after so many epochs."""

    epoch: int
    train_loss: float
    train_accuracy: float
    valid_loss: float
    valid_accuracy: float


Schedule = Literal["constant", "one_cycle"]


@dataclass(frozen=True)
class TrainConfig:
    """How to train, whatever the model and the data.

    `clip_norm` 0 does not clip; `patience` 0 never stops early; `averaging` 0 scores and keeps the weights as they are,
    otherwise their exponential moving average over the steps, whose every step forgets `1 - averaging` of the past.
    `adversarial` 0 learns from the reviews alone, otherwise also from them moved so far (`adversarial.py`).
    """

    epochs: int
    clip_norm: float
    patience: int
    precision: Precision
    averaging: float = 0.0
    adversarial: float = 0.0


def optimizer(model: nn.Module, name: str, learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """Return the optimizer over all that the model is to learn, its embedding as a rule among it."""
    kinds: dict[str, Callable[..., torch.optim.Optimizer]] = {
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "sgd": torch.optim.SGD,
    }
    # Fused: one pass over a parameter and its moments instead of ten, 0.1 ms instead of 0.5 for the lecture's network.
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return kinds[name](learned, lr=learning_rate, weight_decay=weight_decay, fused=True)


def follow(optimizer: torch.optim.Optimizer, schedule: Schedule, steps: int) -> LRScheduler | None:
    """Let the learning rate follow a schedule over so many steps. Return what moves it, if anything does.

    `one_cycle` rises to the given rate over the first quarter and falls to nearly nothing, along half a cosine each
    (Smith and Topin 2018, arXiv 1708.07120); a single step has all of it. `constant` leaves it.
    """
    if schedule == "constant" or steps == 1:
        return None
    peak = optimizer.param_groups[0]["lr"]
    rise = 0.25 if steps != 4 else 0.3  # torch divides by zero where the rise has a single step
    cycle = OneCycleLR(optimizer, peak, total_steps=steps, pct_start=rise, cycle_momentum=False)
    optimizer.register_step_post_hook(lambda *_: cycle.step())
    return cycle


@dataclass
class TrainState:
    """All that changes from epoch to epoch: with it, a training that was broken off ends as an undisturbed one.

    `best` holds the weights of the best epoch, and those to begin with before the first one.
    """

    model: Classifier
    averaged: AveragedModel | None
    optimizer: torch.optim.Optimizer
    cycle: LRScheduler | None
    best: dict[str, Tensor]
    history: list[EpochMetrics]

    @classmethod
    def begin(
        cls, model: Classifier, optimizer: torch.optim.Optimizer, cycle: LRScheduler | None, averaging: float
    ) -> "TrainState":
        """Return the course before its first step; `averaging` is that of `Recipe`.

        Weights in float64 are rounded to float32 after each step. Processors differ in the last bits of float64, a
        billionth of what float32 tells apart: rounding takes these differences away before they grow, so that the
        weights come out the same on every processor, nearly always. In float32 they grow until other epochs are best.
        The average feeds back into nothing, so it is rounded only when it is stored: a share of a small difference
        often lies half-way between two numbers of float32, where the last bit of float64 would decide.
        """
        if next(model.parameters()).dtype == torch.float64:
            optimizer.register_step_post_hook(lambda *_: _round(model))
        averaged = None
        if averaging:
            ema = get_ema_multi_avg_fn(averaging)  # type: ignore[no-untyped-call]
            averaged = AveragedModel(model, multi_avg_fn=ema)
            for module in averaged.modules():  # a copy's weights are no longer the one block that cuDNN wants
                if isinstance(module, nn.RNNBase):
                    module.flatten_parameters()
            optimizer.register_step_post_hook(lambda *_: averaged.update_parameters(model))
        return cls(model, averaged, optimizer, cycle, copy.deepcopy(model.state_dict()), [])

    @property
    def judged(self) -> Classifier:
        """The model that is scored and kept."""
        return self.model if self.averaged is None else cast(Classifier, self.averaged.module)

    def has_ended(self, recipe: TrainConfig) -> bool:
        """Return whether all epochs are done, or too many without a better one."""
        done = len(self.history)
        return done >= recipe.epochs or bool(
            recipe.patience and done and done - best_epoch(self.history).epoch >= recipe.patience
        )


def _round(model: nn.Module) -> None:
    """Leave each weight the nearest number that float32 has."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.float())


class Keeper(Protocol):
    """Where the state after a whole epoch is kept."""

    def restore(self, course: TrainState) -> None: ...
    def save(self, course: TrainState) -> None: ...


def fit(
    course: TrainState,
    train: Callable[[int], Batches],
    valid: Callable[[], Batches],
    recipe: TrainConfig,
    keeper: Keeper,
    after_epoch: Callable[[EpochMetrics], None] = lambda epoch: None,
) -> list[EpochMetrics]:
    """Train until the validation loss stops falling and leave the best epoch's weights in the model.

    `train(epoch)` presents the training split in that epoch's order. The best epoch is the first of those with the
    lowest validation loss. What `keeper` has kept of this training is taken up. Raises InputError where a loss is no
    number any more.
    """
    keeper.restore(course)
    while not course.has_ended(recipe):
        number = len(course.history) + 1
        epoch = EpochMetrics(
            number,
            *train_epoch(course.model, train(number), course.optimizer, recipe),
            *score(course.judged, valid(), recipe.precision),
        )
        if not (math.isfinite(epoch.train_loss) and math.isfinite(epoch.valid_loss)):
            wider = ", or use train.precision float32" if recipe.precision == "bfloat16" else ""
            raise InputError(
                f"training diverged in epoch {number}: the loss is {epoch.train_loss} (train), {epoch.valid_loss} "
                f"(valid); lower train.learning_rate, clip by train.clip_norm{wider}"
            )
        course.history.append(epoch)
        if best_epoch(course.history) is epoch:
            course.best = copy.deepcopy(course.judged.state_dict())
        keeper.save(course)
        after_epoch(epoch)
    course.model.load_state_dict(course.best)
    return course.history


def best_epoch(history: list[EpochMetrics]) -> EpochMetrics:
    """Return the first epoch with the lowest validation loss."""
    return min(history, key=lambda epoch: epoch.valid_loss)


def train_epoch(
    model: Classifier, batches: Batches, optimizer: torch.optim.Optimizer, recipe: TrainConfig
) -> tuple[float, float]:
    """Present every batch once. Return the mean loss and the accuracy over the reviews, as they were presented."""
    model.train()
    device = next(model.parameters()).device
    return _means([train_step(model, batch.to(device), optimizer, recipe) for batch in batches])


def train_step(
    model: Classifier, batch: Batch, optimizer: torch.optim.Optimizer, recipe: TrainConfig
) -> tuple[Tensor, Tensor]:
    """Take one step of gradient descent. Return the logits before it and the labels: float[reviews] each."""
    optimizer.zero_grad(set_to_none=True)
    logits = learn(model, batch, recipe)
    if recipe.clip_norm:
        nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
    optimizer.step()
    return logits, batch.labels


def learn(model: Classifier, batch: Batch, recipe: TrainConfig) -> Tensor:
    """Add the gradient of the batch's loss to the model's. Return the logits: float[reviews].

    In adversarial training the loss is the mean of two: of the reviews as they are, and of their embeddings moved.
    """
    entries, index = model.embed(batch.ids.data)
    if not (recipe.adversarial and len(batch.ids.data)):
        logits = _classify(model, batch, recipe.precision, entries, index)
        _loss(logits, batch).backward()  # type: ignore[no-untyped-call]
        return logits.detach()
    if index is not None:  # each token is moved by itself
        entries = nn.functional.embedding(index, entries)
    plain = entries.detach().requires_grad_()
    logits = _classify(model, batch, recipe.precision, plain)
    (_loss(logits, batch) / 2).backward()  # type: ignore[no-untyped-call]
    moved = adversarial.perturb(plain, batch.ids.batch_sizes, recipe.adversarial)
    (_loss(_classify(model, batch, recipe.precision, moved), batch) / 2).backward()  # type: ignore[no-untyped-call]
    if entries.requires_grad:
        entries.backward(cast(Tensor, plain.grad) + cast(Tensor, moved.grad))  # type: ignore[no-untyped-call]
    return logits.detach()


def score(model: Classifier, batches: Batches, precision: Precision) -> tuple[float, float]:
    """Return the mean loss and the accuracy over the reviews, without learning from them."""
    model.eval()
    device = next(model.parameters()).device
    with torch.inference_mode():
        moved = (batch.to(device) for batch in batches)
        return _means([(forward(model, batch, precision), batch.labels) for batch in moved])


def forward(model: Classifier, batch: Batch, precision: Precision) -> Tensor:
    """Return the logits of a batch that is on the model's device: float[reviews], at least of 32 bits."""
    return _classify(model, batch, precision, *model.embed(batch.ids.data))


def _classify(
    model: Classifier, batch: Batch, precision: Precision, entries: Tensor, index: Tensor | None = None
) -> Tensor:
    with autocast(batch.labels.device, precision):
        logits = model.classify(entries, index, batch.ids.batch_sizes, len(batch))
    return logits.float() if logits.dtype == torch.bfloat16 else logits


def _loss(logits: Tensor, batch: Batch) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(logits, batch.labels.to(logits))


def _means(batches: list[tuple[Tensor, Tensor]]) -> tuple[float, float]:
    """Return the mean loss and the accuracy over some batches' logits and labels.

    They stay on the device until the end: reading each batch's loss would make the GPU wait for the CPU at each step.
    """
    logits, labels = (torch.cat(parts).cpu() for parts in zip(*batches, strict=True))
    losses = nn.functional.binary_cross_entropy_with_logits(logits, labels.to(logits), reduction="none")
    right = (logits >= 0) == (labels > 0.5)
    return losses.double().mean().item(), right.double().mean().item()
