"""What a run came to in numbers; tallies of parts add up, so none needs all results in memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cds_service.replay.results import Result

_STEP = 1.05  # latencies are counted in classes that are 5 percent wide


class Tally(msgspec.Struct):
    """Counts of calls, cards, ratings, questions, failures and latencies."""

    calls: int = 0
    failed: int = 0
    without_cards: int = 0
    partial_data: int = 0
    set_aside: int = 0
    invalid: int = 0
    cards: dict[str, int] = {}
    statuses: dict[str, int] = {}
    ratings: dict[str, int] = {}
    scenarios: dict[str, int] = {}
    rules: dict[str, int] = {}
    questions: dict[str, int] = {}
    failures: dict[str, int] = {}
    services: dict[str, int] = {}
    latency: dict[int, int] = {}
    places: list[str] = []
    """Where the first failures were."""

    def add(self, result: Result) -> None:
        """Count one result."""
        self.calls += 1
        if result.service is not None:
            _count(self.services, result.service)
        if result.failed:
            self.failed += 1
            if len(self.places) < _PLACES:
                self.places.append(_told(result))
        if result.failure is not None:
            _count(self.failures, result.failure.code)
            return
        self.without_cards += not result.cards
        self.partial_data += bool(result.unreadable)
        self.invalid += bool(result.invalid)
        self.set_aside += len(result.set_aside)
        for card in result.cards:
            _count(self.cards, card.indicator)
        _count(self.latency, _class_of(result.milliseconds))
        for record in result.records:
            self._add_record(record)

    def _add_record(self, record: Mapping[str, Any]) -> None:
        _count(self.statuses, str(record.get("status")))
        if "rating" in record:
            _count(self.ratings, str(record["rating"]))
        if "primaryVariant" in record:
            _count(self.scenarios, str(record["primaryVariant"]))
        for member, value in record.items():
            if not isinstance(value, list):
                continue
            if member in QUESTION_LISTS:
                for each in value:
                    _count(self.questions, each)
            elif member == "failed":
                for each in value:
                    _count(self.failures, f"logic: {each}")
            elif member not in _NO_RULES:
                for each in value:
                    if each.__class__ is str:
                        _count(self.rules, each)

    def merge(self, other: Tally) -> None:
        """Add the counts of another part."""
        for name in self.__struct_fields__:
            mine, theirs = getattr(self, name), getattr(other, name)
            if isinstance(mine, dict):
                for key, number in theirs.items():
                    mine[key] = mine.get(key, 0) + number
            elif isinstance(mine, list):
                mine += theirs[: max(0, _PLACES - len(mine))]
            else:
                setattr(self, name, mine + theirs)

    def percentile(self, share: float) -> float:
        """The latency, in milliseconds, that this share of the calls stays below."""
        wanted = share * sum(self.latency.values())
        seen = 0
        for place in sorted(self.latency):
            seen += self.latency[place]
            if seen >= wanted:
                return float(_STEP**place / 1000)
        return 0.0

    def as_json(self) -> dict[str, Any]:
        """The tally for machines."""
        shown: dict[str, Any] = {name: getattr(self, name) for name in self.__struct_fields__ if name != "latency"}
        shown = {name: dict(_most(value)) if isinstance(value, dict) else value for name, value in shown.items()}
        return {
            **shown,
            "milliseconds": {f"p{share}": round(self.percentile(share / 100), 3) for share in (50, 90, 99)},
        }


QUESTION_LISTS = ("mustAsk", "safetyAsk", "notesUnknown")
_NO_RULES = frozenset(
    {*QUESTION_LISTS, "alternatives", "suggestedNext", "candidates", "alsoMatches", "evidence", "levels", "failed"}
)
_PLACES = 20
_LOG_STEP = math.log(_STEP)


def _count(counter: dict[Any, int], key: Any) -> None:
    counter[key] = counter.get(key, 0) + 1


def _most(counter: Mapping[Any, int]) -> list[tuple[Any, int]]:
    """The entries, the most frequent first."""
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))


def _class_of(milliseconds: float) -> int:
    return round(math.log(max(milliseconds * 1000, 1.0)) / _LOG_STEP)


def _told(result: Result) -> str:
    if result.failure is not None:
        return f"{result.id}: {result.failure.what} [{result.failure.code}]"
    failed = [str(each) for record in result.records for each in record.get("failed", ())]
    return f"{result.id}: the logic failed: {', '.join(failed)}"


def tally(results: Iterable[Result]) -> Tally:
    """The numbers of some results."""
    found = Tally()
    for result in results:
        found.add(result)
    return found


def in_words(found: Tally, seconds: float | None = None) -> str:
    """The numbers for a terminal."""
    rate = f", {found.calls / seconds:,.0f} calls/s" if seconds else ""
    lines = [f"{found.calls:,} calls{rate}: {found.failed:,} failed, {found.without_cards:,} without a card"]
    if found.partial_data:
        aside = f", {found.set_aside:,} resources set aside" if found.set_aside else ""
        lines.append(f"  {found.partial_data:,} with data that could not be had completely{aside}")
    if found.invalid:
        lines.append(f"  {found.invalid:,} with resources that break FHIR")
    for title, counter, most in (
        ("cards", found.cards, 5),
        ("decisions", found.statuses, 8),
        ("ratings", found.ratings, 5),
        ("scenarios", found.scenarios, 12),
        ("rules that fire", found.rules, 10),
        ("questions", found.questions, 10),
        ("failures", found.failures, 10),
    ):
        if counter:
            shown = ", ".join(f"{name} {number:,}" for name, number in _most(counter)[:most])
            more = f", {len(counter) - most} more" if len(counter) > most else ""
            lines.append(f"  {title}: {shown}{more}")
    if found.latency:
        percentiles = ", ".join(f"p{share} {found.percentile(share / 100):.2f} ms" for share in (50, 90, 99))
        lines.append(f"  time per call: {percentiles}")
    lines += [f"  {place}" for place in found.places]
    return "\n".join(lines)
