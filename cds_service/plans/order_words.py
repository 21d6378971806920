"""The parts of card texts about one judged order, each put into words when a template asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from cds_service.errors import CdsError
from cds_service.plans.alternatives import shown
from cds_service.plans.deciding import Judgement, OrderJudgement
from cds_service.plans.expressions import Define
from cds_service.plans.knowhow import Knowhow
from cds_service.plans.rules import Finding
from cds_service.plans.scenarios import Alternative, Selection
from cds_service.plans.wording import Vocabulary, cite, criterion_words, fact_words, finding_words, order_text
from cds_service.proposals.evidence import FactEvidence
from cds_service.proposals.outcomes import State

_MOST_FACTS = 6
Entries = tuple[str, ...]
Part = Callable[["OrderWords"], Iterable[str | None]]


class OrderWords(Mapping[str, Entries]):
    """What placeholders stand for, by name; a name that nothing fills has no entries."""

    def __init__(
        self,
        judged: OrderJudgement,
        knowhow: Knowhow,
        words: Vocabulary,
        order: Mapping[str, Any] | None,
        evidence: Sequence[FactEvidence],
        region: str | None = None,
        language: str | None = None,
    ) -> None:
        self.region, self.language = region, language
        self.judged, self.knowhow, self.words, self.order, self.evidence = judged, knowhow, words, order, evidence
        self.record, self.worst = judged.record, judged.worst
        self._filled: dict[str, Entries] = {}
        self._fired: list[tuple[Finding, Sequence[str]]] | None = None

    def get(self, name: str, default: Any = ()) -> Any:
        """The entries of a placeholder."""
        found = self._filled.get(name)
        if found is None:
            part = _PARTS.get(name)
            entries = part(self) if part is not None else self._by_severity(name)
            found = self._filled[name] = tuple(entry for entry in entries if entry)
        return found or default

    def __getitem__(self, name: str) -> Entries:
        entries: Entries = self.get(name)
        if not entries:
            raise KeyError(name)
        return entries

    def __iter__(self) -> Iterator[str]:
        return (name for name in _PARTS if self.get(name))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    # --- what parts are made from

    @property
    def name(self) -> str:
        """The ordered procedure."""
        if self.record.procedure:
            return self.knowhow.procedures.name(self.record.procedure)
        return order_text(self.order) or self.said("this-order", "this order")

    @property
    def alternatives(self) -> Sequence[str]:
        """The alternatives that a card may name."""
        return shown(self.record.alternatives, self.knowhow, self.worst.logic)

    @property
    def selection(self) -> Selection | None:
        """The scenario selection of the worst target."""
        return self.worst.selection

    @property
    def primary(self) -> Alternative | None:
        """The scenario that leads."""
        return self.worst.selection.primary if self.worst.selection else None

    @property
    def region_words(self) -> str:
        """The region that the order is about."""
        written = self.knowhow.policy.words.get("region")
        return str(written.get(self.region) or "") if isinstance(written, Mapping) and self.region else ""

    def short(self, fact: str) -> str:
        """The name of a fact, or of what else is asked."""
        return self.words.fact_names.get(fact) or fact.replace("_", " ")

    def names(self, codes: Iterable[str]) -> Iterable[str]:
        """The names of procedures."""
        return (self.knowhow.procedures.name(code) for code in codes)

    def meaning(self, rating: str | None) -> str | None:
        """A rating in words."""
        found = self.knowhow.policy.rating_meanings.get(rating or "")
        return found.says if found else None

    def said(self, name: str, otherwise: str = "") -> str:
        """Words of the policy."""
        return str(self.knowhow.policy.words.get(name) or otherwise)

    def question(self, fact: str) -> str:
        """What is asked to learn a fact, or to settle what is open about the order."""
        written = self.knowhow.policy.words.get("question")
        if isinstance(written, Mapping) and fact in written:
            return str(written[fact])
        return self.words.questions.text(fact)

    def fired(self) -> list[tuple[Finding, Sequence[str]]]:
        """The rules that fire at any target, each once, with the targets where that is not all of them."""
        if self._fired is None:
            judgements = self.judged.judgements
            where: dict[str, list[str]] = {}
            first: dict[str, Finding] = {}
            for judgement in judgements:
                for finding in judgement.fired:
                    where.setdefault(finding.rule.id, []).append(judgement.record.level or "")
                    first.setdefault(finding.rule.id, finding)
            self._fired = [
                (finding, where[name] if len(where[name]) < len(judgements) else ()) for name, finding in first.items()
            ]
        return self._fired

    def _by_severity(self, name: str) -> Iterable[str | None]:
        """`{absolute}`, `{absolute-titles}` and so on for every severity; `{cql:Library.Define}` texts."""
        if name.startswith("cql:"):
            return _cql_texts(name, self.worst)
        if name.endswith("-titles"):
            severity = name.removesuffix("-titles")
            rules = [finding.rule for finding, _ in self.fired() if finding.rule.severity == severity]
            return [rule.titled(self.language) for rule in sorted(rules, key=lambda rule: not rule.emergency)]
        return [
            finding_words(finding, self.knowhow, levels, self.language)
            for finding, levels in sorted(self.fired(), key=lambda fired: not fired[0].rule.emergency)
            if finding.rule.severity == name
        ]


def _cql_texts(name: str, judgement: Judgement) -> Iterable[str]:
    library, _, define = name.removeprefix("cql:").partition(".")
    if judgement.logic is None:
        return ()
    try:
        value = judgement.logic.value(Define(library, define))
    except CdsError:
        return ()
    entries = value if isinstance(value, list | tuple) else [value]
    return [entry for entry in entries if isinstance(entry, str)]


def _worst(words: OrderWords) -> Iterable[str]:
    rank = words.knowhow.policy.seriousness
    ranked = sorted(words.fired(), key=lambda entry: -1 if entry[0].rule.emergency else rank(entry[0].rule.severity))
    return [finding.rule.titled(words.language) for finding, _ in ranked[:1]]


def _decisive(words: OrderWords) -> Iterable[str]:
    """The facts that the criteria of the leading scenario (or of those in question) read, recorded ones first."""
    selection = words.selection
    if selection is None:
        return ()
    asked = selection.undecided if selection.undecided else (selection.primary, selection.nearest)
    criteria = [criterion for alternative in asked if alternative for criterion in alternative.criteria]
    wanted = {
        fact.id
        for criterion in criteria
        if isinstance(criterion, Define)
        for fact in words.knowhow.facts.below((criterion.library, criterion.name))
    }
    found = [entry for entry in words.evidence if entry.fact in wanted and entry.value is not None]
    found.sort(key=lambda entry: not entry.references)
    # What was read from text is always shown: somebody has to look at it.
    shown = [entry for number, entry in enumerate(found) if number < _MOST_FACTS or entry.from_text]
    return [fact_words(entry, words.words) for entry in shown]


def _unknown_notes(words: OrderWords) -> Iterable[str]:
    found: dict[str, None] = {}
    for judgement in words.judged.judgements:
        for finding in judgement.findings:
            if finding.rule.unknown == "note" and finding.outcome.state is State.CANNOT_TELL:
                found.setdefault(finding.rule.unknown_says)
    return found


def _differences(words: OrderWords) -> Iterable[str]:
    if words.selection is None:
        return
    by_id = {alternative.id: alternative for alternative in words.selection.group.alternatives}
    for identifier, rating in words.worst.differences:
        said = words.meaning(rating) or words.said("not-rated", "not rated")
        yield f"{by_id[identifier].said(words.language)}: {said}"


def _conflicts(words: OrderWords) -> Iterable[str]:
    if words.primary is None:
        return ()
    own = {words.record.procedure, words.record.rated_as, ""}
    return [says for procedure, says in words.primary.conflicts if procedure in own]


def _reason(words: OrderWords) -> Iterable[str]:
    selection = words.selection
    situation = (selection.excluded or selection.situation) if selection else None
    return [situation.says] if situation else ()


def _levels(words: OrderWords) -> Iterable[str]:
    if not words.record.levels:
        return
    statuses = words.knowhow.policy.words.get("status") or {}
    for judgement in words.judged.judgements:
        record = judgement.record
        result = words.meaning(record.rating) or str(statuses.get(record.status, record.status))
        primary = judgement.selection.primary if judgement.selection else None
        yield f"{record.level or '?'}: {result}" + (f" ({primary.said(words.language)})" if primary else "")


def _checks(met: bool | None) -> Part:
    return lambda words: (
        finding_words(f, words.knowhow, language=words.language) for f in words.worst.checks if f.met is met
    )


def _of_primary(part: Callable[[Alternative], str]) -> Part:
    return lambda words: [part(words.primary)] if words.primary else ()


_PARTS: Mapping[str, Part] = {
    "order": lambda w: [order_text(w.order) or w.name[:1].upper() + w.name[1:]],
    "procedure": lambda w: [w.name],
    "Procedure": lambda w: [w.name[:1].upper() + w.name[1:]],
    "candidates": lambda w: w.names(w.record.candidates),
    "level": lambda w: [w.record.level],
    "level-words": lambda w: [f"at {w.record.level}"] if w.record.level else (),
    "region": lambda w: [w.region_words],
    "Region": lambda w: [w.region_words[:1].upper() + w.region_words[1:]],
    "several-levels": lambda w: [", ".join(level.level or "" for level in w.record.levels)],
    "levels": _levels,
    "rating": lambda w: [w.meaning(w.record.rating)],
    "provisional": lambda w: [w.meaning(w.record.provisional)],
    "panel": lambda w: [w.said("panel")] if w.record.disagreement else (),
    "not-rated": lambda w: [w.said("not-rated", "not rated")] if w.record.status == "not-rated" else (),
    "no-scenario": lambda w: [w.said("no-scenario", "no scenario fits")] if w.record.status == "no-variant" else (),
    "questions": lambda w: (w.question(fact) for fact in w.record.must_ask),
    "safety-questions": lambda w: (w.question(f) for f in w.record.safety_ask if f not in w.record.must_ask),
    "asked": lambda w: (w.short(fact) for fact in w.record.must_ask),
    "safety-asked": lambda w: (w.short(f) for f in w.record.safety_ask if f not in w.record.must_ask),
    "open-notes": lambda w: (w.question(fact) for fact in w.record.notes_unknown),
    "target-question": lambda w: [w.said(f"target-{w.worst.target_reason}")] if w.worst.target_reason else (),
    "alternatives": lambda w: w.names(w.alternatives),
    "best-alternative": lambda w: w.names(w.alternatives[:1]),
    "suggested": lambda w: w.names(w.record.suggested_next),
    "failed-parts": lambda w: w.record.failures,
    "facts": _decisive,
    "disclaimer": lambda w: [w.knowhow.policy.disclaimer],
    "plan": lambda w: [w.record.plan],
    "scenario": lambda w: [w.primary.said(w.language)] if w.primary else (),
    "scenario-title": _of_primary(lambda a: a.title),
    "scenario-description": _of_primary(lambda a: a.description),
    "scenario-note": _of_primary(lambda a: a.note),
    "source": lambda w: (cite(c, w.knowhow) for c in w.primary.sources) if w.primary else (),
    "conflict": _conflicts,
    "rationale": lambda w: [w.worst.row.reason(w.language)] if w.worst.row else (),
    "also": lambda w: (a.said(w.language) for a in w.selection.also) if w.selection else (),
    "difference": _differences,
    "possible": lambda w: (a.said(w.language) for a in w.selection.undecided) if w.selection else (),
    "fallback": lambda w: [w.selection.fallback.said(w.language)] if w.selection and w.selection.fallback else (),
    "reason": _reason,
    "nearest": lambda w: [w.selection.nearest.said(w.language)] if w.selection and w.selection.nearest else (),
    "nearest-title": lambda w: [w.selection.nearest.title] if w.selection and w.selection.nearest else (),
    "failed": lambda w: (criterion_words(c, w.words) for c in w.selection.failed_criteria) if w.selection else (),
    "emergency": lambda w: (
        finding_words(f, w.knowhow, language=w.language) for f in w.worst.fired if f.rule.emergency
    ),
    "emergency-titles": lambda w: (f.rule.titled(w.language) for f in w.worst.fired if f.rule.emergency),
    "worst": _worst,
    "unknown-notes": _unknown_notes,
    "checks-met": _checks(True),
    "checks-met-titles": lambda w: (f.rule.titled(w.language) for f in w.worst.checks if f.met is True),
    "checks-not-met": _checks(False),
    "checks-not-documented": _checks(None),
}

PART_NAMES = frozenset(_PARTS)
