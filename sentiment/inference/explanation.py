"""What each token of a text contributed to a network's answer.

The answer is measured by the log-odds of a class, log(p / (1 - p)), in nats: contributions to a probability near 0 or 1
would all be near 0. Two methods:

* **Leave one out**: the log-odds of the text minus those of the text without the token. The network reads a text that
  nobody wrote, and two words that say the same hide each other.
* **Integrated gradients** (Sundararajan et al. 2017, arXiv 1703.01365): the token's vector times the gradient of the
  log-odds, averaged on the way from vectors of zeros to the text's own. The contributions add up to the difference
  between the log-odds of the text and those of the zeros.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor
from torch.nn import functional

from sentiment.data.batching import collate
from sentiment.data.vocabulary import OUT_OF_VOCABULARY
from sentiment.inference.checkpoint import Checkpoint
from sentiment.inference.predictor import BATCH_SIZE
from sentiment.nn.packed import PackedVectors

Method = Literal["leave-one-out", "gradients"]
# Points of the integral: twice as many until no more than this many nats are unexplained. 64 leave 0.03 nats of the
# median sample review (a difference of 5.3 nats), 0.003 of the median IMDb review (2.0 nats).
POINTS = (64, 128, 256, 512, 1024)
UNEXPLAINED = 0.02


@dataclass(frozen=True)
class Explanation:
    """What the tokens of a text contributed.

    tokens: as far as the network reads the text; unknown: bool[tokens], whether it does not know them
    contributions: float64[tokens], in nats
    log_odds: of the text
    zeros: the log-odds of as many vectors of zeros, to which the contributions of `gradients` add what the text adds;
        None for another method
    """

    tokens: list[str]
    unknown: npt.NDArray[np.bool_]
    contributions: npt.NDArray[np.float64]
    log_odds: float
    zeros: float | None = None

    @property
    def unexplained(self) -> float:
        """What the contributions of `gradients` miss of the log-odds, because the integral is taken at some points."""
        return self.log_odds - (self.zeros or 0.0) - float(self.contributions.sum())


def explain(trained: Checkpoint, text: str, label: int, method: Method, most_points: int = POINTS[-1]) -> Explanation:
    """Return what each token contributed to the log-odds of a class, by a model that lies on the CPU.

    label: index of the class; most_points: of the integral of `gradients`
    """
    found = trained.encoding.tokenizer(pa.array([text], pa.string()))
    ids, _ = trained.encoding.encode(found, trained.vocabulary)
    places = np.arange(len(found.flatten()), dtype=np.uint32)
    kept, _ = trained.encoding.truncation.apply(places, np.array([len(places)]))
    tokens = [str(token) for token in found.flatten().take(pa.array(kept)).to_pylist()]
    unknown, known = ids == OUT_OF_VOCABULARY, ids.astype(np.int64)
    if method == "leave-one-out":
        without = [np.delete(known, place) for place in range(len(known))]
        whole, *others = _log_odds_of(trained, [known, *without], label).tolist()
        return Explanation(tokens, unknown, whole - np.array(others), whole)
    for points in POINTS:
        explanation = Explanation(tokens, unknown, *_gradients(trained, known, label, points))
        if abs(explanation.unexplained) <= UNEXPLAINED or points >= most_points:
            break
    return explanation


def _gradients(
    trained: Checkpoint, ids: npt.NDArray[np.int64], label: int, points: int
) -> tuple[npt.NDArray[np.float64], float, float]:
    """Return the contributions, the log-odds of the text and those of zeros.

    The integral is taken by Gauss and Legendre's points, with a copy of the text in the batch for each.
    """
    if not len(ids):
        (whole,) = _log_odds_of(trained, [ids], label).tolist()
        return np.array([]), whole, whole
    classifier = trained.classifier
    weight = classifier.embedding.weight
    places, shares = np.polynomial.legendre.leggauss(points)
    way = torch.from_numpy(np.concatenate([(places + 1) / 2, [0, 1]])).to(weight)
    vectors = functional.embedding(torch.from_numpy(ids), weight).detach()
    scaled = (way[None, :, None] * vectors[:, None, :]).requires_grad_()
    packed = PackedVectors(scaled.flatten(0, 1), None, torch.full((len(ids),), len(way)))
    found = log_odds(classifier.classify(packed, len(way)), label)
    (gradient,) = torch.autograd.grad(found[:points].sum(), scaled)
    mean = torch.einsum("p,tpd->td", torch.from_numpy(shares / 2).to(weight), gradient[:, :points])
    contributions: npt.NDArray[np.float64] = (mean * vectors).sum(dim=1).double().numpy()
    zeros, whole = found[points:].tolist()
    return contributions, whole, zeros


def _log_odds_of(trained: Checkpoint, texts: Sequence[npt.NDArray[np.int64]], label: int) -> npt.NDArray[np.float64]:
    """Return the log-odds of a class for each text: float64[texts]."""
    result = np.empty(len(texts))
    with torch.inference_mode():
        for first in range(0, len(texts), BATCH_SIZE):
            part = texts[first : first + BATCH_SIZE]
            batch = collate([(first + row, ids, 0) for row, ids in enumerate(part)])
            found = log_odds(trained.classifier(batch.ids, len(batch)), label)
            result[batch.positions.numpy()] = found.double().numpy()
    return result


def log_odds(logits: Tensor, label: int) -> Tensor:
    """Return the log-odds of a class: float[texts].

    >>> log_odds(torch.tensor([2.0]), 0).tolist(), log_odds(torch.zeros(1, 3), 1).tolist()
    ([-2.0], [-0.6931471824645996])
    """
    if logits.dim() == 1:
        return logits if label == 1 else -logits
    others = torch.cat([logits[:, :label], logits[:, label + 1 :]], dim=1)
    return logits[:, label] - others.logsumexp(dim=1)
