"""The parts of card texts about one judged order, each put into words when a template asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from cds_service.errors import CdsError
from cds_service.plans.alternatives import shown
from cds_service.plans.deciding import NO_MATCH, NOT_RATED, Judgement, OrderJudgement
from cds_service.plans.expressions import Define
from cds_service.plans.knowhow import Knowhow
from cds_service.plans.rules import Finding
from cds_service.plans.scenarios import Alternative, Selection
from cds_service.plans.wording import Vocabulary, cite, criterion_words, fact_words, finding_words, order_text
from cds_service.proposals.evidence import FactEvidence
from cds_service.proposals.outcomes import State
from cds_service.proposals.proposals import Words
from cds_service.proposals.records import Record

_MOST_FACTS = 6
Entries = tuple[str, ...]
Found = Iterable[str | None]
Fired = tuple[Finding, Sequence[str]]  # a rule that fires, with the targets where that is not all of them
Part = Callable[["OrderWords"], Found]
SelectionPart = Callable[["OrderWords", Selection], Found]


class OrderWords(Words):
    """What placeholders stand for, by name; what is asked for is put into words once."""

    __slots__ = (
        "_alternatives", "_name", "evidence", "fired", "judged", "knowhow", "language", "order", "primary",
        "record", "region", "selection", "silent", "words", "worst",
    )  # fmt: skip

    def __init__(
        self,
        judged: OrderJudgement,
        knowhow: Knowhow,
        words: Vocabulary,
        order: Any,  # as logic reads it
        evidence: Sequence[FactEvidence],
        region: str | None = None,
        language: str | None = None,
    ) -> None:
        self.region, self.language = region, language
        self.judged, self.knowhow, self.words, self.order, self.evidence = judged, knowhow, words, order, evidence
        self.record, self.worst = judged.record, judged.worst
        self.selection = self.worst.selection
        self.primary = self.selection.primary if self.selection is not None else None
        self.fired = _fired(judged)
        self._name: str | None = None
        self._alternatives: tuple[str, ...] | None = None
        selection = self.selection
        self.silent = _silent(
            _lacking(self.record, self.worst, region),
            None if selection is None else _lacking_in(selection),
            knowhow.policy.unspoken(frozenset([finding.rule.severity for finding, _ in self.fired])),
        )
        if self.record.procedure is not None:
            self.update(_procedure_words(self.record.procedure, knowhow))
        if self.primary is not None:
            self.update(_scenario_words(self.primary, knowhow, language))

    def __missing__(self, name: str) -> Entries:
        """The entries of a placeholder that is asked for the first time."""
        if name in self.silent:
            return ()
        if (part := _PARTS.get(name)) is not None:
            entries = part(self)
        elif self.selection is not None and (of_selection := _OF_SELECTION.get(name)) is not None:
            entries = of_selection(self, self.selection)
        elif (of_procedure := _OF_PROCEDURE.get(name)) is not None:
            entries = (of_procedure(self.name),)
        else:
            entries = self._by_severity(name)
        found = self[name] = tuple(filter(None, entries)) if entries else ()
        return found

    # --- what parts are made from

    @property
    def name(self) -> str:
        """The ordered procedure."""
        if self._name is None:
            if self.record.procedure:
                self._name = self.knowhow.procedures.name(self.record.procedure)
            else:
                self._name = order_text(self.order) or self.said("this-order", "this order")
        return self._name

    @property
    def alternatives(self) -> tuple[str, ...]:
        """The alternatives that a card may name."""
        if self._alternatives is None:
            self._alternatives = shown(self.record.alternatives, self.knowhow, self.worst.logic)
        return self._alternatives

    @property
    def region_words(self) -> str:
        """The region that the order is about."""
        written = self.knowhow.policy.words.get("region") if self.region else None
        return str(written.get(self.region) or "") if isinstance(written, dict) else ""

    def short(self, fact: str) -> str:
        """The name of a fact, or of what else is asked."""
        return self.words.fact_names.get(fact) or fact.replace("_", " ")

    def names(self, codes: Iterable[str]) -> Iterable[str]:
        """The names of procedures."""
        return map(self.knowhow.procedures.name, codes)

    def meaning(self, rating: str | None) -> str | None:
        """A rating in words."""
        found = self.knowhow.policy.rating_meanings.get(rating) if rating else None
        return found.says if found else None

    def said(self, name: str, otherwise: str = "") -> str:
        """Words of the policy."""
        return str(self.knowhow.policy.words.get(name) or otherwise)

    def question(self, fact: str) -> str:
        """What is asked to learn a fact, or to settle what is open about the order."""
        written = self.knowhow.policy.words.get("question")
        if isinstance(written, dict) and fact in written:
            return str(written[fact])
        return self.words.questions.text(fact)

    def _by_severity(self, name: str) -> Found:
        """`{absolute}`, `{absolute-titles}` and so on for every severity; `{cql:Library.Define}` texts."""
        if name.startswith("cql:"):
            return _cql_texts(name, self.worst)
        severity = name.removesuffix("-titles")
        found = [entry for entry in self.fired if entry[0].rule.severity == severity]
        if len(found) > 1:
            found.sort(key=_emergency_first)
        if severity != name:
            return [finding.rule.titled(self.language) for finding, _ in found]
        return [finding_words(finding, self.knowhow, levels, self.language) for finding, levels in found]


def _fired(judged: OrderJudgement) -> list[Fired]:
    """The rules that fire at any target, each once, with the targets where that is not all of them."""
    judgements = judged.judgements
    if len(judgements) == 1:
        return [(finding, ()) for finding in judgements[0].fired]
    where: dict[str, list[str]] = {}
    first: dict[str, Finding] = {}
    for judgement in judgements:
        for finding in judgement.fired:
            where.setdefault(finding.rule.id, []).append(judgement.record.level or "")
            first.setdefault(finding.rule.id, finding)
    return [(finding, where[name] if len(where[name]) < len(judgements) else ()) for name, finding in first.items()]


def _emergency_first(fired: Fired) -> bool:
    return not fired[0].rule.emergency


def _cql_texts(name: str, judgement: Judgement) -> Found:
    if judgement.logic is None:
        return ()
    try:
        value = judgement.logic.value(_define(name))
    except CdsError:
        return ()
    if not value:
        return ()
    entries = value if isinstance(value, (list, tuple)) else [value]
    return [entry for entry in entries if isinstance(entry, str)]


@lru_cache(maxsize=512)
def _define(name: str) -> Define:
    library, _, define = name.removeprefix("cql:").partition(".")
    return Define(library, define)


def _worst(words: OrderWords) -> Found:
    if not words.fired:
        return ()
    rank = words.knowhow.policy.seriousness
    finding, _ = min(words.fired, key=lambda entry: -1 if entry[0].rule.emergency else rank(entry[0].rule.severity))
    return (finding.rule.titled(words.language),)


def _decisive(words: OrderWords, selection: Selection) -> Found:
    """The facts that the criteria of the leading scenario (or of those in question) read, recorded ones first."""
    asked = selection.undecided if selection.undecided else (selection.primary, selection.nearest)
    wanted = [words.knowhow.facts_of(alternative) for alternative in asked if alternative is not None]
    facts = wanted[0] if len(wanted) == 1 else frozenset().union(*wanted)
    recorded: list[FactEvidence] = []
    others: list[FactEvidence] = []
    for entry in words.evidence:
        if entry.value is not None and entry.fact in facts:
            (recorded if entry.references else others).append(entry)
    # What was read from text is always shown: somebody has to look at it.
    return [
        fact_words(entry, words.words)
        for n, entry in enumerate(recorded + others)
        if n < _MOST_FACTS or entry.from_text
    ]


def _unknown_notes(words: OrderWords) -> Found:
    found: dict[str, None] = {}
    for judgement in words.judged.judgements:
        for finding in judgement.notable:
            if finding.rule.unknown == "note" and finding.outcome.state is State.CANNOT_TELL:
                found.setdefault(finding.rule.unknown_says)
    return found


def _differences(words: OrderWords, selection: Selection) -> Found:
    by_id = {alternative.id: alternative for alternative in selection.group.alternatives}
    otherwise = words.said("not-rated", "not rated")
    return [
        f"{by_id[identifier].said(words.language)}: {words.meaning(rating) or otherwise}"
        for identifier, rating in words.worst.differences
    ]


def _conflicts(words: OrderWords) -> Found:
    if words.primary is None or not words.primary.conflicts:
        return ()
    own = (words.record.procedure, words.record.rated_as, "")
    return [says for procedure, says in words.primary.conflicts if procedure in own]


def _reason(_: OrderWords, selection: Selection) -> Found:
    situation = selection.excluded or selection.situation
    return (situation.says,) if situation else ()


def _levels(words: OrderWords) -> Found:
    statuses = words.knowhow.policy.words.get("status") or {}
    found = []
    for judgement in words.judged.judgements:
        record = judgement.record
        result = words.meaning(record.rating) or str(statuses.get(record.status, record.status))
        primary = judgement.selection.primary if judgement.selection else None
        found.append(f"{record.level or '?'}: {result}" + (f" ({primary.said(words.language)})" if primary else ""))
    return found


def _safety_questions(words: OrderWords) -> list[str]:
    return [fact for fact in words.record.safety_ask if fact not in words.record.must_ask]


def _emergencies(words: OrderWords) -> list[Finding]:
    return [finding for finding in words.worst.fired if finding.rule.emergency]


def _checks(met: bool | None) -> Part:
    return lambda words: [
        finding_words(check, words.knowhow, language=words.language) for check in words.worst.checks if check.met is met
    ]


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]


_PARTS: Mapping[str, Part] = {
    "order": lambda w: (order_text(w.order) or _capitalized(w.name),),
    "candidates": lambda w: w.names(w.record.candidates),
    "level": lambda w: (w.record.level,),
    "level-words": lambda w: (f"at {w.record.level}",),
    "region": lambda w: (w.region_words,),
    "Region": lambda w: (_capitalized(w.region_words),),
    "several-levels": lambda w: (", ".join([level.level or "" for level in w.record.levels]),),
    "levels": _levels,
    "rating": lambda w: (w.meaning(w.record.rating),),
    "provisional": lambda w: (w.meaning(w.record.provisional),),
    "panel": lambda w: (w.said("panel"),),
    "not-rated": lambda w: (w.said("not-rated", "not rated"),),
    "no-scenario": lambda w: (w.said("no-scenario", "no scenario fits"),),
    "questions": lambda w: map(w.question, w.record.must_ask),
    "safety-questions": lambda w: map(w.question, _safety_questions(w)),
    "asked": lambda w: map(w.short, w.record.must_ask),
    "safety-asked": lambda w: map(w.short, _safety_questions(w)),
    "open-notes": lambda w: map(w.question, w.record.notes_unknown),
    "target-question": lambda w: (w.said(f"target-{w.worst.target_reason}"),),
    "alternatives": lambda w: w.names(w.alternatives),
    "best-alternative": lambda w: w.names(w.alternatives[:1]),
    "suggested": lambda w: w.names(w.record.suggested_next),
    "failed-parts": lambda w: w.record.failures,
    "disclaimer": lambda w: (w.knowhow.policy.disclaimer,),
    "plan": lambda w: (w.record.plan,),
    "rationale": lambda w: (w.worst.row.reason(w.language),) if w.worst.row else (),
    "emergency": lambda w: [finding_words(f, w.knowhow, language=w.language) for f in _emergencies(w)],
    "emergency-titles": lambda w: [finding.rule.titled(w.language) for finding in _emergencies(w)],
    "worst": _worst,
    "conflict": _conflicts,
    "unknown-notes": _unknown_notes,
    "checks-met": _checks(True),
    "checks-met-titles": lambda w: [check.rule.titled(w.language) for check in w.worst.checks if check.met is True],
    "checks-not-met": _checks(False),
    "checks-not-documented": _checks(None),
}

_OF_SELECTION: Mapping[str, SelectionPart] = {
    "facts": _decisive,
    "also": lambda w, selection: [alternative.said(w.language) for alternative in selection.also],
    "difference": _differences,
    "possible": lambda w, selection: [alternative.said(w.language) for alternative in selection.undecided],
    "fallback": lambda w, selection: (selection.fallback.said(w.language),) if selection.fallback else (),
    "reason": _reason,
    "nearest": lambda w, selection: (selection.nearest.said(w.language),) if selection.nearest else (),
    "nearest-title": lambda _, selection: (selection.nearest.title,) if selection.nearest else (),
    "failed": lambda w, selection: [criterion_words(criterion, w.words) for criterion in selection.failed_criteria],
}

_OF_PROCEDURE: Mapping[str, Callable[[str], str]] = {
    "procedure": lambda name: name,
    "Procedure": _capitalized,
}

_OF_SCENARIO: Mapping[str, Callable[[Alternative, Knowhow, str | None], Sequence[str]]] = {
    "scenario": lambda primary, _, language: (primary.said(language),),
    "scenario-title": lambda primary, *_: (primary.title,),
    "scenario-description": lambda primary, *_: (primary.description,),
    "scenario-note": lambda primary, *_: (primary.note,),
    "source": lambda primary, knowhow, _: [cite(citation, knowhow) for citation in primary.sources],
}


def _procedure_words(code: str, knowhow: Knowhow) -> Mapping[str, Entries]:
    """The parts that name a procedure, and what is said about each."""
    found = knowhow.named.get(code)
    if found is None:
        name = knowhow.procedures.name(code)
        words: dict[str, Entries] = {part: (say(name),) for part, say in _OF_PROCEDURE.items()}
        words["disclaimer"] = (knowhow.policy.disclaimer,) if knowhow.policy.disclaimer else ()
        found = knowhow.named[code] = words
    return found


def _scenario_words(primary: Alternative, knowhow: Knowhow, language: str | None) -> Mapping[str, Entries]:
    """The parts that speak of a scenario alone."""
    found = knowhow.told.get((primary.id, language))
    if found is None or found[0] is not primary:
        words = {part: tuple(filter(None, say(primary, knowhow, language))) for part, say in _OF_SCENARIO.items()}
        if not primary.conflicts:
            words["conflict"] = ()
        found = knowhow.told[primary.id, language] = (primary, words)
    return found[1]


# Parts by what they speak of, in the order of `_lacking`: where there is none of it, they have nothing to say.
_SPEAKING: Sequence[Sequence[str]] = (
    ("candidates",),
    ("level", "level-words"),
    ("levels", "several-levels"),
    ("rating",),
    ("provisional",),
    ("panel",),
    ("questions", "asked"),
    ("safety-questions", "safety-asked"),
    ("open-notes",),
    ("alternatives", "best-alternative"),
    ("suggested",),
    ("failed-parts",),
    ("not-rated",),
    ("no-scenario",),
    ("rationale",),
    ("difference",),
    ("target-question",),
    ("emergency", "emergency-titles"),
    ("checks-met", "checks-met-titles", "checks-not-met", "checks-not-documented"),
    ("region", "Region"),
)


def _lacking(record: Record, judgement: Judgement, region: str | None) -> tuple[bool, ...]:
    """What there is none of, in the order of `_SPEAKING`."""
    return (
        not record.candidates,
        not record.level,
        not record.levels,
        not record.rating,
        not record.provisional,
        not record.disagreement,
        not record.must_ask,
        not record.safety_ask,
        not record.notes_unknown,
        not record.alternatives,
        not record.suggested_next,
        not record.failures,
        record.status != NOT_RATED,
        record.status != NO_MATCH,
        judgement.row is None,
        not judgement.differences,
        not judgement.target_reason,
        not judgement.fired,
        not judgement.checks,
        not region,
    )


_SPEAKING_OF_SCENARIOS: Sequence[Sequence[str]] = (
    tuple(_OF_SCENARIO),
    ("also",),
    ("possible",),
    ("fallback",),
    ("reason",),
    ("nearest", "nearest-title"),
    ("failed",),
)


def _lacking_in(selection: Selection) -> tuple[bool, ...]:
    """What there is none of, in the order of `_SPEAKING_OF_SCENARIOS`."""
    return (
        selection.primary is None,
        not selection.also,
        not selection.undecided,
        selection.fallback is None,
        selection.excluded is None and selection.situation is None,
        selection.nearest is None,
        not selection.failed_criteria,
    )


@lru_cache(maxsize=1024)
def _silent(
    lacking: tuple[bool, ...], lacking_in_selection: tuple[bool, ...] | None, also: frozenset[str]
) -> frozenset[str]:
    """The parts that have nothing to say; all that speak of scenarios where none was looked for."""
    silent = [name for names, lacks in zip(_SPEAKING, lacking, strict=True) if lacks for name in names]
    if lacking_in_selection is None:
        silent += [*_OF_SELECTION, *_OF_SCENARIO]
    else:
        speaking = zip(_SPEAKING_OF_SCENARIOS, lacking_in_selection, strict=True)
        silent += [name for names, lacks in speaking if lacks for name in names]
    return also.union(silent)


PART_NAMES = frozenset({*_PARTS, *_OF_SELECTION, *_OF_PROCEDURE, *_OF_SCENARIO})
