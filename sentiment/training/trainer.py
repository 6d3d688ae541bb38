"""Training: steps, epochs, and the weights of the best epoch."""

import copy
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from sentiment.config.compute import Precision
from sentiment.data.batching import Batch, BatchLoader
from sentiment.errors import InputError
from sentiment.io import progress
from sentiment.nn import outputs
from sentiment.nn.classifier import Classifier
from sentiment.nn.device import autocast
from sentiment.nn.packed import PackedVectors
from sentiment.nn.saturation import Saturation, measure
from sentiment.training import adversarial
from sentiment.training.config import TrainConfig
from sentiment.training.optimizer import make_optimizer, make_scheduler

if TYPE_CHECKING:
    from sentiment.training.resume import Checkpointer


@dataclass(frozen=True)
class EpochMetrics:
    """Mean loss in nats (guessing among n classes has log n, 0.693 for two) and accuracy of an epoch.

    Training figures are taken during the epoch, each batch before its step; validation figures, and the saturation on
    some of the validation reviews, after it.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    valid_loss: float
    valid_accuracy: float
    saturation: Saturation | None = None

    def row(self) -> dict[str, Any]:
        """Return all metrics by name, those of the saturation among them."""
        found = asdict(self)
        return found | (found.pop("saturation") or {})


Report = Callable[[list[EpochMetrics]], None]


def best_epoch(history: list[EpochMetrics]) -> EpochMetrics:
    """Return the first epoch with the lowest validation loss."""
    return min(history, key=lambda epoch: epoch.valid_loss)


@dataclass
class TrainState:
    """All that changes during training. Saved after an epoch, it is enough to continue as if never interrupted.

    ema: the exponential moving average of the weights, if there is one
    best: the weights of the best epoch so far; before the first epoch, the initial weights
    """

    model: Classifier
    optimizer: torch.optim.Optimizer
    scheduler: LRScheduler | None
    ema: AveragedModel | None
    best: dict[str, Tensor]
    history: list[EpochMetrics] = field(default_factory=list)

    @classmethod
    def create(cls, model: Classifier, config: TrainConfig, steps_per_epoch: int) -> "TrainState":
        """Return the state before the first step."""
        optimizer = make_optimizer(model, config.optimizer, config.learning_rate, config.weight_decay)
        scheduler = make_scheduler(optimizer, config.schedule, config.epochs * steps_per_epoch)
        ema = _averaged(model, config.ema_decay) if config.ema_decay else None
        return cls(model, optimizer, scheduler, ema, copy.deepcopy(model.state_dict()))

    @property
    def eval_model(self) -> Classifier:
        """The model that is evaluated and kept: the average, if there is one."""
        return self.model if self.ema is None else cast(Classifier, self.ema.module)

    def is_finished(self, config: TrainConfig) -> bool:
        """Return whether all epochs are done, or `patience` epochs have passed without a better one."""
        epochs = len(self.history)
        if not epochs or not config.patience:
            return epochs >= config.epochs
        return epochs >= config.epochs or epochs - best_epoch(self.history).epoch >= config.patience


def fit(
    state: TrainState,
    train: BatchLoader,
    valid: BatchLoader,
    config: TrainConfig,
    checkpointer: "Checkpointer | None" = None,
    report: Report | None = None,
    probe: Batch | None = None,
) -> list[EpochMetrics]:
    """Train for `config.epochs`, or until `config.patience` epochs bring no lower validation loss. Return all metrics.

    The model then has the best epoch's weights.

    checkpointer: holds the state from which training continues, if any; the state after each epoch is saved in it
    report: is called after each epoch with the metrics of all epochs so far
    probe: reviews on the model's device, on which the saturation is measured after each epoch

    Raises InputError where a loss is no longer a finite number.
    """
    if checkpointer:
        checkpointer.restore(state)
    while not state.is_finished(config):
        number = len(state.history) + 1
        train.batch_sampler.set_epoch(number)
        epoch = EpochMetrics(
            number,
            *train_epoch(state, train, config),
            *evaluate(state.eval_model, valid, config.precision),
            measure(state.eval_model, probe) if probe else None,
        )
        _require_finite(epoch, config.precision)
        state.history.append(epoch)
        progress.log(
            f"epoch {number} of {config.epochs}: loss {epoch.train_loss:.4f} (train) and {epoch.valid_loss:.4f} "
            f"(valid), accuracy {epoch.valid_accuracy:.1%} (valid)"
        )
        if best_epoch(state.history) is epoch:
            state.best = copy.deepcopy(state.eval_model.state_dict())
        if checkpointer:
            checkpointer.save(state)
        if report:
            report(state.history)
    state.model.load_state_dict(state.best)
    return state.history


def train_epoch(state: TrainState, batches: BatchLoader, config: TrainConfig) -> tuple[float, float]:
    """Take a step for every batch. Return the mean loss and the accuracy over the reviews, each before its step."""
    state.model.train()
    device = next(state.model.parameters()).device
    title = f"epoch {len(state.history) + 1} of {config.epochs}"
    moved = (batch.to(device) for batch in progress.bar(batches, title, unit=" batches"))
    return _mean([(*train_step(state, batch, config), batch.labels) for batch in moved])


def train_step(state: TrainState, batch: Batch, config: TrainConfig) -> tuple[Tensor, Tensor]:
    """Take one step of gradient descent. Return the mean loss and the logits, before the step."""
    state.optimizer.zero_grad(set_to_none=True)
    packed = state.model.embed(batch.ids)
    if config.adversarial_epsilon and len(batch.ids.data):
        loss, logits = adversarial.backward(
            packed, config.adversarial_epsilon, lambda vectors: _loss(state.model, vectors, batch, config.precision)
        )
    else:
        loss, logits = _loss(state.model, packed, batch, config.precision)
        loss.backward()  # type: ignore[no-untyped-call]
    if config.clip_norm:
        nn.utils.clip_grad_norm_(state.model.parameters(), config.clip_norm)
    state.optimizer.step()
    if config.precision == "float64":
        round_to_float32(state.model)
    if state.scheduler:
        state.scheduler.step()
    if state.ema:
        state.ema.update_parameters(state.model)
    return loss.detach(), logits.detach()


def evaluate(model: Classifier, batches: BatchLoader, precision: Precision) -> tuple[float, float]:
    """Return the mean loss and the accuracy over the reviews."""
    model.eval()
    device = next(model.parameters()).device
    with torch.inference_mode():
        moved = (batch.to(device) for batch in batches)
        return _mean([(*_loss(model, model.embed(batch.ids), batch, precision), batch.labels) for batch in moved])


def round_to_float32(model: nn.Module) -> None:
    """Round each weight to the nearest float32, in place.

    Processors differ in the last bits of a float64 sum, a billionth of what float32 resolves. Rounding removes these
    differences before training lets them grow, so the weights are the same on every processor, nearly always. In
    float32 they grow until another epoch has the lowest validation loss.
    """
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.float())


def _loss(model: Classifier, packed: PackedVectors, batch: Batch, precision: Precision) -> tuple[Tensor, Tensor]:
    """Return the mean cross-entropy in nats, a scalar, and the logits."""
    with autocast(batch.labels.device, precision):
        logits = model.classify(packed, len(batch))
    logits = logits.float() if logits.dtype == torch.bfloat16 else logits
    return outputs.cross_entropy(logits, batch.labels), logits


def _mean(batches: list[tuple[Tensor, Tensor, Tensor]]) -> tuple[float, float]:
    """Return the mean loss and the accuracy over the reviews of some batches, from their losses, logits and labels.

    These stay on the device until here: reading the loss of each batch would make a GPU wait for the CPU at each step.
    """
    losses, logits, labels = zip(*batches, strict=True)
    sizes = torch.tensor([len(part) for part in labels], dtype=torch.float64)
    loss = torch.stack(losses).cpu().double() @ sizes / sizes.sum()
    correct = outputs.predict(torch.cat(logits)) == torch.cat(labels)
    return loss.item(), correct.cpu().double().mean().item()


def _averaged(model: Classifier, decay: float) -> AveragedModel:
    """Return a copy of the model that becomes the moving average of its weights over the steps.

    The average has no effect on training, so it is rounded to float32 only when it is stored. Rounding it at each step
    would make it depend on the processor: a share of a small difference often lies halfway between two float32 numbers.
    """
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))  # type: ignore[no-untyped-call]
    for module in averaged.modules():  # a copy's weights are no longer the single block of memory that cuDNN wants
        if isinstance(module, nn.RNNBase):
            module.flatten_parameters()
    return averaged


def _require_finite(epoch: EpochMetrics, precision: Precision) -> None:
    if math.isfinite(epoch.train_loss) and math.isfinite(epoch.valid_loss):
        return
    wider = ", or use train.precision float32" if precision == "bfloat16" else ""
    raise InputError(
        f"training diverged in epoch {epoch.epoch}: the loss is {epoch.train_loss} (train) and {epoch.valid_loss} "
        f"(valid); lower train.learning_rate, clip by train.clip_norm{wider}"
    )
