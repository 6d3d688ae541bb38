"""A page with given reviews and a given network, without a run."""

from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any

from sentiment.inference.checkpoint import Checkpoint
from sentiment.report import build, contents, network, reviews
from sentiment.report.walks import Walk

SCORES = {"reviews": 4, "accuracy": 0.75, "accuracy_low": 0.3, "accuracy_high": 0.95, "majority_accuracy": 0.5}


def values(trained: Checkpoint, texts: list[str], walks: list[Walk], threshold: float) -> dict[str, Any]:
    """Return what `contents.gather` returns, about these texts."""
    shown = [
        reviews.describe(trained, f"review {row}", text, 0, 1) | {"probability": 0.5} for row, text in enumerate(texts)
    ]
    groups = [reviews.Group("Most surely right", "None.", shown), reviews.Group("Most surely wrong", "None.", [])]
    reason = network.reason_against(trained)
    return {
        "title": contents.describe(trained.classifier.config),
        "paragraph": contents.paragraph(trained, SCORES, {}, {"source": texts[0] if texts else "reviews.csv"}),
        "better": None,
        "advice": None,
        "has_baseline": False,
        "scores": contents.scores({"network": SCORES, "baseline": {}, "both, stacked": {}}),
        "live": {"reason": reason} if reason else contents.try_it(trained, groups, threshold),
        "walks": walks,
        "plots": [],
        "absent": texts,
        "reviews": groups,
        "behaviour": {"reason": f"no cases {texts}"},
        "inside": {"paragraphs": texts, "plots": [], "tables": []},
        "again": {
            "parameters": {"ingest.source": texts[0] if texts else ""},
            "versions": {"python": "3.11", "torch": "2.13.0"},
        },
    }


def html(trained: Checkpoint, texts: list[str], walks: Sequence[Walk] = (), threshold: float = 0.5) -> str:
    return build.html(trained, values(trained, texts, list(walks), threshold))


class Elements(HTMLParser):
    """The elements of a page: how many of each, with which attributes, and the text inside those of a kind."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)
        self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.texts[tag][-1] += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]
