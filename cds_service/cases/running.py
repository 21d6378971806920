"""Cases run: each becomes a hook call, and its answer is compared with what the case expects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cds_service.cases.charts import hook_call
from cds_service.cases.reading import REPORTED, Case
from cds_service.errors import CdsError
from cds_service.hooks.rendering import encode_json, response_json
from cds_service.hooks.requests import Arrival, RequestParser
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.services import KnownService
from cds_service.patient_data.sources import Sources
from cds_service.pipeline import Decision, decide
from cds_service.plans.rules import Finding
from cds_service.proposals.outcomes import State

_ORDERED = frozenset({"alternatives"})
_EMPTY: tuple[Any, ...] = (None, [], False)


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one case."""

    case: Case
    differences: tuple[str, ...] = ()  # why it fails
    remarks: tuple[str, ...] = ()  # differences that are only reported
    error: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict)
    decision: Decision | None = None

    @property
    def passed(self) -> bool:
        """Whether everything is as expected."""
        return not self.differences and not self.error


class CaseRunner:
    """Runs cases against loaded knowledge."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self._sources = Sources()
        self._parsers: dict[str, RequestParser] = {}

    def run_all(self, cases: Iterable[Case]) -> Iterator[CaseResult]:
        """The results one after the other."""
        for case in cases:
            yield self.run(case)

    def run(self, case: Case) -> CaseResult:
        """One case."""
        service = self.knowledge.service_for(case.hook)
        if service is None:
            return CaseResult(case, error=f"No service answers {case.hook}.")
        try:
            decision = self.decide(case, service)
        except CdsError as error:
            return CaseResult(case, error=str(error))
        answer = response_json(decision.response)
        records = (answer.get("extension") or {}).get(f"{self.knowledge.namespace}.decisions", [])
        differences, remarks = _compare(case, records)
        if case.rule is not None:
            differences += _compare_rule(case, decision)
        if case.cards is not None:
            differences += _compare_cards(case.cards, answer["cards"])
        return CaseResult(case, tuple(differences), tuple(remarks), answer=answer, decision=decision)

    def decide(self, case: Case, service: KnownService) -> Decision:
        """The decision on the call that the case stands for."""
        member = f"{self.knowledge.namespace}.asOf"
        body = encode_json(hook_call(case, service, member))
        parser = self._parsers.get(service.id)
        if parser is None:
            parser = self._parsers[service.id] = RequestParser(service.hook, self.knowledge.resource_type)
        request = parser.parse(body, Arrival(datetime(2025, 1, 1, tzinfo=UTC), f"case-{case.id}", as_of_member=member))
        return decide(request, service, self.knowledge, self._sources)


def _compare(case: Case, records: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    differences: list[str] = []
    remarks: list[str] = []
    expected = list(case.expect)
    if not expected:
        return differences, remarks
    for number, wanted in enumerate(expected):
        record = _record_for(wanted, records, number)
        if record is None:
            if wanted.get("none") is True:
                continue
            differences.append(f"there is no record {wanted.get('order') or number + 1}")
            continue
        if wanted.get("none") is True:
            differences.append("there is a record where none was expected")
            continue
        for name, value in wanted.items():
            difference = _difference(name, value, record)
            if difference:
                (remarks if name.removesuffix("_includes") in REPORTED else differences).append(difference)
    return differences, remarks


def _record_for(
    wanted: Mapping[str, Any], records: Sequence[Mapping[str, Any]], number: int
) -> Mapping[str, Any] | None:
    name = wanted.get("order")
    if name:
        return next(
            (r for r in records if str(r.get("order", "")).rpartition("/")[2] == str(name).rpartition("/")[2]), None
        )
    return records[number] if number < len(records) else None


def _difference(name: str, wanted: Any, record: Mapping[str, Any]) -> str | None:
    if name == "order":
        return None
    if name.endswith("_includes"):
        key = name.removesuffix("_includes")
        missing = [entry for entry in wanted or [] if entry not in record.get(key, [])]
        return f"{key} lacks {', '.join(map(str, missing))}" if missing else None
    got = record.get(name)
    if wanted in _EMPTY and got in _EMPTY:
        return None
    if isinstance(wanted, list) and isinstance(got, list) and wanted and isinstance(wanted[0], Mapping):
        for one, other in zip(wanted, got, strict=False):
            for key, value in one.items():
                if difference := _difference(key, value, other):
                    return f"{name}: {difference}"
        return None if len(wanted) == len(got) else f"{name} has {len(got)} entries, not {len(wanted)}"
    if isinstance(wanted, list):
        same = list(got or []) == wanted if name in _ORDERED else sorted(got or []) == sorted(wanted)
    else:
        same = got == wanted
    return None if same else f"{name} is {_shown(got)}, not {_shown(wanted)}"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(str, value)) + "]"
    return "nothing" if value in _EMPTY else str(value)


def findings_of(decision: Decision) -> Iterator[Finding]:
    """Every rule and check that was looked at for a decision."""
    for judged in decision.trace.judged:
        for judgement in judged.judgements:
            yield from judgement.findings
            yield from judgement.checks


def _compare_rule(case: Case, decision: Decision) -> list[str]:
    assert case.rule is not None
    found = [finding for finding in findings_of(decision) if finding.rule.id == case.rule.rule]
    if not found:
        return [f"{case.rule.rule} was not looked at"]
    outcome = found[0].outcome
    if case.rule.asks is not None:
        same = outcome.state is State.CANNOT_TELL and sorted(outcome.facts) == sorted(case.rule.asks)
        wanted = f"asks {', '.join(case.rule.asks)}"
    else:
        same = (outcome.state is State.APPLIES) is case.rule.fires and outcome.state in (
            State.APPLIES,
            State.DOES_NOT_APPLY,
        )
        wanted = "fires" if case.rule.fires else "does not fire"
    if same:
        return []
    asked = f" ({', '.join(outcome.facts)})" if outcome.facts else ""
    return [f"{case.rule.rule} {outcome.state.value}{asked} {outcome.reason}, where it {wanted}".replace("  ", " ")]


def _compare_cards(wanted: Sequence[Mapping[str, Any]], cards: Sequence[Mapping[str, Any]]) -> list[str]:
    differences = []
    for expectation in wanted:
        if not any(_fits(card, expectation) for card in cards):
            shown = "; ".join(f"{card['indicator']}: {card['summary']}" for card in cards) or "no card"
            differences.append(f"no card fits {dict(expectation)} ({shown})")
    if not wanted and cards:
        differences.append(f"{len(cards)} card(s) where none was expected: {cards[0]['summary']}")
    return differences


def _fits(card: Mapping[str, Any], expectation: Mapping[str, Any]) -> bool:
    for name, value in expectation.items():
        if name.endswith("_contains"):
            texts = [value] if isinstance(value, str) else list(value)
            if not all(str(text) in str(card.get(name.removesuffix("_contains"), "")) for text in texts):
                return False
        elif name == "suggestions":
            labels = [str(suggestion["label"]) for suggestion in card.get("suggestions", [])]
            if not all(any(str(text) in label for label in labels) for text in value):
                return False
        elif card.get(name) != value:
            return False
    return True
