"""Scores readings against labelled texts: precision and recall, overall and per concept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cds_service.phrases.matcher import PhraseMatcher
from cds_service.phrases.mentions import Mention

LABELLED = Path(__file__).parent / "labelled"
_MARKS = {"!": "negated", "?": "uncertain", "~": "historical", "f:": "family"}


@dataclass(frozen=True, slots=True)
class Label:
    """One thing that a text says."""

    concept: str
    status: str
    levels: tuple[str, ...]
    number: str | None


@dataclass(slots=True)
class Score:
    """Counts of one part; `said` and `meant` hold (concept, status) pairs."""

    hits: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    invented: Counter[str] = field(default_factory=Counter)
    levels_right: int = 0
    levels_asked: int = 0
    texts: int = 0
    texts_right: int = 0
    asked: int = 0
    errors: list[str] = field(default_factory=list)

    def precision(self, concept: str | None = None) -> float:
        hits = self.hits[concept] if concept else self.hits.total()
        wrong = self.invented[concept] if concept else self.invented.total()
        return hits / (hits + wrong) if hits + wrong else 1.0

    def recall(self, concept: str | None = None) -> float:
        hits = self.hits[concept] if concept else self.hits.total()
        missed = self.missed[concept] if concept else self.missed.total()
        return hits / (hits + missed) if hits + missed else 1.0


def parse_label(text: str) -> Label:
    """A label as the files write it."""
    status = "stated"
    while True:
        mark = next((one for one in _MARKS if text.startswith(one)), None)
        if mark is None:
            break
        if status != "uncertain":
            status = _MARKS[mark]
        text = text[len(mark) :]
    text, _, levels = text.partition("@")
    concept, _, value = text.partition("=")
    if value and not value.isdigit():
        concept, value = f"{concept}={value}", ""
    return Label(concept, status, tuple(levels.split(",")) if levels else (), value or None)


def labelled_texts(name: str) -> Iterator[tuple[str, list[Label]]]:
    """The texts of one file with their labels."""
    for line in (LABELLED / name).read_text(encoding="utf-8").splitlines():
        text, _, labels = line.partition("\t")
        if text:
            yield text, [parse_label(one) for one in labels.split()]


def score(matcher: PhraseMatcher, name: str) -> Score:
    """How well `matcher` reads one file."""
    total = Score()
    for text, labels in labelled_texts(name):
        reading = matcher.read(text)
        _compare(total, text, labels, [*reading.mentions, *(one for one in reading.asks if one.candidates)])
    return total


def _compare(total: Score, text: str, labels: list[Label], mentions: list[Mention]) -> None:
    said: set[tuple[str, str]] = {(one.concept, one.status) for one in mentions if one.status != "ask"}
    asks = {one.concept for one in mentions if one.status == "ask"}
    meant = {(label.concept, label.status) for label in labels}
    total.texts += 1
    total.asked += len(asks)
    # An open contrast phase is read as the question it is; as a label it has no mark.
    said |= {(concept, "stated") for concept in asks if (concept, "stated") in meant}
    for pair in said & meant:
        total.hits[pair[0]] += 1
    for pair in meant - said:
        total.missed[pair[0]] += 1
    for pair in said - meant:
        total.invented[pair[0]] += 1
    right = said == meant
    for label in labels:
        if label.levels and (label.concept, label.status) in said:
            total.levels_asked += 1
            if any(
                (one.concept, one.status, one.levels) == (label.concept, label.status, label.levels) for one in mentions
            ):
                total.levels_right += 1
            else:
                right = False
        if label.number and not any(
            one.concept == label.concept and str(one.number) == label.number for one in mentions
        ):
            right = False
    total.texts_right += right
    if not right:
        shown = sorted(f"{status}:{concept}" for concept, status in said)
        total.errors.append(
            f"{text}\n    missed {sorted(meant - said)}\n    invented {sorted(said - meant)}\n    read {shown} "
            f"{[(one.concept, one.levels) for one in mentions if one.levels]}"
        )


FILES = {
    "phrases, dev": "phrases_dev.tsv",
    "phrases, held out": "phrases_held_out.tsv",
    "impressions, dev": "impressions_dev.tsv",
    "impressions, held out": "impressions_held_out.tsv",
}


def report(matcher: PhraseMatcher) -> str:
    """The measured tables of docs/phrases.md: each part as a whole, then each concept over the held-out parts."""
    scores = {title: score(matcher, name) for title, name in FILES.items()}
    lines = [
        "| Part | texts | read without any mistake | precision | recall | levels right |",
        "|---|---|---|---|---|---|",
    ]
    for title, one in scores.items():
        lines.append(
            f"| {title} | {one.texts} | {one.texts_right} | {one.precision():.3f} | {one.recall():.3f} "
            f"| {one.levels_right} of {one.levels_asked} |"
        )
    lines += [
        "",
        "| Concept | dev: labels | precision | recall | held out: labels | precision | recall |",
        "|---|---|---|---|---|---|---|",
    ]
    dev = _together(scores["phrases, dev"], scores["impressions, dev"])
    held = _together(scores["phrases, held out"], scores["impressions, held out"])
    for concept in sorted({*dev.hits, *dev.missed, *dev.invented, *held.hits, *held.missed, *held.invented}):
        lines.append(f"| {concept} | {_row(dev, concept)} | {_row(held, concept)} |")
    return "\n".join(lines) + "\n"


def _row(found: Score, concept: str) -> str:
    labels = found.hits[concept] + found.missed[concept]
    if not labels and not found.invented[concept]:
        return "0 | - | -"
    precision = f"{found.precision(concept):.2f}" if found.hits[concept] + found.invented[concept] else "-"
    recall = f"{found.recall(concept):.2f}" if labels else "-"
    return f"{labels} | {precision} | {recall}"


def _together(a: Score, b: Score) -> Score:
    return Score(a.hits + b.hits, a.missed + b.missed, a.invented + b.invented)
