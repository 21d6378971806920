"""The parts that card texts are put together from: what the placeholders of a template stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cds_service.errors import CdsError
from cds_service.hooks.text import escape
from cds_service.plans.deciding import Judgement, Knowhow, OrderJudgement
from cds_service.plans.expressions import Define, Expression
from cds_service.plans.questions import QuestionBook
from cds_service.plans.rules import Finding
from cds_service.proposals.evidence import FactEvidence
from cds_service.proposals.outcomes import State
from cds_service.proposals.sources import Citation

Values = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words for facts and answers."""

    fact_names: Mapping[str, str]
    answer_names: Mapping[str, str]
    questions: QuestionBook
    criteria_words: Mapping[tuple[str, str], str]  # definition -> its `@says`


def order_text(order: Mapping[str, Any] | None) -> str:
    """The order in the words of whoever wrote it, safe to print."""
    concept = (order or {}).get("code")
    if not isinstance(concept, Mapping):
        return ""
    codings = [coding for coding in concept.get("coding") or () if isinstance(coding, Mapping)]
    text = concept.get("text") or next((c.get("display") for c in codings if c.get("display")), "")
    return escape(str(text)) if text else ""


def order_values(
    judged: OrderJudgement,
    knowhow: Knowhow,
    words: Vocabulary,
    order: Mapping[str, Any] | None,
    evidence: Sequence[FactEvidence],
) -> Values:
    """What can be said about one judged order."""
    worst, record, policy = judged.worst, judged.record, knowhow.policy
    values: Values = {}

    def put(name: str, *entries: str | None) -> None:
        kept = tuple(entry for entry in entries if entry)
        if kept:
            values[name] = kept

    name = knowhow.procedures.name(record.procedure) if record.procedure else order_text(order)
    put("order", order_text(order) or name)
    put("procedure", name)
    put("Procedure", name[:1].upper() + name[1:])
    put("candidates", *(knowhow.procedures.name(code) for code in record.candidates))
    put("level", record.level)
    put("level-words", f"at {record.level}" if record.level else None)
    put("several-levels", ", ".join(level.level or "" for level in record.levels))
    meaning = policy.rating_meanings.get(record.rating or "")
    put("rating", meaning.says if meaning else None)
    provisional = policy.rating_meanings.get(record.provisional or "")
    put("provisional", provisional.says if provisional else None)
    put("panel", str(policy.words.get("panel") or "") if record.disagreement else None)
    put("not-rated", str(policy.words.get("not-rated") or "not rated") if record.status == "not-rated" else None)
    put(
        "no-scenario",
        str(policy.words.get("no-scenario") or "no scenario fits") if record.status == "no-variant" else None,
    )
    put("questions", *(_question(fact, knowhow, words) for fact in record.must_ask))
    put("safety-questions", *(words.questions.text(fact) for fact in record.safety_ask if fact not in record.must_ask))
    put("open-notes", *(words.questions.text(fact) for fact in record.notes_unknown))
    put(
        "target-question", str(policy.words.get(f"target-{worst.target_reason}") or "") if worst.target_reason else None
    )
    put("alternatives", *(knowhow.procedures.name(code) for code in record.alternatives))
    put("best-alternative", *(knowhow.procedures.name(code) for code in record.alternatives[:1]))
    put("suggested", *(knowhow.procedures.name(code) for code in record.suggested_next))
    put("failed-parts", *record.failures)
    put("facts", *(fact_words(entry, words) for entry in evidence if entry.value is not None))
    put("levels", *(_level_line(judgement, knowhow) for judgement in judged.judgements if record.levels))
    put("disclaimer", policy.disclaimer)
    put("plan", record.plan)
    _put_scenario(put, worst, knowhow, words)
    _put_findings(put, judged, knowhow)
    _put_checks(put, worst.checks, knowhow)
    return values


