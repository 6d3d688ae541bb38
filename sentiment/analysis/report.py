"""What stage `analyze` finds out about a trained classifier: which automaton is inside it, and what of it is right."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import torch

from sentiment.analysis import activity, counter, drawing, evidence, extraction, merging, quantized
from sentiment.analysis.config import AnalysisConfig
from sentiment.analysis.findings import Findings
from sentiment.analysis.questions import Network, Teacher
from sentiment.analysis.search import search
from sentiment.data import languages, sample
from sentiment.data.automaton import NO_LABEL, Automaton, Word
from sentiment.data.batching import Batch, collate
from sentiment.data.encoding import EncodedSplit
from sentiment.data.tokenizer import Tokenizer
from sentiment.data.vocabulary import FIRST_TOKEN
from sentiment.evaluation.intervals import wilson
from sentiment.inference.checkpoint import Checkpoint
from sentiment.nn import outputs, saturation, states
from sentiment.nn.classifier import Classifier

CLUSTERS = (2, 5, 10, 20, 50, 100, 200)
SHOWN_STATES = 10
CLUSTERED_STATES = 20_000
MOST_TOKENS, MOST_VALUES = 2**18, 2**23  # of the reviews that are read token by token, and of their states
LONG_TEXTS = 400
SHORT_WORDS = 50_000
SEARCHED_WORDS = 20_000
LONGEST_WORD = 1_000  # tokens, of a search

Pairs = list[tuple[list[str], int]]  # the tokens of a text, and its label


@dataclass(frozen=True)
class Texts:
    """Reviews of at least one token.

    words: of those with known tokens alone; labels: int64[words]
    batch: all of them, as far as MOST_TOKENS and MOST_VALUES allow
    """

    words: list[Word]
    labels: npt.NDArray[np.int64]
    batch: Batch

    @classmethod
    def of(cls, split: EncodedSplit, config: AnalysisConfig, width: int) -> "Texts":
        """Return those among `config.reviews` reviews of a split, drawn at random. width: of the network's states"""
        random = np.random.Generator(np.random.PCG64(config.seed))
        drawn = random.permutation(len(split.labels))[: config.reviews]
        reviews, words, labels, tokens = [], [], [], 0
        for review in drawn.tolist():
            ids = split.ids[split.offsets[review] : split.offsets[review + 1]].astype(np.int64)
            tokens += len(ids)
            if len(ids) and tokens <= min(MOST_TOKENS, MOST_VALUES // width):
                reviews.append((review, ids, int(split.labels[review])))
            if len(ids) and ids.min() >= FIRST_TOKEN:
                words.append(tuple((ids - FIRST_TOKEN).tolist()))
                labels.append(int(split.labels[review]))
        return cls(words, np.array(labels, np.int64), collate(reviews) if reviews else _EMPTY)


_EMPTY = collate([(0, np.array([], np.int64), 0)])


def analyze(trained: Checkpoint, splits: Sequence[EncodedSplit], config: AnalysisConfig) -> Findings:
    """Return all findings about a network. The last of the splits is the test split, the first the training split."""
    network = Network(trained)
    train, *_, test = texts = [Texts.of(split, config, network.width) for split in splits]
    longest = max((len(word) for word in train.words), default=1)
    measured = asdict(saturation.measure(trained.classifier, test.batch))
    metrics: dict[str, Any] = {"saturation": {name: value for name, value in measured.items() if value is not None}}
    if reason := states.reason_against(trained.classifier.config):
        metrics["saturation"]["reason"] = reason
    elif not len(test.batch.ids.data):
        metrics["saturation"]["reason"] = f"no test review with tokens fits into {MOST_VALUES:,} values of its states"
    metrics["automaton"], automaton = extract(network, test.words, longest, config.seed)
    metrics["language"], tables, true = compare(network, texts, automaton, trained.encoding.tokenizer, config.seed)
    if network.has_states and len(train.batch.ids.data) and len(test.batch.ids.data):
        reading = states.read(trained.classifier, test.batch.ids)
        tables |= activity.tables(trained.classifier, test.batch, reading, network.tokens)
        clusters = cluster(trained.classifier, train.batch, config.seed)
        tables["quantized"] = quantization(trained.classifier, test.batch, reading, clusters)
        few = clusters[max(count for count in clusters if count <= SHOWN_STATES)]
        tables["states"] = activity.clusters(test.batch, reading, few, network.tokens, trained.classes.names)
        if automaton is not None and network.answers_from_last_state:
            metrics["automaton"] |= other_ways(network, automaton, clusters)
    drawn = pictures(automaton, true, tables.get("steps"), trained.classes.names)
    return Findings(metrics, tables, drawn, automaton)


def pictures(
    found: Automaton | None, true: Automaton | None, steps: pd.DataFrame | None, classes: Sequence[str]
) -> dict[str, str]:
    """Return the pictures `automaton`, of the network's, and `language`, of the true one with what has been learned."""
    result = {}
    if found is not None and len(found) <= drawing.MOST_DRAWN:
        title = "The automaton that L* learned from the network"
        result["automaton"] = drawing.draw(found, drawing.state_names(found), classes, title=title)
    if true is not None and steps is not None:
        styles = dict(zip(zip(steps["state"], steps["token"], strict=True), evidence.verdicts(steps), strict=True))
        title = "The automaton of the language, with the steps that the network has learned"
        result["language"] = drawing.draw(true, drawing.state_names(true), classes, style=styles, title=title)
    return result


def agreement(
    one: npt.NDArray[np.int64], other: npt.NDArray[np.int64], name: Literal["fidelity", "accuracy"] = "fidelity"
) -> dict[str, float]:
    """Return the share of texts that have the same class in both, and its 95 % interval."""
    share = float((one == other).mean())
    low, high = wilson(share, len(one))
    return {name: share, f"{name}_low": low, f"{name}_high": high}


def cluster(classifier: Classifier, train: Batch, seed: int) -> dict[int, quantized.Steps]:
    """Return the centres of the states on some training reviews, by their number, at most those of CLUSTERS."""
    values = states.read(classifier, train.ids).states
    random = np.random.Generator(np.random.PCG64(seed))
    drawn = np.sort(random.choice(len(values), min(CLUSTERED_STATES, len(values)), replace=False))
    steps = quantized.to_steps(values[torch.from_numpy(drawn)])
    found = [quantized.cluster(steps, count, seed) for count in CLUSTERS]
    return {len(centres): centres for centres in found}


def quantization(
    classifier: Classifier, test: Batch, reading: states.Reading, clusters: dict[int, quantized.Steps]
) -> pd.DataFrame:
    """Return how often the network answers as before if its state is rounded to one of few: a row for each number."""
    labels = outputs.predict(reading.answers).numpy()
    rows = []
    for centres in clusters.values():
        rounded = states.read(classifier, test.ids, quantized.rounding(centres))
        rows.append({"states": len(centres), **agreement(outputs.predict(rounded.answers).numpy(), labels)})
    return pd.DataFrame(rows)


def other_ways(network: Network, automaton: Automaton, clusters: dict[int, quantized.Steps]) -> dict[str, Any]:
    """Return which other ways to look for the automaton find the same one as L*.

    clusters: the fewest states to which the network can be rounded that give it, or None; merged_states: states of the
    minimal automaton after merging similar states, None if there were too many; merging: whether it is the same
    """
    same = [
        count for count, centres in clusters.items()
        if quantized.automaton(network, centres).difference(automaton) is None
    ]  # fmt: skip
    merged = merging.merge(network)
    return {
        "clusters": min(same, default=None),
        "merged_states": None if merged is None else len(merged),
        "merging": merged is not None and merged.difference(automaton) is None,
    }


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
    seed += 1  # other words than those with which it was learned
    random = np.random.Generator(np.random.PCG64(seed))
    groups = {"test": texts} | {
        f"random_{times}": extraction.random_words(
            random, len(network.tokens), times * longest, extraction.RANDOM_WORDS
        )
        for times in extraction.TIMES_AS_LONG
    }
    for name, words in groups.items():
        if words:
            result[name] = agreement(network.classify(words), found.automaton.classify(words))
    longest = min(longest * extraction.TIMES_AS_LONG[-1], LONGEST_WORD)
    searched = search(network, found.automaton, texts, longest, seed, SEARCHED_WORDS)
    result["search"] = {"words": searched.words, "pairs": searched.pairs}
    if searched.difference:
        result["search"]["difference"] = as_text(network, searched.difference)
    return result, found.automaton


def compare(
    network: Network, texts: Sequence[Texts], found: Automaton | None, tokenizer: Tokenizer, seed: int
) -> tuple[dict[str, Any], dict[str, pd.DataFrame], Automaton | None]:
    """Return how a network, and the automaton found in it, compare with the language that labels the texts.

    The second result has the table `steps` for a language with a finite automaton, and `counter` for the others; the
    third is that automaton.
    """
    words = [word for each in texts for word in each.words]
    tokens = [[network.tokens[token] for token in word] for word in words]
    name = languages.find(network.tokens, tokens, np.concatenate([each.labels for each in texts]))
    if name is None:
        return {"reason": "no known language gives the reviews their labels"}, {}, None
    language = languages.LANGUAGES[name]
    result: dict[str, Any] = {"name": name}
    longer = {times: long_texts(name, network.tokens, tokenizer, times, seed) for times in extraction.TIMES_AS_LONG[1:]}
    for times, pairs in longer.items():
        if pairs:
            labels = np.array([label for _, label in pairs])
            result[f"times_{times}"] = agreement(classify(network, pairs), labels, "accuracy")
    if not language.finite:
        result["reason"] = "no finite automaton accepts this language"
        if not network.has_states or not any(label for _, label in longer[2]):
            return result, {}, None
        result["counter"], table = counter.find(network, language, longer[2])
        return result, {"counter": table}, None
    true = language.automaton(network.tokens).minimal()
    result["states"] = len(true)
    if found is not None:
        word = found.difference(true)
        result["equivalent"] = word is None
        if word is not None:
            result["difference"] = as_text(network, word)
            result["network_is_right"] = bool(network.classify([word])[0] == true.classify([word])[0])
    error = shortest_error(network, true)
    if error:
        result["shortest_error"] = as_text(network, error)
    steps = evidence.steps(true, words, network.classify(words))
    return result | evidence.summary(steps), {"steps": steps}, true


def shortest_error(network: Teacher, true: Automaton) -> Word | None:
    """Return the first word that a network labels wrongly, of as many short ones as SHORT_WORDS allow, if any."""
    words: list[Word] = [()]
    asked = 0
    while asked + len(words) * len(true.tokens) <= SHORT_WORDS:
        words = [(*word, token) for word in words for token in range(len(true.tokens))]
        asked += len(words)
        labels = true.classify(words)
        wrong = np.flatnonzero((network.classify(words) != labels) & (labels != NO_LABEL))
        if len(wrong):
            return words[int(wrong[0])]
    return None


def long_texts(name: str, tokens: Sequence[str], tokenizer: Tokenizer, times: int, seed: int) -> Pairs:
    """Return texts of a language with their labels, up to `times` as long as those of its corpus."""
    known = set(tokens)
    if known <= set(languages.LANGUAGES[name].tokens):
        pairs: Pairs = list(languages.long_words(name, times, LONG_TEXTS, seed))
    else:  # the sample corpus
        texts, verdicts = zip(*sample.long_reviews(times, LONG_TEXTS, seed), strict=True)
        cut = tokenizer(pa.array(texts, pa.string())).to_pylist()
        pairs = [(word, int(verdict == "positive")) for word, verdict in zip(cut, verdicts, strict=True)]
    return [(word, label) for word, label in pairs if known.issuperset(word)]


def classify(network: Network, pairs: Pairs) -> npt.NDArray[np.int64]:
    """Return the network's class of each text: int64[texts]."""
    index_of = {token: index for index, token in enumerate(network.tokens)}
    return network.classify([tuple(index_of[token] for token in word) for word, _ in pairs])


def as_text(network: Network, word: Word) -> str:
    return " ".join(network.tokens[token] for token in word)
