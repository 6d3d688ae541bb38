"""What stage `analyze` finds out about a trained classifier: which automaton is inside it, and what of it is right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sentiment.analysis import evidence, extraction, quantized
from sentiment.analysis.config import AnalysisConfig
from sentiment.analysis.findings import QUANTIZED, Findings
from sentiment.analysis.questions import Network
from sentiment.data import languages
from sentiment.data.automaton import Automaton, Word
from sentiment.data.encoding import EncodedSplit
from sentiment.data.vocabulary import FIRST_TOKEN
from sentiment.evaluation.intervals import wilson
from sentiment.inference.checkpoint import Checkpoint

CLUSTERS = (2, 5, 10, 20, 50, 100, 200)
MOST_STATES = 20_000  # of which clusters are made


@dataclass(frozen=True)
class Texts:
    """Reviews of which every token is in the vocabulary. words: of the tokens' indices; labels: int64[reviews]."""

    words: list[Word]
    labels: npt.NDArray[np.int64]

    @classmethod
    def of(cls, split: EncodedSplit, most: int) -> "Texts":
        """Return those among the first `most` reviews of a split."""
        words, labels = [], []
        for review in range(min(most, len(split.labels))):
            ids = split.ids[split.offsets[review] : split.offsets[review + 1]].astype(np.int64)
            if len(ids) and ids.min() >= FIRST_TOKEN:
                words.append(tuple((ids - FIRST_TOKEN).tolist()))
                labels.append(int(split.labels[review]))
        return cls(words, np.array(labels, np.int64))


def analyze(trained: Checkpoint, splits: Sequence[EncodedSplit], config: AnalysisConfig) -> Findings:
    """Return all findings about a network. The last of the splits is the test split, the first the training split."""
    network = Network(trained)
    train, *_, test = texts = [Texts.of(split, config.reviews) for split in splits]
    longest = max((len(word) for word in train.words), default=1)
    table = quantization(trained, train.words, test.words, config.seed)
    extracted, automaton = extract(network, test.words, longest, config.seed)
    language, steps = compare(network, texts, automaton)
    return Findings({"automaton": extracted, "language": language}, table, steps, automaton)


def agreement(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> dict[str, float]:
    """Return the share of words that have the same class in both, and its 95 % interval."""
    share = float((one == other).mean())
    low, high = wilson(share, len(one))
    return {"fidelity": share, "fidelity_low": low, "fidelity_high": high}


def quantization(trained: Checkpoint, train: Sequence[Word], test: Sequence[Word], seed: int) -> pd.DataFrame:
    """Return how often the network answers as before if its state is rounded to one of few: a row for each number."""
    rows = []
    if train and test and not quantized.reason_against(trained.classifier.config):
        labels, _ = quantized.read(trained.classifier, test)
        states = quantized.to_steps(quantized.read(trained.classifier, train)[1])
        random = np.random.Generator(np.random.PCG64(seed))
        states = states[np.sort(random.permutation(len(states))[:MOST_STATES])]
        for count in CLUSTERS:
            centres = quantized.cluster(states, count, seed)
            rounded, _ = quantized.read(trained.classifier, test, quantized.rounding(centres))
            rows.append({"states": len(centres), **agreement(rounded, labels)})
    return pd.DataFrame(rows, columns=QUANTIZED)


def extract(
    network: Network, texts: Sequence[Word], longest: int, seed: int
) -> tuple[dict[str, Any], Automaton | None]:
    """Return what is known about the automaton inside a network, and the automaton if L* was tried.

    texts: of the test split; longest: the number of tokens of the longest training text
    """
    if len(network.tokens) > extraction.MOST_TOKENS:
        reason = (
            f"L* asks about all tokens in any order, so it is tried with at most {extraction.MOST_TOKENS} tokens; this "
            f"vocabulary has {len(network.tokens):,}"
        )
        return {"reason": reason}, None
    found = extraction.learn(network, texts, longest, seed)
    result: dict[str, Any] = {"states": len(found.automaton), "agreeing_words": found.searched}
    if found.reason:
        result["reason"] = found.reason
    random = np.random.Generator(np.random.PCG64(seed + 1))  # not the words of the search
    groups = {"test": texts} | {
        f"random_{times}": extraction.random_words(
            random, len(network.tokens), times * longest, extraction.RANDOM_WORDS
        )
        for times in extraction.TIMES_AS_LONG
    }
    for name, words in groups.items():
        if words:
            result[name] = agreement(network.classify(words), found.automaton.classify(words))
    return result, found.automaton


def compare(network: Network, texts: Sequence[Texts], found: Automaton | None) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return how a network, and the automaton found in it, compare with the language that labels the texts.

    The second result is the evidence for each step of the language's automaton; no rows where there is none.
    """
    words = [word for each in texts for word in each.words]
    tokens = [[network.tokens[token] for token in word] for word in words]
    name = languages.find(tokens, np.concatenate([each.labels for each in texts]))
    if name is None:
        return {"reason": "no known language gives the reviews their labels"}, evidence.none()
    result: dict[str, Any] = {"name": name}
    language = languages.LANGUAGES[name]
    if not language.finite:
        return result | {"reason": "no finite automaton accepts this language"}, evidence.none()
    true = language.automaton(network.tokens).minimal()
    result["states"] = len(true)
    if found is not None:
        word = found.difference(true)
        result["equivalent"] = word is None
        if word is not None:
            result["difference"] = " ".join(true.tokens[token] for token in word)
            result["network_is_right"] = bool(network.classify([word])[0] == true.classify([word])[0])
    steps = evidence.steps(true, words, network.classify(words))
    return result | evidence.summary(steps), steps