def _put_scenario(put: Any, worst: Judgement, knowhow: Knowhow, words: Vocabulary) -> None:
    selection, policy = worst.selection, knowhow.policy
    if selection is None:
        return
    primary = selection.primary
    if primary is not None:
        put("scenario", primary.says)
        put("scenario-title", primary.title)
        put("scenario-description", primary.description)
        put("scenario-note", primary.note)
        put("source", *(cite(citation, knowhow) for citation in primary.sources))
        own = {worst.record.procedure, worst.record.rated_as, ""}
        put("conflict", *(says for procedure, says in primary.conflicts if procedure in own))
    put("rationale", worst.row.rationale if worst.row else None)
    put("also", *(alternative.says for alternative in selection.also))
    by_id = {alternative.id: alternative for alternative in selection.group.alternatives}
    meanings, unrated = policy.rating_meanings, policy.words.get("not-rated") or "not rated"
    put(
        "difference",
        *(
            f"{by_id[identifier].says}: {meanings[rating].says if rating in meanings else unrated}"
            for identifier, rating in worst.differences
        ),
    )
    put("possible", *(alternative.says for alternative in selection.undecided))
    put("fallback", selection.fallback.says if selection.fallback else None)
    situation = selection.excluded or selection.situation
    put("reason", situation.says if situation else None)
    if selection.nearest is not None:
        put("nearest", selection.nearest.says)
        put("nearest-title", selection.nearest.title)
    put("failed", *(criterion_words(criterion, words) for criterion in selection.failed_criteria))


def _put_findings(put: Any, judged: OrderJudgement, knowhow: Knowhow) -> None:
    by_severity: dict[str, list[str]] = {}
    short: dict[str, list[str]] = {}
    titles: list[tuple[int, str]] = []
    unknown: list[str] = []
    seen: dict[str, list[str]] = {}
    several = len(judged.judgements) > 1
    for judgement in judged.judgements:
        for finding in judgement.fired:
            seen.setdefault(finding.rule.id, []).append(judgement.record.level or "")
    done: set[str] = set()
    for judgement in judged.judgements:
        for finding in judgement.findings:
            rule = finding.rule
            if rule.id in done:
                continue
            if finding.fires:
                done.add(rule.id)
                where = seen[rule.id]
                levels = where if several and len(where) < len(judged.judgements) else []
                by_severity.setdefault(rule.severity, []).append(finding_words(finding, knowhow, levels))
                titles.append((_seriousness(finding, knowhow), rule.title))
                short.setdefault(rule.severity, []).append(rule.title)
            elif finding.outcome.state is State.CANNOT_TELL and rule.unknown in {"ask", "note"} and rule.unknown_says:
                done.add(rule.id)
                if rule.unknown == "note":
                    unknown.append(rule.unknown_says)
    for severity, entries in by_severity.items():
        put(severity, *entries)
    for severity, entries in short.items():
        put(f"{severity}-titles", *entries)
    put("emergency-titles", *(f.rule.title for f in judged.worst.fired if f.rule.emergency))
    put("emergency", *(finding_words(f, knowhow) for f in judged.worst.fired if f.rule.emergency))
    titles.sort(key=lambda entry: entry[0])
    put("worst", *(title for _, title in titles[:1]))
    put("unknown-notes", *unknown)


def _put_checks(put: Any, checks: Iterable[Finding], knowhow: Knowhow) -> None:
    checks = tuple(checks)
    put("checks-met", *(finding_words(check, knowhow) for check in checks if check.met is True))
    put("checks-not-met", *(finding_words(check, knowhow) for check in checks if check.met is False))
    put("checks-not-documented", *(finding_words(check, knowhow) for check in checks if check.met is None))


def group_values(judgement: Judgement, findings: Sequence[Finding], knowhow: Knowhow) -> Values:
    """What can be said about a group of checks and rules for a call without a rated order."""
    values: Values = {}

    def put(name: str, *entries: str | None) -> None:
        kept = tuple(entry for entry in entries if entry)
        if kept:
            values[name] = kept

    record = judgement.record
    put("order", record.order or record.subject)
    put("suggested", *(knowhow.procedures.name(code) for code in record.suggested_next))
    put("disclaimer", knowhow.policy.disclaimer)
    checks = [finding for finding in findings if finding.rule.is_check]
    _put_checks(put, checks, knowhow)
    by_severity: dict[str, list[str]] = {}
    for finding in findings:
        if finding.fires and not finding.rule.is_check:
            by_severity.setdefault(finding.rule.severity, []).append(finding_words(finding, knowhow))
    for severity, entries in by_severity.items():
        put(severity, *entries)
    titles = [
        f.rule.title for f in findings if (f.fires and not f.rule.is_check) or (f.rule.is_check and f.met is not True)
    ]
    put("worst", *titles[:1])
    put("titles", *titles)
    put("count", str(len(titles)) if titles else None)
    put("not-met-count", *([str(n)] if (n := sum(c.met is False for c in checks)) else []))
    put("not-documented-count", *([str(n)] if (n := sum(c.met is None for c in checks)) else []))
    return values


