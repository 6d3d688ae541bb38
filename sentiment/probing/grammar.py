"""Behaviour tests for the sample corpus, whose grammar (`sentiment/data/sample.py`) gives the truth."""

from collections.abc import Iterable

import pyarrow as pa

from sentiment.data import sample
from sentiment.data.classes import BINARY
from sentiment.probing.suite import Suite

_NO_WORDS = "the sample corpus has no {}"

SUITE = Suite(
    name="sample corpus",
    words={
        "aspect": sample.ASPECTS,
        "intensifier": sample.INTENSIFIERS,
        "negation": tuple(sorted(sample.NEGATION)),
        "fact": tuple(f"{filler[0].upper()}{filler[1:]}." for filler in sample.FILLER),
        "plain": (
            "The {aspect} was {opinion}.",
            "I found the {aspect} {opinion}.",
            "It is a {opinion} film.",
            "The {aspect} was {intensifier} {opinion}.",
        ),
    },
    opinions={
        "opinion": (sample.NEGATIVE_ADJECTIVES, sample.POSITIVE_ADJECTIVES),
        "noun": (sample.NEGATIVE_NOUNS, sample.POSITIVE_NOUNS),
    },
    swaps={"swapped_aspect": (sample.ASPECTS,), "added_intensifier": (sample.INTENSIFIERS,)},
    templates={
        "vocabulary": ("{plain}", "{fact} {plain}", "It is a {noun}.", "{fact} It is a {noun}."),
        "negation": (
            "The {aspect} was {negation} {other_opinion}.",
            "The {aspect} was {negation} {intensifier} {other_opinion}.",
            "I found the {aspect} {negation} {other_opinion}.",
            "It is {negation} a {other_opinion} film.",
            "It is {negation} a {other_noun}.",
        ),
        "double_negation": (
            "The {aspect} was {negation} {negation} {opinion}.",
            "I found the {aspect} {negation} {negation} {opinion}.",
            "It is {negation} a {negation} {opinion} film.",
            "It is {negation} {negation} a {noun}.",
        ),
        "contrast": (
            "The {aspect} was {other_opinion}, but the {aspect} was {opinion}.",
            "It is a {other_opinion} film, but I found the {aspect} {opinion}.",
            "I found the {aspect} {negation} {opinion}, but it is a {opinion} film.",
            "The {aspect} was {other_opinion}, but the {aspect} was {negation} {other_opinion}.",
        ),
        "asides": (
            "I expected a {other_noun}, but the {aspect} was {opinion}.",
            "My friends promised me a {other_opinion} {aspect}, but I found the {aspect} {opinion}.",
            "It is a {opinion} film, the critics called it {other_opinion}.",
            "Although the {aspect} was {negation} {opinion}, the {aspect} was {opinion}.",
            "The {aspect} was {opinion}, although the {aspect} was {other_opinion}.",
            "It is a {opinion} film, despite the {other_opinion} {aspect}.",
        ),
        "order": (
            "The {aspect} was {other_opinion}. The {aspect} was {opinion}.",
            "It is a {other_opinion} film. {fact} I found the {aspect} {opinion}.",
            "The {aspect} was {other_opinion}. I found the {aspect} {other_opinion}. It is a {noun}.",
        ),
        "intensifiers": (
            "The {aspect} was {added_intensifier} {opinion}.",
            "I found the {aspect} {added_intensifier} {opinion}.",
            "It is a {added_intensifier} {opinion} film.",
        ),
        "aspects": (
            "The {swapped_aspect} was {opinion}.",
            "I found the {swapped_aspect} {negation} {opinion}.",
            "It is a {opinion} film, although the {swapped_aspect} was {other_opinion}.",
        ),
        "punctuation": ("{plain}", "{fact} {plain}"),
        "typos": ("{fact} {plain}", "{plain} {fact}"),
        "filler": ("{plain}",),
        "length": ("{plain}",),
    },
    endings=("",),
    inapplicable={
        "names": _NO_WORDS.format("names of people"),
        "places": _NO_WORDS.format("names of places"),
        "gender": _NO_WORDS.format("pairs of words such as he and she"),
        "nationality": _NO_WORDS.format("nationalities"),
    },
)


def labels(reviews: Iterable[pa.RecordBatch]) -> bool:
    """Return whether the grammar gives all reviews their labels: tables of `text` and `label`, 1 for positive."""
    return all(
        sample.verdict(text) == BINARY.names[label]
        for batch in reviews
        for text, label in zip(batch["text"].to_pylist(), batch["label"].to_pylist(), strict=True)
    )