def cql_values(names: Iterable[str], judgement: Judgement) -> Values:
    """The texts that `{cql:Library.Define}` placeholders stand for."""
    values: Values = {}
    for name in names:
        library, _, define = name.removeprefix("cql:").partition(".")
        if judgement.logic is None:
            continue
        try:
            value = judgement.logic.value(Define(library, define))
        except CdsError:
            continue
        entries = value if isinstance(value, list | tuple) else [value]
        texts = tuple(str(entry) for entry in entries if isinstance(entry, str) and entry)
        if texts:
            values[name] = texts
    return values


def finding_words(finding: Finding, knowhow: Knowhow, levels: Sequence[str] = ()) -> str:
    """The statement of a rule, what to do now, and where it comes from."""
    rule = finding.rule
    parts = [finding.statement.strip()]
    if rule.what_now:
        parts.append(rule.what_now.strip())
    if finding.by_extension:
        parts.append(str(knowhow.policy.words.get("by-extension") or "Applied by extension."))
    if levels:
        parts.append(f"({', '.join(levels)})")
    cited = "; ".join(cite(citation, knowhow) for citation in rule.sources)
    if cited:
        parts.append(f"({cited})")
    return " ".join(parts)


def cite(citation: Citation, knowhow: Knowhow) -> str:
    """A source by its name and section."""
    known = knowhow.policy.sources.get(citation.source)
    label = known.label if known else citation.source
    return ", ".join(part for part in (label, citation.section) if part)


def criterion_words(criterion: Expression, words: Vocabulary) -> str:
    """A criterion as a person would say it."""
    if isinstance(criterion, Define):
        return words.criteria_words.get((criterion.library, criterion.name)) or criterion.name
    return "a criterion"


def fact_words(entry: FactEvidence, words: Vocabulary) -> str:
    """A fact with its value, and the kind and date of what says so."""
    name = words.fact_names.get(entry.fact) or entry.fact
    if entry.value is True:
        value = str(words.answer_names.get("true", "yes"))
    elif entry.value is False:
        value = str(words.answer_names.get("false", "no"))
    else:
        options = words.questions.questions[entry.fact].options if entry.fact in words.questions.questions else ()
        value = next((option.display for option in options if option.code == entry.value), str(entry.value))
        if entry.unit and entry.unit != "1":
            value = f"{value} {entry.unit}"
    kinds = ", ".join(dict.fromkeys(reference.partition("/")[0] for reference in entry.references))
    text = str(words.answer_names.get("read-from-text", "read from text")) if entry.from_text else ""
    origin = ", ".join(part for part in (kinds, entry.dated, text) if part)
    return f"{name}: {value}" + (f" ({origin})" if origin else "")


def _question(fact: str, knowhow: Knowhow, words: Vocabulary) -> str:
    written = (knowhow.policy.words.get("question") or {}) if isinstance(knowhow.policy.words, Mapping) else {}
    if isinstance(written, Mapping) and fact in written:
        return str(written[fact])
    return words.questions.text(fact)


def _level_line(judgement: Judgement, knowhow: Knowhow) -> str:
    record, policy = judgement.record, knowhow.policy
    meaning = policy.rating_meanings.get(record.rating or "")
    statuses = policy.words.get("status") or {}
    result = meaning.says if meaning else str(statuses.get(record.status, record.status))
    scenario = judgement.selection.primary.says if judgement.selection and judgement.selection.primary else ""
    return f"{record.level or '?'}: {result}" + (f" ({scenario})" if scenario else "")


def _seriousness(finding: Finding, knowhow: Knowhow) -> int:
    if finding.rule.emergency:
        return -1
    codes = [severity.code for severity in knowhow.policy.severities]
    return codes.index(finding.rule.severity) if finding.rule.severity in codes else len(codes)
